"""The queue people listen to: nothing stale, nothing lost in a pause, and a clock that counts what was handed out."""

import threading
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.voice import SILENCE_FRAME
from bot.voice.player import Player


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def player(clock: Clock) -> Player:
    return Player(clock)


def frames(name: str, count: int) -> list[bytes]:
    return [f"{name}{number}".encode() for number in range(count)]


def reads(player: Player, count: int) -> list[bytes]:
    return [player.read() for _ in range(count)]


def test_frames_come_in_order_then_a_little_silence_then_nothing(player: Player) -> None:
    assert player.read() == b""
    player.begin(1)
    assert player.add(1, 0, frames("a", 3))
    assert player.add(1, 1, frames("b", 2))
    player.end(1)
    assert not player.add(1, 2, frames("c", 1))
    assert reads(player, 5) == frames("a", 3) + frames("b", 2)
    assert reads(player, 7) == [SILENCE_FRAME] * 5 + [b""] * 2


def test_it_says_what_was_handed_out_and_when_the_first_sound_was(player: Player, clock: Clock) -> None:
    player.begin(7)
    player.add(7, 0, [SILENCE_FRAME, *frames("a", 2)])
    player.add(7, 1, frames("b", 4))
    player.read()
    played = player.played(7)
    assert played is not None
    assert (played.frames, played.queued, played.first_at) == ({0: 1}, {0: 3, 1: 4}, None)
    clock.now = 100.02
    player.read()
    clock.now = 100.5
    reads(player, 2)
    played = player.played(7)
    assert played is not None
    assert (played.frames, played.first_at, played.is_complete) == ({0: 3, 1: 1}, 100.02, False)
    assert played.seconds == pytest.approx(0.08)
    player.end(7)
    reads(player, 3)
    played = player.played(7)
    assert played is not None
    assert played.is_complete
    assert player.played(6) is None


def test_a_pause_stands_still_and_goes_on_with_the_very_next_frame(player: Player) -> None:
    player.begin(1)
    player.add(1, 0, frames("a", 6))
    assert reads(player, 2) == frames("a", 6)[:2]
    player.pause()
    player.pause()
    assert reads(player, 20) == [SILENCE_FRAME] * 20
    played = player.played(1)
    assert played is not None
    assert (played.frames, player.is_paused, player.remaining_seconds) == ({0: 2}, True, pytest.approx(0.08))
    player.resume()
    player.resume()
    assert reads(player, 4) == frames("a", 6)[2:]


def test_a_pause_that_lasts_lets_the_line_rest_and_loses_nothing(player: Player) -> None:
    player.begin(1)
    player.add(1, 0, frames("a", 1))
    player.pause()
    assert reads(player, 501) == [SILENCE_FRAME] * 500 + [b""]
    player.resume()
    assert player.read() == b"a0"


def test_what_is_dropped_is_never_heard_and_nothing_may_be_added_to_it(player: Player) -> None:
    player.begin(1)
    player.add(1, 0, frames("a", 5))
    reads(player, 2)
    player.pause()
    player.drop(1)
    assert player.read() == b""
    assert player.remaining_seconds == 0
    assert not player.add(1, 0, frames("late", 2))
    player.end(1)
    assert not player.is_paused
    assert player.read() == b""
    played = player.played(1)
    assert played is not None
    assert (played.frames, played.is_complete) == ({0: 2}, False)


def test_an_older_generation_is_refused_and_cannot_be_begun_again(player: Player) -> None:
    player.begin(1)
    player.add(1, 0, frames("a", 2))
    player.begin(2)
    assert not player.add(1, 1, frames("old", 2))
    player.end(1)
    player.drop(1)
    player.add(2, 0, frames("b", 1))
    assert player.read() == b"b0"
    for stale in (1, 2):
        with pytest.raises(ValueError, match="grow"):
            player.begin(stale)


def test_it_tells_when_it_ran_dry_and_bridges_a_gap(player: Player) -> None:
    assert not player.ran_dry
    player.begin(1)
    assert player.ran_dry
    player.add(1, 0, frames("a", 1))
    assert not player.ran_dry
    player.read()
    assert player.ran_dry
    assert reads(player, 101) == [SILENCE_FRAME] * 100 + [b""]
    player.add(1, 1, frames("b", 1))
    player.end(1)
    assert not player.ran_dry
    assert player.read() == b"b0"


def test_more_than_two_minutes_are_not_taken(player: Player) -> None:
    player.begin(1)
    assert player.add(1, 0, frames("a", 6000))
    assert not player.add(1, 1, frames("b", 1))
    player.read()
    assert player.add(1, 1, frames("b", 1))
    assert player.remaining_seconds == pytest.approx(120)


def test_only_the_last_generations_are_remembered(player: Player) -> None:
    for generation in range(100):
        player.begin(generation)
    assert player.played(92) is not None
    assert player.played(91) is None


def test_a_thread_that_reads_and_one_that_decides_agree_on_every_frame() -> None:
    player = Player()
    heard: list[bytes] = []
    done = threading.Event()

    def listen() -> None:
        while not done.is_set():
            if (frame := player.read()) not in (b"", SILENCE_FRAME):
                heard.append(frame)

    thread = threading.Thread(target=listen)
    thread.start()
    counts: Counter[bytes] = Counter()
    for generation in range(60):
        player.begin(generation)
        for sentence in range(5):
            player.add(generation, sentence, [b"%d" % generation] * 20)
            player.pause()
            player.resume()
        if generation % 2:
            player.drop(generation)
        else:
            player.end(generation)
            while not _complete(player, generation):
                continue
        counts[b"%d" % generation] = _handed_out(player, generation)
    done.set()
    thread.join()
    assert Counter(heard) == +counts
    assert heard == sorted(heard, key=int)


def _complete(player: Player, generation: int) -> bool:
    played = player.played(generation)
    return played is not None and played.is_complete


def _handed_out(player: Player, generation: int) -> int:
    played = player.played(generation)
    return sum(played.frames.values()) if played else -1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["begin", "add", "stale", "end", "pause", "resume", "drop", "read"]), max_size=60))
def test_in_any_order_only_frames_of_the_last_generation_come_and_each_once(steps: Sequence[str]) -> None:
    player = Player(Clock())
    generation, added = -1, 0
    expected: list[bytes] = []
    for step in steps:
        match step:
            case "begin":
                generation += 1
                expected = []
                player.begin(generation)
            case "add":
                frame = b"%d-%d" % (generation, added)
                added += 1
                if player.add(generation, 0, [frame]):
                    expected.append(frame)
            case "stale":
                assert not player.add(generation - 1, 0, [b"stale"])
            case "end":
                player.end(generation)
            case "drop":
                player.drop(generation)
                expected = []
            case "read":
                frame = player.read()
                if frame not in (b"", SILENCE_FRAME):
                    assert not player.is_paused
                    assert frame == expected.pop(0)
                elif expected:
                    assert player.is_paused
            case _:
                getattr(player, step)()
    player.resume()
    assert [player.read() for _ in expected] == expected
