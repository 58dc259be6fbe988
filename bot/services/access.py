"""Who may use what in a place, and what is too much to ask."""

from collections.abc import Collection
from dataclasses import dataclass

from bot.domain.ask import AskKind
from bot.domain.conversation import PlaceSettings, SpeakWhen
from bot.domain.errors import BotError
from bot.domain.sentence import sentence
from bot.hooks.specs import hookimpl
from bot.hooks.values import Received

LONGEST_QUESTION = 8_000
"""Letters; twice what a message of Discord holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What of a person decides: their id, the roles they hold here, and whether they look after this place."""

    person_id: int
    role_ids: Collection[int] = ()
    is_moderator: bool = False


def may_ask(person: Person, place: PlaceSettings) -> bool:
    """Whether this person may ask here."""
    return _has_one_of(person, place.ask_roles)


def check_may_ask(person: Person, place: PlaceSettings) -> None:
    """Raises BotError (code not_allowed) for somebody who may not ask here."""
    if not may_ask(person, place):
        raise BotError(
            "not_allowed", "Here only people with certain roles may ask me. Ask a moderator, or ask me elsewhere."
        )


def check_may_want(person: Person, place: PlaceSettings, kind: AskKind) -> None:
    """Raises BotError (code not_allowed) for somebody who may not ask here, or not for that."""
    check_may_ask(person, place)
    if kind is AskKind.TRANSCRIBE and not _has_one_of(person, place.transcribe_roles):
        raise BotError(
            "not_allowed", "Here only people with certain roles may have words written down. Ask a moderator."
        )
    if kind in (AskKind.TIMELINE, AskKind.STORYBOARD):
        check_may_export(person, place)


def check_may_export(person: Person, place: PlaceSettings) -> None:
    """Raises BotError (code not_allowed) for somebody who may not have files made of what was seen and said here."""
    if not _has_one_of(person, place.export_roles):
        raise BotError("not_allowed", "Here only people with certain roles may have files made. Ask a moderator.")


def check_may_call_in(person: Person, place: PlaceSettings) -> None:
    """Raises BotError (code not_allowed) for somebody who may not call the bot into a voice channel here."""
    if not _has_one_of(person, place.join_roles):
        raise BotError(
            "not_allowed", "Here only people with certain roles may call me into voice channels. Ask a moderator."
        )


def is_open(place: PlaceSettings, channel_ids: Collection[int]) -> bool:
    """Whether the bot may be used in a channel, told by its own id and those of what it hangs on: the channel of a
    thread, its category. It holds for moderators as well."""
    ids = set(channel_ids)
    return ids.isdisjoint(place.closed_channels) and (
        not place.open_channels or not ids.isdisjoint(place.open_channels)
    )


def check_is_open(place: PlaceSettings, channel_ids: Collection[int]) -> None:
    """Raises BotError (code channel_closed) where the bot may not be used."""
    if not is_open(place, channel_ids):
        raise BotError("channel_closed", "I may not be used in this channel. Ask me in another one.")


def may_hear(person: Person, place: PlaceSettings) -> bool:
    """Whether an answer may be spoken to this person here."""
    return place.speak is not SpeakWhen.NEVER and _has_one_of(person, place.speak_roles)


def may_steer(person: Person, asker_id: int) -> bool:
    """Whether somebody may stop or delete what another asked for."""
    return person.is_moderator or person.person_id == asker_id


class Doorkeeper:
    """Refuses what nobody needs to ask and somebody would have to pay for."""

    @hookimpl
    def screen_ask(self, received: Received) -> str | None:
        if len(received.question or "") <= LONGEST_QUESTION:
            return None
        return sentence("That question is longer than {n} letters. Ask in fewer words.", n=LONGEST_QUESTION)


def _has_one_of(person: Person, roles: Collection[int]) -> bool:
    return person.is_moderator or not roles or not set(roles).isdisjoint(person.role_ids)
