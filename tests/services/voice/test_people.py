"""Several people: whose words are whose, who is answered, and nobody who did not agree."""

import pytest

from bot.domain.voice import Listener
from tests.services.voice.room import ANNA, BEN, CLEO, DAN, NAMES, Model, Recogniser, Room
from tests.virtual_time import run_virtually


@pytest.mark.parametrize("delays", [(0.1, 0.2, 0.3, 0.4), (1.5, 1.0, 0.6, 0.2), (0.2, 1.2, 0.2, 1.2)])
def test_four_at_once_are_never_taken_for_each_other(delays: tuple[float, ...]):
    async def scene() -> None:
        async with Room(people=(ANNA, BEN, CLEO, DAN), answers="always") as room:
            spoken = [
                room.speaks(
                    person,
                    1.0 + 0.1 * person,
                    3.0 + 0.05 * person,
                    f"{NAMES[person]} says hello to everybody.",
                    recognition_delay=delay,
                )
                for person, delay in zip((ANNA, BEN, CLEO, DAN), delays, strict=True)
            ]
            for task in spoken:
                await task
            await room.until(30.0)
            lines = [line for line in room.session.lines() if line.person_id is not None]
            assert {line.person_id: line.text for line in lines} == {
                person: f"{name} says hello to everybody." for person, name in NAMES.items()
            }
            assert all(line.name == NAMES[line.person_id or 0] for line in lines)
            [turn] = room.follower.turns
            assert set(turn.asker_ids) == {ANNA, BEN, CLEO, DAN}
            assert turn.question.splitlines() == [
                f"{name}: {name} says hello to everybody." for name in ("Anna", "Ben", "Cleo", "Dan")
            ]
            [kept] = room.memory.turns
            assert kept.asker_id == ANNA
            assert kept.people == (BEN, CLEO, DAN)
            assert kept.was_heard

    run_virtually(scene())


def test_who_speaks_meanwhile_is_not_spoken_over():
    async def scene() -> None:
        async with Room(people=(ANNA, BEN)) as room:
            ben = room.speaks(BEN, 2.5, 9.0, "I think we should go home now, Anna.")
            await room.speak(ANNA, 1.0, 3.0, "Kibitz, what is the time?")
            await ben
            await room.until(20.0)
            assert min(room.sounded) >= 9.2
            assert [turn.asker_ids for turn in room.follower.turns] == [(ANNA,)]

    run_virtually(scene())


def test_talk_among_people_is_judged_by_the_model_and_never_spoken_or_kept():
    def verdict(prompt: object) -> str:
        return "YES It is noon." if "time" in prompt.question.text else "NO"  # type: ignore[attr-defined]

    async def scene() -> None:
        async with Room(people=(ANNA, BEN), model=Model(answer_to=verdict)) as room:
            await room.speak(ANNA, 1.0, 3.0, "I had pasta for dinner yesterday.")
            await room.until(6.0)
            assert room.sounded == []
            assert room.memory.turns == []
            assert room.follower.turns == []
            assert room.counters["not_for_us"] == 1
            await room.speak(BEN, 7.0, 8.0, "What is the time?")
            await room.until(12.0)
            assert room.voice.said == ["It is noon."]
            assert [turn.written for turn in room.follower.turns] == ["It is noon."]
            assert "pasta" in room.model.prompts[-1].evidence

    run_virtually(scene())


def test_a_model_that_does_not_keep_to_the_protocol_is_not_heard():
    async def scene() -> None:
        async with Room(people=(ANNA, BEN), model=Model(answer_to=lambda _: "Yesterday was nice. Yes.")) as room:
            await room.speak(ANNA, 1.0, 3.0, "I had pasta for dinner yesterday.")
            await room.until(6.0)
            assert room.sounded == []
            assert room.voice.said == []

    run_virtually(scene())


def test_its_name_or_a_reply_need_no_judgement():
    async def scene() -> None:
        async with Room(people=(ANNA, BEN), answers="named") as room:
            await room.speak(ANNA, 1.0, 3.0, "Kibitz, what is the time?")
            await room.until(8.0)
            await room.speak(ANNA, 8.0, 9.0, "And what about tomorrow?")
            await room.until(14.0)
            await room.speak(BEN, 14.0, 15.0, "Is anybody hungry at all?")
            await room.until(30.0)
            assert [turn.asker_ids for turn in room.follower.turns] == [(ANNA,), (ANNA,)]

    run_virtually(scene())


def test_nobody_is_heard_without_agreeing():
    async def scene() -> None:
        async with Room(people=(ANNA, BEN), agreed=(ANNA,), answers="always") as room:
            assert room.session.may_hear(ANNA)
            assert not room.session.may_hear(BEN)
            await room.speak(BEN, 1.0, 3.0, "My secret is four two.")
            await room.until(5.0)
            assert room.recogniser.fed == []
            assert room.session.lines() == ()
            assert room.model.prompts == []
            assert room.session.status().unheard == (BEN,)
            room.service.consent_changed(BEN, is_given=True)
            assert room.session.may_hear(BEN)
            await room.speak(BEN, 6.0, 8.0, "Now you may hear me.")
            await room.until(12.0)
            assert [line.person_id for line in room.session.lines()] == [BEN, None]

    run_virtually(scene())


@pytest.mark.parametrize("way", ["mute", "withdraw", "deafen", "leave"])
def test_what_is_being_said_is_thrown_away_at_once(way: str):
    async def scene() -> None:
        async with Room(people=(ANNA, BEN), answers="always") as room:
            room.session.captions = True
            talk = room.speaks(ANNA, 1.0, 4.0, "My secret is four two and more.")
            await room.until(3.0)
            match way:
                case "mute":
                    room.session.mute(ANNA)
                case "withdraw":
                    room.service.consent_changed(ANNA, is_given=False)
                case "deafen":
                    room.session.present(
                        [Listener(person_id=ANNA, name="Anna", is_deafened=True), Listener(person_id=BEN, name="Ben")]
                    )
                case _:
                    room.present((BEN,))
            assert not room.session.may_hear(ANNA)
            assert ANNA in room.ears.gone
            told = len(room.follower.captions)
            await talk
            await room.until(10.0)
            assert room.session.lines() == ()
            assert room.model.prompts == []
            assert room.memory.turns == []
            assert len(room.follower.captions) == told
            assert room.recogniser.live == 0
            assert room.state == "listening"

    run_virtually(scene())


def test_a_withdrawal_takes_question_answer_and_lines_with_it():
    async def scene() -> None:
        async with Room(people=(ANNA, BEN), answers="always") as room:
            await room.speak(ANNA, 1.0, 3.0, "My secret is four two.")
            await room.until(4.0)
            assert room.sounded
            await room.service.forget_person(ANNA)
            await room.until(10.0)
            assert max(room.sounded) <= 4.0 + 0.02
            assert room.memory.turns == []
            assert room.follower.turns == []
            assert all(line.person_id != ANNA for line in room.session.lines())

    run_virtually(scene())


def test_who_opted_out_of_memory_is_answered_but_not_kept():
    async def scene() -> None:
        async with Room(people=(ANNA,)) as room:
            room.memory.opted_out = {ANNA}
            await room.speak(ANNA, 1.0, 3.0, "What is the time?")
            await room.until(10.0)
            assert len(room.follower.turns) == 1
            assert room.memory.turns == []

    run_virtually(scene())


def test_a_consent_that_was_withdrawn_while_it_was_read_stays_withdrawn():
    async def scene() -> None:
        async with Room(people=(ANNA,)) as room:
            room.present(())
            room.present((ANNA,))
            room.service.consent_changed(ANNA, is_given=False)
            await room.until(2.0)
            assert not room.session.may_hear(ANNA)

    run_virtually(scene())


def test_late_words_of_one_do_not_hold_up_another():
    async def scene() -> None:
        async with Room(people=(ANNA, BEN), answers="always", recogniser=Recogniser(gives_interim=False)) as room:
            slow = room.speaks(ANNA, 1.0, 2.0, "Tell me a story please.", recognition_delay=3.0)
            await room.speak(BEN, 4.0, 5.0, "What is the time?")
            await slow
            await room.until(30.0)
            names = {line.text: line.name for line in room.session.lines() if line.person_id}
            assert names == {"Tell me a story please.": "Anna", "What is the time?": "Ben"}

    run_virtually(scene())
