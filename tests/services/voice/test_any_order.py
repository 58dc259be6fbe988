"""Conversations by chance: everybody is answered, nobody is spoken over, nothing grows."""

import gc
import random
import tracemalloc
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.services.voice.room import ANNA, BEN, CLEO, NAMES, Encoder, Model, Recogniser, Room, Voice
from tests.virtual_time import run_virtually

KINDS = ("question", "question", "nod", "noise", "stop")


@dataclass(frozen=True, slots=True)
class Speech:
    person: int
    start: float
    end: float
    kind: str
    text: str
    delay: float


@st.composite
def scripts(draw: st.DrawFn) -> list[Speech]:
    """What up to three people say; each has to take breath before speaking again."""
    free = dict.fromkeys((ANNA, BEN, CLEO), 1.0)
    speeches: list[Speech] = []
    for number in range(draw(st.integers(1, 7))):
        person = draw(st.sampled_from((ANNA, BEN, CLEO)))
        start = round(free[person] + draw(st.sampled_from((0.3, 0.6, 1.0, 2.5, 6.0))), 3)
        kind = draw(st.sampled_from(KINDS))
        length = 0.5 if kind in ("nod", "stop") else draw(st.sampled_from((0.4, 1.0, 2.5)))
        text = {"question": f"What is number {number} of {NAMES[person]}?", "nod": "mhm", "noise": "", "stop": "Stop."}
        delay = draw(st.sampled_from((0.05, 0.15, 0.6)))
        speeches.append(Speech(person, start, round(start + length, 3), kind, text[kind], delay))
        free[person] = start + length + 0.25
    return speeches


@settings(max_examples=40, deadline=None)
@given(
    script=scripts(),
    token=st.sampled_from((0.1, 0.3, 1.5)),
    audio=st.sampled_from((0.05, 0.4)),
    interim=st.booleans(),
    words=st.sampled_from((2, 30)),
)
def test_everybody_is_answered_and_nobody_is_spoken_over(
    script: list[Speech], *, token: float, audio: float, interim: bool, words: int
):
    answer = "Well, " + " ".join(f"w{number}." for number in range(words))

    async def scene() -> Room:
        model = Model(answer_to=lambda _prompt: answer, first_token=token)
        async with Room(
            people=(ANNA, BEN, CLEO),
            model=model,
            voice=Voice(first_audio=audio),
            recogniser=Recogniser(gives_interim=interim),
            answers="always",
            acknowledge_seconds=0,
        ) as room:
            talks = [
                room.speaks(one.person, one.start, one.end, one.text, recognition_delay=one.delay) for one in script
            ]
            for talk in talks:
                await talk
            await room.until(max(one.end for one in script) + 90)
            assert room.state == "listening"
            for one in script:
                if one.kind == "question":
                    over = [at for at in room.sounded if one.start + 0.35 < at < one.end]
                    assert not over, "spoke over somebody"
            asked = " ".join(turn.question for turn in room.follower.turns)
            stops = [one.start for one in script if one.kind == "stop"]
            for one in script:
                is_stopped = any(one.start - 1 < at < one.end + 15 for at in stops)
                assert one.kind != "question" or one.text in asked or is_stopped, "somebody was left without an answer"
            assert "watchdog_resets" in room.counters
            assert room.counters["watchdog_resets"] == 0
            return room

    room = run_virtually(scene())
    assert room.recogniser.live == 0


def an_hour(minutes: int, *, seed: int = 1) -> tuple[int, int]:
    """So many minutes of talk; how many turns there were, and by how many bytes memory grew in the second half."""
    chance = random.Random(seed)

    async def scene() -> tuple[int, int]:
        async with Room(people=(ANNA, BEN, CLEO), answers="always", idle_seconds=1000) as room:
            held = 0
            for minute in range(minutes):
                at = minute * 60.0
                if minute == minutes // 2:
                    gc.collect()
                    held = tracemalloc.get_traced_memory()[0]
                for count in range(6):
                    start = max(at + count * 10, room.now) + chance.uniform(0.5, 1.5)
                    text = chance.choice(("What is the time now?", "mhm", "", "Tell me something about cats."))
                    await room.speak(chance.choice((ANNA, BEN, CLEO)), start, start + chance.uniform(0.5, 2.0), text)
                room.memory.turns = room.memory.turns[-5:]
                room.model.prompts.clear()
                room.voice.said.clear()
                room.line.sounded.clear()
                room.recogniser.fed.clear()
                room.recogniser.words.clear()
                room.recogniser.lags.clear()
                room.memory.asked.clear()
                room.ears.ended.clear()
                room.follower.turns.clear()
            await room.until(minutes * 60.0 + 30)
            gc.collect()
            assert room.state == "listening"
            return room.session.status().turns, tracemalloc.get_traced_memory()[0] - held

    tracemalloc.start()
    try:
        return run_virtually(scene())
    finally:
        tracemalloc.stop()


def test_a_long_talk_grows_nothing():
    turns, grown = an_hour(6)
    assert turns > 8
    assert grown < 300_000
    assert Encoder.live == 0
