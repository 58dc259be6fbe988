"""What the floor is told of people's words, and what it tells to be done."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from bot.domain.voice_session import Speculation


class Said(StrEnum):
    """What the words of a stretch of speech amount to so far."""

    NOTHING = "nothing"
    BACKCHANNEL = "backchannel"
    ECHO = "echo"
    WORDS = "words"
    STOP = "stop"


class Do(StrEnum):
    """COMMIT: this person's turn is over. CHECK: find out whether they say words at all. DROP: nothing is heard of
    them any more. WITHDRAW: the answer prepared at the pause goes (see `outcome`). REOPEN: the answer goes before
    anything of it was heard, the asker goes on. SPEAK: the answer may be heard. HUSH, GO_ON: pause it and resume.
    BREAK_OFF: it is over, this person talks. RESET: nothing went on for too long; the answer goes."""

    COMMIT = "commit"
    CHECK = "check"
    DROP = "drop"
    WITHDRAW = "withdraw"
    REOPEN = "reopen"
    SPEAK = "speak"
    HUSH = "hush"
    GO_ON = "go_on"
    BREAK_OFF = "break_off"
    RESET = "reset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One thing to do now."""

    do: Do
    person_id: int | None = None
    outcome: Speculation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How it behaves towards people; see VoiceSettings for each."""

    interrupted_by: Literal["anyone", "asker", "nobody"] = "anyone"
    interrupt_seconds: float = 0.3
    resume_seconds: float = 2.0
