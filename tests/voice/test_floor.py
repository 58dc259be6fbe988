"""Whose turn it is: no order of events leaves the bot silent for ever, or speaking over people."""

from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bot.domain.voice_session import ChannelState, Speculation
from bot.voice.floor import Floor
from bot.voice.orders import Do, Manners, Order, Said

PEOPLE = strategies.sampled_from([1, 2, 3])
SAID = strategies.sampled_from(list(Said))
GRACE = 1e-6


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Floors(RuleBasedStateMachine):
    """Anything may happen in any order; a session that obeys is played beside it."""

    @initialize(policy=strategies.sampled_from(["anyone", "asker", "nobody"]))
    def begin(self, policy: str) -> None:
        self.clock = Clock()
        self.floor = Floor(Manners(interrupted_by=policy), self.clock)  # type: ignore[arg-type]
        self.policy = policy
        self.talking: dict[int, float] = {}
        self.said: dict[int, Said] = {}
        self.checked: set[int] = set()
        self.pending: list[int] = []
        self.asked: list[int] = []
        self.askers: frozenset[int] = frozenset()
        self.has_answer = False
        self.is_playing = False
        self.played_from = 0.0

    def obey(self, orders: list[Order]) -> None:
        while orders or (orders := self.floor.tick()):
            for order in orders:
                self.do(order)
            orders = []

    def do(self, order: Order) -> None:
        match order.do:
            case Do.COMMIT:
                assert order.person_id not in self.talking
                self.pending = [one for one in self.pending if one != order.person_id]
                if self.said.get(order.person_id or 0) is Said.WORDS:
                    self.asked.append(order.person_id or 0)
            case Do.DROP:
                self.talking.pop(order.person_id or 0, None)
            case Do.WITHDRAW:
                assert not self.is_playing
                assert self.has_answer
                self.has_answer = False
            case Do.REOPEN:
                assert not self.is_playing
                assert order.person_id in self.askers
                self.has_answer = False
            case Do.SPEAK:
                assert not self.is_playing
                assert self.has_answer
                assert all(self.is_ignored(one) for one in self.talking), "spoke over somebody"
                self.is_playing = True
                self.played_from = self.clock.now
            case Do.HUSH:
                assert self.is_playing
                self.is_playing = False
            case Do.GO_ON:
                assert not self.is_playing
                assert self.has_answer
                self.is_playing = True
                self.played_from = self.clock.now
            case Do.BREAK_OFF | Do.RESET:
                assert self.has_answer
                self.has_answer = self.is_playing = False
            case Do.CHECK:
                self.checked.add(order.person_id or 0)

    def is_ignored(self, person: int) -> bool:
        """Noise, a loudspeaker, or a nod."""
        return self.said.get(person) in (Said.ECHO, Said.BACKCHANNEL) or person in self.noise

    @property
    def noise(self) -> set[int]:
        return {person for person in self.talking if self.floor._people[person].is_noise}

    @rule(seconds=strategies.sampled_from([0.02, 0.1, 0.3, 0.5, 1.0, 2.0, 5.0]))
    def time_passes(self, seconds: float) -> None:
        until = self.clock.now + seconds
        while (due := self.floor.due) is not None and due <= until:
            self.clock.now = max(self.clock.now, due)
            self.obey([])
        self.clock.now = until
        for person in self.talking:
            self.obey(self.floor.goes_on(person))

    @rule(person=PEOPLE)
    def begins(self, person: int) -> None:
        if person not in self.talking:
            self.talking[person] = self.clock.now
            self.said[person] = Said.NOTHING
            self.obey(self.floor.begins(person, self.clock.now))

    @rule(person=PEOPLE, said=SAID)
    def hears(self, person: int, said: Said) -> None:
        if person in self.talking:
            self.said[person] = said
            self.obey(self.floor.hears(person, said))

    @rule(person=PEOPLE)
    def pauses(self, person: int) -> None:
        if person in self.talking:
            del self.talking[person]
            self.pending.append(person)
            self.obey(self.floor.pauses(person, self.clock.now))

    @rule(person=PEOPLE, said=SAID, patience=strategies.sampled_from([0.3, 0.5, 1.0, 3.0]))
    def settles(self, person: int, said: Said, patience: float) -> None:
        if person in self.pending and person not in self.talking:
            self.said[person] = said
            self.obey(self.floor.settles(person, said, patience=patience))

    @rule(person=PEOPLE)
    def leaves(self, person: int) -> None:
        self.talking.pop(person, None)
        self.obey(self.floor.leaves(person))

    @rule(person=PEOPLE, said=SAID)
    def answers_a_check(self, person: int, said: Said) -> None:
        if person in self.checked and person in self.talking:
            self.checked.discard(person)
            self.said[person] = said
            self.obey(self.floor.hears(person, said, is_checked=True))

    @rule(people=strategies.sets(PEOPLE, min_size=1), is_committed=strategies.booleans())
    def drafts(self, people: set[int], *, is_committed: bool) -> None:
        if not self.floor.is_heard:
            self.has_answer = True
            self.askers = frozenset(people)
            self.obey(self.floor.drafts(people, is_committed=is_committed))

    @rule()
    def commits(self) -> None:
        if self.has_answer:
            self.obey(self.floor.commits())

    @rule()
    def readies(self) -> None:
        if self.has_answer:
            self.obey(self.floor.readies())

    @precondition(lambda self: self.is_playing)
    @rule()
    def ends(self) -> None:
        self.has_answer = self.is_playing = False
        self.obey(self.floor.ends())

    @invariant()
    def nobody_is_talked_over(self) -> None:
        """Whoever may interrupt is let, once their overlap is confirmed."""
        if not hasattr(self, "floor") or not self.is_playing:
            return
        for person, since in self.talking.items():
            may = self.policy == "anyone" or (self.policy == "asker" and person in self.askers)
            if may and not self.is_ignored(person):
                assert self.clock.now - max(since, self.played_from) <= 0.3 + GRACE or self.said[person] in (
                    Said.ECHO, Said.BACKCHANNEL,
                )  # fmt: skip

    @invariant()
    def it_agrees_with_what_is_heard(self) -> None:
        if hasattr(self, "floor"):
            assert (self.floor.state is ChannelState.SPEAKING) == self.is_playing
            due = self.floor.due
            assert due is None or due >= self.clock.now

    def teardown(self) -> None:
        """When people fall silent and what was waited for never comes, it listens again before long."""
        if not hasattr(self, "floor"):
            return
        for person in list(self.talking):
            self.pauses(person)
        until = self.clock.now + 60
        while (due := self.floor.due) is not None and due <= until:
            before = (due, self.floor.state)
            self.clock.now = max(self.clock.now, due)
            self.obey([])
            assert (self.floor.due, self.floor.state) != before, "it would wait for ever"
        assert self.floor.state is ChannelState.LISTENING
        assert not self.is_playing
        assert not self.has_answer


Floors.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestFloors = Floors.TestCase


def floor_of(**manners: object) -> tuple[Floor, Clock]:
    clock = Clock()
    return Floor(Manners(**manners), clock), clock  # type: ignore[arg-type]


def test_a_speculation_lasts_five_seconds_at_most():
    floor, clock = floor_of()
    floor.drafts([1], is_committed=False)
    assert floor.due == clock.now + 5
    clock.now += 5
    assert floor.tick() == [Order(do=Do.WITHDRAW, outcome=Speculation.EXPIRED)]


def test_another_who_speaks_does_not_withdraw_it():
    floor, clock = floor_of()
    floor.drafts([1], is_committed=False)
    assert floor.begins(2, clock.now) == []
    assert floor.begins(1, clock.now) == [Order(do=Do.WITHDRAW, outcome=Speculation.RESUMED)]


def test_whoever_is_not_heard_of_again_is_dropped():
    floor, clock = floor_of()
    floor.begins(1, clock.now)
    clock.now += 10
    assert floor.tick() == [Order(do=Do.DROP, person_id=1)]
