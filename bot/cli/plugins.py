"""`plugins`: which there are, what they may do, switching them for the next start, and a template for a new one."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from bot.cli.exits import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE
from bot.cli.opening import Config, fail, load
from bot.config import Settings
from bot.config.plugin_check import plugin_settings
from bot.discord_io.plugin_pages import PERMISSIONS
from bot.domain.errors import BotError, PluginError, SettingsError
from bot.hooks.loader import Found, check_plugin, find_plugins
from bot.hooks.plugin import Plugin
from bot.hooks.starting import cannot_load, check_hooks, check_permissions, known_plugin
from bot.hooks.status import hooks_of
from bot.hooks.switches import switches_of
from bot.locales import contribute
from bot.testkit.template import write_template

Result = TypeVar("Result")

plugins = typer.Typer(name="plugins", help="Plugins: list, show, enable, disable, new.")

Name = Annotated[str, typer.Argument(help="As `plugins list` names it.", show_default=False)]


@plugins.callback(invoke_without_command=True)
def begin(context: typer.Context, config: Config = None) -> None:
    """Without a command: list."""
    if context.invoked_subcommand is None:
        list_them(config)


@plugins.command("list")
def list_them(config: Config = None) -> None:
    """List all plugins. Those that should run are loaded and checked, and none is started."""
    settings = load(None, config)
    found = find_plugins(settings.plugins.directory)
    wanted = switches_of(settings).wanted(settings.plugins.enabled)
    rows = [_row(name, found, settings, is_wanted=name in wanted) for name in sorted({*found, *wanted})]
    _print_table([("NAME", "STATE", "SOURCE", "VERSION", "SUMMARY", "WHY"), *rows])


@plugins.command("show")
def show_it(name: Name, config: Config = None) -> None:
    """Tell what a plugin does, may do, keeps and sends. Its code is loaded for that, and not started."""
    settings = load(None, config)
    found = _run(lambda: known_plugin(find_plugins(settings.plugins.directory), name))
    kind = _run(lambda: _loaded(found))
    is_wanted = name in switches_of(settings).wanted(settings.plugins.enabled)
    typer.echo(f"{name} {kind.version}, {found.source.value}: {found.where}")
    typer.echo(f"state  {'on' if is_wanted else 'off'}")
    _print_declared(kind)
    why = _why_not(kind, settings)
    if why:
        typer.echo(f"It cannot run. {why}")


@plugins.command("enable")
def enable_it(name: Name, config: Config = None) -> None:
    """Switch a plugin on for this data folder, from the next start of the bot on."""
    settings = load(None, config)

    def work() -> type[Plugin]:
        kind = _loaded(known_plugin(find_plugins(settings.plugins.directory), name))
        _check(kind, settings)
        switches_of(settings).write(name, is_on=True)
        return kind

    _print_declared(_run(work))
    typer.echo(f"{name} is switched on. A bot that runs follows at its next start, or at once by /plugins enable.")


@plugins.command("disable")
def disable_it(name: Name, config: Config = None) -> None:
    """Switch a plugin off for this data folder, from the next start of the bot on."""
    settings = load(None, config)
    switches = switches_of(settings)

    def work() -> None:
        if name not in switches.wanted(settings.plugins.enabled):
            known_plugin(find_plugins(settings.plugins.directory), name)
        switches.write(name, is_on=False)

    _run(work)
    typer.echo(f"{name} is switched off. A bot that runs follows at its next start, or at once by /plugins disable.")


@plugins.command("new")
def make_one(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and underscores.", show_default=False)],
    folder: Annotated[Path, typer.Option("--in", help="Where to make it.")] = Path(),
) -> None:
    """Write a plugin to begin with, and its tests, and print where it is."""
    typer.echo(_run(lambda: write_template(name, folder)))


def _run(work: Callable[[], Result]) -> Result:
    try:
        return work()
    except SettingsError as error:
        fail(error.public, EXIT_USAGE)
    except BotError as error:
        is_name = error.code in {"plugin_unknown", "plugin_name"}
        fail(error.public, EXIT_USAGE if is_name else EXIT_FAILED)
    except KeyboardInterrupt:
        fail("Stopped.", EXIT_INTERRUPTED)


def _loaded(found: Found) -> type[Plugin]:
    """Runs the code of the plugin. Raises PluginError."""
    try:
        kind = found.load()
    except PluginError:
        raise
    except (Exception, SystemExit) as error:  # the code of a plugin may raise anything
        raise PluginError("plugin_broken", cannot_load(found.name, error)) from error
    check_plugin(kind, found.name)
    return kind


def _check(kind: type[Plugin], settings: Settings) -> None:
    """What would keep it from being started, as far as that can be known before. Raises PluginError, SettingsError."""
    check_permissions(kind)
    check_hooks(kind)
    if kind.catalogue is not None:
        contribute(kind.name, kind.catalogue)
    plugin_settings(settings, kind.name, kind.settings_model)


def _why_not(kind: type[Plugin], settings: Settings) -> str:
    try:
        _check(kind, settings)
    except BotError as error:
        return error.public
    return ""


def _row(name: str, found: dict[str, Found], settings: Settings, *, is_wanted: bool) -> tuple[str, ...]:
    if name not in found:
        return name, "FAIL", "-", "-", "-", "There is no plugin of this name."
    source = found[name].source.value
    if not is_wanted:
        return name, "off", source, "-", "-", ""
    try:
        kind = _loaded(found[name])
    except PluginError as error:
        return name, "FAIL", source, "-", "-", error.public
    why = _why_not(kind, settings)
    return name, "FAIL" if why else "on", source, kind.version, kind.summary or "-", "; ".join(why.splitlines())


def _print_table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _print_declared(kind: type[Plugin]) -> None:
    may = "; ".join(PERMISSIONS[permission] for permission in sorted(kind.permissions))
    for what, said in (
        ("does", kind.summary),
        ("may", may),
        ("keeps", kind.keeps),
        ("sends", kind.sends),
        ("hooks", ", ".join(hooks_of(kind))),
    ):
        typer.echo(f"{what:<5}  {said or '-'}")
