"""Where and for whom something is done, as plugins are told of it."""

from dataclasses import dataclass
from enum import StrEnum

from bot.domain.conversation import ConversationKey


class Surface(StrEnum):
    """Where people meet the bot: in a chat, in a voice channel, on the command line."""

    CHAT = "chat"
    VOICE = "voice"
    CLI = "cli"


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """`job_id` empty: no job. `key` None: on the command line, outside of a conversation. `asker_id` None: nobody in
    particular. `locale` is the asker's, as Discord names it; `language` (BCP 47) and `voice` are those set for answers
    there, None: as it comes. `clip` is the digest of the clip that is worked on, where several may be at once."""

    job_id: str
    surface: Surface = Surface.CLI
    key: ConversationKey | None = None
    asker_id: int | None = None
    locale: str = "en-US"
    language: str | None = None
    voice: str | None = None
    clip: str = ""
