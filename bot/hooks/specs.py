"""Every hook: its name, what it is given, what it may return, and how long it may take."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

import pluggy

from bot.domain.answer import Prompt
from bot.domain.events import JobEvent
from bot.domain.media import AudioChunk, Frame, MediaProbe
from bot.domain.occasion import Occasion
from bot.domain.records import ExportPart
from bot.domain.timeline import Caption, Timeline
from bot.domain.understanding import Heard
from bot.hooks.values import (
    Forgetting,
    Fusion,
    HeardUtterance,
    ModelTool,
    Permission,
    Received,
    SlashCommand,
    VoiceTurn,
)
from bot.providers.base import Captioner, CaptionRequest, ChatModel, Synthesizer, Transcriber

PROJECT = "kibitz"

hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a method of a plugin as the implementation of the hook it is named after."""

_hookspec = pluggy.HookspecMarker(PROJECT)

Spec = TypeVar("Spec", bound=Callable[..., Awaitable[Any]])


class HookKind(StrEnum):
    """How a hook is called, told by the first part of its name."""

    OFFER = "register"
    SCREEN = "screen"
    EDIT = "edit"
    WATCH = "on"
    EXPORT = "export"


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """`seconds`: how long a plugin may take. `needs`: what it must have declared. `is_live`: in a voice channel people
    wait for it, so the limit is `[plugins] voice_seconds` there."""

    name: str
    kind: HookKind
    seconds: float
    needs: frozenset[Permission] = frozenset()
    is_live: bool = False


DOORS: dict[str, Door] = {}
"""Every hook by its name."""


def _door(seconds: float, *needs: Permission, is_live: bool = False) -> Callable[[Spec], Spec]:
    def mark(spec: Spec) -> Spec:
        name = spec.__name__
        kind = HookKind(name.partition("_")[0])
        DOORS[name] = Door(name=name, kind=kind, seconds=seconds, needs=frozenset(needs), is_live=is_live)
        return _hookspec(spec)

    return mark


class Specs:
    """The hooks of Kibitz. An implementation may be `async` or not, and may leave out arguments it does not need."""

    # The life of a plugin.

    @_door(10)
    async def on_start(self) -> None:
        """The plugin has been switched on. Open here what it needs; tasks begun here may run until `on_stop`. What is
        raised keeps the plugin off."""

    @_door(5)
    async def on_stop(self) -> None:
        """The plugin is switched off, reloaded, or the bot stops. Close what was opened."""

    # What a plugin offers. Asked once, after `on_start`.

    @_door(5, Permission.PICTURES)
    async def register_captioners(self) -> Mapping[str, Captioner]:  # pyright: ignore[reportReturnType] # a spec has no body
        """Captioners by name: who puts frames into words."""

    @_door(5, Permission.SOUND)
    async def register_transcribers(self) -> Mapping[str, Transcriber]:  # pyright: ignore[reportReturnType] # as above
        """Transcribers by name: who puts speech into words."""

    @_door(5, Permission.WORDS)
    async def register_chat_models(self) -> Mapping[str, ChatModel]:  # pyright: ignore[reportReturnType] # as above
        """Chat models by name: who answers."""

    @_door(5, Permission.WORDS)
    async def register_synthesizers(self) -> Mapping[str, Synthesizer]:  # pyright: ignore[reportReturnType] # as above
        """Synthesizers by name: who speaks."""

    @_door(5, Permission.WORDS)
    async def register_fusion(self) -> Mapping[str, Fusion]:  # pyright: ignore[reportReturnType] # as above
        """Fusion strategies by name: which lines of a timeline an answer rests on."""

    @_door(5, Permission.WORDS)
    async def register_tools(self) -> Sequence[ModelTool]:  # pyright: ignore[reportReturnType] # as above
        """Tools that the chat model may call while it answers."""

    @_door(5, Permission.COMMANDS)
    async def register_commands(self) -> Sequence[SlashCommand]:  # pyright: ignore[reportReturnType] # as above
        """Slash commands on Discord."""

    @_door(5, Permission.DISCORD)
    async def register_cogs(self) -> Sequence[str]:  # pyright: ignore[reportReturnType] # as above
        """discord.py extensions by the names of their modules. A cog runs among the bot's own, without a time limit:
        prefer `register_commands`."""

    # A question and its clips.

    @_door(2, Permission.WORDS, is_live=True)
    async def screen_ask(self, received: Received, occasion: Occasion) -> str | None:
        """Before any work is done for a question. Return a sentence to refuse it; the asker is shown that. A plugin
        that fails here counts as a refusal."""

    @_door(2, Permission.WORDS, is_live=True)
    async def edit_received(self, received: Received, occasion: Occasion) -> Received | None:
        """What was asked and about what. `sources` stay as they are; `question` and `hints` may change."""

    @_door(2)
    async def on_probed(self, probe: MediaProbe, occasion: Occasion) -> None:
        """What a file is, before it is looked at. Not called for clips that are known already."""

    @_door(5, Permission.PICTURES)
    async def edit_frames(self, request: CaptionRequest, occasion: Occasion) -> CaptionRequest | None:
        """A batch of frames on its way to the captioner, with what is told beside them. Frames may be left out or
        changed, not added; `focus` names what to attend to."""

    @_door(5, Permission.PICTURES)
    async def edit_captions(
        self, captions: tuple[Caption, ...], frames: tuple[Frame, ...], occasion: Occasion
    ) -> tuple[Caption, ...] | None:
        """The captions of a batch of frames. Each belongs to a frame by its `at_seconds`."""

    @_door(2, Permission.SOUND)
    async def on_sound(self, chunk: AudioChunk, occasion: Occasion) -> None:
        """A piece of the sound of a clip, 16 kHz mono, in order; silence is left out. All pieces come before
        `edit_heard`. Not called for clips that are known already."""

    @_door(30, Permission.WORDS)
    async def edit_heard(self, heard: Heard, occasion: Occasion) -> Heard | None:
        """The transcript of a whole clip, with `moments` for what else was heard. The result is kept for the next
        question about the clip; see `Plugin.vary`."""

    @_door(5, Permission.WORDS)
    async def edit_timeline(self, timeline: Timeline, occasion: Occasion) -> Timeline | None:
        """What was seen and heard in a clip, in order, for each answer and each export."""

    @_door(2, Permission.WORDS, is_live=True)
    async def edit_prompt(self, prompt: Prompt, occasion: Occasion) -> Prompt | None:
        """What goes to the chat model: rules, evidence, question. The evidence is fenced: add lines with
        `prompt_with_lines`."""

    @_door(5, Permission.WORDS, is_live=True)
    async def edit_answer(self, sentence: str, occasion: Occasion) -> str | None:
        """One written sentence of the answer before anybody reads it. While a plugin has this hook, answers appear
        sentence by sentence."""

    @_door(1, Permission.WORDS, is_live=True)
    async def edit_sentence(self, sentence: str, occasion: Occasion) -> str | None:
        """A sentence that is about to be spoken; what is read stays as it is."""

    @_door(0.5, Permission.SOUND, is_live=True)
    async def edit_speech(self, chunk: AudioChunk, occasion: Occasion) -> AudioChunk | None:
        """A piece of the bot's voice, mono; the sample rate stays as it is."""

    # Voice channels.

    @_door(2, Permission.SOUND, Permission.WORDS)
    async def on_utterance(self, utterance: HeardUtterance, occasion: Occasion) -> None:
        """Somebody said something in a voice channel, to whomever."""

    @_door(2)
    async def on_turn_started(self, turn: VoiceTurn, occasion: Occasion) -> None:
        """The bot begins to speak in a voice channel."""

    @_door(2)
    async def on_turn_interrupted(self, turn: VoiceTurn, occasion: Occasion) -> None:
        """The bot fell silent because somebody talked over it or said stop."""

    # Jobs and what is kept.

    @_door(2)
    async def on_job_event(self, event: JobEvent, occasion: Occasion) -> None:
        """What a job reports while it works: stages, progress, notices, costs. No words of anybody. Steps that several
        questions may share carry ids and seconds of their own; `occasion.job_id` is the question's."""

    @_door(10)
    async def on_forget(self, forgetting: Forgetting) -> None:
        """Something is forgotten for good. Records are forgotten by the bot; drop what is held elsewhere."""

    @_door(5, Permission.WORDS)
    async def export_person(self, person_id: int) -> ExportPart | None:
        """What is held of a person outside of the records, for /export."""
