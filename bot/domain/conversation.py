"""Who talks where, about which clips: keys, sources, turns and what was set for a place."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bot.domain.answer import Usage
from bot.domain.timeline import Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationKey:
    """Where people talk. A thread has a channel id of its own; `server_id` None: a direct message."""

    server_id: int | None
    channel_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRef:
    """A message by its ids."""

    channel_id: int
    message_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaSource:
    """One attachment as Discord tells of it, before it is saved.

    `url` is signed and expires; the message can be read again for a fresh one, except where `message_id` is 0: the
    attachment of a command belongs to no message. `size_bytes` is a claim. `author_id` is who posted it, 0: unknown.
    Of a clip that was made with Discord, `participants` are the names of who took part, `game` is what was played.
    """

    channel_id: int
    message_id: int
    attachment_id: int
    url: str = field(repr=False)
    size_bytes: int
    is_voice_message: bool = False
    author_id: int = 0
    participants: tuple[str, ...] = field(default=(), repr=False)
    game: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipRef:
    """A clip by the digest of its bytes, and where it was seen last."""

    sha256: str
    source: MediaSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One exchange. `follows` is the job of the turn it goes on from; `source` the message that asked, None for a
    command; `was_heard`: the question was spoken. `asker_name` is what they are called there. `people` are others
    whose words the answer rested on."""

    job_id: str
    key: ConversationKey
    asker_id: int
    asked_at: datetime
    question: str = field(repr=False)
    answer: str = field(repr=False)
    clips: tuple[ClipRef, ...] = ()
    follows: str | None = None
    source: MessageRef | None = None
    was_heard: bool = False
    notices: tuple[Notice, ...] = ()
    usages: tuple[Usage, ...] = ()
    asker_name: str = field(default="", repr=False)
    people: tuple[int, ...] = ()


class SpeakWhen(StrEnum):
    """When an answer is also spoken."""

    ALWAYS = "always"
    ASKED = "asked"
    NEVER = "never"


class AnswersWhen(StrEnum):
    """Which messages of a channel are answered."""

    ASKED = "asked"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceSettings:
    """What holds in one channel. Language (BCP 47) and voice None: as it comes, as configured. Empty roles: everyone
    may ask, have it spoken, call the bot into a voice channel, have words written down, have files made. Only in
    `open_channels` (none: in all) and not in `closed_channels` the bot may be used; both are channels or categories,
    set for a whole server. `keep_days`: how long is remembered what was said there, None: as configured. Of a voice
    channel: `captions` are shown in its chat, and with `auto_join` it is joined when somebody comes. `news`: words of
    whoever runs the bot are posted there.
    """

    language: str | None = None
    voice: str | None = None
    speak: SpeakWhen = SpeakWhen.ASKED
    answers: AnswersWhen = AnswersWhen.ASKED
    ask_roles: tuple[int, ...] = ()
    speak_roles: tuple[int, ...] = ()
    keep_days: int | None = None
    captions: bool = False
    auto_join: bool = False
    join_roles: tuple[int, ...] = ()
    transcribe_roles: tuple[int, ...] = ()
    export_roles: tuple[int, ...] = ()
    open_channels: tuple[int, ...] = ()
    closed_channels: tuple[int, ...] = ()
    news: bool = False
