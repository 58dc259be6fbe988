"""What a voice session counts and times; no words, no names."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace

from bot.domain.answer import Usage
from bot.domain.role import Role
from bot.domain.voice_session import Speculation, TurnTimings
from bot.tally import Figure, tell

_TIMINGS_KEPT = 50
_LAGS_KEPT = 100
_SMOOTHING = 0.7
_NAMES = (
    "interruptions",
    "backchannels",
    "false_interruptions",
    "false_cutoffs",
    "speculation_used",
    "speculation_wasted",
    "watchdog_resets",
    "recognition_failures",
    "answer_failures",
    "voice_failures",
    "not_for_us",
)
_IN_ORDER = ("first_token", "first_sentence", "first_speech", "first_audio")


class Measures:
    """Of one session."""

    def __init__(self) -> None:
        self.counters: Counter[str] = Counter(dict.fromkeys(_NAMES, 0))
        self.timings: deque[TurnTimings] = deque(maxlen=_TIMINGS_KEPT)
        self.turns = 0
        self._lags: deque[float] = deque(maxlen=_LAGS_KEPT)
        self._wait_seconds: float | None = None
        self._usages: dict[tuple[Role, str, str], Usage] = {}

    def count(self, name: str) -> None:
        self.counters[name] += 1

    def speculated(self, outcome: Speculation) -> None:
        """What became of a draft that was begun at a pause."""
        if outcome is not Speculation.NONE:
            self.count("speculation_used" if outcome is Speculation.USED else "speculation_wasted")

    def settled(self, seconds: float) -> None:
        """How long the words of a pause took to be final."""
        self._lags.append(seconds)

    @property
    def recognition_seconds(self) -> float:
        """What nearly all settled words took at most; 0 before the first."""
        lags = sorted(self._lags)
        return lags[min(len(lags) - 1, int(len(lags) * 0.99))] if lags else 0.0

    def waited(self, seconds: float) -> None:
        """From the end of a turn's patience to the first sound of its answer."""
        known = self._wait_seconds
        self._wait_seconds = seconds if known is None else _SMOOTHING * known + (1 - _SMOOTHING) * seconds

    @property
    def expected_wait_seconds(self) -> float:
        """What an answer may be expected to take; 0 before the first."""
        return self._wait_seconds or 0.0

    def timed(self, timings: TurnTimings) -> None:
        """One answer more; times out of their order are none."""
        self.turns += 1
        known = [value for name in _IN_ORDER if (value := getattr(timings, name)) is not None]
        every = [value for field in fields(timings) if (value := getattr(timings, field.name)) is not None]
        if known == sorted(known) and all(value >= 0 for value in every):
            self.timings.append(timings)
            for field in fields(timings):
                if (seconds := getattr(timings, field.name)) is not None:
                    tell(Figure.VOICE_SECONDS, seconds, field.name)

    def used(self, usages: Iterable[Usage]) -> None:
        """Sums per model."""
        for usage in usages:
            key = (usage.role, usage.provider, usage.model)
            known = self._usages.get(key)
            self._usages[key] = usage if known is None else _sum(known, usage)

    @property
    def usages(self) -> tuple[Usage, ...]:
        return tuple(self._usages.values())

    def told(self, line: Mapping[str, int]) -> dict[str, float]:
        """All counters, with those of the line."""
        lag = self._lags[-1] if self._lags else 0.0
        return {**line, **self.counters, "recognition_lag_seconds": round(lag, 3)}


def _sum(one: Usage, other: Usage) -> Usage:
    costs = (one.cost_usd, other.cost_usd)
    return replace(
        one,
        requests=one.requests + other.requests,
        input_tokens=one.input_tokens + other.input_tokens,
        output_tokens=one.output_tokens + other.output_tokens,
        image_tokens=one.image_tokens + other.image_tokens,
        audio_seconds=one.audio_seconds + other.audio_seconds,
        characters=one.characters + other.characters,
        cost_usd=None if None in costs else sum(cost for cost in costs if cost is not None),
    )
