"""What is worth counting: told by whoever does it, heard by whoever keeps figures. No ids of people or places."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from enum import StrEnum


class Figure(StrEnum):
    """What is told, and what the label beside it means."""

    QUEUE_WAIT_SECONDS = "queue_wait_seconds"
    """How long a question waited for its turn."""
    FFMPEG_SECONDS = "ffmpeg_seconds"
    """How long a program on a file ran; its name."""
    FFMPEG_RSS_BYTES = "ffmpeg_rss_bytes"
    """The most memory it had; its name."""
    VOICE_SECONDS = "voice_seconds"
    """From the end of somebody's speech to a step of the spoken answer; the step."""
    REFUSALS = "refusals"
    """Somebody was told no; the code of the error."""
    DECRYPT_FAILURES = "decrypt_failures"
    """A packet of voice could not be decrypted."""
    RETRIES = "retries"
    """A call to a provider was made once more; the role."""
    INVALID_REQUESTS = "invalid_requests"
    """Discord refused a request so that it counts; the status: 401, 403 or 429."""
    REST_SECONDS = "rest_seconds"
    """How long a provider is passed over from now, 0: not any more; the role and its place in the list, as chat/0."""


Hearer = Callable[[Figure, float, str], None]
"""Given the figure, its value and its label. Called wherever it happens, also off the event loop; must not block."""

_hearers: tuple[Hearer, ...] = ()


def tell(figure: Figure, value: float = 1.0, label: str = "") -> None:
    """Nobody may be listening."""
    for hearer in _hearers:
        hearer(figure, value, label)


@contextmanager
def hearing(hearer: Hearer) -> Generator[None]:
    """Everything that is told in this process while the block lasts."""
    global _hearers  # noqa: PLW0603  # as for a log handler, the process is the scope
    _hearers = (*_hearers, hearer)
    try:
        yield
    finally:
        _hearers = tuple(one for one in _hearers if one is not hearer)
