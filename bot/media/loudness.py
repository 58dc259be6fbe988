"""How loud PCM is, in dBFS: 0 is a square wave at full scale, a sine at full scale is -3."""

import numpy as np
from numpy.typing import NDArray

FLOOR_DBFS = -80.0

Levels = NDArray[np.float32]


def mean_squares(pcm: bytes | bytearray, block_samples: int) -> NDArray[np.float32]:
    """Power of each block of 16 bit mono PCM, 0 to 1, without its constant part; the last block may be shorter."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / 32768
    whole = len(samples) // block_samples * block_samples
    powers = samples[:whole].reshape(-1, block_samples).var(axis=1)
    return powers if whole == len(samples) else np.append(powers, samples[whole:].var())


def levels_dbfs(pcm: bytes | bytearray, block_samples: int) -> Levels:
    """Loudness of each block, at least FLOOR_DBFS."""
    return 10 * np.log10(np.maximum(mean_squares(pcm, block_samples), 10 ** (FLOOR_DBFS / 10)))
