"""Sounds with known marks, made of sines and noise: clapping, laughing, strings, a voice that talks or yells."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 16_000

Sound = NDArray[np.float64]


def pcm(sound: Sound) -> bytes:
    return (np.clip(sound, -1, 1) * 32_000).astype("<i2").tobytes()


def noise(seconds: float, seed: int = 1) -> Sound:
    return np.random.default_rng(seed).standard_normal(round(seconds * RATE_HZ))


def silence(seconds: float) -> Sound:
    return np.zeros(round(seconds * RATE_HZ))


def loud(sound: Sound, dbfs: float) -> Sound:
    """At this loudness where it sounds."""
    heard = sound[np.abs(sound) > 1e-4]
    return sound * 10 ** (dbfs / 20) / np.sqrt(np.mean(heard**2))


@cache
def clapping(seconds: float, people: int = 25, seed: int = 2) -> Sound:
    """Everybody claps four times a second, each at their own moment: blows of 15 ms between 1 and 3 kHz, in a room
    that rings for a fifth of a second."""
    draw = np.random.default_rng(seed)
    count, length = round(seconds * RATE_HZ), round(0.015 * RATE_HZ)
    sound = silence(seconds + 0.1)
    for at in draw.uniform(0, seconds, round(people * 4 * seconds)):
        begin = round(at * RATE_HZ)
        ring = np.cos(2 * np.pi * draw.uniform(900, 2_800) * np.arange(length) / RATE_HZ)
        blow = draw.standard_normal(length) * 0.5 + ring
        sound[begin : begin + length] += draw.uniform(0.3, 1.0) * blow * np.exp(-np.arange(length) / (0.004 * RATE_HZ))
    fade = np.exp(-np.linspace(0, 5, round(0.2 * RATE_HZ)))
    level = np.fft.irfft(np.fft.rfft(sound**2, 2 * count) * np.fft.rfft(fade, 2 * count), 2 * count)[:count]
    return loud(sound[:count] + 0.015 * draw.standard_normal(count) * np.sqrt(np.maximum(level, 0)), -20)


def voiced(pitch_hz: NDArray[np.float64] | float, seconds: float, *, tilt: float = 1.5) -> Sound:
    """Harmonics that fall with their number to the power of `tilt`: 1.5 for talking, 0.5 for yelling."""
    pitch = np.broadcast_to(pitch_hz, round(seconds * RATE_HZ))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE_HZ
    most = int(5_000 / pitch.max())
    numbers = np.arange(1, most + 1)
    return (np.sin(np.outer(phase, numbers).astype(np.float32)) @ (1 / numbers**tilt)).astype(np.float64)


@cache
def laughing(seconds: float, pitch_hz: float = 300.0, rate_hz: float = 5.0) -> Sound:
    """Ha ha ha: breath, then a voiced burst that falls off, and again, softer each time."""
    bursts: list[Sound] = []
    for number in range(round(seconds * rate_hz)):
        length = 0.6 / rate_hz
        pitch = pitch_hz * 0.98**number
        burst = voiced(np.linspace(pitch * 1.05, pitch * 0.9, round(length * RATE_HZ)), length, tilt=0.9)
        burst *= np.exp(-np.linspace(0, 2, len(burst)))
        breath = 0.08 * noise(0.4 / rate_hz, seed=number)
        bursts.append(
            np.concatenate([breath, burst + 0.1 * noise(length, seed=50 + number)[: len(burst)]]) * 0.93**number
        )
    return loud(np.concatenate(bursts), -22)


@cache
def strings(seconds: float, chord_seconds: float = 0.8) -> Sound:
    """Chords of plucked strings, one after the other."""
    chords = [(220.0, 277.2, 329.6), (196.0, 246.9, 293.7), (174.6, 220.0, 261.6), (246.9, 311.1, 370.0)]
    parts: list[Sound] = []
    for number in range(round(seconds / chord_seconds)):
        fade = np.exp(-np.linspace(0, 1.5, round(chord_seconds * RATE_HZ)))
        parts.append(fade * sum(voiced(hz, chord_seconds, tilt=2.0) for hz in chords[number % len(chords)]))
    return loud(np.concatenate(parts), -20)


@cache
def talking(seconds: float, pitch_hz: float = 130.0, dbfs: float = -24.0, *, tilt: float = 1.5, seed: int = 3) -> Sound:
    """Syllables of changing length, pitch and colour, with hisses and pauses in between."""
    draw = np.random.default_rng(seed)
    parts: list[Sound] = []
    while sum(map(len, parts)) < seconds * RATE_HZ:
        length = draw.uniform(0.08, 0.28)
        pitch = pitch_hz * draw.uniform(0.85, 1.2)
        voice = voiced(np.linspace(pitch, pitch * draw.uniform(0.85, 1.1), round(length * RATE_HZ)), length, tilt=tilt)
        voice *= np.hanning(len(voice)) ** 0.5 * draw.uniform(0.4, 1.0)
        colour = np.convolve(voice, np.hanning(round(draw.uniform(3, 14))), mode="same") if tilt > 1 else voice
        hiss = 0.05 * noise(draw.uniform(0.02, 0.12), seed=len(parts))
        parts += [colour / np.abs(colour).max() * 0.5, hiss, silence(draw.choice([0.02, 0.05, 0.3]))]
    return loud(np.concatenate(parts)[: round(seconds * RATE_HZ)], dbfs)
