"""Opus by libopus: packets of people into PCM, PCM into packets for them. All PCM is signed 16 bit mono.

libopus is loaded by its name, because what finds libraries elsewhere needs tools that slim images lack.
"""

import ctypes
import ctypes.util
import weakref
from collections.abc import Callable, Iterator
from functools import cache
from typing import ClassVar

from bot.domain.errors import VoiceError
from bot.domain.voice import FRAME_SECONDS, HEARD_RATE_HZ

ENCODER_RATES_HZ = (8_000, 12_000, 16_000, 24_000, 48_000)

_NAMES = ("libopus.so.0", "libopus.0.dylib", "libopus-0.dll", "opus.dll")
_SAMPLE_BYTES = 2
_LONGEST_PACKET_SECONDS = 0.12
_LONGEST_FRAME_BYTES = 1276
_CONCEALED_STEP_SECONDS = 0.0025

# opus_defines.h
_OK = 0
_APPLICATION_VOIP = 2048
_SET_BITRATE = 4002
_SET_COMPLEXITY = 4010
_SET_INBAND_FEC = 4012
_SET_PACKET_LOSS_PERC = 4014
_SET_SIGNAL = 4024
_RESET_STATE = 4028
_SIGNAL_VOICE = 3001


class BadFrameError(Exception):
    """A packet that is no Opus. Never leaves this room: packets of strangers are counted, not told of."""


class OpusDecoder:
    """Decodes one stream. `live` counts the decoders that are open; one that is forgotten closes itself."""

    live: ClassVar[int] = 0

    def __init__(self, rate_hz: int = HEARD_RATE_HZ) -> None:
        library = _library()
        error = ctypes.c_int()
        pointer = library.opus_decoder_create(rate_hz, 1, ctypes.byref(error))
        if error.value != _OK:
            raise ValueError(f"no Opus decoder for {rate_hz} Hz")
        self._decode = library.opus_decode
        self._pointer: int | None = pointer
        self._step_samples = round(_CONCEALED_STEP_SECONDS * rate_hz)
        self._most_samples = round(_LONGEST_PACKET_SECONDS * rate_hz)
        self._pcm = ctypes.create_string_buffer(self._most_samples * _SAMPLE_BYTES)
        OpusDecoder.live += 1
        self._free = weakref.finalize(self, _destroy, OpusDecoder, library.opus_decoder_destroy, pointer)

    def decode(self, opus: bytes) -> bytes:
        """The sound of one packet, up to 120 ms. Raises BadFrameError."""
        if not opus:
            raise BadFrameError
        return self._run(opus, self._most_samples, fec=0)

    def recover(self, next_opus: bytes, samples: int) -> bytes:
        """The sound before `next_opus`, which was lost: from the copy that packet carries of it, made up where it has
        none. Raises BadFrameError."""
        if not next_opus:
            raise BadFrameError
        return self._run(next_opus, self._whole(samples), fec=1)

    def conceal(self, samples: int) -> bytes:
        """Made-up sound that goes on from the last, fading out. At most 120 ms, in steps of 2.5 ms."""
        return self._run(None, self._whole(samples), fec=0)

    def close(self) -> None:
        self._pointer = None
        self._free()

    def _whole(self, samples: int) -> int:
        return max(min(samples, self._most_samples) // self._step_samples, 1) * self._step_samples

    def _run(self, opus: bytes | None, samples: int, *, fec: int) -> bytes:
        if self._pointer is None:
            raise ValueError("the decoder is closed")
        count = self._decode(self._pointer, opus, len(opus or b""), self._pcm, samples, fec)
        if count < 0:
            raise BadFrameError
        return ctypes.string_at(self._pcm, count * _SAMPLE_BYTES)


class OpusEncoder:
    """Encodes speech in frames of 20 ms that survive some loss. `live` as for OpusDecoder."""

    live: ClassVar[int] = 0

    def __init__(self, rate_hz: int, *, bitrate: int = 48_000, expected_loss_percent: int = 5) -> None:
        if rate_hz not in ENCODER_RATES_HZ:
            raise ValueError(f"Opus takes no {rate_hz} Hz")
        library = _library()
        error = ctypes.c_int()
        pointer = library.opus_encoder_create(rate_hz, 1, _APPLICATION_VOIP, ctypes.byref(error))
        if error.value != _OK:
            raise ValueError(f"no Opus encoder for {rate_hz} Hz")
        self._encode = library.opus_encode
        self._control = library.opus_encoder_ctl
        self._pointer: int | None = pointer
        self._samples = round(FRAME_SECONDS * rate_hz)
        self._packet = ctypes.create_string_buffer(_LONGEST_FRAME_BYTES)
        OpusEncoder.live += 1
        self._free = weakref.finalize(self, _destroy, OpusEncoder, library.opus_encoder_destroy, pointer)
        for request, value in (
            (_SET_BITRATE, bitrate),
            (_SET_SIGNAL, _SIGNAL_VOICE),
            (_SET_INBAND_FEC, int(expected_loss_percent > 0)),
            (_SET_PACKET_LOSS_PERC, expected_loss_percent),
            (_SET_COMPLEXITY, 5),
        ):
            if self._control(pointer, request, ctypes.c_int(value)) != _OK:
                raise ValueError("libopus refused a setting")

    @property
    def frame_bytes(self) -> int:
        """PCM of one frame."""
        return self._samples * _SAMPLE_BYTES

    def encode(self, pcm: bytes) -> bytes:
        """One frame of exactly `frame_bytes`."""
        if self._pointer is None:
            raise ValueError("the encoder is closed")
        if len(pcm) != self.frame_bytes:
            raise ValueError("a frame has 20 ms")
        size = self._encode(self._pointer, pcm, self._samples, self._packet, _LONGEST_FRAME_BYTES)
        if size < 0:
            raise ValueError("libopus refused a frame")
        return self._packet.raw[:size]

    def reset(self) -> None:
        """Forget what was encoded: what comes has nothing to do with it."""
        if self._pointer is not None:
            self._control(self._pointer, _RESET_STATE)

    def close(self) -> None:
        self._pointer = None
        self._free()


def ensure_opus() -> None:
    """Load libopus. Raises VoiceError when it is not installed."""
    _library()


def _destroy(owner: type[OpusDecoder] | type[OpusEncoder], destroy: Callable[[int], object], pointer: int) -> None:
    owner.live -= 1
    destroy(pointer)


def _names() -> Iterator[str]:
    yield from _NAMES
    if found := ctypes.util.find_library("opus"):
        yield found


@cache
def _library() -> ctypes.CDLL:
    for name in _names():
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        break
    else:
        raise VoiceError(
            "opus_missing", "Voice channels need the library libopus: install the package libopus0 (Homebrew: opus)."
        )
    pointer, number = ctypes.c_void_p, ctypes.c_int32
    for function, result, arguments in (
        (library.opus_decoder_create, pointer, (number, number, pointer)),
        (library.opus_decoder_destroy, None, (pointer,)),
        (library.opus_decode, number, (pointer, ctypes.c_char_p, number, pointer, number, number)),
        (library.opus_encoder_create, pointer, (number, number, number, pointer)),
        (library.opus_encoder_destroy, None, (pointer,)),
        (library.opus_encode, number, (pointer, ctypes.c_char_p, number, pointer, number)),
        (library.opus_encoder_ctl, number, (pointer, number)),  # what follows is variadic
    ):
        function.restype = result
        function.argtypes = arguments
    return library
