"""Where a conversation is held: the channel, and what was set for it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bot.domain.conversation import ConversationKey, PlaceSettings
from bot.domain.money import Account
from bot.domain.occasion import Occasion, Surface
from bot.locales.catalogue import Catalogue, catalogue
from bot.pipeline.crew import Crew


@dataclass(frozen=True, slots=True)
class Place:
    """`where` tells the channel anew each time: a moderator may move the bot. `words` are texts in the language that
    is spoken there."""

    where: Callable[[], ConversationKey]
    crew: Crew
    locale: str
    bot_name: str = field(repr=False)
    words: Catalogue = field(repr=False)

    @classmethod
    def of(
        cls, where: Callable[[], ConversationKey], crew: Crew, settings: PlaceSettings, *, locale: str, bot_name: str
    ) -> "Place":
        there = replace(
            crew,
            answer_language=settings.language or crew.answer_language,
            voice=settings.voice or crew.voice,
        )
        return cls(where, there, locale, bot_name, catalogue(there.answer_language or locale))

    @property
    def key(self) -> ConversationKey:
        return self.where()

    def occasion(self, asker_id: int | None = None) -> Occasion:
        """Something that is said here, of no job."""
        return self.crew.occasion("", Surface.VOICE, key=self.key, asker_id=asker_id, locale=self.locale)

    def account(self, person_id: int | None = None) -> Account:
        """Who pays for what is heard and said here outside of answers: the person who speaks, and the server."""
        return Account(person_id=person_id, server_id=self.key.server_id)

    @property
    def one_moment(self) -> str:
        """Said when an answer will take long."""
        return self.words("One moment.")

    @property
    def sorry(self) -> str:
        """Said when there is no answer."""
        return self.words("Sorry, that did not work. I wrote why in the chat.")

    @property
    def code_is_written(self) -> str:
        """Said in place of code."""
        return self.words("See the chat for the code.")
