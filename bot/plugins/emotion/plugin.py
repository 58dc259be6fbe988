"""Tells what is heard besides words: in clips as moments of the timeline, in voice channels as evidence."""

import asyncio
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import ClassVar

from pydantic import Field, ValidationInfo, field_validator

from bot.hooks import (
    AudioChunk,
    ExportPart,
    Forgetting,
    Heard,
    HeardUtterance,
    JobEvent,
    Key,
    Kibitz,
    Moment,
    MomentKind,
    Occasion,
    Permission,
    Plugin,
    PluginSettings,
    Prompt,
    Role,
    RunEnded,
    Segment,
    ServerAddress,
    Surface,
    Usage,
    VoiceTurn,
    hookimpl,
    prompt_with_lines,
    prompt_with_rule,
)
from bot.plugins.emotion.audio_model import AudioModel, AudioModelError, HeardByModel
from bot.plugins.emotion.events import SoundEvents, SoundKind
from bot.plugins.emotion.people import People
from bot.plugins.emotion.voice import Voice, tone_of

_MOST_CLIPS = 16
_MOST_MOMENTS = 300
_USUAL_FROM = 3
_JOINED_SECONDS = 1.0
_MODEL_SECONDS = 25.0
_TONES_RULE = (
    "TONE is how whoever asks sounds, judged by a machine and unsure, or that they cut you short. Let it shape how you "
    "answer; do not speak of it unless asked."
)


class EmotionSettings(PluginSettings):
    """[plugins.emotion] in config.toml."""

    min_confidence: float = Field(
        default=0.6, ge=0, le=1, description="How sure one must be to tell of a sound, 0 to 1"
    )
    sounds: tuple[SoundKind, ...] = Field(
        default=tuple(SoundKind), description="Which sounds are told: laughter, applause, music, shouting"
    )
    tones: bool = Field(default=True, description="Whether the tone of voices is told as well")
    model: str | None = Field(
        default=None,
        max_length=200,
        description='Chat model that hears the sound of clips; "": none, by features alone',
    )
    base_url: ServerAddress | None = Field(
        default=None, validate_default=True, description="Address of the server with that model"
    )
    api_key: Key | None = Field(default=None, description="Key for that server")

    @field_validator("base_url")
    @classmethod
    def _is_there(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("model"):
            raise ValueError("is missing: a model needs the address of its server.")
        return value


@dataclass(slots=True, eq=False)
class _Clip:
    """A clip that is being listened to, in a thread, so that a long one holds up nothing else of the plugin.
    `is_heard` is set when nothing waits any more, `fed_seconds` is where the last piece began."""

    job_id: str
    fed_seconds: float = -1.0
    waiting: deque[AudioChunk] = field(default_factory=deque[AudioChunk], repr=False)
    is_heard: asyncio.Event | None = None
    sounds: SoundEvents = field(default_factory=SoundEvents)
    asked: list["_Asked"] = field(default_factory=list["_Asked"])


@dataclass(slots=True, eq=False)
class _Asked:
    """A piece of a clip on its way to the audio model. `heard` None: no answer that can be used."""

    start_seconds: float
    end_seconds: float
    is_answered: asyncio.Event = field(default_factory=asyncio.Event)
    heard: tuple[HeardByModel, ...] | None = None


class Emotion(Plugin):
    """Laughter, applause, music, shouting and tones of voice."""

    name: ClassVar[str] = "emotion"
    version: ClassVar[str] = "1.0"
    requires: ClassVar[str] = ">=0.1"
    summary: ClassVar[str] = "Tells laughter, applause, music, shouting and tones of voice."
    permissions: ClassVar[frozenset[Permission]] = frozenset({Permission.SOUND, Permission.WORDS, Permission.NETWORK})
    keeps: ClassVar[str] = "How loud and how high people speak in voice channels, in memory until the bot stops."
    sends: ClassVar[str] = "Where a model is configured for it: the sound of clips, to that server."
    settings_model: ClassVar[type[PluginSettings]] = EmotionSettings

    def __init__(self, kibitz: Kibitz, settings: EmotionSettings) -> None:
        super().__init__(kibitz, settings)
        self._wanted = settings
        self._clips: OrderedDict[str, _Clip] = OrderedDict()
        self._people = People()
        key = settings.api_key.get_secret_value() if settings.api_key else None
        self._model = (
            AudioModel(base_url=settings.base_url, model=settings.model, api_key=key)
            if settings.model and settings.base_url
            else None
        )

    @hookimpl
    async def on_sound(self, chunk: AudioChunk, occasion: Occasion) -> None:
        name = occasion.clip or occasion.job_id
        clip = self._clips.get(name)
        if clip is None or chunk.offset_seconds <= clip.fed_seconds:  # of a clip that was begun anew nothing counts
            clip = self._clips[name] = _Clip(job_id=occasion.job_id)
        clip.fed_seconds = chunk.offset_seconds
        while len(self._clips) > _MOST_CLIPS:
            self._clips.popitem(last=False)
        clip.waiting.append(chunk)
        if clip.is_heard is None or clip.is_heard.is_set():
            clip.is_heard = asyncio.Event()
            self.kibitz.spawn(_listen(clip, clip.is_heard), name="listening")
        if self._model is not None:
            asked = _Asked(chunk.offset_seconds, chunk.offset_seconds + chunk.duration_seconds)
            clip.asked.append(asked)
            self.kibitz.spawn(self._ask(self._model, chunk, asked, occasion), name="hearing")

    @hookimpl
    async def edit_heard(self, heard: Heard, occasion: Occasion) -> Heard | None:
        clip = self._clips.pop(occasion.clip or occasion.job_id, None)
        if clip is None or clip.is_heard is None:
            return None
        await clip.is_heard.wait()
        told = await asyncio.to_thread(lambda: list(self._by_features(clip.sounds, heard)))
        with suppress(TimeoutError):
            async with asyncio.timeout(_MODEL_SECONDS):
                for asked in clip.asked:
                    await asked.is_answered.wait()
        for asked in clip.asked:
            if asked.heard is not None:
                told = [one for one in told if not asked.start_seconds <= one.start_seconds < asked.end_seconds]
                told += self._by_model(asked.heard)
        end_seconds = max(heard.end_seconds, *(segment.end_seconds for segment in heard.segments), 0.0)
        moments = [
            replace(one, end_seconds=min(one.end_seconds, end_seconds))
            for one in sorted(told, key=lambda one: one.start_seconds)[:_MOST_MOMENTS]
            if one.start_seconds < end_seconds
        ]
        return replace(heard, moments=(*heard.moments, *moments)) if moments else None

    @hookimpl
    async def on_utterance(self, utterance: HeardUtterance, occasion: Occasion) -> None:
        if self._wanted.tones:
            self._people.heard(occasion.key, utterance)

    @hookimpl
    async def on_turn_started(self, turn: VoiceTurn, occasion: Occasion) -> None:
        self._people.bot_speaks(occasion.key)

    @hookimpl
    async def on_turn_interrupted(self, turn: VoiceTurn, occasion: Occasion) -> None:
        if self._wanted.tones and turn.interrupted_by is not None:
            self._people.cut_short(occasion.key, turn.interrupted_by)

    @hookimpl
    async def edit_prompt(self, prompt: Prompt, occasion: Occasion) -> Prompt | None:
        if occasion.surface is not Surface.VOICE or occasion.asker_id is None:
            return None
        lines = list(self._people.lines(occasion.key, occasion.asker_id, self._wanted.min_confidence))
        return prompt_with_rule(prompt_with_lines(prompt, "TONE", lines), _TONES_RULE) if lines else None

    @hookimpl
    async def on_job_event(self, event: JobEvent, occasion: Occasion) -> None:
        if isinstance(event, RunEnded):  # others may wait for its clips still, so they are only the first to go
            for name in [name for name, clip in self._clips.items() if clip.job_id == event.job_id]:
                self._clips.move_to_end(name, last=False)

    @hookimpl
    async def on_forget(self, forgetting: Forgetting) -> None:
        self._people.forget(forgetting)
        self._drop(key for key, clip in self._clips.items() if clip.job_id in forgetting.job_ids)
        self._drop(forgetting.clips)

    @hookimpl
    async def export_person(self, person_id: int) -> ExportPart | None:
        held = self._people.held(person_id)
        line = f"How loud, how high and how lively you spoke, in numbers, for {held} of your last utterances."
        return ExportPart(title="Voice", lines=(line,)) if held else None

    def _by_features(self, sounds: SoundEvents, heard: Heard) -> Iterator[Moment]:
        for event in sounds.events():
            if event.kind in self._wanted.sounds and event.confidence >= self._wanted.min_confidence:
                yield _sound(event.kind.value, event.start_seconds, event.end_seconds)
        if self._wanted.tones:
            yield from self._tones(sounds, heard.segments)

    def _tones(self, sounds: SoundEvents, segments: Iterable[Segment]) -> Iterator[Moment]:
        """Of stretches of speech, each against how the same speaker usually sounds in this clip."""
        voices: defaultdict[str | None, list[tuple[Segment, Voice]]] = defaultdict(list)
        for segment in segments:
            voice = sounds.voice(segment.start_seconds, segment.end_seconds)
            if voice is not None:
                voices[segment.speaker].append((segment, voice))
        for speaker, spoken in voices.items():
            if len(spoken) <= _USUAL_FROM:
                continue
            usual = Voice.usual([voice for _, voice in spoken])
            last: Moment | None = None
            for segment, voice in sorted(spoken, key=lambda one: one[0].start_seconds):
                tone = tone_of(voice, usual)
                if tone is None or tone.confidence < self._wanted.min_confidence:
                    continue
                start, end = segment.start_seconds, segment.end_seconds
                if last and last.text == tone.kind.value and start - last.end_seconds <= _JOINED_SECONDS:
                    last = replace(last, end_seconds=max(end, last.end_seconds))
                    continue
                if last:
                    yield last
                last = Moment(
                    kind=MomentKind.TONE, start_seconds=start, end_seconds=end, text=tone.kind.value, speaker=speaker
                )
            if last:
                yield last

    def _by_model(self, heard: Iterable[HeardByModel]) -> Iterator[Moment]:
        for one in heard:
            if one.confidence < self._wanted.min_confidence:
                continue
            if one.what in self._wanted.sounds:
                yield _sound(one.what, one.start_seconds, one.end_seconds)
            elif self._wanted.tones and one.what not in set(SoundKind):
                yield Moment(
                    kind=MomentKind.TONE, start_seconds=one.start_seconds, end_seconds=one.end_seconds, text=one.what
                )

    async def _ask(self, model: AudioModel, chunk: AudioChunk, asked: _Asked, occasion: Occasion) -> None:
        """A model that fails leaves its piece to the features."""
        try:
            asked.heard = await model.listen(chunk)
            await self.kibitz.spent(_usage(model, chunk), occasion)
        except AudioModelError as error:
            self.kibitz.log.info("the audio model did not help with %.1f s: %s", chunk.duration_seconds, error)
        finally:
            asked.is_answered.set()

    def _drop(self, keys: Iterable[str]) -> None:
        for key in list(keys):
            self._clips.pop(key, None)


async def _listen(clip: _Clip, is_heard: asyncio.Event) -> None:
    try:
        while clip.waiting:
            chunk = clip.waiting.popleft()
            await asyncio.to_thread(clip.sounds.feed, chunk.pcm, chunk.offset_seconds)
    finally:
        is_heard.set()


def _usage(model: AudioModel, chunk: AudioChunk) -> Usage:
    return Usage(
        role=Role.TRANSCRIPTS, provider="emotion", model=model.name, audio_seconds=round(chunk.duration_seconds, 3)
    )


def _sound(what: str, start_seconds: float, end_seconds: float) -> Moment:
    return Moment(kind=MomentKind.SOUND, start_seconds=start_seconds, end_seconds=end_seconds, text=what)
