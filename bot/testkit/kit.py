"""What the fixture `kibitz` gives: a bot to try plugins in, used from tests that need not be async."""

from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, overload

from bot.domain.answer import Prompt, Question, QuestionSource, ToolCall
from bot.domain.conversation import ConversationKey
from bot.domain.events import JobEvent
from bot.domain.media import AudioChunk, Frame, VoiceClip
from bot.domain.occasion import Occasion
from bot.domain.records import Record
from bot.domain.timeline import Timeline
from bot.hooks.plugin import Plugin
from bot.hooks.values import OptionValue
from bot.pipeline.fusion import Evidence, compose
from bot.providers.base import CaptionBatch, CaptionRequest, SpeechRequest, TranscriptPiece, TranscriptRequest
from bot.testkit import builders, clouds, works
from bot.testkit.bench import Bench
from bot.testkit.builders import TimelineBuilder
from bot.testkit.doors import Doors
from bot.testkit.loop_thread import LoopThread
from bot.testkit.simulation import Simulation, find_simulator, simulated

Result = TypeVar("Result")
P = TypeVar("P", bound=Plugin)

_NO_SETTINGS: Mapping[str, object] = {}
_NO_OPTIONS: Mapping[str, OptionValue] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An answer as people get it. `notices` are the sentences below it, `events` what the job reported."""

    text: str = field(repr=False)
    notices: tuple[str, ...]
    timeline: Timeline = field(repr=False)
    voice: VoiceClip | None
    events: tuple[JobEvent, ...] = field(repr=False)


class Kit(Doors):
    """A bot of one test, with a data folder in `folder`. Plugins run as they do in any bot: on threads of their own,
    within the limits of their hooks. What a plugin fails at is raised in the test; with `is_strict` False it is
    noted in `failures` alone, as in a bot."""

    def __init__(self, folder: Path) -> None:
        thread = LoopThread()
        super().__init__(thread, thread.run(_made(folder)))

    # Plugins.

    @overload
    def start(self, kind: type[P], *, settings: Mapping[str, object] = ...) -> P: ...
    @overload
    def start(self, kind: str, *, settings: Mapping[str, object] = ..., directory: Path | None = ...) -> Plugin: ...
    def start(
        self, kind: type[Plugin] | str, *, settings: Mapping[str, object] = _NO_SETTINGS, directory: Path | None = None
    ) -> Plugin:
        """Run a plugin: its class, or the name by which it is installed or lies in `directory`. Raises RefusedError."""
        return self._thread.run(self._bench.start(kind, settings, directory=directory))

    def stop(self, name: str) -> None:
        """Switch it off, which calls `on_stop`."""
        self._done(self._bench.stop(name))

    def reload(self, name: str) -> Plugin:
        """As `/plugins reload` does; gives the new one. Raises RefusedError."""
        return self._thread.run(self._bench.reload(name))

    def is_on(self, name: str) -> bool:
        """False after it failed too often."""
        return any(plugin.name == name for plugins in self._bench.all_plugins() for plugin in plugins.kinds())

    @property
    def is_strict(self) -> bool:
        return self._bench.is_strict

    @is_strict.setter
    def is_strict(self, value: bool) -> None:
        self._bench.is_strict = value

    @property
    def failures(self) -> tuple[str, ...]:
        """What plugins failed at so far."""
        return tuple(self._bench.failures)

    # What they offer.

    def command(
        self,
        name: str,
        options: Mapping[str, OptionValue] = _NO_OPTIONS,
        *,
        occasion: Occasion | None = None,
        is_moderator: bool = False,
    ) -> str:
        """Use a slash command; gives what the person reads, be it an answer or why not. Raises RefusedError where
        Discord would not take the command."""
        where = occasion or self.occasion(job_id="")
        return self._done(works.use_command(self._bench, name, options, where, is_moderator=is_moderator))

    def tool(self, name: str, arguments: Mapping[str, object], *, occasion: Occasion | None = None) -> str:
        """Call a tool as the chat model does; gives what the model is told."""
        return self._done(works.use_tool(self._bench, name, arguments, occasion or self.occasion()))

    def caption(self, request: CaptionRequest) -> CaptionBatch:
        """By the plugin's captioner. Raises ProviderError where it does."""
        return self._done(works.caption(self._hooks.offers, request))

    def transcribe(self, request: TranscriptRequest) -> TranscriptPiece:
        """By the plugin's transcriber. Raises ProviderError where it does."""
        return self._done(works.transcribe(self._hooks.offers, request))

    def answer(self, prompt: Prompt) -> str:
        """By the plugin's chat model. Raises ProviderError where it does."""
        return self._done(works.answer(self._hooks.offers, prompt))

    def speak(self, request: SpeechRequest) -> tuple[AudioChunk, ...]:
        """By the plugin's synthesizer. Raises ProviderError where it does."""
        return self._done(works.speak(self._hooks.offers, request))

    def fuse(self, timelines: Sequence[Timeline], question: str = "What happens?") -> tuple[str, ...]:
        """The plugin's fusion of timelines."""
        return self._done(works.fuse(self._hooks.offers, timelines, _question(question)))

    # The bot around them.

    def ask(
        self, question: str | None, clip: Path | None = None, *, occasion: Occasion | None = None, speak: bool = False
    ) -> Asked:
        """A whole answer, from a file of sight or sound or none, written by the scripted model. A question without a
        clip is about the one before. Raises BotError, as when a plugin refuses."""
        listener = _Keeping()
        done = self._done(self._bench.ask(question, clip, occasion or self.occasion(), listener, speak=speak))
        return Asked(
            text=done.text,
            notices=tuple(notice.public for notice in done.notices),
            timeline=Timeline.merge(done.timelines),
            voice=done.voice,
            events=tuple(listener.events),
        )

    def complete_with(self, *texts: str | ToolCall) -> None:
        """What the chat model says, one for each request; the last is said again and again."""
        self._bench.clouds.says.clear()
        self._bench.clouds.says.extend(texts)

    def tool_call(self, name: str, arguments: Mapping[str, object]) -> ToolCall:
        """For `complete_with`: the chat model calls a tool."""
        return clouds.tool_call(name, arguments)

    def see(self, text: str) -> None:
        """What the configured captioner says of every frame."""
        self._bench.clouds.sees = text

    def hear(self, text: str) -> None:
        """What the configured transcriber hears in every piece of sound; empty: nothing."""
        self._bench.clouds.hears = text

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """What the chat model was given so far, for answers and for `Kibitz.complete`."""
        return tuple(self._bench.clouds.prompts)

    @property
    def caption_requests(self) -> tuple[CaptionRequest, ...]:
        """What the configured captioner was given so far."""
        return tuple(self._bench.clouds.caption_requests)

    @property
    def spoken(self) -> tuple[SpeechRequest, ...]:
        """What the configured synthesizer was given so far."""
        return tuple(self._bench.clouds.spoken)

    def records(
        self,
        plugin: str,
        table: str,
        *,
        key: ConversationKey | None = None,
        person_id: int | None = None,
        job_id: str | None = None,
    ) -> tuple[Record, ...]:
        """What a plugin keeps, the newest first."""
        return self._thread.run(self._found(plugin, table, key, person_id, job_id))

    async def _found(
        self, plugin: str, table: str, key: ConversationKey | None, person_id: int | None, job_id: str | None
    ) -> tuple[Record, ...]:
        records = (await self._bench.rooms()).memory.plugin_records
        return await records.find(plugin, table, key=key, person_id=person_id, job_id=job_id)

    def discord(self, plugins: Mapping[str, Mapping[str, object]], *, directory: Path | None = None) -> Simulation:
        """A whole bot on a simulated Discord, with these plugins (name to settings). Skips the test where there is no
        checkout of Kibitz."""
        find_simulator()
        return self._thread.run(simulated(self._bench, plugins, directory))

    # Values to try them with.

    def timeline(self, duration_seconds: float = 60.0) -> TimelineBuilder:
        """`kibitz.timeline().seen(0, 3, "a door").heard(1, 2, "hello").build()`."""
        return TimelineBuilder(duration_seconds)

    def prompt(
        self, question: str = "What happens?", *, timeline: Timeline | None = None, language: str | None = None
    ) -> Prompt:
        """A prompt as the bot makes it, about a clip with that timeline or about none."""
        evidence = Evidence(clips=() if timeline is None else (timeline,))
        return compose(evidence, _question(question, language), self._bench.crew)[0]

    def frames(
        self, count: int = 3, *, every_seconds: float = 1.0, size: tuple[int, int] = (64, 36)
    ) -> tuple[Frame, ...]:
        """Stills, each of one colour: red, green, blue, yellow, black, white, and again."""
        return builders.frames_of(count, every_seconds=every_seconds, size=size)

    def sound(self, seconds: float = 1.0, *, hz: float = 440.0, offset_seconds: float = 0.0) -> AudioChunk:
        """A tone, 16 kHz mono; silence at 0 Hz."""
        return builders.sound_of(seconds, hz=hz, offset_seconds=offset_seconds)

    def clip(self, *colours: str, seconds_each: float = 1.0) -> Path:
        """A file to ask about: each colour for so long, without sound."""
        path = self._bench.folder / "clips" / f"{'-'.join(colours)}.gif"
        return builders.picture_clip(path, colours or builders.COLOURS[:2], seconds_each=seconds_each)

    def sound_clip(self, sound: AudioChunk) -> Path:
        """A file to ask about: this sound without a picture."""
        path = self._bench.folder / "clips" / f"{len(sound.pcm)}-{sound.offset_seconds:g}.wav"
        return builders.sound_clip(path, sound)

    # The test itself.

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine on the bot's event loop and wait for what it gives."""
        return self._thread.run(work)

    def check(self) -> None:
        """Raises PluginFailedError when a plugin failed since the last call. Done at the end of each test as well."""
        self._thread.run(self._bench.check())

    def close(self) -> None:
        """Stop all."""
        try:
            self._thread.run(self._bench.aclose())
        finally:
            self._thread.close()


class _Keeping:
    """A listener of runs."""

    def __init__(self) -> None:
        self.events: list[JobEvent] = []

    def event(self, event: JobEvent) -> None:
        self.events.append(event)

    def text(self, delta: str) -> None:
        pass

    def audio(self, chunk: AudioChunk) -> None:
        pass


async def _made(folder: Path) -> Bench:
    return Bench(folder)


def _question(text: str, language: str | None = None) -> Question:
    return Question(source=QuestionSource.TYPED, text=text, language=language)
