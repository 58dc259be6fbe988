"""The ears in one channel: packets of everybody in, what each of them does with their voice out. Nobody is mixed with
anybody: every packet stays with its person."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from bot.domain.voice import OpusFrame
from bot.voice.detector import SileroDetector, SpeechDetector
from bot.voice.person import EarLimits, Person
from bot.voice.speech_events import SpeechEvent


class Ears:
    """`push` packets whenever they come, `tick` every 20 ms with the time on the packets' clock. People who send
    nothing cost nothing."""

    def __init__(self, limits: EarLimits, *, detectors: Callable[[], SpeechDetector] = SileroDetector) -> None:
        self._limits = limits
        self._detectors = detectors
        self._people: dict[int, Person] = {}
        self._busy: dict[int, Person] = {}
        self._counters: Counter[str] = Counter()

    @property
    def counters(self) -> Mapping[str, int]:
        """Packets decoded, lost, concealed, late, duplicate, bad_frame, flooded, too_many."""
        return self._counters

    def push(self, frames: Sequence[OpusFrame]) -> None:
        """Nothing is decoded here."""
        for frame in frames:
            person = self._people.get(frame.person_id) or self._meet(frame.person_id)
            if person is None:
                self._counters["too_many"] += 1
                continue
            person.push(frame)
            self._busy[frame.person_id] = person

    def tick(self, now: float) -> list[SpeechEvent]:
        """What happened, in order for each person."""
        events: list[SpeechEvent] = []
        for person_id, person in list(self._busy.items()):
            events += person.tick(now)
            if not person.is_busy:
                del self._busy[person_id]
        return events

    @property
    def due(self) -> float | None:
        """When silence will be a pause, so that a tick then tells it at once."""
        return min((due for person in self._busy.values() if (due := person.due) is not None), default=None)

    def end_turn(self, person_id: int) -> None:
        """Their turn is over: what they say next is told as SpeechStarted."""
        if person := self._people.get(person_id):
            person.end_turn()

    def leave(self, person_id: int) -> None:
        """Forget them, with what they just said; no event of them follows."""
        self._busy.pop(person_id, None)
        if person := self._people.pop(person_id, None):
            person.close()

    def close(self) -> None:
        """Forget everybody."""
        for person_id in list(self._people):
            self.leave(person_id)

    def _meet(self, person_id: int) -> Person | None:
        """An ear for somebody new, in place of who was silent longest; None while all are busy."""
        if len(self._people) >= self._limits.max_people:
            idle = [known for known in self._people if known not in self._busy]
            if not idle:
                return None
            self.leave(min(idle, key=lambda known: self._people[known].heard_until))
        person = Person(person_id, limits=self._limits, detector=self._detectors(), counters=self._counters)
        self._people[person_id] = person
        return person
