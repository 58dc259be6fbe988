"""Where in one person's sound there is speech, to the hundredth of a second, whatever hums or hisses behind it."""

import numpy as np

from bot.domain.voice import HEARD_RATE_HZ
from bot.voice.detector import WINDOW_BYTES, WINDOW_SAMPLES, SpeechDetector

_SAMPLE_BYTES = 2
_WINDOW_SECONDS = WINDOW_SAMPLES / HEARD_RATE_HZ
_STARTS = 0.5  # probability of speech in a window
_STAYS = 0.35  # in one that follows such a window
_SURE = 0.7  # in one of a run
_RUN_WINDOWS = 3  # 96 ms: "no" said fast has 110
_BLOCKS = 4  # of a window, to see in which of them its sound ends
_ABOVE_FLOOR = 2.5  # 4 dB
_BELOW_PEAK = 10**-3.0
_FLOOR_FOLLOWS = 0.2  # what is no speech, per window
_PEAK_FALLS = 0.98
_NOTHING = 4.0  # mean square of samples: a sound that no detector needs to hear


class Activity:
    """Judges window after window. A run are the windows with speech just now."""

    def __init__(self, detector: SpeechDetector) -> None:
        self._detector = detector
        self._window = bytearray()
        self._run = 0
        self._is_sure = False
        self._was_nothing = True
        self._floor = 0.0
        self._peak = 0.0
        self.began_at = 0.0
        """When the run began."""
        self.voiced_until = 0.0
        """When the last sound of speech was."""

    @property
    def has_rest(self) -> bool:
        """Some sound waits for its window to be full."""
        return bool(self._window)

    @property
    def is_speech(self) -> bool:
        """The run is long enough."""
        return self._run >= _RUN_WINDOWS and self._is_sure

    def hear(self, pcm: bytes, ends_at: float) -> None:
        """The next sound."""
        self._window += pcm
        while len(self._window) >= WINDOW_BYTES:
            window = bytes(self._window[:WINDOW_BYTES])
            del self._window[:WINDOW_BYTES]
            self._judge(window, ends_at - len(self._window) / _SAMPLE_BYTES / HEARD_RATE_HZ)

    def hear_nothing(self, since: float) -> None:
        """Nothing comes any more; judge what there is."""
        if self._window:
            missing = WINDOW_BYTES - len(self._window)
            self.hear(bytes(missing), since + missing / _SAMPLE_BYTES / HEARD_RATE_HZ)

    def end_run(self) -> None:
        """What follows must be long enough by itself."""
        self._run = 0
        self._is_sure = False

    def rest(self) -> None:
        """What follows has nothing to do with what came before."""
        self.end_run()
        self._window.clear()
        self._was_nothing = True
        self._detector.reset()

    def _judge(self, window: bytes, ends_at: float) -> None:
        powers = np.square(np.frombuffer(window, dtype="<i2").astype(np.float32)).reshape(_BLOCKS, -1).mean(axis=1)
        power = float(powers.mean())
        is_nothing = power < _NOTHING
        # The detector remembers: it hears the first window of nothing, and needs no more of them.
        probability = 0.0 if is_nothing and self._was_nothing else self._detector.probability(window)
        self._was_nothing = is_nothing
        self._peak = max(self._peak * _PEAK_FALLS, power)
        if probability < (_STAYS if self._run else _STARTS):
            self.end_run()
            self._floor += (power - self._floor) * _FLOOR_FOLLOWS
            return
        self._floor = min(self._floor, float(powers.min()))
        if not self._run:
            self.began_at = ends_at - _WINDOW_SECONDS
        self._run += 1
        self._is_sure = self._is_sure or probability >= _SURE
        heard = np.flatnonzero(powers > max(self._floor * _ABOVE_FLOOR, self._peak * _BELOW_PEAK))
        if len(heard):
            self.voiced_until = ends_at - (_BLOCKS - 1 - int(heard[-1])) * _WINDOW_SECONDS / _BLOCKS
