"""Every hook, called as the bot calls it."""

from collections.abc import Coroutine
from typing import Any, TypeVar

from bot.domain.answer import Prompt
from bot.domain.conversation import ConversationKey
from bot.domain.events import JobEvent
from bot.domain.media import AudioChunk, Frame, MediaProbe
from bot.domain.occasion import Occasion, Surface
from bot.domain.records import ExportPart
from bot.domain.timeline import Caption, Timeline
from bot.domain.understanding import Heard
from bot.hooks.specs import Specs
from bot.hooks.values import HeardUtterance, Received, VoiceTurn
from bot.providers.base import CaptionRequest
from bot.testkit.bench import Bench
from bot.testkit.loop_thread import LoopThread

Result = TypeVar("Result")


class Doors:
    """Each gives what the bot goes on with. Where no `occasion` is given it is that of `occasion()`."""

    def __init__(self, thread: LoopThread, bench: Bench) -> None:
        self._thread = thread
        self._bench = bench
        self._hooks = bench.hooks

    def occasion(
        self,
        *,
        surface: Surface = Surface.CHAT,
        server_id: int | None = 1,
        channel_id: int = 10,
        asker_id: int = 42,
        locale: str = "en-US",
        language: str | None = None,
        voice: str | None = None,
        job_id: str = "job-1",
        clip: str = "",
    ) -> Occasion:
        """Somebody asks in a channel of a server."""
        return Occasion(
            job_id=job_id,
            surface=surface,
            key=None if surface is Surface.CLI else ConversationKey(server_id=server_id, channel_id=channel_id),
            asker_id=asker_id,
            locale=locale,
            language=language,
            voice=voice,
            clip=clip,
        )

    # A question and its clips.

    def screen_ask(self, received: Received, occasion: Occasion | None = None) -> str | None:
        """The refusal; None: nobody objects."""
        return self._done(self._hooks.screen(Specs.screen_ask, received, occasion or self.occasion()))

    def edit_received(self, received: Received, occasion: Occasion | None = None) -> Received:
        return self._done(self._hooks.edit(Specs.edit_received, received, occasion or self.occasion()))

    def on_probed(self, probe: MediaProbe, occasion: Occasion | None = None) -> None:
        self._done(self._hooks.gather(Specs.on_probed, probe, occasion or self.occasion()))

    def edit_frames(self, request: CaptionRequest, occasion: Occasion | None = None) -> CaptionRequest:
        return self._done(self._hooks.edit(Specs.edit_frames, request, occasion or self.occasion()))

    def edit_captions(
        self, captions: tuple[Caption, ...], frames: tuple[Frame, ...], occasion: Occasion | None = None
    ) -> tuple[Caption, ...]:
        return self._done(self._hooks.edit(Specs.edit_captions, captions, frames, occasion or self.occasion()))

    def on_sound(self, chunk: AudioChunk, occasion: Occasion | None = None) -> None:
        self._done(self._hooks.gather(Specs.on_sound, chunk, occasion or self.occasion()))

    def edit_heard(self, heard: Heard, occasion: Occasion | None = None) -> Heard:
        return self._done(self._hooks.edit(Specs.edit_heard, heard, occasion or self.occasion()))

    def edit_timeline(self, timeline: Timeline, occasion: Occasion | None = None) -> Timeline:
        return self._done(self._hooks.edit(Specs.edit_timeline, timeline, occasion or self.occasion()))

    def edit_prompt(self, prompt: Prompt, occasion: Occasion | None = None) -> Prompt:
        return self._done(self._hooks.edit(Specs.edit_prompt, prompt, occasion or self.occasion()))

    def edit_answer(self, sentence: str, occasion: Occasion | None = None) -> str:
        return self._done(self._hooks.edit(Specs.edit_answer, sentence, occasion or self.occasion()))

    def edit_sentence(self, sentence: str, occasion: Occasion | None = None) -> str:
        return self._done(self._hooks.edit(Specs.edit_sentence, sentence, occasion or self.occasion()))

    def edit_speech(self, chunk: AudioChunk, occasion: Occasion | None = None) -> AudioChunk:
        return self._done(self._hooks.edit(Specs.edit_speech, chunk, occasion or self.occasion()))

    # Voice channels.

    def on_utterance(self, utterance: HeardUtterance, occasion: Occasion | None = None) -> None:
        self._done(self._hooks.gather(Specs.on_utterance, utterance, occasion or self._in_voice()))

    def on_turn_started(self, turn: VoiceTurn, occasion: Occasion | None = None) -> None:
        self._done(self._hooks.gather(Specs.on_turn_started, turn, occasion or self._in_voice()))

    def on_turn_interrupted(self, turn: VoiceTurn, occasion: Occasion | None = None) -> None:
        self._done(self._hooks.gather(Specs.on_turn_interrupted, turn, occasion or self._in_voice()))

    # Jobs and what is kept.

    def on_job_event(self, event: JobEvent, occasion: Occasion | None = None) -> None:
        self._done(self._hooks.gather(Specs.on_job_event, event, occasion or self.occasion()))

    def forget(
        self,
        *,
        person_id: int | None = None,
        key: ConversationKey | None = None,
        server_id: int | None = None,
        job_id: str | None = None,
    ) -> None:
        """As people have it forgotten: records go, and `on_forget` is called."""
        self._done(self._forget(person_id, key, server_id, job_id))

    def export_person(self, person_id: int) -> tuple[ExportPart, ...]:
        """What plugins hold of somebody outside of the records."""
        given = self._done(self._hooks.gather(Specs.export_person, person_id))
        return tuple(part for _, part in given if part is not None)

    async def _forget(
        self, person_id: int | None, key: ConversationKey | None, server_id: int | None, job_id: str | None
    ) -> None:
        forget = (await self._bench.rooms()).forget
        if person_id is not None:
            await forget.person(person_id)
        if key is not None:
            await forget.place(key)
        if server_id is not None:
            await forget.server(server_id)
        if job_id is not None:
            await forget.turn(job_id)

    def _in_voice(self) -> Occasion:
        return self.occasion(surface=Surface.VOICE, job_id="")

    def _done(self, work: Coroutine[Any, Any, Result]) -> Result:
        """What it gives; raises PluginFailedError when a plugin failed at it."""
        return self._thread.run(self._bench.watched(work))
