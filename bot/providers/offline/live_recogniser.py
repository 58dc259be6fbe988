"""Recognises English speech while it is spoken: `python -I live_recogniser.py`, commands in, words out.

Runs outside the project's packages, so it starts at once. A command on stdin is one byte and four bytes (a length,
little endian) and so many bytes: `B` begins a stretch of speech, with JSON [[word, phones], …] to know besides the
dictionary's; `P` is its next PCM: signed 16 bit little endian, mono, 16 kHz; `S` makes what was heard final; `E`
forgets it. Replies on stdout are lines of JSON: {"ready": true} after the start and after each `E`; {"live": text},
which may still change, now and then; {"final": [[[word, start_seconds, end_seconds, probability], …], …]} after each
`S`: of the sound since the `S` before, with times from the start of the stretch. Ends with its input.
"""

import json
import os
import select
from array import array
from collections.abc import Callable, Iterable
from random import Random
from typing import Any, Protocol, cast

import pocketsphinx  # pyright: ignore[reportMissingTypeStubs] - it has none; the Protocols below say what is used

RATE_HZ = 16_000
_BYTES_PER_SECOND = 2 * RATE_HZ
_NICE = 1
_MOST_BYTES_AT_ONCE = 5 * _BYTES_PER_SECOND
_STEP_BYTES = _BYTES_PER_SECOND * 6 // 100
_LIVE_SECONDS = 0.3
_FRAME_SECONDS = 0.01
_QUIET_SECONDS = 0.2
# The decoder expects a little quiet noise around a sentence, and the same one each time.
_NOISE = Random(0)  # noqa: S311 - sound, not a secret
_QUIET = array("h", [round(_NOISE.gauss(0, 3)) for _ in range(int(_QUIET_SECONDS * RATE_HZ))]).tobytes()

# Words come right only with the mean spectrum of the voice, which the first second hardly tells: a piece is decoded
# anew with a better mean when this much of it is known.
_MEAN_AT_SECONDS = (1.2, 2.4, 4.8)
_HMMS_PER_FRAME = 3000  # fewer lose nothing and a fifth of the time
# The last words of a long piece would take long: it is cut at a quiet moment.
_LONG_SECONDS = 10.0
_LONGEST_SECONDS = 20.0
_CALM_SECONDS = 0.24
_CALM_SHARE = 0.1


class _Part(Protocol):
    word: str
    start_frame: int
    end_frame: int
    prob: float


class _Hypothesis(Protocol):
    hypstr: str


class _Decoder(Protocol):
    def start_stream(self) -> None: ...

    def start_utt(self) -> None: ...

    def process_raw(self, data: bytes, *, full_utt: bool) -> None: ...

    def end_utt(self) -> None: ...

    def hyp(self) -> _Hypothesis | None: ...

    def seg(self) -> Iterable[_Part]: ...

    def set_cmn(self, mean: str) -> None: ...

    def get_cmn(self, update: bool) -> str: ...

    def add_word(self, word: str, phones: str, update: bool) -> int: ...

    def lookup_word(self, word: str) -> str | None: ...


def _load(**settings: Any) -> _Decoder:
    # The library has no types of its own; _Decoder says what is used.
    make = cast("Callable[..., _Decoder]", getattr(pocketsphinx, "Decoder"))  # noqa: B009 - as above
    return make(samprate=RATE_HZ, loglevel="FATAL", **settings)


class LiveRecogniser:
    """One stretch of speech at a time. `tell` takes replies, ready for JSON."""

    def __init__(self, tell: Callable[[dict[str, Any]], None]) -> None:
        self._tell = tell
        self._decoder = _load(maxhmmpf=_HMMS_PER_FRAME)
        self._meter = _load(lm=None, keyphrase="xylophone")  # hears next to nothing, and its mean is all that counts
        self._first_mean = self._meter.get_cmn(update=False)
        self._is_decoding = False
        self.forget()

    def forget(self) -> None:
        """End the stretch."""
        if self._is_decoding:
            self._decoder.end_utt()
        self._is_decoding = False
        self._finals: list[list[list[Any]]] = []
        self._origin_seconds = 0.0
        self._said = ""
        self._live = ""
        self._new_piece()

    def begin(self, words: list[tuple[str, str]]) -> None:
        """A stretch of speech begins, in which these words may occur."""
        self.forget()
        for word, phones in words:
            if self._decoder.lookup_word(word) is None:
                self._decoder.add_word(word, phones, True)

    def feed(self, pcm: bytes) -> None:
        """The next sound; the more at once, the less of it is decoded twice."""
        for at in range(0, len(pcm), _STEP_BYTES):
            step = pcm[at : at + _STEP_BYTES]
            self._piece += step
            if self._is_calm(step) or self._seconds >= _LONGEST_SECONDS:
                self._end_piece()
        self._decode()
        if self._is_decoding and self._seconds >= self._live_at:
            self._live_at = self._seconds + _LIVE_SECONDS
            self._tell_live()

    def settle(self) -> None:
        """Tell the words of all sound since the last time."""
        self._end_piece()
        self._tell({"final": self._finals})
        self._finals = []

    @property
    def _seconds(self) -> float:
        return len(self._piece) / _BYTES_PER_SECOND

    def _is_calm(self, step: bytes) -> bool:
        """Whether a long piece may be cut here."""
        level = max(map(abs, array("h", step)), default=0)
        self._loudest = max(self._loudest, level)
        self._calm_bytes = self._calm_bytes + len(step) if level < _CALM_SHARE * self._loudest else 0
        return self._seconds >= _LONG_SECONDS and self._calm_bytes >= _CALM_SECONDS * _BYTES_PER_SECOND

    def _decode(self) -> None:
        """Decode what came; from the start of the piece, where its mean is known better by now."""
        marks = tuple(mark for mark in self._mean_marks if mark > self._seconds)
        if marks != self._mean_marks:
            self._mean_marks = marks
            self._begin_decoding()
        elif self._is_decoding and (more := bytes(self._piece[self._decoded_bytes :])):
            self._decoder.process_raw(more, full_utt=False)
        self._decoded_bytes = len(self._piece)

    def _begin_decoding(self) -> None:
        """Decode the piece so far from its start, with the mean of all of it."""
        if self._is_decoding:
            self._decoder.end_utt()
        mean = self._mean_of(bytes(self._piece))
        self._decoder.start_stream()
        self._decoder.set_cmn(mean)
        self._decoder.start_utt()
        self._decoder.process_raw(_QUIET + bytes(self._piece), full_utt=False)
        self._is_decoding = True

    def _mean_of(self, pcm: bytes) -> str:
        meter = self._meter
        meter.start_stream()
        meter.set_cmn(self._first_mean)
        meter.start_utt()
        meter.process_raw(_QUIET + pcm, full_utt=True)
        meter.end_utt()
        return meter.get_cmn(update=False)

    def _end_piece(self) -> None:
        self._decode()
        if self._piece and not self._is_decoding:
            self._begin_decoding()
        if self._is_decoding:
            self._decoder.process_raw(_QUIET, full_utt=False)
            self._decoder.end_utt()
            self._is_decoding = False
            words = self._words()
            if words:
                self._finals.append(words)
                self._said = " ".join(filter(None, [self._said, *(word[0] for word in words)]))
        self._origin_seconds += len(self._piece) / _BYTES_PER_SECOND
        self._new_piece()

    def _new_piece(self) -> None:
        self._piece = bytearray()
        self._decoded_bytes = 0
        self._mean_marks = _MEAN_AT_SECONDS
        self._live_at = 0.0
        self._loudest = 0
        self._calm_bytes = 0

    def _words(self) -> list[list[Any]]:
        """Words of the piece: text, start, end, probability. Noises and silences are left out."""
        if self._decoder.hyp() is None:
            return []
        start, end = self._origin_seconds, self._origin_seconds + len(self._piece) / _BYTES_PER_SECOND
        origin = start - _QUIET_SECONDS
        return [
            [
                part.word.split("(")[0],
                round(min(max(origin + part.start_frame * _FRAME_SECONDS, start), end), 3),
                round(min(max(origin + (part.end_frame + 1) * _FRAME_SECONDS, start), end), 3),
                round(min(max(part.prob, 0.0), 1.0), 4),
            ]
            for part in self._decoder.seg()
            if part.word[:1] not in ("<", "[")
        ]

    def _tell_live(self) -> None:
        hypothesis = self._decoder.hyp()
        words = "" if hypothesis is None else hypothesis.hypstr
        text = f"{self._said} {words}".strip()
        if text != self._live:
            self._live = text
            self._tell({"live": text})


class _Input:
    """The commands. Sound that waits already comes as one."""

    def __init__(self) -> None:
        self._next: tuple[bytes, bytes] | None = None

    def read(self) -> tuple[bytes, bytes] | None:
        """The next command; None when there is none."""
        command, self._next = self._next or self._one(), None
        if command is None or command[0] != b"P":
            return command
        sound = bytearray(command[1])
        while len(sound) < _MOST_BYTES_AT_ONCE and select.select([0], [], [], 0)[0]:
            self._next = self._one()
            if self._next is None or self._next[0] != b"P":
                break
            sound += self._next[1]
            self._next = None
        return b"P", bytes(sound)

    def _one(self) -> tuple[bytes, bytes] | None:
        head = self._bytes(5)
        body = self._bytes(int.from_bytes(head[1:], "little")) if len(head) == 5 else None
        return None if body is None else (head[:1], body)

    def _bytes(self, size: int) -> bytes:
        """So many bytes, or fewer at the end. Nothing is read ahead: what waits stays to be seen."""
        read = bytearray()
        while len(read) < size and (more := os.read(0, size - len(read))):
            read += more
        return bytes(read)


def _print(reply: dict[str, Any]) -> None:
    print(json.dumps(reply), flush=True)


def main() -> None:
    """Obey commands until the input ends."""
    os.nice(_NICE)
    recogniser = LiveRecogniser(_print)
    _print({"ready": True})
    commands = _Input()
    while (command := commands.read()) is not None:
        match command:
            case b"B", body:
                recogniser.begin([(word, phones) for word, phones in json.loads(body)])
            case b"P", body:
                recogniser.feed(body)
            case b"S", _:
                recogniser.settle()
            case _:
                recogniser.forget()
                _print({"ready": True})


if __name__ == "__main__":
    main()
