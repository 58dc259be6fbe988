"""Talking over the bot: it yields to words, not to nods or noise, and remembers what was heard."""

import itertools

import pytest

from tests.services.voice.room import ANNA, BEN, Model, Recogniser, Room, Voice
from tests.virtual_time import run_virtually

LONG = "One two three four five six seven eight nine ten. " * 3
NODS = [
    "mhm",
    "uh-huh",
    "yeah",
    "yes",
    "right",
    "okay",
    "I see",
    "sure",
    "really",
    "of course",
    "makes sense",
    "hmm",
    "ah",
    "oh",
    "ok",
    "嗯",
    "对",
    "うん",
    "ja",
    "oui",
]


def talking(**settings: object) -> Room:
    return Room(model=Model(answer_to=lambda _prompt: LONG.strip()), **settings)  # type: ignore[arg-type]


def longest_gap(times: list[float]) -> float:
    return max(later - earlier for earlier, later in itertools.pairwise(times))


def test_words_end_the_answer_and_only_what_was_heard_is_remembered():
    async def scene() -> None:
        async with talking() as room:
            await room.speak(ANNA, 1.0, 3.0, "Count for me please.")
            began = room.sounded[0] if room.sounded else 3.75
            await room.speak(ANNA, 6.0, 8.0, "Now tell me about the weather.")
            await room.until(8.5)
            began = room.sounded[0]
            old = [at for at in room.sounded if at < 8.0]
            assert max(old) <= 6.0 + 0.3 + 0.25
            await room.until(30.0)
            heard_words = round((max(old) - began) / 0.3)
            [kept, later] = room.memory.turns
            assert kept.answer.endswith("[interrupted by Anna]")
            words = kept.answer.removesuffix("[interrupted by Anna]").split()
            assert abs(len(words) - heard_words) <= 1
            assert words == LONG.split()[: len(words)]
            assert room.follower.turns[0].interrupted_by == ANNA
            assert room.counters["interruptions"] == 1
            assert later.question == "Now tell me about the weather."
            # Not a frame of the old answer in the new one: it is as long as it should be.
            new = [at for at in room.sounded if at > 8.0]
            assert len(new) == len(LONG.split()) * 15

    run_virtually(scene())


@pytest.mark.parametrize("nod", NODS)
def test_a_nod_does_not_stop_it(nod: str):
    async def scene() -> None:
        async with talking() as room:
            await room.speak(ANNA, 1.0, 3.0, "Count for me please.")
            await room.speak(ANNA, 6.0, 6.4, nod)
            await room.until(30.0)
            [turn] = room.follower.turns
            assert turn.interrupted_by is None
            assert len(room.sounded) == len(LONG.split()) * 15
            assert longest_gap(room.sounded) < 0.6
            assert room.counters["backchannels"] == 1
            assert room.counters["interruptions"] == 0
            assert room.state == "listening"

    run_virtually(scene())


def test_a_sound_without_words_pauses_it_and_it_goes_on_from_the_same_frame():
    async def scene() -> None:
        async with talking() as room:
            await room.speak(ANNA, 1.0, 3.0, "Count for me please.")
            await room.speak(ANNA, 6.0, 6.6, "")
            await room.until(30.0)
            [turn] = room.follower.turns
            assert turn.interrupted_by is None
            assert len(room.sounded) == len(LONG.split()) * 15
            assert room.counters["false_interruptions"] == 1
            assert longest_gap(room.sounded) == pytest.approx(6.6 + 2.0 - 6.3, abs=0.05)

    run_virtually(scene())


def test_endless_noise_does_not_silence_it():
    async def scene() -> None:
        async with talking() as room:
            await room.speak(ANNA, 1.0, 3.0, "Count for me please.")
            noise = room.speaks(ANNA, 6.0, 60.0, "")
            await room.until(40.0)
            assert len(room.sounded) == len(LONG.split()) * 15
            await noise
            await room.until(70.0)
            assert room.state == "listening"

    run_virtually(scene())


@pytest.mark.parametrize("word", ["Stop", "wait", "停", "Kibitz, be quiet."])
def test_a_stop_word_silences_it_at_once_whoever_may_interrupt(word: str):
    async def scene() -> None:
        async with talking(people=(ANNA, BEN), interrupted_by="nobody", answers="always") as room:
            await room.speak(ANNA, 1.0, 3.0, "Count for me please.")
            await room.speak(BEN, 6.0, 6.5, word)
            await room.until(20.0)
            assert max(room.sounded) <= 6.5 + 0.15 + 0.02
            assert [turn.interrupted_by for turn in room.follower.turns] == [BEN]
            assert room.state == "listening"
            assert len(room.model.prompts) == 1

    run_virtually(scene())


@pytest.mark.parametrize(("policy", "person", "stops"), [
    ("anyone", BEN, True), ("asker", BEN, False), ("asker", ANNA, True), ("nobody", ANNA, False),
])  # fmt: skip
def test_who_may_talk_over_it(policy: str, person: int, *, stops: bool):
    async def scene() -> None:
        async with talking(people=(ANNA, BEN), interrupted_by=policy, answers="always") as room:
            await room.speak(ANNA, 1.0, 3.0, "Count for me please.")
            await room.speak(person, 6.0, 8.0, "What about something else?")
            await room.until(60.0)
            first = room.follower.turns[0]
            assert first.interrupted_by == (person if stops else None)
            assert len(room.follower.turns) == 2  # whoever talked is answered, now or afterwards
            assert room.follower.turns[1].asker_ids == (person,)

    run_virtually(scene())


def test_who_goes_on_right_after_it_began_was_cut_off_and_is_answered_as_a_whole():
    async def scene() -> None:
        async with talking() as room:
            await room.speak(ANNA, 1.0, 3.0, "What is the weather.")
            await room.speak(ANNA, 3.9, 5.0, "in Paris tomorrow?")
            await room.until(30.0)
            [turn] = room.follower.turns
            assert turn.question == "What is the weather. in Paris tomorrow?"
            assert room.counters["false_cutoffs"] == 1

    run_virtually(scene())


def test_its_own_voice_from_a_loudspeaker_does_not_stop_it():
    async def scene() -> None:
        async with talking() as room:
            await room.speak(ANNA, 1.0, 3.0, "Count for me please.")
            await room.speak(ANNA, 5.0, 7.0, "four five six seven eight nine")
            await room.until(30.0)
            [turn] = room.follower.turns
            assert turn.interrupted_by is None
            assert [line.text for line in room.session.lines() if line.person_id == ANNA] == ["Count for me please."]

    run_virtually(scene())


def test_stop_from_a_button():
    async def scene() -> None:
        async with talking() as room:
            assert not room.session.stop()
            await room.speak(ANNA, 1.0, 3.0, "Count for me please.")
            await room.until(5.0)
            assert room.session.stop()
            await room.until(20.0)
            assert max(room.sounded) <= 5.0
            assert not room.session.stop()
            [turn] = room.follower.turns
            assert turn.interrupted_by is None
            assert turn.answer != turn.written
            assert room.state == "listening"

    run_virtually(scene())


def test_a_recogniser_without_live_words_interrupts_at_the_pause():
    async def scene() -> None:
        async with talking(recogniser=Recogniser(gives_interim=False)) as room:
            await room.speak(ANNA, 1.0, 3.0, "Count for me please.")
            await room.speak(ANNA, 6.0, 7.0, "Tell me about the weather.")
            await room.until(7.5)
            assert max(room.sounded) <= 6.32
            await room.until(30.0)
            assert [turn.interrupted_by for turn in room.follower.turns] == [ANNA, None]

    run_virtually(scene())


def test_nothing_is_left_open():
    async def scene() -> Room:
        async with talking(voice=Voice(first_audio=0.2)) as room:
            await room.speak(ANNA, 1.0, 3.0, "Count for me please.")
            await room.speak(ANNA, 6.0, 8.0, "Now tell me about the weather.")
            await room.until(9.0)
        return room

    room = run_virtually(scene())
    assert room.recogniser.live == 0
    assert room.ears.is_closed
    assert room.line.is_closed
    assert room.follower.reasons == ["stopping"]


def test_people_who_talk_to_each_other_over_the_answer_do_not_end_it():
    async def scene() -> None:
        async with talking(people=(ANNA, BEN)) as room:
            await room.speak(ANNA, 1.0, 3.0, "Kibitz, count for me please.")
            await room.speak(BEN, 6.0, 7.5, "Anna, are you coming to dinner tonight?")
            await room.until(30.0)
            [turn] = room.follower.turns
            assert turn.interrupted_by is None
            assert turn.answer == LONG.strip()

    run_virtually(scene())


def test_a_nod_as_a_statement_ends_is_no_new_question():
    async def scene() -> None:
        async with talking() as room:
            await room.speak(ANNA, 1.0, 3.0, "Count for me please.")
            await room.until(30.0)
            ended = max(room.sounded)
        async with talking() as room:
            await room.speak(ANNA, 1.0, 3.0, "Count for me please.")
            await room.speak(ANNA, ended - 0.4, ended, "mhm")
            await room.until(40.0)
            assert len(room.follower.turns) == 1

    run_virtually(scene())
