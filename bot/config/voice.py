"""Settings of talk in voice channels: how patient the bot is, when it answers, when it leaves."""

from typing import Literal

from pydantic import Field

from bot.config.fields import Section, Words


class VoiceSettings(Section):
    names: tuple[Words, ...] = Field(
        default=(), max_length=20, description="Names it answers to besides its own, such as spellings of recognisers"
    )
    answers: Literal["auto", "named", "always"] = Field(
        default="auto",
        description="auto (alone with somebody: always; else its name, a reply to it, or the chat model's judgement), "
        "named (its name or a reply to it), always",
    )
    reply_seconds: float = Field(
        default=12, ge=0, le=300, description="How long, after it spoke to somebody, they need not say its name"
    )
    pause_seconds: float = Field(
        default=0.2, ge=0.1, le=1, description="Silence after which an answer is prepared, but held"
    )
    patience_seconds: float = Field(
        default=0.5, ge=0.3, le=5, description="Shortest silence that ends a turn; unfinished sentences get more"
    )
    longest_patience_seconds: float = Field(default=3, ge=0.5, le=15, description="Longest silence inside a turn")
    longest_utterance_seconds: float = Field(
        default=60, ge=5, le=300, description="Longest speech of one person that is taken in one piece"
    )
    interrupted_by: Literal["anyone", "asker", "nobody"] = Field(
        default="anyone",
        description="Who may talk over it: anyone, asker (whom it answers) or nobody; stop words always count",
    )
    interrupt_seconds: float = Field(
        default=0.3, ge=0.1, le=2, description="Speech over the bot after which it pauses and listens"
    )
    resume_seconds: float = Field(
        default=2, ge=0.5, le=10, description="Silence without words after which it goes on where it paused"
    )
    speak_ahead: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="Whether the first sentence is voiced before the turn is surely over; auto: if that costs nothing",
    )
    acknowledge_seconds: float = Field(
        default=1.5, ge=0, le=30, description="Expected wait from which a short word comes first; 0: never"
    )
    alone_seconds: float = Field(default=60, ge=5, le=86_400, description="It leaves when alone for so long")
    idle_seconds: float = Field(default=600, ge=10, le=86_400, description="It leaves when nobody spoke for so long")
    max_channels: int = Field(default=4, ge=1, le=100, description="Voice channels at the same time, one per server")
    max_people: int = Field(default=16, ge=1, le=100, description="People heard at the same time in one channel")
