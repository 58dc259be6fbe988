"""Where what is remembered lives: in a file of SQLite, or in a PostgreSQL."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """`url` names a PostgreSQL and holds its password; None: a file in the folder. Backups lie in the folder anyway."""

    directory: Path
    url: str | None = field(default=None, repr=False)

    @property
    def file(self) -> Path:
        """The database, unless there is a URL."""
        return self.directory / "kibitz.db"

    @property
    def backups(self) -> Path:
        """The folder of backups for which nobody named another place."""
        return self.directory / "backups"
