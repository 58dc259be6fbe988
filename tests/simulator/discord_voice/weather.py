"""The network between people and the bot at its worst, with a seed: loss, swaps, duplicates, jitter, odd packets."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

_LONGEST_SWAP_SECONDS = 0.06


@dataclass(slots=True, kw_only=True)
class Weather:
    """Fractions are of all packets. `swaps`: a packet lets the next one pass. `jitter_ms`: how much later it comes;
    the width of a uniform spread, or twice the standard deviation of a normal one. Only towards the bot: `padding`
    behind the sound, `paddings` packets of nothing else, `extension` the header extension, `others` packets of another
    payload type (video) and `reports` RTCP beside the sound. `speed`: that of those who speak, so that a delay is as
    long for them as in real time. `counts` says what was done."""

    seed: int = 0
    loss: float = 0.0
    swaps: float = 0.0
    duplicates: float = 0.0
    jitter_ms: float = 0.0
    jitter: Literal["uniform", "normal"] = "uniform"
    padding: float = 0.0
    paddings: float = 0.0
    extension: float = 1.0
    others: float = 0.0
    reports: float = 0.0
    speed: float = 1.0
    counts: Counter[str] = field(default_factory=Counter)
    _dice: random.Random = field(init=False, repr=False)
    _held: "list[Callable[[], None]]" = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)

    def happens(self, what: str, fraction: float) -> bool:
        if not fraction or self._dice.random() >= fraction:
            return False
        self.counts[what] += 1
        return True

    def padding_bytes(self) -> int:
        return self._dice.randint(1, 255) if self.happens("padding", self.padding) else 0

    def has_extension(self) -> bool:
        return self.extension >= 1 or self._dice.random() < self.extension

    def carry(self, deliver: Callable[[], None]) -> bool:
        """Calls `deliver` now, later, twice or never. False: it is lost."""
        if self.happens("lost", self.loss):
            return False
        if self.happens("duplicated", self.duplicates):
            self._carry_once(deliver)
        self._carry_once(deliver)
        return True

    def _carry_once(self, deliver: Callable[[], None]) -> None:
        delay = self._delay_seconds()
        if delay:
            asyncio.get_running_loop().call_later(delay / self.speed, deliver)
        elif self.happens("swapped", self.swaps):
            self._held.append(deliver)
            asyncio.get_running_loop().call_later(_LONGEST_SWAP_SECONDS / self.speed, self._let_go)
        else:
            deliver()
            self._let_go()

    def _let_go(self) -> None:
        held, self._held = self._held, []
        for deliver in held:
            deliver()

    def _delay_seconds(self) -> float:
        if not self.jitter_ms:
            return 0.0
        if self.jitter == "uniform":
            return self._dice.uniform(0, self.jitter_ms) / 1000
        return min(abs(self._dice.gauss(0, self.jitter_ms / 2)), 4 * self.jitter_ms) / 1000
