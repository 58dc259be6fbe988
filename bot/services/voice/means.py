"""What every voice session of the bot works with, and the values that its parts pass on to each other."""

from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Protocol

from bot.config.voice import VoiceSettings
from bot.domain.answer import AnswerMode
from bot.domain.ask import Ask
from bot.domain.conversation import ClipRef, ConversationKey, MediaSource, Turn
from bot.domain.media import AudioChunk
from bot.domain.recollection import Recollection
from bot.domain.role import Role
from bot.domain.timeline import Notice
from bot.pipeline.crew import Crew
from bot.pipeline.run import Run
from bot.providers.base import StreamingTranscriber
from bot.services.again import Again
from bot.services.clips import Clip


class Remembers(Protocol):
    """What comes back for a question and what is kept of it; see Remembrance."""

    async def may_keep(self, people: Collection[int]) -> bool: ...

    async def recollect(self, ask: Ask, question: str, clips: Sequence[str]) -> Recollection: ...

    async def clips_in_play(self, key: ConversationKey, *, seconds: float) -> tuple[ClipRef, ...]: ...

    async def keep(self, turn: Turn) -> None: ...


class Understands(Protocol):
    """Puts clips into words; see ClipService."""

    async def understood(
        self, run: Run, source: MediaSource, *, sha256: str | None = None, mode: AnswerMode, looks: bool = True
    ) -> Clip: ...

    async def is_known(self, source: MediaSource) -> bool: ...

    def again(self, run: Run, clip: Clip, stack: ExitStack) -> Again: ...

    async def keep_looks(self, clips: Collection[Again]) -> None: ...


class EncodesFrames(Protocol):
    """Makes Opus frames of one sentence after the other; see FrameEncoder."""

    def add(self, chunk: AudioChunk) -> list[bytes]: ...

    def end(self) -> list[bytes]: ...

    def close(self) -> None: ...


class MakesEncoders(Protocol):
    def __call__(self) -> EncodesFrames: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """Who does the work. `standing` notices go with every answer; at most `max_clips` are talked about at once."""

    crew: Crew
    remembrance: Remembers
    clips: Understands
    transcriber: StreamingTranscriber
    encoder: MakesEncoders
    settings: VoiceSettings
    mode: AnswerMode = AnswerMode.AUTO
    max_clips: int = 4
    standing: tuple[Notice, ...] = ()

    @property
    def speaks_ahead(self) -> bool:
        """Whether the first sentence is voiced before the turn is surely over."""
        match self.settings.speak_ahead:
            case "always":
                return True
            case "never":
                return False
            case "auto":
                return all(model.is_free for model in self.crew.models.get(Role.SPEECH, ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one person said in a turn. Whose it is was settled when its first packet came. `ended_at` is the true end
    of speech; `settled_at`: when its words were final."""

    utterance_id: int
    person_id: int
    name: str = field(repr=False)
    text: str = field(repr=False)
    began_at: float
    ended_at: float
    settled_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedClips:
    """Clips that were posted where people talk, and who posted them."""

    sources: tuple[MediaSource, ...]
    person_id: int
    posted_at: float


CLIP_SECONDS = 900.0
"""So long questions are about a clip that was posted, or asked about, where people talk."""
