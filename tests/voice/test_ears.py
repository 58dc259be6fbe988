"""What the ears make of people: starts, pauses and resumptions at their true times, short words, noise, many people,
and senders that mean no good."""

import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.voice import SILENCE_FRAME, OpusFrame
from bot.voice.detector import SileroDetector
from bot.voice.ears import EarLimits, Ears
from bot.voice.opus import OpusDecoder
from bot.voice.speech_events import SpeechEvent, SpeechPaused, SpeechResumed, SpeechStarted, SpeechWentOn
from tests.voice.speech import RATE_HZ, ROUGH, Mouth, Network, Samples, listen, quiet, say, sound_of

PAUSE = EarLimits().pause_seconds


def story(events: Sequence[tuple[float, SpeechEvent]]) -> list[str]:
    return [type(event).__name__ for _, event in events if not isinstance(event, SpeechWentOn)]


def of(events: Sequence[tuple[float, SpeechEvent]], kind: type[SpeechEvent]) -> list[tuple[float, SpeechEvent]]:
    return [(noticed, event) for noticed, event in events if isinstance(event, kind)]


def loud_end(samples: Samples, at: float) -> float:
    """When the last sound above 30 dB below the loudest is."""
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > np.abs(samples.astype(np.int32)).max() / 30)
    return at + int(loud[-1]) / RATE_HZ


@pytest.fixture
def ears():
    made = Ears(EarLimits())
    yield made
    made.close()


@pytest.mark.parametrize("sends_silence", [True, False])
@pytest.mark.parametrize("voice", ["slt", "rms"])
def test_speech_starts_pauses_once_and_all_of_it_is_told(ears: Ears, voice: str, sends_silence: bool) -> None:
    samples = say("where did the blue car go", voice)
    frames = Mouth().frames(samples, 10.0, ends=sends_silence)
    events = listen(ears, frames, since=10.0, until=13.5)
    assert story(events) == ["SpeechStarted", "SpeechPaused"]
    (noticed, started), (ended, paused) = of(events, SpeechStarted)[0], of(events, SpeechPaused)[0]
    assert 10.0 <= started.at <= 10.15
    assert noticed - started.at <= 0.2
    assert paused.at == pytest.approx(loud_end(samples, 10.0), abs=0.08)
    assert PAUSE <= ended - paused.at < PAUSE + 0.021
    told = sound_of(event for _, event in events)
    sent = len(frames) * 0.02 if sends_silence else len(samples) / RATE_HZ
    assert len(told) / 2 / RATE_HZ == pytest.approx(sent, abs=0.12)


@pytest.mark.parametrize("voice", ["kal16", "slt", "rms", "awb"])
@pytest.mark.parametrize("word", ["yes", "no", "stop"])
def test_a_short_word_is_heard_also_when_it_is_said_fast_and_sent_alone(ears: Ears, word: str, voice: str) -> None:
    events = listen(ears, Mouth().frames(say(word, voice, 0.7), 1.0, ends=False), until=3)
    assert story(events) == ["SpeechStarted", "SpeechPaused"]


@pytest.mark.parametrize("noise", [0.0, 40.0])
def test_a_quiet_voice_is_heard_over_a_quieter_hiss(ears: Ears, noise: float) -> None:
    voice = (say("where did the blue car go") * 0.03).astype(np.int16)
    gap = quiet(0.6)
    samples = np.concatenate([gap, voice, gap])
    hissing = samples + quiet(len(samples) / RATE_HZ, noise / 5)[: len(samples)]
    events = listen(ears, Mouth(bitrate=64_000).frames(hissing, 0.0))
    assert story(events) == ["SpeechStarted", "SpeechPaused"]


def test_noise_alone_is_no_speech(ears: Ears) -> None:
    seconds = np.arange(3 * RATE_HZ) / RATE_HZ
    hum = sum(2000 / n * np.sin(2 * np.pi * 50 * n * seconds) for n in (1, 2, 3, 5))
    chord = sum(1500 * np.sin(2 * np.pi * hz * seconds) for hz in (220, 277, 330, 440))
    for person, noise in enumerate((quiet(3, 150), quiet(3, 1500), hum, chord)):
        frames = Mouth(person).frames(np.asarray(noise).astype(np.int16), person * 10.0)
        assert listen(ears, frames, since=person * 10.0) == []


@pytest.mark.parametrize("voice", ["slt", "rms"])
@pytest.mark.parametrize("hiss_level", [60, 700])
def test_a_hiss_that_goes_on_does_not_put_off_the_pause(ears: Ears, voice: str, hiss_level: float) -> None:
    samples = say("where did the blue car go", voice)
    scene = np.concatenate([quiet(2), samples, quiet(1.5)])
    hiss = quiet(len(scene) / RATE_HZ + 1, hiss_level)[: len(scene)]
    events = listen(ears, Mouth().frames(scene + hiss, 0.0))
    assert story(events) == ["SpeechStarted", "SpeechPaused"]
    [(started_at, started)] = of(events, SpeechStarted)
    assert isinstance(started, SpeechStarted)
    assert len(started.pcm) / 2 / RATE_HZ == pytest.approx(started_at - started.at + 0.3, abs=0.03)
    [(noticed, paused)] = of(events, SpeechPaused)
    assert paused.at == pytest.approx(loud_end(samples, 2.0), abs=0.1)
    assert PAUSE <= noticed - paused.at < PAUSE + 0.061


def test_who_goes_on_resumes_with_the_silence_in_between(ears: Ears) -> None:
    mouth = Mouth()
    first, second = say("where did"), say("the blue car go")
    frames = mouth.frames(first, 1.0)
    mouth.rest(1.4)
    frames += mouth.frames(second, frames[-1].arrived_at + 1.4)
    events = listen(ears, frames)
    assert story(events) == ["SpeechStarted", "SpeechPaused", "SpeechResumed", "SpeechPaused"]
    told = len(sound_of(event for _, event in events)) / 2 / RATE_HZ
    assert told == pytest.approx(frames[-1].arrived_at - 1.0, abs=0.15)
    [(_, resumed)] = of(events, SpeechResumed)
    assert resumed.at == pytest.approx(frames[-1].arrived_at - 0.1 - len(second) / RATE_HZ, abs=0.15)


def test_after_the_end_of_a_turn_speech_starts_anew(ears: Ears) -> None:
    mouth = Mouth()
    events = listen(ears, mouth.frames(say("where did"), 1.0), until=2.5)
    ears.end_turn(1)
    ears.end_turn(1)
    ears.end_turn(99)
    mouth.rest(1.0)
    again = listen(ears, mouth.frames(say("the blue car go"), 3.0), since=2.5)
    assert story(events) + story(again) == ["SpeechStarted", "SpeechPaused"] * 2
    [(_, started)] = of(again, SpeechStarted)
    assert isinstance(started, SpeechStarted)
    assert len(started.pcm) <= 2 * RATE_HZ * 0.6


def test_a_turn_that_ends_while_they_speak_begins_another(ears: Ears) -> None:
    frames = Mouth().frames(say("where did the blue car go and who was in it"), 1.0)
    events = listen(ears, frames, until=2.0)
    ears.end_turn(1)
    again = listen(ears, [frame for frame in frames if frame.arrived_at > 2.0], since=2.0)
    assert story(events) == ["SpeechStarted"]
    assert story(again) == ["SpeechStarted", "SpeechPaused"]
    assert len(sound_of(e for _, e in events + again)) / 2 / RATE_HZ == pytest.approx(len(frames) * 0.02, abs=0.12)


def test_a_pause_that_nobody_ended_is_over_after_half_a_minute(ears: Ears) -> None:
    mouth = Mouth()
    frames = mouth.frames(say("where did"), 1.0)
    frames += mouth.frames(say("the blue car go"), 40.0)
    events = listen(ears, frames)
    assert story(events) == ["SpeechStarted", "SpeechPaused"] * 2


def test_long_speech_comes_in_pieces_without_a_gap() -> None:
    ears = Ears(EarLimits(longest_utterance_seconds=5.0))
    samples = np.concatenate([say("where did the blue car go and who was in it", "slt", 1.3)] * 4)
    frames = Mouth().frames(samples, 1.0)
    events = listen(ears, frames)
    assert len(of(events, SpeechStarted)) == len(of(events, SpeechPaused)) >= 2
    assert story(events)[:2] == ["SpeechStarted", "SpeechPaused"]
    piece: dict[int, int] = {}
    number = 0
    for _, event in events:
        number += isinstance(event, SpeechStarted)
        if isinstance(event, SpeechStarted | SpeechWentOn | SpeechResumed):
            piece[number] = piece.get(number, 0) + len(event.pcm)
    assert max(piece.values()) / 2 / RATE_HZ < 5.8
    assert sum(piece.values()) / 2 / RATE_HZ == pytest.approx(len(frames) * 0.02, abs=0.4)
    ears.close()


def test_who_resumes_when_the_longest_is_over_starts_anew() -> None:
    ears = Ears(EarLimits(longest_utterance_seconds=5.0))
    mouth = Mouth()
    frames = mouth.frames(say("where did"), 1.0)
    mouth.rest(5.0)
    frames += mouth.frames(say("the blue car go"), frames[-1].arrived_at + 5.0)
    assert story(listen(ears, frames)) == ["SpeechStarted", "SpeechPaused"] * 2
    ears.close()


def test_while_we_are_held_up_nobody_pauses(ears: Ears) -> None:
    frames = Mouth().frames(say("where did the blue car go and who was in it"), 0.0)
    events = listen(ears, frames[:30], until=0.6)
    ears.push(frames[30:80])
    later = listen(ears, frames[80:], since=1.6)
    assert story(events) + story(later) == ["SpeechStarted", "SpeechPaused"]


def test_noise_that_lasts_is_not_kept(ears: Ears) -> None:
    frames = Mouth().frames(quiet(6, 200), 0.0)
    listen(ears, frames)
    assert len(ears._people[1]._sound) <= 2 * RATE_HZ * 1.05


def test_after_a_rest_the_detector_begins_anew() -> None:
    class Counted(SileroDetector):
        resets = 0

        def reset(self) -> None:
            Counted.resets += 1
            super().reset()

    ears = Ears(EarLimits(), detectors=Counted)
    mouth = Mouth()
    frames = [frame for n in range(3) for frame in mouth.frames(say("yes"), 1.0 + 3 * n)]
    listen(ears, frames)
    assert Counted.resets == 3
    ears.close()


def test_of_a_rough_network_little_is_noticed(ears: Ears) -> None:
    samples = say("where did the blue car go and who was in it")
    for seed in range(3):
        events = listen(ears, ROUGH.carry(Mouth(ssrc=seed).frames(samples, 10.0 * (seed + 1)), seed), since=10.0 * seed)
        assert story(events) == ["SpeechStarted", "SpeechPaused"]
        [(noticed, paused)] = of(events, SpeechPaused)
        assert noticed - paused.at < PAUSE + 0.15
        ears.end_turn(1)
    assert 0 < ears.counters["concealed"] <= ears.counters["lost"]


def test_four_people_at_once_stay_apart_and_each_is_heard_as_if_alone(ears: Ears) -> None:
    voices = ["kal16", "slt", "rms", "awb"]
    sentences = ["the meeting starts at nine", "where did the blue car go", "please open the window", "I do not know"]
    sent = {
        person: Mouth(person, ssrc=500 + person).frames(say(text, voice), 1.0 + person / 10)
        for person, (voice, text) in enumerate(zip(voices, sentences, strict=True), start=1)
    }
    crowd = sorted((frame for frames in sent.values() for frame in frames), key=lambda frame: frame.arrived_at)
    together = listen(ears, crowd, until=6)
    for person, frames in sent.items():
        other = Ears(EarLimits())
        alone = listen(other, frames, until=6)
        other.close()
        assert [(at, event) for at, event in together if event.person_id == person] == alone
        assert story(alone) == ["SpeechStarted", "SpeechPaused"]


def test_who_leaves_is_forgotten_at_once(ears: Ears) -> None:
    before = OpusDecoder.live
    frames = Mouth().frames(say("where did the blue car go"), 0.0)
    assert story(listen(ears, frames[:40], until=0.8)) == ["SpeechStarted"]
    assert OpusDecoder.live == before + 1
    ears.push(frames[40:45])
    ears.leave(1)
    ears.leave(1)
    assert OpusDecoder.live == before
    assert listen(ears, [], since=0.8, until=3) == []


def test_a_full_channel_hears_nobody_more_until_somebody_was_silent_longest() -> None:
    ears = Ears(EarLimits(max_people=2))
    before = OpusDecoder.live
    samples = say("where did the blue car go")
    talk = {person: Mouth(person, ssrc=person).frames(samples, person / 100) for person in (1, 2, 3)}
    crowd = sorted((frame for frames in talk.values() for frame in frames), key=lambda frame: frame.arrived_at)
    events = listen(ears, crowd, until=4)
    assert {event.person_id for _, event in events} == {1, 2}
    assert ears.counters["too_many"] == len(talk[3])
    assert OpusDecoder.live == before + 2
    later = listen(ears, Mouth(3, ssrc=3).frames(samples, 5.0), since=4)
    assert {event.person_id for _, event in later} == {3}
    assert OpusDecoder.live == before + 2
    ears.close()
    ears.close()
    assert OpusDecoder.live == before


def test_people_who_are_silent_cost_nothing(ears: Ears) -> None:
    class Counted(SileroDetector):
        calls = 0

        def probability(self, pcm: bytes) -> float:
            Counted.calls += 1
            return super().probability(pcm)

    ears = Ears(EarLimits(), detectors=Counted)
    listen(ears, Mouth().frames(say("yes"), 1.0), until=5)
    calls, decoded = Counted.calls, ears.counters["decoded"]
    assert calls > 0
    listen(ears, [], since=5, until=15)
    listen(ears, list(Mouth(2, ssrc=2).sent([SILENCE_FRAME] * 500, 15.0)), since=15)
    assert Counted.calls == calls
    assert ears.counters["decoded"] == decoded + 500
    ears.close()


def test_no_sound_of_anybody_is_in_what_is_printed(ears: Ears) -> None:
    events = listen(ears, Mouth().frames(say("yes"), 1.0))
    assert all(len(repr(event)) < 120 for _, event in events)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32))
def test_strangers_with_any_packets_never_break_the_order_of_events(seed: int) -> None:
    pick = random.Random(seed)
    ears = Ears(EarLimits(max_people=3, longest_utterance_seconds=5.0))
    speech = [frame.opus for frame in Mouth().frames(say("where did the blue car go"), 0.0)]
    now = 100.0
    is_speaking: dict[int, bool] = {}
    for _ in range(120):
        now += pick.choice([0.001, 0.02, 0.02, 0.3, 2.0])
        first = pick.randrange(65_536)
        ears.push(
            [
                OpusFrame(
                    person_id=pick.randrange(5),
                    ssrc=pick.randrange(3),
                    sequence=pick.choice([(first + n) & 0xFFFF, pick.randrange(65_536)]),
                    timestamp=pick.choice([(n * 960) & 0xFFFFFFFF, pick.randrange(2**32)]),
                    arrived_at=now - pick.random() / 10,
                    opus=pick.choice([pick.choice(speech), pick.randbytes(pick.randrange(40)), SILENCE_FRAME]),
                )
                for n in range(pick.randrange(12))
            ]
        )
        for event in ears.tick(now):
            match event:
                case SpeechStarted() | SpeechResumed():
                    assert not is_speaking.get(event.person_id)
                    is_speaking[event.person_id] = True
                    assert len(event.pcm) < 32 * RATE_HZ * 2
                case SpeechPaused():
                    assert is_speaking.pop(event.person_id)
                case _:
                    assert is_speaking[event.person_id]
        if pick.random() < 0.05:
            person = pick.randrange(5)
            ears.leave(person)
            is_speaking.pop(person, None)
    for _ in range(400):
        now += 0.02
        for event in ears.tick(now):
            if isinstance(event, SpeechPaused):
                is_speaking.pop(event.person_id)
    assert not any(is_speaking.values())
    before = OpusDecoder.live
    ears.close()
    assert OpusDecoder.live <= before


def test_a_network_that_stops_for_a_while_is_caught_up_with(ears: Ears) -> None:
    frames = Mouth().frames(say("where did the blue car go and who was in it"), 1.0)
    stalled = [frame for frame in frames if not 1.5 < frame.arrived_at <= 2.5]
    held = Network(delay_seconds=0.0).carry([frame for frame in frames if 1.5 < frame.arrived_at <= 2.5], 0)
    burst = [
        OpusFrame(
            person_id=1, ssrc=77, sequence=f.sequence, timestamp=f.timestamp, arrived_at=2.51 + n / 1e5, opus=f.opus
        )
        for n, f in enumerate(held)
    ]
    events = listen(ears, sorted(stalled + burst, key=lambda frame: frame.arrived_at))
    assert story(events) == ["SpeechStarted", "SpeechPaused", "SpeechResumed", "SpeechPaused"]
    assert ears.counters["lost"] == 0
    assert ears.counters["decoded"] == len(frames)
