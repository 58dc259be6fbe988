"""Arguments of `python -m bot …`; each command calls one service and prints what it returns."""

import asyncio
import json
import logging
import os
import re
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from bot import __version__
from bot.app import App, open_app
from bot.cli.console import ConsoleListener, EventLog, Watcher, progress
from bot.cli.db import db
from bot.cli.doctor import examine
from bot.cli.exits import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_MEDIA, EXIT_PROVIDER, EXIT_USAGE
from bot.cli.health import report_health
from bot.cli.image import report_image
from bot.cli.incoming import STDIN, saved
from bot.cli.opening import Config, fail, load
from bot.cli.plugins import plugins
from bot.cli.render import answer_as_json, estimate_as_text
from bot.cli.run import run_bot
from bot.cli.usage import usage_as_json, usage_as_text, usage_of
from bot.config import Duty
from bot.domain.answer import Answer, AnswerMode
from bot.domain.errors import BotError, MediaError, ProviderError, QuotaError, SettingsError
from bot.domain.recollection import Named
from bot.pipeline.export import FORMATS

Result = TypeVar("Result")

_NAME_OF_A_CLIP = re.compile(
    r"\.(3gp|aac|aiff?|avi|avif|bmp|flac|flv|gif|heic|jpe?g|m2ts|m4[av]|mk[av]|mov|mp[34]|mpe?g|mts|og[agv]|opus"
    r"|png|tiff?|wav|web[mp]|wm[av])$",
    re.IGNORECASE,
)

cli = typer.Typer(
    name="kibitz",
    help="Kibitz watches clips, listens, and answers in text and in voice.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
cli.add_typer(db)
cli.add_typer(plugins)

MediaOrQuestion = Annotated[
    str,
    typer.Argument(
        metavar="MEDIA",
        help="A clip, a sound or a picture; - reads it from stdin. In a conversation it may be left out.",
        show_default=False,
    ),
]
Media = Annotated[Path, typer.Argument(help="A clip, a sound or a picture; - reads it from stdin.", show_default=False)]
Preset = Annotated[
    str | None,
    typer.Option(
        help="auto, balanced, quality, classic, local or offline; default: as configured.", show_default=False
    ),
]


class TimelineFormat(StrEnum):
    """How a timeline is written."""

    TEXT = "text"
    JSON = "json"
    SRT = "srt"
    VTT = "vtt"
    MD = "md"


@cli.callback(invoke_without_command=True)
def start(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    """Options that come before a command."""
    if version:
        typer.echo(f"kibitz {__version__}")
        raise typer.Exit


@cli.command()
def ask(  # noqa: PLR0917 - the arguments of the command line
    media: MediaOrQuestion,
    question: Annotated[
        str | None,
        typer.Argument(help="Default: the question asked in the clip, else what happens there.", show_default=False),
    ] = None,
    voice: Annotated[
        Path | None, typer.Option(help="Write the spoken answer (OGG Opus) to this file.", show_default=False)
    ] = None,
    preset: Preset = None,
    mode: Annotated[AnswerMode | None, typer.Option(help="How the clip reaches the model.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of the text.")] = False,
    events: Annotated[
        Path | None, typer.Option(help="Append what happens as JSON lines to this file.", show_default=False)
    ] = None,
    max_cost: Annotated[
        float | None,
        typer.Option(
            metavar="USD",
            min=0,
            help="Spend no more than about so many US dollars: less of the clip is looked at, or nothing is done.",
            show_default=False,
        ),
    ] = None,
    conversation: Annotated[
        str | None, typer.Option(help="Keep this under a name, and go on from what is kept there.", show_default=False)
    ] = None,
    config: Config = None,
) -> None:
    """Answer a question about a clip; in a conversation also without one."""
    with ExitStack() as files:
        _check_writable(voice, "--voice")
        watchers: list[Watcher] = [progress()]
        if events is not None:
            _check_writable(events, "--events")
            watchers.append(EventLog(files.enter_context(events.open("a", encoding="utf-8"))))
        listener = ConsoleListener(*watchers, show_text=not as_json)

        async def work(app: App, path: Path | None, asked: str | None) -> None:
            if conversation is not None and app.conversations is not None:
                answer = await app.conversations.ask(
                    conversation, path, asked, listener, speak=voice is not None, most_usd=max_cost
                )
                _hand_over(answer, voice, as_json=as_json)
                await app.conversations.upkeep(conversation)
                return
            wanted = mode or app.settings.answer.mode
            clip = path or Path(media)
            answer = await app.video.ask(clip, asked, listener, mode=wanted, speak=voice is not None, most_usd=max_cost)
            _hand_over(answer, voice, as_json=as_json)

        if conversation is not None and question is None and _is_question(media):
            whole = partial(work, path=None, asked=media)
        else:
            whole = _with_media(Path(media), lambda app, path: work(app, path, question))
        _run(whole, preset=preset, config=config, keeps=conversation is not None, mode=mode)


@cli.command()
def timeline(
    media: Media,
    format: Annotated[TimelineFormat, typer.Option(help="How to print it.")] = TimelineFormat.TEXT,
    preset: Preset = None,
    config: Config = None,
) -> None:
    """Print what is seen and heard in a clip, with times."""
    listener = ConsoleListener(progress(), show_text=False)
    woven = _run(_with_media(media, lambda app, path: app.video.timeline(path, listener)), preset=preset, config=config)
    typer.echo(FORMATS[format.value](woven), nl=False)
    if format in (TimelineFormat.SRT, TimelineFormat.VTT):
        for notice in woven.notices:
            typer.echo(f"Notice: {notice.public}", err=True)


@cli.command()
def storyboard(
    media: Media, out: Annotated[Path, typer.Argument(help="The PNG to write.")], config: Config = None
) -> None:
    """Draw the chosen frames of a clip with their times."""
    _check_writable(out, "OUT.png")
    listener = ConsoleListener(progress(), show_text=False)
    picture = _run(
        _with_media(media, lambda app, path: app.video.storyboard(path, listener)), preset="offline", config=config
    )
    _write(out, picture)


@cli.command()
def estimate(
    media: Media,
    preset: Preset = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    config: Config = None,
) -> None:
    """Tell frames, minutes, tokens and money before anything is paid."""
    listener = ConsoleListener(progress(), show_text=False)
    costs = _run(_with_media(media, lambda app, path: app.video.estimate(path, listener)), preset=preset, config=config)
    typer.echo(json.dumps(costs.as_json(), indent=2) if as_json else estimate_as_text(costs))


@cli.command()
def usage(
    days: Annotated[int, typer.Option(help="How far back to tell on what it was spent.", min=1, max=400)] = 30,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    config: Config = None,
) -> None:
    """Tell what was spent and what may still be; the bot may run meanwhile."""
    settings = load(None, config)
    try:
        allowances, spent = asyncio.run(usage_of(settings, days=days))
    except BotError as error:
        fail(error.public, EXIT_FAILED)
    told = usage_as_json(allowances, spent, days=days) if as_json else None
    typer.echo(usage_as_text(allowances, spent, days=days) if told is None else json.dumps(told, indent=2))


@cli.command()
def conversations(config: Config = None) -> None:
    """List the conversations that `ask --conversation` kept."""

    async def work(app: App) -> Sequence[Named]:
        return () if app.conversations is None else await app.conversations.names()

    for one in _run(work, preset="offline", config=config, keeps=True):
        last = "-" if one.last_at is None else f"{one.last_at.astimezone():%Y-%m-%d %H:%M}"
        typer.echo(f"{last:<16}  {one.turn_count:>4}  {one.name}")


@cli.command()
def forget(
    name: Annotated[str, typer.Argument(help="As `conversations` lists it.", show_default=False)], config: Config = None
) -> None:
    """Forget a conversation: what was asked and answered, and what is known of its clips."""

    async def work(app: App) -> None:
        if app.conversations is not None:
            await app.conversations.forget(name)

    _run(work, preset="offline", config=config, keeps=True)
    typer.echo("Forgotten.")


@cli.command()
def doctor(
    preset: Preset = None,
    image: Annotated[bool, typer.Option("--image", help="Check the walls of the container as well.")] = False,
    config: Config = None,
) -> None:
    """Check tools, keys, servers and models; exit code 1 when something needed is missing."""
    is_walled = report_image(load(preset, config)) if image else True
    if not _run(examine, preset=preset, config=config) or not is_walled:
        raise typer.Exit(EXIT_FAILED)


@cli.command()
def run(
    role: Annotated[
        Duty, typer.Option(help="all, or one of several processes: gateway (to Discord) or worker (does the work).")
    ] = Duty.ALL,
    config: Config = None,
) -> None:
    """Start the Discord bot, or one of the processes it is made of."""
    settings = load(None, config)
    for statement in settings.statements:
        typer.echo(statement, err=True)
    raise typer.Exit(run_bot(settings, role))


@cli.command()
def health(config: Config = None) -> None:
    """Tell whether the bot that runs on this data is well; exit code 1 when it is not."""
    raise typer.Exit(report_health(load(None, config)))


def main() -> None:
    """The entry of `python -m bot` and of the installed `kibitz`."""
    cli(prog_name="kibitz")


def _is_question(media: str) -> bool:
    """What is no file and is not named like a clip."""
    is_there = os.path.exists(media)  # noqa: PTH110 - no name is too long for it
    return Path(media) != STDIN and not is_there and _NAME_OF_A_CLIP.search(media) is None


def _hand_over(answer: Answer, voice: Path | None, *, as_json: bool) -> None:
    """What was not streamed."""
    if as_json:
        typer.echo(json.dumps(answer_as_json(answer), ensure_ascii=False, indent=2))
    else:
        for notice in answer.notices:
            typer.echo(f"Notice: {notice.public}", err=True)
    if voice is not None:
        if answer.voice is None:
            fail("The answer could not be spoken, so there is no voice clip; see the notices.", EXIT_PROVIDER)
        _write(voice, answer.voice.ogg)


def _run(
    work: Callable[[App], Awaitable[Result]],
    *,
    preset: str | None,
    config: Path | None,
    keeps: bool = False,
    mode: AnswerMode | None = None,
) -> Result:
    """Open the app, do one thing, close everything; errors become one sentence and an exit code."""
    settings = load(preset, config)
    for statement in settings.statements:
        typer.echo(statement, err=True)

    async def whole() -> Result:
        task = asyncio.current_task()
        if task is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        async with open_app(settings, keeps=keeps, mode=mode) as app:
            return await work(app)

    try:
        return asyncio.run(whole())
    except MediaError as error:
        fail(error.public, EXIT_MEDIA)
    except QuotaError as error:
        ends = "" if error.resets_at is None else f" The limit ends at {error.resets_at.astimezone():%H:%M:%S}."
        fail(error.public + ends, EXIT_PROVIDER)
    except ProviderError as error:
        fail(error.public, EXIT_PROVIDER)
    except SettingsError as error:
        fail(error.public, EXIT_USAGE)
    except BotError as error:
        fail(error.public, EXIT_FAILED)
    except (KeyboardInterrupt, asyncio.CancelledError):
        fail("Stopped.", EXIT_INTERRUPTED)
    except OSError:
        logging.getLogger(__name__).debug("output failed", exc_info=True)
        fail("The output could not be written; make room or send it to another place.", EXIT_FAILED)


def _with_media(media: Path, work: Callable[[App, Path], Awaitable[Result]]) -> Callable[[App], Awaitable[Result]]:
    async def on_saved(app: App) -> Result:
        async with saved(media, app) as path:
            return await work(app, path)

    return on_saved


def _check_writable(path: Path | None, name: str) -> None:
    """Refuse a place nothing can be written to before any work is paid for."""
    if path is None:
        return
    if path.is_dir():
        fail(f"{name}: {path} is a folder; name a file.", EXIT_USAGE)
    if not path.parent.is_dir():
        fail(f"{name}: the folder {path.parent} does not exist; create it first.", EXIT_USAGE)
    existed = path.exists()
    try:
        with path.open("ab"):
            pass
        if not existed:
            path.unlink()
    except OSError:
        fail(f"{name}: {path} cannot be written; name a place that can.", EXIT_USAGE)


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError:
        fail(f"{path} could not be written; make room or name another place.", EXIT_FAILED)
