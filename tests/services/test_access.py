"""Who may use what in a place."""

import pytest

from bot.domain.conversation import PlaceSettings, SpeakWhen
from bot.domain.errors import BotError
from bot.hooks.caller import Hooks
from bot.hooks.specs import Specs
from bot.hooks.values import Received
from bot.services.access import LONGEST_QUESTION, Doorkeeper, Person, check_may_ask, may_hear, may_steer
from tests.plugins.hosting import occasion

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


async def test_a_question_that_nobody_needs_to_ask_is_refused_before_it_costs() -> None:
    hooks = Hooks()
    hooks.admit(Doorkeeper(), "doorkeeper")
    for words in (None, "", "x" * LONGEST_QUESTION):
        assert await hooks.screen(Specs.screen_ask, Received(question=words), occasion()) is None
    refusal = await hooks.screen(Specs.screen_ask, Received(question="x" * (LONGEST_QUESTION + 1)), occasion())
    assert refusal is not None
    assert (refusal.template, refusal.values["n"]) == (
        "That question is longer than {n} letters. Ask in fewer words.",
        LONGEST_QUESTION,
    )
