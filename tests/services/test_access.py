"""Who may use what in a place."""

import pytest

from bot.domain.conversation import PlaceSettings, SpeakWhen
from bot.domain.errors import BotError
from bot.services.access import Person, check_may_ask, may_hear, may_steer

ANNA = Person(person_id=1, role_ids=(10,))
MODERATOR = Person(person_id=2, is_moderator=True)
STRANGER = Person(person_id=3)


def test_without_roles_everyone_may_ask_and_hear() -> None:
    check_may_ask(STRANGER, PlaceSettings())
    assert may_hear(STRANGER, PlaceSettings())


def test_with_roles_only_those_who_hold_one_and_moderators_may_ask() -> None:
    place = PlaceSettings(ask_roles=(10, 11))
    check_may_ask(ANNA, place)
    check_may_ask(MODERATOR, place)
    with pytest.raises(BotError) as refused:
        check_may_ask(STRANGER, place)
    assert refused.value.code == "not_allowed"


def test_speaking_has_roles_of_its_own_and_can_be_switched_off_for_all() -> None:
    place = PlaceSettings(speak_roles=(11,))
    assert (may_hear(ANNA, place), may_hear(MODERATOR, place)) == (False, True)
    assert not may_hear(MODERATOR, PlaceSettings(speak=SpeakWhen.NEVER))


def test_only_the_asker_and_moderators_steer() -> None:
    assert [may_steer(who, asker_id=1) for who in (ANNA, MODERATOR, STRANGER)] == [True, True, False]
