"""Laughter, applause, music and shouting are told by their sound; talk, noise and machines are not any of them."""

import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from bot.plugins.emotion.events import SoundEvent, SoundEvents, SoundKind
from bot.plugins.emotion.features import frames_of, grain
from bot.plugins.emotion.voice import ToneKind, Voice, tone_of, voice_of
from tests.plugins.sound_material import (
    RATE_HZ,
    Sound,
    clapping,
    laughing,
    loud,
    noise,
    pcm,
    silence,
    strings,
    talking,
    voiced,
)


def heard(sound: Sound, *, piece_seconds: float = 10.0, from_seconds: float = 0.0) -> tuple[SoundEvent, ...]:
    """What is heard in it, in pieces as the plugin is given them; only what would be told."""
    listener, step = SoundEvents(), round(piece_seconds * RATE_HZ)
    for first in range(0, len(sound), step):
        listener.feed(pcm(sound[first : first + step]), from_seconds + first / RATE_HZ)
    return tuple(event for event in listener.events() if event.confidence >= 0.6)


def swelling(seconds: float, share: float) -> Sound:
    """Louder and softer, twice a second."""
    return 1 + share * np.sin(4 * np.pi * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)


def kinds(sound: Sound) -> set[SoundKind]:
    return {event.kind for event in heard(sound)}


@pytest.mark.parametrize(
    ("sound", "kind"),
    [
        (laughing(2.0), SoundKind.LAUGHTER),
        (laughing(1.4, pitch_hz=420.0, rate_hz=6.2), SoundKind.LAUGHTER),
        (clapping(4.0), SoundKind.APPLAUSE),
        (clapping(4.0, people=50), SoundKind.APPLAUSE),
        (strings(8.0), SoundKind.MUSIC),
        (loud(voiced(np.linspace(430, 480, RATE_HZ), 1.0, tilt=0.2), -12), SoundKind.SHOUTING),
    ],
)
def test_each_sound_is_told_alone_and_among_talk(sound: Sound, kind: SoundKind) -> None:
    assert kinds(sound) == {kind}
    talk = talking(3.0)
    [event] = heard(np.concatenate([talk, silence(0.5), sound, silence(0.5), talk]))
    assert event.kind is kind
    end_seconds = 3.5 + len(sound) / RATE_HZ
    assert abs(event.start_seconds - 3.5) <= 1.3
    assert abs(event.end_seconds - end_seconds) <= 1.5


@pytest.mark.parametrize(
    "sound",
    [
        silence(5.0),
        talking(12.0),
        talking(12.0, pitch_hz=230.0, seed=4),
        loud(noise(5.0), -20),
        loud(np.convolve(noise(5.0), np.ones(30), mode="same"), -20),
        loud(voiced(440.0, 5.0, tilt=9.0), -20),
        loud(voiced(400.0, 5.0, tilt=0.3) * swelling(5.0, 0.4), -30),
        loud(np.convolve(noise(5.0), np.ones(3), mode="same") * swelling(5.0, 0.2), -20),
        loud(noise(3.0) * np.exp(-np.linspace(0, 75, 3 * RATE_HZ) % 5), -20),
        clapping(4.0, people=1)[: RATE_HZ // 2],
    ],
    ids=["silence", "talk", "higher talk", "hiss", "rumble", "a tone", "a horn", "water", "knocking", "two claps"],
)
def test_what_is_none_of_them_is_not_told(sound: Sound) -> None:
    assert heard(sound) == ()


def test_a_voice_that_rises_above_itself_shouts() -> None:
    yell = talking(1.5, pitch_hz=240.0, dbfs=-28.0, tilt=0.3)
    assert kinds(yell) == set()
    [event] = heard(np.concatenate([talking(6.0, dbfs=-40.0), yell]))
    assert event.kind is SoundKind.SHOUTING
    assert 5.0 <= event.start_seconds <= 7.0


def test_pieces_and_silences_between_them_do_not_matter() -> None:
    sound = np.concatenate([clapping(4.0), silence(1.0), strings(6.0)])
    whole = heard(sound, piece_seconds=30.0)
    assert [event.kind for event in whole] == [SoundKind.APPLAUSE, SoundKind.MUSIC]
    assert heard(sound, piece_seconds=0.3) == whole
    later = heard(sound, from_seconds=100.0)
    assert [(event.kind, event.start_seconds - 100) for event in later] == [
        (event.kind, pytest.approx(event.start_seconds, abs=0.02)) for event in whole
    ]
    listener = SoundEvents()
    listener.feed(pcm(strings(6.0)), 10.0)
    listener.feed(pcm(strings(6.0)), 60.0)
    assert [round(event.start_seconds) for event in listener.events()] == [10, 60]


def test_scraps_of_sound_are_nothing() -> None:
    listener = SoundEvents()
    assert listener.events() == ()
    for scrap in (b"", b"\x00", b"\x01\x02\x03", pcm(noise(0.03))):
        listener.feed(scrap, 0.0)
    assert listener.events() == ()
    assert listener.voice(0.0, 9.0) is None
    assert voice_of(b"") is None
    assert grain(silence(0.1).astype(np.float32)) == 0.0
    assert len(frames_of(silence(0.01).astype(np.float32))) == 0


@cache
def usual_voice() -> Voice:
    voices = [voice_of(pcm(talking(2.0, seed=seed))) for seed in range(5)]
    return Voice.usual([voice for voice in voices if voice])


@pytest.mark.parametrize(
    ("sound", "tone"),
    [
        (talking(2.0, seed=9), None),
        (talking(2.0, pitch_hz=190.0, dbfs=-17.0, tilt=1.1), ToneKind.EXCITED),
        (talking(2.0, dbfs=-14.0), ToneKind.LOUD),
        (talking(2.0, dbfs=-36.0), ToneKind.QUIET),
        (talking(2.0, pitch_hz=260.0, dbfs=-18.5, tilt=1.1), None),
    ],
    ids=["as usual", "higher, louder, sharper", "louder", "softer", "somebody else"],
)
def test_a_tone_is_told_against_the_usual_voice(sound: Sound, tone: ToneKind | None) -> None:
    voice = voice_of(pcm(sound))
    assert voice is not None
    told = tone_of(voice, usual_voice())
    assert (told.kind if told else None) is tone


def test_a_voice_that_sinks_and_goes_flat_is_subdued() -> None:
    usual = Voice(loudness_dbfs=-20, pitch_hz=200, range_semitones=7, syllables_per_second=3, high_share=0.2)
    low = Voice(loudness_dbfs=-27, pitch_hz=170, range_semitones=3, syllables_per_second=2, high_share=0.1)
    told = tone_of(low, usual)
    assert told is not None
    assert told.kind is ToneKind.SUBDUED
    assert 0.6 <= told.confidence <= 0.95
    assert tone_of(usual, usual) is None


def test_the_voice_of_a_stretch_is_that_of_this_stretch() -> None:
    listener = SoundEvents()
    listener.feed(pcm(np.concatenate([talking(3.0, pitch_hz=120.0), talking(3.0, pitch_hz=220.0)])), 20.0)
    low, high = listener.voice(20.0, 23.0), listener.voice(23.0, 26.0)
    assert low is not None
    assert high is not None
    assert 100 < low.pitch_hz < 140
    assert 190 < high.pitch_hz < 250
    assert listener.voice(0.0, 19.0) is None


_REAL = Path(__file__).parents[3] / "shared" / "media"


@pytest.mark.skipif(not _REAL.is_dir(), reason=f"no real recordings at {_REAL}")
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("guitar.mp3", {SoundKind.MUSIC}),
        ("jfk.flac", set[SoundKind]()),
        ("voices-around-a-fire.mp3", set[SoundKind]()),
        ("es_test_clip.wav", set[SoundKind]()),
        ("stream-of-water.mp4", set[SoundKind]()),
    ],
)
def test_real_recordings(name: str, told: set[SoundKind]) -> None:
    form = ["-vn", "-ac", "1", "-ar", str(RATE_HZ), "-f", "s16le", "-"]
    decoded = subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-i", _REAL / name, *form], check=True, capture_output=True
    )
    listener = SoundEvents()
    listener.feed(decoded.stdout, 0.0)
    assert {event.kind for event in listener.events()} == told
