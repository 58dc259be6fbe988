"""What the simulator remembers of each request, for assertions."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True, kw_only=True)
class Request:
    """`route` is the path without /api/v10. `at_seconds` since the server started, by its clock. `status` 0: dropped.
    `code`: Discord's error code when it was refused. `answer`: the JSON sent back."""

    method: str
    route: str
    template: str
    at_seconds: float
    status: int = 0
    code: int | None = None
    body: Any = field(default=None, repr=False)
    answer: Any = field(default=None, repr=False)
    headers: dict[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """One bulk overwrite of commands. `guild_id` None: global."""

    guild_id: int | None
    names: tuple[str, ...]
    at_seconds: float
