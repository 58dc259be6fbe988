"""`db`: the database without the bot; upgrade, backup, check, restore."""

import asyncio
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from bot.app import where_of
from bot.cli.exits import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE
from bot.cli.opening import Config, fail, load
from bot.database.backup import back_up, restore
from bot.database.check import problems_of
from bot.database.upgrade import REVISION, upgrade
from bot.discord_io.heartbeat import DEAD_AFTER_SECONDS, heartbeat_file, seconds_since_beat
from bot.domain.errors import BotError

Result = TypeVar("Result")

db = typer.Typer(name="db", help="Look after the database: upgrade, backup, check, restore.", no_args_is_help=True)


@db.command("upgrade")
def upgrade_it(config: Config = None) -> None:
    """Bring the database up to date, as the start of the bot does."""
    before = _run(upgrade(where_of(load(None, config))))
    if before == REVISION:
        typer.echo(f"The database is up to date ({REVISION}).")
    elif before is None:
        typer.echo(f"A new database was made ({REVISION}).")
    else:
        typer.echo(f"The database was brought from {before} to {REVISION}.")


@db.command("backup")
def backup_it(
    file: Annotated[
        Path | None,
        typer.Argument(help="The file to write; default: a new one in the folder backups of the data folder."),
    ] = None,
    config: Config = None,
) -> None:
    """Write all that is kept to one file and print its path; the bot may run meanwhile."""
    if file is not None and file.exists():
        fail(f"{file} exists already; name a new file.", EXIT_USAGE)
    typer.echo(_run(back_up(where_of(load(None, config)), file)))


@db.command("check")
def check_it(config: Config = None) -> None:
    """Tell whether the database is whole; exit code 1 when it is not. The bot may run meanwhile."""
    problems = _run(problems_of(where_of(load(None, config))))
    typer.echo("\n".join(problems) or "ok")
    if problems:
        raise typer.Exit(EXIT_FAILED)


@db.command("restore")
def restore_it(
    file: Annotated[Path, typer.Argument(help="A backup, or a database file of SQLite.")], config: Config = None
) -> None:
    """Fill an empty database from a backup; also the way from SQLite to PostgreSQL."""
    settings = load(None, config)
    seconds = seconds_since_beat(heartbeat_file(settings), now=time.time())
    if seconds is not None and seconds <= DEAD_AFTER_SECONDS:
        fail("The bot that runs on this data has to be stopped first.", EXIT_FAILED)
    typer.echo(f"Rows put back: {_run(restore(where_of(settings), file))}.")


def _run(work: Coroutine[Any, Any, Result]) -> Result:
    try:
        return asyncio.run(work)
    except BotError as error:
        fail(error.public, EXIT_FAILED)
    except KeyboardInterrupt:
        fail("Stopped.", EXIT_INTERRUPTED)
