"""How often messages of a channel are edited: Discord takes five edits in five seconds, all messages together."""

import time
from collections import deque
from collections.abc import Callable

_WINDOW_SECONDS = 5.0
_MOST_EDITS = 5
_MOST_ROOMS = 1000


class Room:
    """The edits made in one channel of late."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._edits = deque[float](maxlen=_MOST_EDITS)

    def took(self) -> None:
        """An edit was made."""
        self._edits.append(self._clock())

    def seconds_to_wait(self, *, leaving: int) -> float:
        """Until an edit still leaves so many for what is more urgent; zero: now."""
        allowed = _MOST_EDITS - leaving
        if len(self._edits) < allowed:
            return 0.0
        return max(0.0, self._edits[-allowed] + _WINDOW_SECONDS - self._clock())


class Pace:
    """The rooms of all channels in which something was worked on of late."""

    def __init__(self) -> None:
        self._rooms: dict[int, Room] = {}

    def room(self, channel_id: int) -> Room:
        """That of a channel; those asked for longest ago are forgotten when there are very many."""
        room = self._rooms.pop(channel_id, None) or Room()
        self._rooms[channel_id] = room
        if len(self._rooms) > _MOST_ROOMS:
            del self._rooms[next(iter(self._rooms))]
        return room
