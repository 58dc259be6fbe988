"""One change of a group on its way, and whom it is told to."""

from dataclasses import dataclass, field
from typing import Protocol


class Wire(Protocol):
    """The client at the other end of the gateway."""

    user_id: int

    def tell(self, operation: int, data: object) -> None: ...

    def tell_bytes(self, operation: int, body: bytes) -> None: ...

    def accuse(self, what: str) -> None:
        """The client did what Discord's client never does."""
        ...


@dataclass(slots=True, kw_only=True)
class Change:
    """`names`: the references of its proposals. `commits`: what came in, by who sent it. `transition` 0: not settled
    yet."""

    added: dict[int, bytes] = field(repr=False)
    removed: tuple[int, ...]
    names: frozenset[bytes]
    commits: dict[int, bytes] = field(default_factory=dict, repr=False)
    transition: int = 0
    is_creation: bool = False
