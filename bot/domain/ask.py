"""What somebody wants of the bot, complete enough to be done after a restart."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bot.domain.conversation import ConversationKey, MediaSource, MessageRef
from bot.domain.quote import Consent
from bot.domain.recollection import Scope


class AskKind(StrEnum):
    """What is wanted: an answer, a summary, the words that are spoken, everything with its time, the frames, or an
    answer that was given spoken."""

    ASK = "ask"
    SUMMARIZE = "summarize"
    TRANSCRIBE = "transcribe"
    TIMELINE = "timeline"
    STORYBOARD = "storyboard"
    SPEAK = "speak"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request. `clips` are those it names; where it names none, those of the turn it `follows` (a job id) are
    meant. `voice_question` is a voice message whose words are the question. `source` is the message that asked, None
    for a command. `locale` is the language of the texts around the answer, as Discord names it; `speak`: also aloud;
    `form` is the kind of file a timeline is wanted as (see pipeline/export). `asker_name` is what the asker is called
    there. `also` are channels whose words may surface in the answer (see Scope). `is_reply`: they chose the turn it
    follows, so the last words of others in the place are not meant. `consent`: whether they agreed to what it costs;
    `most_usd`: no more than this may be spent on it, None: no bound of its own.
    """

    job_id: str
    key: ConversationKey
    asker_id: int
    asked_at: datetime
    kind: AskKind = AskKind.ASK
    question: str | None = field(default=None, repr=False)
    clips: tuple[MediaSource, ...] = ()
    voice_question: MediaSource | None = None
    follows: str | None = None
    source: MessageRef | None = None
    speak: bool = False
    form: str = "md"
    locale: str = "en-US"
    asker_name: str = field(default="", repr=False)
    also: tuple[int, ...] = ()
    is_reply: bool = False
    consent: Consent = Consent.UNASKED
    most_usd: float | None = None

    @property
    def scope(self) -> Scope:
        """Where the words of the answer may come from."""
        return Scope(key=self.key, also=self.also)

    @property
    def is_private(self) -> bool:
        """Whether the answer is for the person who asked alone; their own id stands for the place then."""
        return self.key == ConversationKey(server_id=None, channel_id=self.asker_id)
