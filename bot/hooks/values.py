"""What plugins are given and what they give, besides the values of the basement."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from bot.domain.answer import Question
from bot.domain.conversation import ConversationKey, MediaSource
from bot.domain.media import AudioChunk
from bot.domain.occasion import Occasion
from bot.domain.timeline import Timeline


class Permission(StrEnum):
    """What a plugin may do; shown before it is switched on. A hook that needs one it did not declare is refused."""

    PICTURES = "pictures"
    SOUND = "sound"
    WORDS = "words"
    MODEL = "model"
    NETWORK = "network"
    PROGRAMS = "programs"
    RECORDS = "records"
    COMMANDS = "commands"
    DISCORD = "discord"


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What was asked, before any work is done. `question` None: none was typed. `hints` are names and words to expect
    in the clips, as transcribers are told."""

    question: str | None = field(default=None, repr=False)
    sources: tuple[MediaSource, ...] = ()
    hints: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardUtterance:
    """What one person said in a voice channel, who agreed to be heard. `sound` is 16 kHz mono from its beginning, at
    most its first 30 seconds. Seconds count from the start of the call."""

    person_id: int
    name: str = field(repr=False)
    text: str = field(repr=False)
    start_seconds: float
    end_seconds: float
    sound: AudioChunk | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceTurn:
    """The bot's turn to speak. `interrupted_by` None: nobody, or a command."""

    job_id: str
    asker_ids: tuple[int, ...]
    interrupted_by: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgetting:
    """What is forgotten for good: all of a person, of a place, of a server, or what belongs to jobs or clips. None and
    empty: not that."""

    person_id: int | None = None
    key: ConversationKey | None = None
    server_id: int | None = None
    job_ids: frozenset[str] = frozenset()
    clips: frozenset[str] = frozenset()


class Fusion(Protocol):
    """Turns timelines into the lines of evidence that an answer rests on."""

    def lines(self, timelines: Sequence[Timeline], question: Question, room_tokens: int) -> Sequence[str]:
        """At most about `room_tokens` (four letters are a token). The lines are fenced as data by the bot. Empty: the
        bot makes its own."""
        ...


Arguments = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTool:
    """Something the chat model may call while it answers. `parameters` is a JSON schema of an object. What `call`
    returns is told to the model as evidence, cut at 4,000 letters. `seconds`: how long it may take. `has_effect`: it
    changes something outside of the conversation, so it is called only when the person who asked agrees by a button."""

    name: str
    description: str
    parameters: Mapping[str, object]
    call: Callable[[Arguments, Occasion], Awaitable[str]]
    seconds: float = 20.0
    has_effect: bool = False


OptionValue = str | int | float | bool


class OptionKind(StrEnum):
    """What may be typed for an option of a command."""

    TEXT = "text"
    WHOLE_NUMBER = "whole_number"
    NUMBER = "number"
    YES_NO = "yes_no"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandOption:
    """One option of a command. With `choices` nothing else may be chosen; they are texts."""

    name: str
    description: str
    kind: OptionKind = OptionKind.TEXT
    is_required: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandCall:
    """A command that somebody used. Options that were left out are not in `options`. `is_moderator`: they look after
    the place."""

    occasion: Occasion
    person_id: int
    is_moderator: bool
    options: Mapping[str, OptionValue] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlashCommand:
    """A command on Discord: /name. What `run` returns is shown to whoever used it, to all with `is_public`; a BotError
    it raises is told them. Names are lower case, at most 32 letters; descriptions at most 100. `for_moderators`: only
    people who look after the server see it."""

    name: str
    description: str
    run: Callable[[CommandCall], Awaitable[str]]
    options: tuple[CommandOption, ...] = ()
    is_public: bool = False
    for_moderators: bool = False
