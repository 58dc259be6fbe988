"""Talk over the whole simulated Discord, encrypted end to end: from the last word of a person to the first of
the bot."""

import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

import numpy as np

from tests.bench.report import Report, Row, table
from tests.bench.voice_scene import (
    BRISK,
    QUESTIONS,
    VOICES,
    Scene,
    answered,
    ask,
    at,
    joined,
    pitch_of,
    scene,
    silence,
    spoken,
)
from tests.journeys.discord.calling import LONG
from tests.simulator.discord_voice import sound
from tests.simulator.discord_voice.speaker import Heard

PAUSE_SECONDS = 0.2
PATIENCE_SECONDS = 0.5
INTERRUPT_SECONDS = 0.3
TURNS = 24
TURNS_OFFLINE = 9
INTERRUPTIONS = 6
_MEDIAN_SECONDS, _P95_SECONDS, _OWN_SECONDS = 0.85, 1.0, 0.05
_OFFLINE_SECONDS = 1.2
_YIELD_SECONDS = 0.25


def formula() -> float:
    """What an answer takes when our own work takes no time."""
    models = BRISK.transcript + BRISK.first_token + BRISK.first_speech_byte
    return max(PATIENCE_SECONDS, PAUSE_SECONDS + models)


async def latency(work: Path, turns: int = TURNS) -> Report:
    """Against a quick cloud."""
    async with scene(work) as here:
        seconds = await _talk(here, work, turns)
    own = [one - formula() for one in seconds]
    lines = [
        (name, *(f"{at(values, share):.3f}" for share in (0.0, 0.5, 0.95, 1.0)))
        for name, values in (("end to end", seconds), ("beyond the formula", own))
    ]
    rows = (
        Row(name="voice.answer.median", value=at(seconds, 0.5), unit="s", reference=_MEDIAN_SECONDS, target=1.0),
        Row(name="voice.answer.p95", value=at(seconds, 0.95), unit="s", reference=_P95_SECONDS, target=1.0),
        Row(name="voice.own_overhead.p95", value=at(own, 0.95), unit="s", reference=_OWN_SECONDS, target=1.0),
    )
    text = (
        f"{len(seconds)} questions over an encrypted call, from the last spoken packet to the first audible one back. "
        f"Emulated cloud:\ntranscript {BRISK.transcript:.2f} s after the pause of {PAUSE_SECONDS} s, first token "
        f"{BRISK.first_token:.2f} s, first speech byte {BRISK.first_speech_byte:.2f} s: {formula():.2f} s by "
        "themselves.\n\n" + table(("s", "quickest", "median", "p95", "slowest"), lines)
    )
    return Report(text=text, rows=rows)


async def offline(work: Path, turns: int = TURNS_OFFLINE) -> Report:
    """Recognised, answered and voiced on this machine."""
    async with scene(work, is_offline=True) as here:
        seconds = await _talk(here, work, turns)
    line = ("end to end", *(f"{at(seconds, share):.3f}" for share in (0.0, 0.5, 1.0)))
    text = (
        f"{len(seconds)} questions, recognised, answered and voiced on this machine (pocketsphinx, flite), which also "
        "plays Discord.\n\n" + table(("s", "quickest", "median", "slowest"), [line])
    )
    row = Row(
        name="voice.offline_answer.median", value=at(seconds, 0.5), unit="s", reference=_OFFLINE_SECONDS, target=1.0
    )
    return Report(text=text, rows=(row,))


async def interruptions(work: Path, times: int = INTERRUPTIONS) -> Report:
    """Somebody talks over a long answer; it is not to be heard again. The answer to them has another pitch."""
    async with scene(work) as here:
        anna = await joined(here.club.member("Anna"), here.lounge, calls=True)
        question = spoken(work, QUESTIONS[0], VOICES[0])
        objection = spoken(work, "No, tell me about the other one, please.", VOICES[0])
        yielded, after = [], 0
        for number in range(times):
            _progress(number, times)
            here.mind.said, here.mind.reply = QUESTIONS[0], LONG
            await ask(anna, question)
            here.mind.said, here.mind.reply = "No, tell me about the other one, please.", "The other one is blue."
            began = monotonic()
            said = await anna.say(objection)
            await silence(anna)
            old = [frame.at for frame in of_pitch(anna.heard_since(began), pitch_of(LONG))]
            confirmed = said.began_at + INTERRUPT_SECONDS
            yielded.append(max(old, default=confirmed) - confirmed)
            after += sum(moment > confirmed + _YIELD_SECONDS for moment in old)
    line = ("silent after", *(f"{at(yielded, share):.3f}" for share in (0.0, 0.5, 1.0)), str(after))
    text = (
        f"{len(yielded)} interruptions by words; speech counts as confirmed after {INTERRUPT_SECONDS} s of it.\n\n"
        + table(("s", "quickest", "median", "slowest", "frames of the old answer later"), [line])
    )
    rows = (
        Row(name="voice.yield.slowest", value=max(yielded), unit="s", reference=_YIELD_SECONDS, target=1.0),
        Row(name="voice.old_frames_after", value=float(after), unit="frames", reference=1.0, target=0.0),
    )
    return Report(text=text, rows=rows)


async def _talk(here: Scene, work: Path, turns: int) -> list[float]:
    """Seconds of each turn; one before them warms everything up. Long answers are stopped."""
    anna = here.club.member("Anna")
    speaker = await joined(anna, here.lounge, calls=True)
    texts = [(QUESTIONS[n % len(QUESTIONS)], VOICES[n % len(VOICES)]) for n in range(turns + 1)]
    seconds: list[float] = []
    for number, (text, voice) in enumerate(texts):
        _progress(number, turns)
        pcm = spoken(work, text, voice)
        sound.encode(pcm)
        here.mind.said = text
        seconds.append(await ask(speaker, pcm))
        if here.cloud is None:
            await answered(anna, "stop", here.lounge)
        await silence(speaker)
    return seconds[1:]


def of_pitch(frames: Sequence[Heard], hertz: float) -> list[Heard]:
    """Those that sound at this pitch."""
    meter, found = sound.Meter(), []
    for frame in frames:
        samples = np.frombuffer(meter.decode(frame.opus), np.int16).astype(np.float64)
        if sound.rms(samples.astype(np.int16).tobytes()) < 10 * sound.AUDIBLE_RMS:
            continue
        spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
        loudest = float(np.argmax(spectrum)) * sound.RATE_HZ / len(samples)
        if abs(loudest - hertz) < 100:
            found.append(frame)
    return found


def _progress(number: int, of: int) -> None:
    print(f"turn {number} of {of}", file=sys.stderr, flush=True)
