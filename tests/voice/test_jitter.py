"""Packets in order again: serial numbers that wrap, what is missing waited for but not for long, and nothing that any
sender can do makes it grow or stop."""

from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.voice import OpusFrame
from bot.voice.jitter import JitterBuffer, distance


def packet(sequence: int, at: float) -> OpusFrame:
    return OpusFrame(
        person_id=1, ssrc=1, sequence=sequence & 0xFFFF, timestamp=sequence * 960 & 0xFFFFFFFF, arrived_at=at, opus=b"x"
    )


def through(arrivals: Iterable[tuple[int, float]], *, until: float) -> tuple[list[tuple[int, int]], Counter[str]]:
    """Sequence and loss before it of what comes out, at ticks of 20 ms."""
    counters: Counter[str] = Counter()
    buffer = JitterBuffer(counters)
    waiting = sorted(arrivals, key=lambda one: one[1])
    out: list[tuple[int, int]] = []
    tick = 0.0
    while tick < until:
        tick += 0.02
        while waiting and waiting[0][1] <= tick:
            buffer.push(packet(*waiting.pop(0)))
        out += ((arrived.frame.sequence, arrived.lost) for arrived in buffer.pop(tick))
    return out, counters


@pytest.mark.parametrize(("origin", "number", "far"), [(0, 1, 1), (65_535, 0, 1), (0, 65_535, -1), (5, 5, 0)])
def test_the_distance_of_two_numbers_goes_the_shorter_way(origin: int, number: int, far: int) -> None:
    assert distance(origin, number) == far


def test_what_is_in_order_waits_for_nothing_also_where_the_numbers_wrap() -> None:
    counters: Counter[str] = Counter()
    buffer = JitterBuffer(counters)
    for number in range(65_500, 65_600):
        at = (number - 65_500) * 0.02
        buffer.push(packet(number, at))
        assert [arrived.frame.sequence for arrived in buffer.pop(at)] == [number & 0xFFFF]
    assert counters == {}


def test_packets_that_overtake_each_other_are_put_in_order() -> None:
    arrivals = [(number, 1 + number * 0.02 + (0.05 if number % 7 == 4 else 0)) for number in range(65_530, 65_630)]
    out, counters = through(((n, at - 1310) for n, at in arrivals), until=5)
    assert [number for number, _ in out] == [number & 0xFFFF for number in range(65_530, 65_630)]
    assert counters["lost"] == counters["late"] == 0


def test_the_first_packets_of_all_may_come_in_another_order() -> None:
    out, counters = through([(2, 0.011), (1, 0.012), (0, 0.013), (3, 0.04)], until=1)
    assert out == [(0, 0), (1, 0), (2, 0), (3, 0)]
    assert counters["late"] == 0


def test_a_missing_packet_is_waited_for_and_then_given_up() -> None:
    counters: Counter[str] = Counter()
    buffer = JitterBuffer(counters)
    buffer.push(packet(10, 0.0))
    assert len(list(buffer.pop(0.0))) == 1
    buffer.push(packet(12, 0.04))
    buffer.push(packet(13, 0.06))
    assert list(buffer.pop(0.08)) == []
    assert [(one.frame.sequence, one.lost) for one in buffer.pop(0.101)] == [(12, 1), (13, 0)]
    assert counters == {"lost": 1}


def test_one_that_comes_after_it_was_given_up_is_late_and_makes_the_wait_longer() -> None:
    counters: Counter[str] = Counter()
    buffer = JitterBuffer(counters)
    before = buffer.wait_seconds
    for number, at in ((0, 0.0), (2, 0.04)):
        buffer.push(packet(number, at))
        list(buffer.pop(at))
    list(buffer.pop(0.12))
    buffer.push(packet(1, 0.13))
    assert list(buffer.pop(0.13)) == []
    assert counters == {"lost": 1, "late": 1}
    assert before < buffer.wait_seconds <= 0.12
    for number in range(3, 1000):
        buffer.push(packet(number, number * 0.02))
        list(buffer.pop(number * 0.02))
    assert buffer.wait_seconds == before


def test_packets_that_just_make_it_make_the_wait_longer_too() -> None:
    counters: Counter[str] = Counter()
    buffer = JitterBuffer(counters)
    before = buffer.wait_seconds
    for number, at in ((0, 0.0), (2, 0.04), (1, 0.098)):
        buffer.push(packet(number, at))
        list(buffer.pop(at))
    assert counters == {}
    assert buffer.wait_seconds > before


def test_a_packet_that_comes_twice_counts_once() -> None:
    out, counters = through([(0, 0.0), (0, 0.001), (1, 0.02), (0, 0.03), (2, 0.04), (2, 0.09)], until=1)
    assert [number for number, _ in out] == [0, 1, 2]
    assert counters == {"duplicate": 3}


def test_numbers_that_begin_anew_are_taken_at_once() -> None:
    out, _ = through([(5, 0.0), (6, 0.02), (40_000, 0.04), (40_001, 0.06)], until=1)
    assert [number for number, _ in out] == [5, 6, 40_000, 40_001]


def test_after_a_rest_any_number_may_follow() -> None:
    out, counters = through([(100, 0.0), (101, 0.02), (90, 5.0), (91, 5.02), (200, 9.0)], until=10)
    assert [number for number, _ in out] == [100, 101, 90, 91, 200]
    assert counters["late"] == counters["lost"] == 0


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.integers(0, 65_535), st.integers(0, 40), st.integers(65_500, 65_535)),
            st.sampled_from([0.0, 0.001, 0.02, 0.3, 2.0]),
        ),
        max_size=300,
    )
)
def test_no_sender_makes_it_grow_or_stop(steps: list[tuple[int, float]]) -> None:
    counters: Counter[str] = Counter()
    buffer = JitterBuffer(counters)
    at = 0.0
    out = 0
    for sequence, passed in steps:
        at += passed
        buffer.push(packet(sequence, at))
        assert len(buffer) <= 251
        out += len(list(buffer.pop(at)))
    # In order again, whatever was before: it goes on.
    list(buffer.pop(at + 1))
    assert len(buffer) == 0
    at += 3
    for number in range(30_000, 30_010):
        buffer.push(packet(number, at))
        assert [one.frame.sequence for one in buffer.pop(at)] == [number]
        at += 0.02
