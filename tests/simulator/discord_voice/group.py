"""The delivery service of one channel: it turns who is in the call into changes of the group, one at a time."""

import asyncio
from collections.abc import Callable

from tests.simulator.discord_voice.changes import Change, Wire
from tests.simulator.discord_voice.external_sender import ExternalSender, appended
from tests.simulator.discord_voice.keys import Keys
from tests.simulator.discord_voice.mls import Commit, MalformedError, owner_of, read_commit, welcome_for

PERSON, CLIENT = "person", "client"


class DaveGroup:
    """`epoch` 0: there is no group. `committer`: whose commit wins while both sides can make one. `is_encrypted`: what
    people send now; `version` is what they agreed on and may be ahead of it. `transitions`: the executed ones.
    `patience_seconds`: how long a change waits for the client; it goes on without one that says nothing."""

    def __init__(self, channel_id: int, *, version: int, changed: Callable[[], None]) -> None:
        self.version = version
        self.is_encrypted = version > 0
        self.committer = PERSON
        self.patience_seconds = 2.0
        self.epoch = 0
        self.leaves: dict[int, int] = {}
        self.transitions: list[int] = []
        self.invalid: list[int] = []
        self.client: Wire | None = None
        self._people: dict[int, Keys] = {}
        self._sender = ExternalSender(channel_id)
        self._package: bytes | None = None
        self._stale: set[int] = set()
        self._change: Change | None = None
        self._next_transition = 0
        self._then: dict[int, Callable[[], None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._changed = changed

    @property
    def external_sender(self) -> bytes:
        return self._sender.package()

    @property
    def is_settled(self) -> bool:
        """Everybody in the call is in the group, and nothing is under way."""
        present = set(self._people) | ({self.client.user_id} if self.client else set())
        if not self.version or len(present) < 2:
            return self._change is None and not self._then
        return self._change is None and not self._then and set(self.leaves) == present and not self._stale

    @property
    def has_client(self) -> bool:
        return self.client is not None and self.client.user_id in self.leaves

    def enter(self, keys: Keys) -> None:
        """Somebody who comes back at once has new keys, so their old leaf goes first."""
        keys.reset(self.external_sender)
        coming = self._change.added if self._change is not None else {}
        if keys.user_id in self.leaves or keys.user_id in coming:
            self._stale.add(keys.user_id)
        self._people[keys.user_id] = keys
        self._advance()

    def wait_outside(self, keys: Keys) -> None:
        """In a call that is not encrypted."""
        self._people[keys.user_id] = keys

    def leave(self, user_id: int) -> None:
        self._people.pop(user_id, None)
        if self._change is not None and user_id in self._change.commits:
            del self._change.commits[user_id]
        self._advance()

    def client_enters(self, client: Wire) -> None:
        if self.client is not None:
            self.client_leaves()
        self.client, self._package = client, None

    def client_leaves(self) -> None:
        if self.client is None:
            return
        left = self.client.user_id
        self.client, self._package = None, None
        if left in self.leaves:
            self._stale.add(left)
        self._go_on()
        self._advance()

    def hear_key_package(self, body: bytes) -> None:
        """Operation 26."""
        assert self.client is not None
        try:
            owner = owner_of(body)
        except MalformedError as error:
            self.client.accuse(f"op 26: {error}")
            return
        if owner != self.client.user_id:
            self.client.accuse("op 26: the key package of somebody else")
            return
        self._package = body
        self._advance()

    def hear_commit(self, body: bytes) -> None:
        """Operation 28. One that comes too late is no mistake."""
        assert self.client is not None
        try:
            commit = read_commit(body)
        except MalformedError as error:
            self.client.accuse(f"op 28: {error}")
            return
        change = self._change
        if change is None or change.transition or commit.epoch != self.epoch:
            return
        if commit.inline:
            self.client.accuse("op 28: a commit with proposals of its own")
        elif not change.is_creation and set(commit.references) != change.names:
            self.client.accuse("op 28: a commit of other proposals")
        else:
            change.commits[self.client.user_id] = body
            self._settle()

    def hear_ready(self, transition: int) -> None:
        """Operation 23: people switch to the new keys, operation 22 follows."""
        assert self.client is not None
        if transition in self._then:
            self._execute(transition)
        elif transition not in self.transitions:
            self.client.accuse(f"op 23: there is no transition {transition}")

    def hear_invalid(self, transition: int) -> None:
        """Operation 31: the client is removed, and added again after its next key package."""
        assert self.client is not None
        self.invalid.append(transition)
        self._package = None
        if self.client.user_id in self.leaves:
            self._stale.add(self.client.user_id)
        self._go_on()
        self._advance()

    def downgrade(self) -> None:
        """Somebody without end-to-end encryption joins: from the execution on, everything is plain."""
        self.version = 0
        self._announce(self._become_plain, lambda n: self._tell(21, {"protocol_version": 0, "transition_id": n}))

    def _become_plain(self) -> None:
        self.is_encrypted = False
        self.epoch, self.leaves, self._package = 0, {}, None

    def upgrade(self) -> None:
        """They left again: a new group is formed."""
        self.version = 1
        for keys in self._people.values():
            keys.reset(self.external_sender)
        self._tell(24, {"protocol_version": 1, "epoch": 1})
        self._advance()

    def diverge(self, ghost: Keys) -> None:
        """The group moves on and the client is not told, as when Discord lost a message. It has to notice."""
        assert self.has_client
        assert self._change is None
        assert self._people
        ghost.reset(self.external_sender)
        package = ghost.key_package()
        message, _ = self._sender.add(self.epoch, package)
        payload = appended([message])
        known = {*self.leaves, ghost.user_id}
        bodies = [keys.propose(payload, known) for keys in self._people.values()]
        commit = read_commit(bodies[0])
        for keys in self._people.values():
            keys.commit(commit.message)
            keys.switch()
        self._seat(ghost.user_id)
        self._stale.add(ghost.user_id)
        self.epoch += 1

    def _advance(self) -> None:
        """Starts the next change when there is a need for one and nothing is under way."""
        self._changed()
        if not self.version or self._change is not None or self._then:
            return
        client = self.client.user_id if self.client else None
        present = set(self._people) | ({client} if client is not None else set())
        if self.epoch and len(present) < 2:
            self._reset()
            return
        if not self.epoch:
            self._create()
            return
        gone = tuple(user_id for user_id in self.leaves if user_id not in present or user_id in self._stale)
        new = {user_id: keys.key_package() for user_id, keys in self._people.items() if user_id not in self.leaves}
        if self._package is not None and client is not None and client not in self.leaves:
            new[client] = self._package
        if gone or new:
            self._propose(new, gone)

    def _reset(self) -> None:
        """One is left: the next to come starts a new group with them."""
        self.epoch, self.leaves, self._package = 0, {}, None
        self._stale.clear()
        for keys in self._people.values():
            keys.reset(self.external_sender)
        self._tell(24, {"protocol_version": self.version, "epoch": 1})
        self._tell(21, {"protocol_version": self.version, "transition_id": 0})

    def _create(self) -> None:
        if self.client is None or not self._people:
            return
        if len(self._people) > 1:
            self._create_among_people()
            self._advance()
        elif self._package is not None:
            self._create_pair()

    def _create_among_people(self) -> None:
        """They were talking already when the client came."""
        first, *rest = self._people.values()
        known = set(self._people)
        packages = {keys.user_id: keys.key_package() for keys in rest}
        messages = [self._sender.add(0, package)[0] for package in packages.values()]
        commit = read_commit(first.propose(appended(messages), known))
        assert commit.welcome is not None
        first.commit(commit.message)
        for keys in rest:
            keys.welcome(welcome_for(commit.welcome, packages[keys.user_id]), known)
        for keys in self._people.values():
            keys.switch()
        self.leaves = {user_id: leaf for leaf, user_id in enumerate(self._people)}
        self.epoch = 1

    def _create_pair(self) -> None:
        """The client and one person: each is asked to add the other, and one of them wins."""
        assert self.client is not None
        assert self._package is not None
        (person,) = self._people.values()
        package = person.key_package()
        theirs, _ = self._sender.add(0, self._package)
        ours, _ = self._sender.add(0, package)
        change = Change(
            added={person.user_id: package, self.client.user_id: self._package},
            removed=(),
            names=frozenset(),
            is_creation=True,
        )
        change.commits[person.user_id] = person.propose(appended([theirs]), {person.user_id, self.client.user_id})
        self._begin(change, appended([ours]))

    def _propose(self, added: dict[int, bytes], removed: tuple[int, ...]) -> None:
        signed = [self._sender.remove(self.epoch, self.leaves[user_id]) for user_id in removed]
        signed += [self._sender.add(self.epoch, package) for package in added.values()]
        payload = appended([message for message, _ in signed])
        change = Change(added=added, removed=removed, names=frozenset(name for _, name in signed))
        known = {*self.leaves, *added}
        for user_id, keys in self._people.items():
            if user_id in self.leaves and user_id not in removed:
                change.commits[user_id] = keys.propose(payload, known)
        self._begin(change, payload)

    def _begin(self, change: Change, payload: bytes) -> None:
        self._change = change
        client = self.client
        asked = client is not None and (change.is_creation or client.user_id in self.leaves)
        asked = asked and client is not None and client.user_id not in change.removed
        if asked:
            self._tell_bytes(27, b"\x00" + payload)
        if not asked or (change.commits and self.committer == PERSON):
            self._settle()
        else:
            self._wait(self._settle)

    def _settle(self) -> None:
        """One commit wins, its members get operation 29, newcomers operation 30."""
        change = self._change
        if change is None or change.transition:
            return
        client = self.client.user_id if self.client else None
        winner = client if self.committer == CLIENT and client in change.commits else next(iter(change.commits), None)
        if winner is None:
            self._change = None  # nobody is left who could have committed it
            self._reset()
            return
        commit = read_commit(change.commits[winner])
        assert commit.epoch == self.epoch, "a commit of another epoch"
        for user_id in change.removed:
            self._stale.discard(user_id)
            self.leaves.pop(user_id, None)
        members = {winner} if change.is_creation else set(self.leaves)
        for user_id in sorted(change.added, key=lambda user_id: user_id != winner):
            self._seat(user_id)
        self.epoch += 1
        self._hand_out(change, commit, members)

    def _hand_out(self, change: Change, commit: Commit, members: set[int]) -> None:
        client = self.client.user_id if self.client else None
        for user_id, keys in self._people.items():
            if user_id in self._stale:
                continue
            if user_id in members:
                keys.commit(commit.message)
            elif user_id in change.added:
                assert commit.welcome is not None
                keys.welcome(welcome_for(commit.welcome, change.added[user_id]), set(self.leaves))

        def switch() -> None:
            self._change = None
            for user_id in self.leaves:
                if user_id in self._people and user_id not in self._stale:
                    self._people[user_id].switch()
            self.is_encrypted = self.version > 0

        def tell(transition: int) -> None:
            change.transition = transition
            head = transition.to_bytes(2)
            if client in members:
                self._tell_bytes(29, head + commit.message)
            elif client in change.added:
                assert commit.welcome is not None
                self._tell_bytes(30, head + welcome_for(commit.welcome, change.added[client]))

        self._announce(switch, tell, waits=client in self.leaves)

    def _announce(self, then: Callable[[], None], tell: Callable[[int], None], *, waits: bool = True) -> None:
        """A client that is not concerned (`waits` False) is told nothing, and not waited for."""
        self._next_transition = self._next_transition % 0xFFFF + 1
        number = self._next_transition
        self._then[number] = then
        tell(number)
        if waits and self.client is not None:
            self._wait(lambda: self._execute(number))
        else:
            self._execute(number, tells=False)

    def _execute(self, number: int, *, tells: bool = True) -> None:
        then = self._then.pop(number, None)
        if then is None:
            return
        self._rest()
        then()
        if tells:
            self._tell(22, {"transition_id": number})
        self.transitions.append(number)
        self._advance()

    def _go_on(self) -> None:
        """Nothing waits for the client any longer."""
        if self._change is not None and not self._change.transition:
            if self.client is None and self._change.is_creation:
                self._change = None
                for keys in self._people.values():
                    keys.reset(self.external_sender)
            else:
                self._settle()
        for number in tuple(self._then):
            self._execute(number)

    def _seat(self, user_id: int) -> None:
        """The leftmost blank leaf."""
        taken = set(self.leaves.values())
        self.leaves[user_id] = next(leaf for leaf in range(len(taken) + 1) if leaf not in taken)

    def _wait(self, then: Callable[[], None]) -> None:
        self._rest()
        self._timer = asyncio.get_running_loop().call_later(self.patience_seconds, then)

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        self._rest()
        self._then.clear()
        self._change = None

    def _tell(self, operation: int, data: object) -> None:
        if self.client is not None:
            self.client.tell(operation, data)

    def _tell_bytes(self, operation: int, body: bytes) -> None:
        if self.client is not None:
            self.client.tell_bytes(operation, body)
