"""What stands behind the emulated API: an honest, deterministic mind that looks, listens, answers and speaks."""

import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.simulator.openai_server.images import SeenImage
from tests.simulator.openai_server.records import ChatCall, TranscriptionCall
from tests.simulator.openai_server.sound import HEARING_RATE_HZ, SPEECH_RATE_HZ, HeardAudio

if TYPE_CHECKING:
    from tests.simulator.openai_server.tools import Made


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenPicture:
    """What a mind says of one picture."""

    caption: str
    text_on_screen: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardSegment:
    """What a mind heard, in seconds from the start of the upload."""

    start_seconds: float
    end_seconds: float
    text: str
    speaker: str = "A"


class Mind(Protocol):
    """Decides every word and sound of the emulated API. Called in a thread."""

    def look(self, images: Sequence[SeenImage], call: ChatCall) -> list[SeenPicture]: ...

    def listen(self, audio: HeardAudio, call: TranscriptionCall) -> list[HeardSegment]: ...

    def act(self, call: ChatCall) -> "tuple[Made, ...]":
        """What it calls for before it answers; asked only where the request lets it."""
        ...

    def answer(self, call: ChatCall) -> str: ...

    def speak(self, text: str, voice: str, speed: float) -> bytes: ...


class HonestMind:
    """Names the colours and the brightness of pictures and the pitch of tones, and repeats the evidence it was
    given, each piece with its time in brackets.

    `reads_text`: on-screen text is read with Tesseract. `answers`: the answers in turn, or a function of the
    request; None composes one from the evidence. `hears`: what an upload that is no tone says; None leaves it to
    what `learn_speech` was taught. `rewords` changes what is spoken, as a voice model may.
    """

    def __init__(
        self,
        *,
        reads_text: bool = False,
        answers: str | Sequence[str] | Callable[[ChatCall], str] | None = None,
        hears: str | Callable[[HeardAudio, TranscriptionCall], str | list[HeardSegment]] | None = None,
        rewords: Callable[[str], str] | None = None,
    ) -> None:
        self.reads_text = reads_text
        self.answers = answers
        self.hears = hears
        self.rewords = rewords
        self._answered = 0
        self._phrases: list[tuple[NDArray[np.float64], str]] = []

    def learn_speech(self, samples: NDArray[np.float32], text: str) -> None:
        """From now on, sound like `samples` (mono, 16 kHz) is heard as `text`, re-encoded or embedded."""
        self._phrases.append((_contour(_trim(samples)), text))

    def look(self, images: Sequence[SeenImage], call: ChatCall) -> list[SeenPicture]:
        return [
            SeenPicture(
                caption=describe_picture(image.open()),
                text_on_screen=read_text(image.data) if self.reads_text else None,
            )
            for image in images
        ]

    def listen(self, audio: HeardAudio, call: TranscriptionCall) -> list[HeardSegment]:
        if callable(self.hears):
            heard = self.hears(audio, call)
            if not isinstance(heard, str):
                return heard
            return [HeardSegment(start_seconds=0.0, end_seconds=audio.duration_seconds, text=heard)] if heard else []
        segments: list[HeardSegment] = []
        for start, end in _loud_stretches(audio.samples):
            for tone_start, tone_end, pitch in _tones(audio.samples, start, end):
                if pitch is not None:
                    segments.append(
                        HeardSegment(start_seconds=tone_start, end_seconds=tone_end, text=f"tone {pitch} hertz")
                    )
                else:
                    segments.extend(self._recognise(audio.samples, tone_start, tone_end))
        return segments

    def act(self, call: ChatCall) -> "tuple[Made, ...]":
        return ()

    def answer(self, call: ChatCall) -> str:
        if callable(self.answers):
            return self.answers(call)
        if isinstance(self.answers, str):
            return self.answers
        if self.answers:
            answer = self.answers[min(self._answered, len(self.answers) - 1)]
            self._answered += 1
            return answer
        return self._compose(call)

    def speak(self, text: str, voice: str, speed: float) -> bytes:
        return hum(text, pitch_hz=110.0 + sum(voice.encode()) % 110, speed=speed)

    def _recognise(self, samples: NDArray[np.float32], start: float, end: float) -> list[HeardSegment]:
        piece = samples[int(start * HEARING_RATE_HZ) : int(end * HEARING_RATE_HZ)]
        if isinstance(self.hears, str):
            return [HeardSegment(start_seconds=start, end_seconds=end, text=self.hears)]
        found: list[HeardSegment] = []
        contour = _contour(piece)
        for phrase, text in self._phrases:
            match = _find(phrase, contour)
            if match is not None:
                at, length = match
                first = start + max(0.0, at)
                found.append(HeardSegment(start_seconds=first, end_seconds=min(end, start + at + length), text=text))
        return sorted(found, key=lambda segment: segment.start_seconds)

    def _compose(self, call: ChatCall) -> str:
        lines = [line for line in map(str.strip, call.text.splitlines()) if _EVIDENCE.match(line)]
        if call.images:
            pictures = self.look(call.images, call)
            lines += [f"[{_clock(at)}] {seen.caption}" for at, seen in zip(times_of(call), pictures, strict=True)]
        said = [
            f"{match['what'].strip().strip('.')} [{match['start']}]."
            for line in lines
            if (match := _EVIDENCE.match(line))
        ]
        return " ".join(said) or "The clip shows nothing that I can describe."


_EVIDENCE = re.compile(
    r"\[(?P<start>\d[\d:.]*)(?:\s*[-\N{EN DASH}]+\s*[\d:.]+)?\]\s*(?:[A-Z]{3,}\s+)?\"?(?P<what>[^\"]+)"
)
_TIME = re.compile(
    r"(?P<clock>\b(?:\d+:)?\d{1,2}:\d{2}(?:\.\d+)?)"
    r"|(?:at_seconds|seconds|t|time)\W{1,4}(?P<named>\d+(?:\.\d+)?)(?![\d:])"
    r"|(?P<counted>\d+(?:\.\d+)?)\s*(?:s|sec|seconds?)\b",
    re.IGNORECASE,
)


def read_times(text: str) -> list[float]:
    """Every time a text names, in seconds: `t=01:02.5`, `at_seconds: 3.2`, `7.5 s`."""
    times: list[float] = []
    for match in _TIME.finditer(text):
        if match["clock"]:
            seconds = 0.0
            for part in match["clock"].split(":"):
                seconds = seconds * 60 + float(part)
            times.append(seconds)
        else:
            times.append(float(match["named"] or match["counted"]))
    return times


def times_of(call: ChatCall) -> list[float]:
    """The time of each picture: the last one named directly before it; else the last so many named in the
    request; else the picture's number."""
    before = [read_times(image.before) for image in call.images]
    if all(before):
        return [times[-1] for times in before]
    named = read_times(call.text)
    if len(named) >= len(call.images):
        return named[len(named) - len(call.images) :]
    return [float(index) for index in range(len(call.images))]


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


_HUES = (
    (15, "red"), (40, "orange"), (70, "yellow"), (165, "green"), (200, "cyan"), (260, "blue"), (310, "purple"),
    (345, "pink"), (360, "red"),
)  # fmt: skip


def name_colours(picture: Image.Image) -> list[tuple[str, float]]:
    """The colours that cover at least 15 % of a picture, with their shares, the largest first."""
    small = np.asarray(picture.convert("HSV").resize((48, 48), Image.Resampling.BOX), dtype=np.float64)
    hue, saturation, value = small[..., 0] * 360 / 255, small[..., 1] / 255, small[..., 2] / 255
    names = np.full(hue.shape, "grey", dtype="<U8")
    for limit, name in reversed(_HUES):
        names[hue <= limit] = name
    names[(hue > 10) & (hue <= 45) & (value < 0.6)] = "brown"
    names[(saturation < 0.18) | (value < 0.15)] = "grey"
    names[(saturation < 0.18) & (value > 0.8)] = "white"
    names[value < 0.15] = "black"
    found, counts = np.unique(names, return_counts=True)
    shares = sorted(((str(name), count / names.size) for name, count in zip(found, counts, strict=True)),
                    key=lambda pair: (-pair[1], pair[0]))  # fmt: skip
    return [pair for pair in shares if pair[1] >= 0.15] or shares[:1]


def describe_picture(picture: Image.Image) -> str:
    """One sentence: the colours and the brightness."""
    colours = [name for name, _ in name_colours(picture)]
    mean = float(np.asarray(picture.convert("L").resize((32, 32), Image.Resampling.BOX)).mean())
    light = "dark" if mean < 60 else "bright" if mean > 190 else "of medium brightness"
    extra = f" with {' and '.join(colours[1:3])}" if len(colours) > 1 else ""
    return f"The picture is {colours[0]}{extra}, {light}."


def read_text(data: bytes) -> str | None:
    """What Tesseract makes of an encoded picture."""
    done = subprocess.run(
        ("tesseract", "-", "-", "--psm", "11"), input=data, capture_output=True, check=False, timeout=30
    )
    return " ".join(done.stdout.decode(errors="replace").split()) or None


_HOP_SECONDS = 0.05
_WINDOW = 2_048


def _loud_stretches(samples: NDArray[np.float32]) -> list[tuple[float, float]]:
    """Where sound is louder than -50 dBFS, in seconds; pauses under 0.15 s do not count."""
    hop = int(_HOP_SECONDS * HEARING_RATE_HZ)
    blocks = len(samples) // hop
    if blocks == 0:
        return []
    rms = np.sqrt(np.square(samples[: blocks * hop].reshape(blocks, hop)).mean(axis=1))
    stretches: list[tuple[float, float]] = []
    for index in np.flatnonzero(rms > 10 ** (-50 / 20)):
        start, end = float(index) * _HOP_SECONDS, float(index + 1) * _HOP_SECONDS
        if stretches and start - stretches[-1][1] < 0.15:
            stretches[-1] = (stretches[-1][0], end)
        else:
            stretches.append((start, end))
    return [(start, end) for start, end in stretches if end - start >= 0.15]


def _tones(samples: NDArray[np.float32], start: float, end: float) -> list[tuple[float, float, int | None]]:
    """A stretch cut where its pitch changes; None for what has no one pitch."""
    hop = int(_HOP_SECONDS * HEARING_RATE_HZ)
    piece = samples[int(start * HEARING_RATE_HZ) : int(end * HEARING_RATE_HZ)]
    runs: list[tuple[int, int, float | None]] = []
    for block in range(max(1, len(piece) // hop)):
        centre = block * hop + hop // 2
        pitch = _pitch(piece[max(0, centre - _WINDOW // 2) : centre + _WINDOW // 2])
        last = runs[-1] if runs else None
        if last is not None and _same_pitch(last[2], pitch):
            runs[-1] = (last[0], block + 1, last[2])
        else:
            runs.append((block, block + 1, pitch))
    tonal = [run for run in runs if run[2] is not None and run[1] - run[0] >= 4]
    if sum(run[1] - run[0] for run in tonal) < 0.6 * len(piece) / hop:
        return [(start, end, None)]
    tones: list[tuple[float, float, int | None]] = []
    for index, (first, last_block, _) in enumerate(tonal):
        begin = start if index == 0 else start + _middle(tonal[index - 1][1], first)
        finish = end if index == len(tonal) - 1 else start + _middle(last_block, tonal[index + 1][0])
        pitch = _pitch(piece[first * hop : last_block * hop])
        tones.append((begin, finish, round(pitch) if pitch is not None else None))
    return tones


def _middle(left_block: int, right_block: int) -> float:
    return (left_block + right_block) / 2 * _HOP_SECONDS


def _same_pitch(left: float | None, right: float | None) -> bool:
    if left is None or right is None:
        return left is right
    return abs(left - right) < 0.03 * left


def _pitch(samples: NDArray[np.float32]) -> float | None:
    """The one frequency of a pure tone in hertz, by the interpolated peak of its spectrum; None without one."""
    if len(samples) < 256:
        return None
    windowed = samples * np.hanning(len(samples))
    spectrum = np.abs(np.fft.rfft(windowed, 1 << (len(samples) * 2 - 1).bit_length()))
    peak = int(spectrum.argmax())
    if peak == 0 or peak >= len(spectrum) - 1:
        return None
    bin_hz = HEARING_RATE_HZ / 2 / (len(spectrum) - 1)
    width = max(3, round(3 * HEARING_RATE_HZ / len(samples) / bin_hz))
    energy = np.square(spectrum)
    if energy[max(0, peak - width) : peak + width + 1].sum() < 0.8 * energy.sum():
        return None
    left, centre, right = np.log(spectrum[peak - 1 : peak + 2] + 1e-12)
    return float((peak + 0.5 * (left - right) / (left - 2 * centre + right)) * bin_hz)


_BANDS = np.array((100, 300, 500, 800, 1_200, 1_800, 2_600, 3_800, 6_000))
_STEP = 400


def _trim(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    stretches = _loud_stretches(samples)
    if not stretches:
        raise ValueError("silence cannot be learnt")
    return samples[int(stretches[0][0] * HEARING_RATE_HZ) : int(stretches[-1][1] * HEARING_RATE_HZ)]


def _contour(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """Loudness of eight bands every 25 ms: what stays of speech through any codec. Shape (steps, 8)."""
    steps = max(0, len(samples) - 2 * _STEP) // _STEP
    if steps == 0:
        return np.zeros((0, len(_BANDS) - 1))
    windows = np.lib.stride_tricks.sliding_window_view(samples, 2 * _STEP)[::_STEP][:steps]
    power = np.square(np.abs(np.fft.rfft(windows * np.hanning(2 * _STEP), axis=1)))
    edges = (_BANDS * 2 * _STEP / HEARING_RATE_HZ).astype(int)
    bands = [power[:, low:high].sum(axis=1) for low, high in pairwise(edges)]
    return np.log(np.stack(bands, axis=1) + 1e-4)


def _find(phrase: NDArray[np.float64], heard: NDArray[np.float64]) -> tuple[float, float] | None:
    """Where a learnt phrase lies in what was heard: start and length in seconds. A third of it may be cut off."""
    step_seconds = _STEP / HEARING_RATE_HZ
    best, best_score = 0, 0.75
    least = max(4, len(phrase) * 2 // 3)
    for shift in range(-(len(phrase) - least), len(heard) - least + 1):
        mine = phrase[max(0, -shift) : len(heard) - shift]
        theirs = heard[max(0, shift) : shift + len(phrase)]
        if len(mine) < least:
            continue
        mine, theirs = mine - mine.mean(axis=0), theirs - theirs.mean(axis=0)
        norm = np.linalg.norm(mine) * np.linalg.norm(theirs)
        score = float((mine * theirs).sum() / norm) if norm else 0.0
        if score > best_score:
            best, best_score = shift, score
    if best_score == 0.75:
        return None
    return best * step_seconds, len(phrase) * step_seconds


def hum(text: str, *, pitch_hz: float = 165.0, speed: float = 1.0) -> bytes:
    """A voice without words: 65 ms a character, a swell per syllable. 24 kHz, 16 bit, mono."""
    seconds = max(0.2, 0.065 * len(text)) / speed
    at = np.arange(int(seconds * SPEECH_RATE_HZ)) / SPEECH_RATE_HZ
    swell = 0.25 + 0.75 * np.square(np.sin(np.pi * 4 * speed * at))
    voice = np.sin(2 * np.pi * pitch_hz * at) + 0.5 * np.sin(4 * np.pi * pitch_hz * at)
    return (swell * voice * 7_000).astype("<i2").tobytes()
