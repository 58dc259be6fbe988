"""How every command begins and how it fails: settings and log at the start, one sentence and an exit code."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from bot.cli.exits import EXIT_USAGE
from bot.config import Settings, load_settings
from bot.domain.errors import SettingsError
from bot.logs import set_up_logging

Config = Annotated[Path | None, typer.Option(help="The settings; default: config.toml.", show_default=False)]


def load(preset: str | None, config: Path | None) -> Settings:
    """The settings, with the log set up as they say; ends the program where they are refused."""
    try:
        settings = load_settings(config, preset=preset)
    except SettingsError as error:
        for problem in error.problems:
            typer.echo(str(problem), err=True)
        raise typer.Exit(EXIT_USAGE) from error
    set_up_logging(settings.log, secrets=settings.secrets())
    return settings


def fail(sentence: str, code: int) -> NoReturn:
    """End the program with one sentence."""
    typer.echo(sentence, err=True)
    raise typer.Exit(code)
