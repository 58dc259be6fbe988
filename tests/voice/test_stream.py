"""Packets of one person into sound: losses filled, silence as long as it was, times that jitter does not move."""

import random
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.voice import SILENCE_FRAME, OpusFrame
from bot.voice.opus import OpusDecoder
from bot.voice.stream import Sound, SoundStream
from tests.voice.speech import CLEAN, RATE_HZ, Mouth, Network, moved, say


def through(frames: Sequence[OpusFrame], counters: Counter[str] | None = None) -> list[Sound]:
    stream = SoundStream(Counter() if counters is None else counters)
    heard: list[Sound] = []
    waiting = list(frames)
    now, end = waiting[0].arrived_at, waiting[-1].arrived_at + 0.3
    while now < end:
        now += 0.02
        while waiting and waiting[0].arrived_at <= now:
            stream.push(waiting.pop(0))
        heard += stream.pull(now)
    stream.close()
    return heard


def seconds_of(sounds: Sequence[Sound]) -> float:
    return sum(len(sound.pcm) for sound in sounds) / 2 / RATE_HZ


@pytest.fixture(scope="module")
def spoken() -> list[OpusFrame]:
    return Mouth(sequence=65_500, timestamp=2**32 - 5000).frames(say("what happened at the end"), 100.0, ends=False)


def test_all_that_was_sent_is_heard_and_each_sound_has_its_time(spoken: list[OpusFrame]) -> None:
    heard = through(CLEAN.carry(spoken, seed=1))
    assert len(heard) == len(spoken)
    for frame, sound in zip(spoken, heard, strict=True):
        assert sound.ends_at == pytest.approx(frame.arrived_at + CLEAN.delay_seconds, abs=1e-6)


def test_jitter_does_not_move_the_times(spoken: list[OpusFrame]) -> None:
    delays = random.Random(3)
    late = sorted((moved(frame, delays.uniform(0.01, 0.05)) for frame in spoken), key=lambda frame: frame.arrived_at)
    heard = through(late)
    steps = np.diff([sound.ends_at for sound in heard[10:]])
    assert seconds_of(heard) == pytest.approx(len(spoken) * 0.02)
    assert np.abs(steps - 0.02).max() < 0.01
    assert heard[-1].ends_at == pytest.approx(spoken[-1].arrived_at + 0.01, abs=0.01)


def test_a_loss_is_filled_and_counted_and_the_length_stays_true(spoken: list[OpusFrame]) -> None:
    counters: Counter[str] = Counter()
    heard = through([frame for number, frame in enumerate(spoken) if number % 10 not in (4, 5, 8)], counters)
    gone = sum(number % 10 in (4, 5, 8) for number in range(len(spoken) - 1))
    assert counters["lost"] == counters["concealed"] == gone
    assert seconds_of(heard) == pytest.approx(len(spoken) * 0.02, abs=0.021)
    assert not any(sound.is_silence for sound in heard)


def test_a_loss_is_filled_from_the_packet_after_it(spoken: list[OpusFrame]) -> None:
    heard = through(spoken[:20] + spoken[21:30])
    decoder = OpusDecoder()
    for frame in spoken[:20]:
        decoder.decode(frame.opus)
    assert heard[20].pcm == decoder.recover(spoken[21].opus, 320)
    decoder.close()


@pytest.mark.parametrize("jump", [100_000, 2**31, -5_000])
def test_a_jump_of_the_timestamps_is_no_silence(spoken: list[OpusFrame], jump: int) -> None:
    mouth = Mouth()
    frames = list(mouth.sent([frame.opus for frame in spoken[:20]], 0.0))
    mouth.timestamp = (mouth.timestamp + jump) & 0xFFFFFFFF
    frames += mouth.sent([frame.opus for frame in spoken[20:30]], frames[-1].arrived_at)
    heard = through(frames)
    assert seconds_of(heard) == pytest.approx(30 * 0.02)
    assert heard[-1].ends_at == pytest.approx(frames[-1].arrived_at)


def test_a_burst_is_worked_off_in_pieces(spoken: list[OpusFrame]) -> None:
    stream = SoundStream(Counter())
    for frame in spoken[:50]:
        stream.push(moved(frame, 0.0))
    pulls = []
    while stream.is_waiting:
        pulls.append(len(list(stream.pull(101.1))))
    assert max(pulls) == 8
    assert sum(pulls) == 50
    stream.close()


def test_of_a_long_loss_only_a_tenth_of_a_second_is_made_up(spoken: list[OpusFrame]) -> None:
    heard = through(spoken[:15] + spoken[45:55])
    assert seconds_of(heard) == pytest.approx(55 * 0.02)
    [silence] = [sound for sound in heard if sound.is_silence]
    assert seconds_of([silence]) == pytest.approx(30 * 0.02 - 0.1)
    assert not any(silence.pcm)


def test_a_pause_in_which_nothing_is_sent_is_silence_of_its_length() -> None:
    mouth = Mouth()
    first = mouth.frames(say("red"), 0.0, ends=False)
    mouth.rest(0.4)
    second = mouth.frames(say("blue"), first[-1].arrived_at + 0.4, ends=False)
    heard = through(first + second)
    [silence] = [sound for sound in heard if sound.is_silence]
    assert seconds_of([silence]) == pytest.approx(0.4)
    assert silence.ends_at == pytest.approx(second[0].arrived_at - 0.02)


def test_a_clock_of_the_sender_that_stands_still_in_pauses_does_not_date_speech_back() -> None:
    mouth = Mouth()
    first = mouth.frames(say("red"), 0.0, ends=False)
    second = mouth.frames(say("blue"), first[-1].arrived_at + 0.6, ends=False)
    heard = through(first + second)
    assert heard[len(first)].ends_at == pytest.approx(second[0].arrived_at)


def test_a_sender_that_is_slow_stays_in_time() -> None:
    slow = [moved(frame, number * 0.002) for number, frame in enumerate(Mouth().frames(say("red car", "rms", 8), 0.0))]
    heard = through(slow)
    assert heard[-1].ends_at > slow[-1].arrived_at - 0.16


@pytest.mark.parametrize("milliseconds", [10, 40, 60])
def test_frames_of_any_length_fit_together(milliseconds: int) -> None:
    one = Mouth().frames(say("red"), 0.0)[3].opus
    seconds = milliseconds / 1000
    if milliseconds == 10:
        packet = b"\xf0" + one[1:]  # the same bytes as 10 ms of fullband
    else:
        count = milliseconds // 20
        packet = bytes([one[0] | 3, count]) + one[1:] * count  # RFC 6716, 3.2.5: so many frames of equal size
    mouth = Mouth()
    frames = list(mouth.sent([packet] * 20, 0.0, seconds))
    del frames[7]
    heard = through(frames)
    assert seconds_of(heard) == pytest.approx(20 * seconds)
    assert heard[-1].ends_at == pytest.approx(frames[-1].arrived_at)


def test_another_stream_of_the_same_person_takes_the_place_of_the_first() -> None:
    before = OpusDecoder.live
    counters: Counter[str] = Counter()
    stream = SoundStream(counters)
    first, second = Mouth(ssrc=1).frames(say("red"), 0.0), Mouth(ssrc=2).frames(say("blue"), 0.5)
    for frame in first[:10]:
        stream.push(frame)
    assert len(list(stream.pull(0.2)) + list(stream.pull(0.3))) == 10
    for frame in (*second[:5], moved(first[10], 0.5), *second[5:10]):
        stream.push(frame)
    assert len(list(stream.pull(0.7)) + list(stream.pull(0.72))) == 10
    assert counters["late"] == 1
    assert OpusDecoder.live == before + 1
    stream.close()
    assert OpusDecoder.live == before


def test_silence_needs_no_decoder_and_rubbish_is_counted_and_passed_over(spoken: list[OpusFrame]) -> None:
    counters: Counter[str] = Counter()
    bad = [
        OpusFrame(
            person_id=1,
            ssrc=77,
            sequence=frame.sequence,
            timestamp=frame.timestamp,
            arrived_at=frame.arrived_at,
            opus=b"\xff\xff" if number == 5 else frame.opus,
        )
        for number, frame in enumerate(spoken)
    ]
    heard = through(bad, counters)
    assert counters["bad_frame"] == 1
    assert seconds_of(heard) == pytest.approx(len(spoken) * 0.02)
    [silence] = through(list(Mouth().sent([SILENCE_FRAME], 0.0)))
    assert silence.is_silence
    assert silence.pcm == bytes(640)


def test_more_sound_than_time_passes_is_dropped(spoken: list[OpusFrame]) -> None:
    counters: Counter[str] = Counter()
    stream = SoundStream(counters)
    mouth = Mouth()
    heard = 0.0
    for tick in range(1, 101):
        for frame in mouth.sent([spoken[10].opus] * 6, tick * 0.02, 0.0001):
            stream.push(frame)
        heard += seconds_of(list(stream.pull(tick * 0.02 + 0.01)))
    assert heard < 3.0 + 2.0 * 1.3
    assert counters["flooded"] > 200
    stream.close()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 65_535), st.integers(0, 2**32 - 1), st.integers(0, 3), st.sampled_from([0.0, 0.02, 0.5, 3.0])
        ),
        max_size=80,
    )
)
def test_no_numbers_make_it_fail_or_go_beyond_its_bounds(steps: list[tuple[int, int, int, float]]) -> None:
    counters: Counter[str] = Counter()
    stream = SoundStream(counters)
    now, heard = 10.0, 0.0
    for sequence, timestamp, ssrc, passed in steps:
        now += passed
        stream.push(
            OpusFrame(
                person_id=1, ssrc=ssrc, sequence=sequence, timestamp=timestamp, arrived_at=now, opus=SILENCE_FRAME
            )
        )
        for sound in stream.pull(now):
            heard += len(sound.pcm) / 2 / RATE_HZ
            assert sound.ends_at <= now + 1e-6
    assert heard <= 3.0 + (now - 10.0) * 1.2 + 0.1
    stream.close()


def test_of_a_delay_that_grows_only_the_last_second_counts() -> None:
    frames = Mouth().frames(say("where did the blue car go", "rms", 2), 0.0)
    late = [moved(frame, 0.1 if number > 60 else 0.0) for number, frame in enumerate(frames)]
    heard = through(late)
    assert heard[-1].ends_at == pytest.approx(late[-1].arrived_at)
    assert heard[70].ends_at == pytest.approx(late[70].arrived_at - 0.1)


def test_a_rough_network_loses_little_more_than_what_was_lost(spoken: list[OpusFrame]) -> None:
    counters: Counter[str] = Counter()
    for seed in range(5):
        through(Network(jitter_seconds=0.02, doubled=0.1).carry(spoken, seed), counters)
    assert counters["lost"] <= 0.02 * len(spoken) * 5
    assert counters["duplicate"] > 0
