"""`run`: the bot from its first line to its last."""

import asyncio
import logging
import os
import signal

import typer

from bot.app import open_bot
from bot.cli.exits import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_PROVIDER, EXIT_USAGE
from bot.config import Duty, Settings
from bot.discord_io.client import KibitzClient
from bot.discord_io.connection import stay_connected
from bot.discord_io.startup import invitations, opening_report
from bot.domain.errors import BotError
from bot.hiring import media_limits
from bot.media.readiness import check_readiness
from bot.worker import open_worker

_log = logging.getLogger(__name__)

FIRST_STEPS = """\
No token is set, so the bot cannot sign in. To get one:
  1. Open https://discord.com/developers/applications and press New Application.
  2. In that application, open Bot, press Reset Token and copy the token.
  3. Write it into the file .env (cp .env.example .env), which needs two lines:
       DISCORD_TOKEN=the token
       OPENAI_API_KEY=a key of OpenAI, or nothing: then everything is done on this machine
  4. Start again: make run, or python -m bot run. It prints the link that adds the bot to your server.
For now the command line works: python -m bot ask CLIP QUESTION."""

ONE_PROCESS = (
    "A database in a file has one process to write it, so gateways and workers need a PostgreSQL: set KIBITZ_DATA__URL "
    "for all of them. Everything in one process: python -m bot run"
)

_EXITS = {
    "settings": EXIT_USAGE,
    "discord_token": EXIT_USAGE,
    "discord_intents": EXIT_USAGE,
    "discord_unreachable": EXIT_PROVIDER,
    "discord_sign_in_refused": EXIT_PROVIDER,
    "discord_closed": EXIT_PROVIDER,
}


def run_bot(settings: Settings, duty: Duty = Duty.ALL) -> int:
    """Run until a signal; the exit code."""
    token = settings.discord.token
    if token is None:
        typer.echo(FIRST_STEPS, err=True)
        return EXIT_USAGE
    if duty is not Duty.ALL and settings.data.url is None:
        typer.echo(ONE_PROCESS, err=True)
        return EXIT_USAGE
    try:
        asyncio.run(_work(settings) if duty is Duty.WORKER else _serve(settings, token.get_secret_value(), duty))
    except BotError as error:
        typer.echo(error.public, err=True)
        return _EXITS.get(error.code, EXIT_FAILED)
    return 0


async def _work(settings: Settings) -> None:
    """The first signal ends it when what runs has ended or was handed back, the second at once."""
    stop = _stop_signal()
    await _check_machine(settings)
    async with open_worker(settings) as runner:
        working = asyncio.create_task(runner.work(grace_seconds=settings.jobs.shutdown_seconds), name="worker")
        waiting = asyncio.create_task(stop.wait(), name="signal")
        typer.echo(f"Working on up to {settings.queue.at_once} questions at a time.")
        await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            _log.info("told to stop; running work may take %d s", settings.jobs.shutdown_seconds)
        runner.stop()
        waiting.cancel()
        await working


async def _serve(settings: Settings, token: str, duty: Duty) -> None:
    stop = _stop_signal()
    for line in opening_report(settings):
        typer.echo(line)
    await _check_machine(settings)
    async with open_bot(settings, duty=duty) as client:
        serving = asyncio.create_task(_connected(client, token), name="discord")
        waiting = asyncio.create_task(stop.wait(), name="signal")
        try:
            await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if not serving.done():
                _log.info("told to stop; running work may take %d s", settings.jobs.shutdown_seconds)
                await client.wind_down()
        finally:
            waiting.cancel()
            serving.cancel()
            await asyncio.wait({serving, waiting})
        if not serving.cancelled():
            serving.result()


async def _check_machine(settings: Settings) -> None:
    """Stop here rather than with the first clip."""
    required = settings.media.require_patched_ffmpeg
    await check_readiness(media_limits(settings), require_patched_ffmpeg=required)


async def _connected(client: KibitzClient, token: str) -> None:
    def invite() -> None:
        for line in invitations(client.application_id or 0):
            typer.echo(line)

    await stay_connected(client, token, on_login=invite)


def _stop_signal() -> asyncio.Event:
    """Set by the first SIGTERM or SIGINT; the second ends the process where it is."""
    stop = asyncio.Event()

    def stop_or_leave() -> None:
        if stop.is_set():
            os._exit(EXIT_INTERRUPTED)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop_or_leave)
    return stop
