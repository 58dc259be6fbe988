"""Whose turn it is in a channel: a pure machine of facts and one clock, so that every order of events can be tried.

Facts come in through the methods; each returns what is to be done now. Nothing happens by itself: `tick` at `due`.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from enum import StrEnum

from bot.domain.voice_session import ChannelState, Speculation
from bot.voice.orders import Do, Manners, Order, Said

_LONGEST_SPECULATION_SECONDS = 5.0
_LONGEST_HOLD_SECONDS = 3.0  # how long an answer waits for turns that may be over; for sound it waits on
_LOST_SECONDS = 10.0  # of nothing heard from ears or recogniser
_STUCK_SECONDS = 30.0

_MINOR = frozenset({"backchannel", "echo"})


@dataclass(slots=True, kw_only=True)
class _Person:
    """Somebody whose turn has begun. `ended_at` None: they are talking; `patience` None: their words are not settled
    yet. `is_noise`: what they send holds no words, so nobody waits for it. `checking_since`: see Do.CHECK."""

    began_at: float
    heard_at: float
    interrupt_seconds: float
    ended_at: float | None = None
    said: Said = Said.NOTHING
    patience: float | None = None
    is_noise: bool = False
    checking_since: float | None = None

    @property
    def is_talking(self) -> bool:
        return self.ended_at is None

    def is_heard_after(self, at: float) -> bool:
        """Whether they talk, or talked after this."""
        return self.ended_at is None or self.ended_at > at

    @property
    def is_audible(self) -> bool:
        """Whether people around would say that this person is talking."""
        return self.ended_at is None and not self.is_noise and self.said is not Said.ECHO


class _Phase(StrEnum):
    SPECULATED = "speculated"
    COMMITTED = "committed"
    SPEAKING = "speaking"
    PAUSED = "paused"


@dataclass(slots=True, kw_only=True)
class _Answer:
    people: frozenset[int]
    phase: _Phase
    began_at: float
    progressed_at: float
    ready_at: float | None = None
    heard_from: float = float("inf")
    quiet_until: float = 0.0  # after words were looked for in vain

    @property
    def is_heard(self) -> bool:
        return self.phase in (_Phase.SPEAKING, _Phase.PAUSED)


@dataclass(slots=True)
class Floor:
    """One channel. `clock` is monotonic; times of events may lie before it, never behind."""

    manners: Manners
    clock: Callable[[], float]
    _people: dict[int, _Person] = field(default_factory=dict[int, _Person])
    _answer: _Answer | None = None

    @property
    def state(self) -> ChannelState:
        answer = self._answer
        if answer is not None:
            return ChannelState(answer.phase if answer.phase is not _Phase.SPECULATED else ChannelState.SPECULATING)
        if any(not person.is_talking for person in self._people.values()):
            return ChannelState.PAUSING
        return ChannelState.LISTENING

    @property
    def is_quiet(self) -> bool:
        """Whether nobody is talking at this moment."""
        return not any(person.is_audible for person in self._people.values())

    @property
    def is_heard(self) -> bool:
        """Whether an answer has begun to be heard."""
        return self._answer is not None and self._answer.is_heard

    def is_waiting(self, person_id: int) -> bool:
        """Whether the words of their pause are settled, but their turn is not over."""
        person = self._people.get(person_id)
        return person is not None and not person.is_talking and person.patience is not None

    # What people do.

    def begins(self, person_id: int, at: float, *, interrupt_seconds: float | None = None) -> list[Order]:
        """They begin to talk, or resume; `at` is when they did. `interrupt_seconds` where other than usual."""
        patience = interrupt_seconds or self.manners.interrupt_seconds
        self._people[person_id] = _Person(began_at=at, heard_at=self.clock(), interrupt_seconds=patience)
        answer = self._answer
        if answer is not None and answer.phase is _Phase.SPECULATED and person_id in answer.people:
            return self._withdrawn(Speculation.RESUMED) + self._review()
        return self._review()

    def goes_on(self, person_id: int) -> list[Order]:
        """More sound of them came."""
        if (person := self._people.get(person_id)) is not None:
            person.heard_at = self.clock()
        return self._review()

    def hears(self, person_id: int, said: Said, *, is_checked: bool = False) -> list[Order]:
        """Their words changed; `is_checked`: that is the result of a CHECK."""
        person = self._people.get(person_id)
        if person is None:
            return []
        person.said = said
        if said is not Said.NOTHING:
            person.is_noise = False
        elif is_checked and person.is_talking:
            person.is_noise = True
        person.heard_at = self.clock()
        person.checking_since = None if is_checked else person.checking_since
        return self._review()

    def pauses(self, person_id: int, at: float) -> list[Order]:
        """They have been silent for a moment; `at` is when they ended."""
        person = self._people.get(person_id)
        if person is None:
            return []
        person.ended_at = at
        person.is_noise = False
        person.heard_at = self.clock()
        person.checking_since = None
        return self._review()

    def settles(self, person_id: int, said: Said, *, patience: float) -> list[Order]:
        """Their words up to the pause are final; `patience` is how long after its end the turn is over."""
        person = self._people.get(person_id)
        if person is None or person.is_talking:
            return []
        person.said = said
        person.patience = patience
        person.heard_at = self.clock()
        return self._review()

    def reopens(self, person_id: int) -> bool:
        """Their words turn out not to be final. Whether they are in a pause."""
        person = self._people.get(person_id)
        if person is None or person.is_talking:
            return False
        person.patience = None
        person.heard_at = self.clock()
        return True

    def leaves(self, person_id: int) -> list[Order]:
        """They are not heard any more; their turn is void."""
        self._people.pop(person_id, None)
        return self._review()

    # What becomes of the answer.

    def drafts(self, people: Collection[int], *, is_committed: bool) -> list[Order]:
        """An answer to these people is begun, in place of any that was not heard yet."""
        now = self.clock()
        phase = _Phase.COMMITTED if is_committed else _Phase.SPECULATED
        self._answer = _Answer(people=frozenset(people), phase=phase, began_at=now, progressed_at=now)
        return self._review()

    def commits(self) -> list[Order]:
        """The turns it answers are all over."""
        if self._answer is not None and self._answer.phase is _Phase.SPECULATED:
            self._answer.phase = _Phase.COMMITTED
            self._answer.progressed_at = self.clock()
        return self._review()

    def progresses(self) -> list[Order]:
        """Words or sound of it came, or a frame of it was sent."""
        if self._answer is not None:
            self._answer.progressed_at = self.clock()
        return self._review()

    def readies(self) -> list[Order]:
        """There is sound of it."""
        if self._answer is not None and self._answer.ready_at is None:
            self._answer.ready_at = self._answer.progressed_at = self.clock()
        return self._review()

    def ends(self) -> list[Order]:
        """It was said to the end, or given up."""
        self._answer = None
        return self._review()

    # The clock.

    @property
    def due(self) -> float | None:
        """When `tick` is to be called next; None: not before something happens."""
        return min(self._moments(), default=None)

    def tick(self) -> list[Order]:
        """Time has passed."""
        return self._review()

    def _moments(self) -> list[float]:
        answer = self._answer
        moments: list[float] = []
        for person in self._people.values():
            moments.append(person.heard_at + _LOST_SECONDS)
            if (over_at := self._over_at(person)) is not None:
                moments.append(over_at)
        if answer is None:
            return moments
        moments.append(answer.progressed_at + _STUCK_SECONDS)
        if answer.phase is _Phase.SPECULATED:
            moments.append(answer.began_at + _LONGEST_SPECULATION_SECONDS)
        if answer.phase is _Phase.COMMITTED and answer.ready_at is not None and not self._is_open_to(answer):
            moments.append(answer.ready_at + _LONGEST_HOLD_SECONDS)
        if answer.phase is _Phase.PAUSED:
            moments.append(answer.quiet_until)
        for person_id, person in self._people.items():
            if answer.phase is _Phase.SPEAKING and self._overlaps(person_id, person):
                moments.append(self._confirmed_at(person))
            if (check_at := self._check_at(person)) is not None:
                moments.append(check_at)
        now = self.clock()
        return [moment for moment in moments if moment > now] or [now] if moments else []

    def _review(self) -> list[Order]:
        """What follows from the facts at this moment, in order. Turns that are over come alone: what was said may
        change what is to be answered, so the rest follows with the next `tick`."""
        now = self.clock()
        orders: list[Order] = []
        for person_id, person in list(self._people.items()):
            over_at = self._over_at(person)
            if over_at is not None and now >= over_at:
                del self._people[person_id]
                self._keep_quiet(person)
                orders.append(Order(do=Do.COMMIT, person_id=person_id))
            elif now >= person.heard_at + _LOST_SECONDS:
                del self._people[person_id]
                orders.append(Order(do=Do.DROP, person_id=person_id))
        if orders or self._answer is None:
            return orders
        return self._reviewed(self._answer, now)

    def _reviewed(self, answer: _Answer, now: float) -> list[Order]:
        if answer.phase is _Phase.SPECULATED:
            if now >= answer.began_at + _LONGEST_SPECULATION_SECONDS:
                return self._withdrawn(Speculation.EXPIRED)
            return []
        if (breaker := self._breaker(answer)) is not None:
            self._answer = None
            goes_on = breaker[1] is Said.WORDS and not answer.is_heard
            return [Order(do=Do.REOPEN if goes_on else Do.BREAK_OFF, person_id=breaker[0])]
        if now >= answer.progressed_at + _STUCK_SECONDS:
            self._answer = None
            return [Order(do=Do.RESET)]
        orders = self._checks(now)
        if answer.phase is _Phase.COMMITTED:
            if answer.ready_at is not None and self._is_open_to(answer):
                answer.phase = _Phase.SPEAKING
                answer.heard_from = answer.progressed_at = now
                orders.append(Order(do=Do.SPEAK))
        elif answer.phase is _Phase.SPEAKING:
            confirmed = (
                now >= self._confirmed_at(person)
                for person_id, person in self._people.items()
                if self._overlaps(person_id, person)
            )
            if any(confirmed):
                answer.phase = _Phase.PAUSED
                answer.progressed_at = now
                orders.append(Order(do=Do.HUSH))
        elif now >= answer.quiet_until and not any(
            self._overlaps(person_id, person) for person_id, person in self._people.items()
        ):
            answer.phase = _Phase.SPEAKING
            answer.progressed_at = now
            orders.append(Order(do=Do.GO_ON))
        return orders

    def _withdrawn(self, outcome: Speculation) -> list[Order]:
        self._answer = None
        return [Order(do=Do.WITHDRAW, outcome=outcome)]

    def _over_at(self, person: _Person) -> float | None:
        """When their turn is over; None: not to be said yet. What was only a nod, an echo or a cough while an answer
        is on its way is over when that is known."""
        if person.ended_at is None or person.patience is None:
            return None
        answer = self._answer
        is_minor = person.said in (Said.NOTHING, Said.BACKCHANNEL, Said.ECHO)
        if is_minor and answer is not None and answer.phase is not _Phase.SPECULATED:
            return person.ended_at
        return person.ended_at + person.patience

    def _keep_quiet(self, person: _Person) -> None:
        """After a sound without words it waits a moment longer than after a nod."""
        answer = self._answer
        if answer is not None and person.said is Said.NOTHING and person.ended_at is not None:
            answer.quiet_until = max(answer.quiet_until, person.ended_at + self.manners.resume_seconds)

    def _may_interrupt(self, person_id: int) -> bool:
        answer = self._answer
        match self.manners.interrupted_by:
            case "anyone":
                return True
            case "asker":
                return answer is not None and person_id in answer.people
            case "nobody":
                return False

    def _breaker(self, answer: _Answer) -> tuple[int, Said] | None:
        """Whose words end the answer."""
        for person_id, person in self._people.items():
            if person.said is Said.STOP:
                return person_id, Said.STOP
            if answer.is_heard:
                takes = self._may_interrupt(person_id) and person.is_heard_after(answer.heard_from)
            else:
                takes = person_id in answer.people
            if person.said is Said.WORDS and takes:
                return person_id, Said.WORDS
        return None

    def _overlaps(self, person_id: int, person: _Person) -> bool:
        """Whether this person may take the turn from the bot by what they are saying: words are awaited."""
        heard_from = self._answer.heard_from if self._answer is not None else 0.0
        is_pausing = person.ended_at is not None and person.ended_at > heard_from and person.patience is None
        return (person.is_audible or is_pausing) and person.said not in _MINOR and self._may_interrupt(person_id)

    def _confirmed_at(self, person: _Person) -> float:
        """When the overlap has lasted long enough to be meant; a stretch that ended before that never does."""
        confirmed_at = person.began_at + person.interrupt_seconds
        too_short = person.ended_at is not None and person.ended_at < confirmed_at
        return float("inf") if too_short else confirmed_at

    def _check_at(self, person: _Person) -> float | None:
        """When somebody for whom the bot keeps silent has made sound without a word for too long."""
        answer = self._answer
        waits = answer is not None and (answer.phase is _Phase.PAUSED or answer.ready_at is not None)
        if not waits or not person.is_audible or person.said is not Said.NOTHING or person.checking_since is not None:
            return None
        return person.began_at + self.manners.resume_seconds

    def _checks(self, now: float) -> list[Order]:
        orders: list[Order] = []
        for person_id, person in self._people.items():
            check_at = self._check_at(person)
            if check_at is not None and now >= check_at:
                person.checking_since = now
                orders.append(Order(do=Do.CHECK, person_id=person_id))
        return orders

    def _is_open_to(self, answer: _Answer) -> bool:
        """Whether the answer may begin: nobody talks, and whoever paused is done, or has had time enough for it."""
        people = [person for person in self._people.values() if not person.is_noise]
        is_late = self.clock() >= (answer.ready_at or 0.0) + _LONGEST_HOLD_SECONDS
        return not people or (is_late and all(person.patience is not None for person in people))
