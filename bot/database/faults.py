"""What the database says when it cannot, in words a person can use."""

from bot.domain.errors import MemoryFault
from bot.domain.sentence import sentence

NEWER = "database_newer"
BROKEN = "database_broken"
UNWRITABLE = "database_unwritable"
BUSY = "memory_busy"
FULL = "memory_full"
FAILED = "memory_failed"

_PUBLIC = {
    NEWER: sentence(
        "The database was written by a newer version of this program. Install that version again, "
        "or put back the copy beside the database that was made before the upgrade."
    ),
    BROKEN: sentence(
        "The database is damaged or is not one of this program. Put back a copy of it, "
        "or move the file away to start with an empty memory."
    ),
    UNWRITABLE: sentence(
        "The database cannot be written. Let the account this program runs as own the data folder and what is in it."
    ),
    BUSY: sentence("The memory is busy. Try again in a moment."),
    FULL: sentence("The disk is full, so nothing can be remembered. Whoever runs this bot has to free some space."),
    FAILED: sentence("The memory did not work this time. Try again; whoever runs this bot finds the cause in its log."),
}


def fault(code: str) -> MemoryFault:
    """The error for one of the codes above."""
    return MemoryFault(code, _PUBLIC[code])
