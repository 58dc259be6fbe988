"""What the database says when it cannot, in words a person can use."""

from bot.domain.errors import MemoryFault
from bot.domain.sentence import sentence

NEWER = "database_newer"
BROKEN = "database_broken"
UNWRITABLE = "database_unwritable"
UNREACHABLE = "database_unreachable"
REFUSED = "database_refused"
MISSING = "database_missing"
OUTDATED = "database_outdated"
ABSENT = "database_absent"
OCCUPIED = "database_occupied"
NO_BACKUP = "backup_broken"
UNWRITTEN = "backup_unwritten"
BUSY = "memory_busy"
FULL = "memory_full"
FAILED = "memory_failed"

_PUBLIC = {
    NEWER: sentence(
        "The database was written by a newer version of this program. Install that version again, "
        "or put back a copy that was made before the upgrade."
    ),
    BROKEN: sentence(
        "The database is damaged or is not one of this program. Put back a copy of it, "
        "or name an empty one to start with an empty memory."
    ),
    UNWRITABLE: sentence(
        "The database cannot be written. Let the account this program runs as own the data folder and what is in it, "
        "or the tables in PostgreSQL."
    ),
    UNREACHABLE: sentence(
        "The database server does not answer. Whoever runs this bot has to start it, "
        "or correct its address in KIBITZ_DATA__URL."
    ),
    REFUSED: sentence("The database server refuses the user name or the password. Correct them in KIBITZ_DATA__URL."),
    MISSING: sentence(
        "The database server has no database of this name. Create it, or correct the name in KIBITZ_DATA__URL."
    ),
    OUTDATED: sentence(
        "The database was written by an older version of this program. Bring it up to date first: "
        "python -m bot db upgrade."
    ),
    ABSENT: sentence("There is no database yet. The first start of the bot makes it; python -m bot db upgrade, too."),
    OCCUPIED: sentence(
        "The database already holds something, so nothing was put back. Name an empty one, or move the old file away."
    ),
    NO_BACKUP: sentence("The file is damaged or is no backup of this program. Name another one."),
    UNWRITTEN: sentence("The backup could not be written. Make room, or name a place where this account may write."),
    BUSY: sentence("The memory is busy. Try again in a moment."),
    FULL: sentence("The disk is full, so nothing can be remembered. Whoever runs this bot has to free some space."),
    FAILED: sentence("The memory did not work this time. Try again; whoever runs this bot finds the cause in its log."),
}


def fault(code: str) -> MemoryFault:
    """The error for one of the codes above."""
    return MemoryFault(code, _PUBLIC[code])
