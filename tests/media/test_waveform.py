"""The drawing under a voice message."""

import numpy as np

from bot.media.waveform import Waveform

RATE_HZ = 24_000


def sine(seconds: float, peak: float) -> bytes:
    times = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return (peak * 32767 * np.sin(2 * np.pi * 300 * times)).astype("<i2").tobytes()


def drawn(*portions: bytes) -> list[int]:
    waveform = Waveform(RATE_HZ)
    for portion in portions:
        waveform.hear(portion)
    return list(waveform.points())


def test_a_loud_half_stands_out_from_a_silent_half():
    assert drawn(sine(2, 0.5), bytes(4 * RATE_HZ)) == [255] * 20 + [0] * 20


def test_half_the_loudness_is_half_the_height():
    points = drawn(sine(1, 0.8), sine(1, 0.4))
    assert points[:10] == [255] * 10
    assert all(126 <= point <= 129 for point in points[10:])


def test_portions_do_not_matter():
    pcm = np.random.default_rng(3).normal(0, 3000, 3 * RATE_HZ).astype("<i2").tobytes()
    pieces = [pcm[at : at + 1234] for at in range(0, len(pcm), 1234)]
    assert drawn(*pieces) == drawn(pcm)


def test_a_long_clip_has_256_points():
    points = drawn(*[sine(1, 0.5)] * 40, bytes(2 * RATE_HZ * 20))
    assert len(points) == 256
    assert points[0] == 255
    assert points[-1] == 0


def test_a_moment_has_one_point():
    assert drawn(sine(0.05, 0.5)) == [255]


def test_faint_noise_stays_flat():
    noise = np.random.default_rng(1).normal(0, 3, RATE_HZ).astype("<i2").tobytes()
    assert max(drawn(noise)) < 20
