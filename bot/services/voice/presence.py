"""Who is in the channel, and whom of them the bot hears."""

from collections.abc import Callable, Collection, Iterable, Sequence

from bot.domain.voice import Listener


class Presence:
    """Heard is who is present, agreed, may talk to the bot here, is not muted and not deafened; at most `max_people`,
    who came first. `heard` is replaced as a whole, so that it can be read in any thread."""

    def __init__(self, *, may_talk: Callable[[int], bool], max_people: int) -> None:
        self._may_talk = may_talk
        self._max_people = max_people
        self._present: dict[int, Listener] = {}
        self._agreed: set[int] = set()
        self._muted: set[int] = set()
        self.heard: frozenset[int] = frozenset()

    def come(self, people: Sequence[Listener]) -> frozenset[int]:
        """These are there now. Returns whom the bot does not hear any more."""
        there = {person.person_id: person for person in people}
        stay = {person_id: there[person_id] for person_id in self._present if person_id in there}
        self._present = {**stay, **there}
        self._agreed &= set(there)
        return self.review()

    def agree(self, people: Iterable[int], *, is_given: bool) -> frozenset[int]:
        """They agreed to be heard, or took that back; returns as `come`."""
        if is_given:
            self._agreed |= set(people) & set(self._present)
        else:
            self._agreed -= set(people)
        return self.review()

    def mute(self, person_id: int, *, is_muted: bool) -> frozenset[int]:
        """They do not want to be heard for now, or again; returns as `come`."""
        if is_muted:
            self._muted.add(person_id)
        else:
            self._muted.discard(person_id)
        return self.review()

    def review(self) -> frozenset[int]:
        """Who may talk may have changed; returns as `come`."""
        before = self.heard
        able = [
            person_id
            for person_id, person in self._present.items()
            if person_id in self._agreed
            and person_id not in self._muted
            and not person.is_deafened
            and self._may_talk(person_id)
        ]
        able.sort(key=lambda person_id: person_id not in before)  # nobody is dropped for a newcomer
        self.heard = frozenset(able[: self._max_people])
        return before - self.heard

    @property
    def is_alone(self) -> bool:
        return not self._present

    @property
    def present(self) -> frozenset[int]:
        return frozenset(self._present)

    @property
    def muted(self) -> tuple[int, ...]:
        return tuple(sorted(self._muted & self.present))

    def name(self, person_id: int) -> str:
        """What somebody who is there is called; empty for others."""
        person = self._present.get(person_id)
        return "" if person is None else person.name

    def heard_names(self) -> dict[int, str]:
        """What those are called whom the bot hears; of others nothing goes to a model."""
        return {person_id: self.name(person_id) for person_id in self._present if person_id in self.heard}

    def names(self, *, but_for: Collection[int] = ()) -> tuple[str, ...]:
        """Of everybody there, without these."""
        return tuple(person.name for person_id, person in self._present.items() if person_id not in but_for)
