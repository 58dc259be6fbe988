"""`run` and `health` as an operator meets them: first steps, refusals, the start, signals, the sign of life."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli.health import main, report_health
from bot.cli.main import cli
from bot.cli.run import run_bot
from bot.config import Settings, load_settings
from tests.simulator.discord_server import DiscordServer, Upload

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the bot is started: a config.toml and nothing else."""
    (tmp_path / "config.toml").touch()
    return tmp_path


@pytest.fixture
async def discord_server() -> AsyncGenerator[DiscordServer]:
    async with DiscordServer() as server:
        yield server


class Process:
    """A started `python -m …`; its output as far as it was read."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.output = ""
        self.errors = ""

    async def says(self, words: str) -> None:
        """Wait for a line with these words on stdout."""
        assert self._process.stdout
        self.output += await self._until(words, self._process.stdout)

    async def logs(self, words: str) -> None:
        """Wait for a line with these words on stderr."""
        assert self._process.stderr
        self.errors += await self._until(words, self._process.stderr)

    async def _until(self, words: str, stream: asyncio.StreamReader) -> str:
        read = ""
        async with asyncio.timeout(60):
            while words not in read:
                line = await stream.readline()
                assert line, f"ended without {words!r}: {read}"
                read += line.decode()
        return read

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def end(self) -> int:
        """Wait for its end; the exit code."""
        async with asyncio.timeout(60):
            output, errors = await self._process.communicate()
        self.output += output.decode()
        self.errors += errors.decode()
        assert self._process.returncode is not None
        return self._process.returncode


@asynccontextmanager
async def started(folder: Path, *arguments: str, **settings: str) -> AsyncGenerator[Process]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("KIBITZ_", "OPENAI_", "DISCORD_"))
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        *arguments,
        cwd=folder,
        env={**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **settings},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Process(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


def at(server: DiscordServer, **more: str) -> dict[str, str]:
    """The settings that lead to the simulated Discord."""
    return {
        "DISCORD_TOKEN": server.token,
        "KIBITZ_DISCORD__API_URL": server.api_url,
        "KIBITZ_DISCORD__GATEWAY_URL": server.gateway_url,
        "KIBITZ_DISCORD__CDN_HOSTS": ",".join(server.cdn_hosts),
        "KIBITZ_STATUS__PORT": "0",
        **more,
    }


def settings_in(folder: Path, **environ: str) -> Settings:
    return load_settings(folder / "config.toml", environ=environ, secrets_folder=folder / "secrets")


def test_without_a_token_it_says_how_to_get_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_bot(settings_in(folder)) == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert "https://discord.com/developers/applications" in errors
    assert "DISCORD_TOKEN=" in errors
    assert "OPENAI_API_KEY=" in errors


def test_a_database_of_another_program_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "kibitz.db").write_text("not a database at all, but long enough to be looked at " * 20)
    assert run_bot(settings_in(folder, DISCORD_TOKEN="t", KIBITZ_DATA__DIRECTORY=str(folder))) == 1
    assert "database is damaged" in capsys.readouterr().err


def test_a_file_of_prices_that_is_not_there_is_a_wrong_setting(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    wrong = {"KIBITZ_BUDGET__PRICES": str(folder / "none.toml"), "KIBITZ_DATA__DIRECTORY": str(folder)}
    assert run_bot(settings_in(folder, DISCORD_TOKEN="t", **wrong)) == 2
    assert "budget.prices: The file" in capsys.readouterr().err
    done = CliRunner().invoke(cli, ["conversations"], env=wrong)
    assert (done.exit_code, "budget.prices: The file" in done.stderr) == (2, True)


def test_every_problem_of_the_settings_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    wrong = {"KIBITZ_DISCORD__API_URL": "discord.com", "KIBITZ_JOBS__MAX_RUNNING": "0", "DISCORD_TOKN": "x"}
    done = CliRunner().invoke(cli, ["run"], env=wrong)
    assert done.exit_code == 2
    assert [name for name in wrong if name not in done.stderr] == []


async def test_a_wrong_token_is_said_and_not_repeated(folder: Path, discord_server: DiscordServer) -> None:
    async with started(folder, "bot", "run", **at(discord_server, DISCORD_TOKEN="canary.of.token")) as bot:
        assert await bot.end() == 2
    assert "Discord does not accept the token." in bot.errors
    assert "canary" not in bot.errors
    assert "Traceback" not in bot.errors
    assert discord_server.refusals[401] == 1, "asked once"


async def test_message_content_that_the_portal_withholds(folder: Path, discord_server: DiscordServer) -> None:
    settings = at(discord_server, KIBITZ_DISCORD__MESSAGE_CONTENT="true")
    async with started(folder, "bot", "run", **settings) as bot:
        assert await bot.end() == 2
    assert "Message Content Intent" in bot.errors
    assert "message_content = false" in bot.errors
    assert "Traceback" not in bot.errors


async def test_it_starts_shows_that_it_lives_and_leaves_when_told(folder: Path, discord_server: DiscordServer) -> None:
    guild = discord_server.guild("Friends", everyone=("view_channel", "send_messages"))
    beat = folder / "data" / "heartbeat"
    for number in (signal.SIGTERM, signal.SIGINT):
        async with started(folder, "bot", "run", **at(discord_server)) as bot:
            await bot.says("Add to yourself:")
            assert f"client_id={discord_server.app.id}" in bot.output
            assert str(folder / "data") in bot.output
            await discord_server.bot.until(beat.exists, timeout=60, what="the heartbeat")
            async with started(folder, "bot.cli.health") as health:
                assert await health.end() == 0
            bot.send(number)
            assert await bot.end() == 0
        assert not beat.exists()
        assert not discord_server.bot.is_online
        assert "Traceback" not in bot.errors
        assert f"server {guild.id} withholds: Read Message History" in bot.errors
    assert len(discord_server.syncs) == 1, "the commands did not change"
    assert discord_server.unknown_requests == []


async def test_work_is_given_its_time_and_a_second_signal_none(folder: Path, discord_server: DiscordServer) -> None:
    guild = discord_server.guild("Friends")
    channel, person = guild.channel("general"), guild.member("Ann")
    discord_server.fail("/attachments/", delay_seconds=30, times=9)
    for signals, code in ((1, 0), (2, 130)):
        settings = at(discord_server, KIBITZ_JOBS__SHUTDOWN_SECONDS="1" if signals == 1 else "600")
        async with started(folder, "bot", "run", **settings) as bot:
            await discord_server.bot.until((folder / "data" / "heartbeat").exists, timeout=60, what="the heartbeat")
            asked = await person.post("@bot what is this?", Upload(name="clip.mp4", data=b"clip"), to=channel)
            await discord_server.bot.reply(asked, settled=lambda _: True)
            bot.send(signal.SIGTERM)
            if signals == 2:
                await bot.logs("told to stop")
                bot.send(signal.SIGTERM)
            assert await bot.end() == code


@pytest.mark.parametrize(
    ("age_seconds", "code", "said"),
    [(None, 1, "No bot is connected"), (61, 1, "last connected to Discord 61 s ago"), (5, 0, "is connected")],
)
def test_the_sign_of_life(
    folder: Path, capsys: pytest.CaptureFixture[str], age_seconds: float | None, code: int, said: str
) -> None:
    if age_seconds is not None:
        beat = folder / "heartbeat"
        beat.touch()
        then = time.time() - age_seconds
        os.utime(beat, (then, then))
    assert report_health(settings_in(folder, KIBITZ_DATA__DIRECTORY=str(folder))) == code
    assert said in "".join(capsys.readouterr())


def test_health_says_what_is_wrong_with_the_settings(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    (folder / "config.toml").write_text("[data]\nkeep_days = 0")
    done = CliRunner().invoke(cli, ["health"])
    assert (done.exit_code, main()) == (2, 2)
    assert "keep_days is below 1" in done.stderr
    assert "keep_days is below 1" in capsys.readouterr().err
