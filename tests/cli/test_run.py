"""`run` and `health` as an operator meets them: first steps, refusals, the start, signals, the sign of life."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.simulator.discord_server import DiscordServer

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
        async with asyncio.timeout(60):
            while words not in self.output:
                line = await self._process.stdout.readline()
                assert line, f"ended without {words!r}: {self.output} {await self.end()} {self.errors}"
                self.output += line.decode()

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def end(self) -> int:
        """Wait for its end; the exit code."""
        async with asyncio.timeout(60):
            output, errors = await self._process.communicate()
        self.output += output.decode()
        self.errors = errors.decode()
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
        **more,
    }


async def health(folder: Path, module: tuple[str, ...] = ("bot.cli.health",)) -> tuple[int, str]:
    async with started(folder, *module) as process:
        return await process.end(), process.output + process.errors


async def test_without_a_token_it_says_how_to_get_one(folder: Path) -> None:
    async with started(folder, "bot", "run") as bot:
        assert await bot.end() == 2
    assert bot.output == ""
    assert "https://discord.com/developers/applications" in bot.errors
    assert "DISCORD_TOKEN=" in bot.errors
    assert "OPENAI_API_KEY=" in bot.errors
    assert not (folder / "data").exists()


async def test_every_problem_of_the_settings_at_once(folder: Path) -> None:
    wrong = {"KIBITZ_DISCORD__API_URL": "discord.com", "KIBITZ_JOBS__MAX_RUNNING": "0", "DISCORD_TOKN": "x"}
    async with started(folder, "bot", "run", **wrong) as bot:
        assert await bot.end() == 2
    assert [name for name in wrong if name not in bot.errors] == []


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


async def test_a_database_of_another_program_is_told(folder: Path, discord_server: DiscordServer) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "kibitz.db").write_text("not a database at all, but long enough to be looked at " * 20)
    async with started(folder, "bot", "run", **at(discord_server)) as bot:
        assert await bot.end() == 1
    assert "database is damaged" in bot.errors
    assert "Traceback" not in bot.errors


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_starts_says_so_and_leaves_when_told(
    folder: Path, discord_server: DiscordServer, number: signal.Signals
) -> None:
    guild = discord_server.guild("Friends")
    async with started(folder, "bot", "run", **at(discord_server)) as bot:
        await bot.says("Add to yourself:")
        await discord_server.bot.online()
        assert f"client_id={discord_server.app.id}" in bot.output
        assert str(folder / "data") in bot.output
        bot.send(number)
        assert await bot.end() == 0
    assert "Traceback" not in bot.errors
    assert str(guild.id) in bot.errors, "what this server withholds is a line in the log"
    assert not discord_server.bot.is_online
    assert discord_server.unknown_requests == []


async def test_commands_are_told_at_the_first_start_only(folder: Path, discord_server: DiscordServer) -> None:
    for _ in range(2):
        async with started(folder, "bot", "run", **at(discord_server)) as bot:
            await discord_server.bot.online()
            bot.send(signal.SIGTERM)
            assert await bot.end() == 0
    assert len(discord_server.syncs) == 1


@pytest.mark.parametrize("module", [("bot.cli.health",), ("bot", "health")])
async def test_the_sign_of_life_comes_and_goes(
    folder: Path, discord_server: DiscordServer, module: tuple[str, ...]
) -> None:
    assert await health(folder, module) == (
        1,
        "No bot is connected to Discord with this data; start it with: python -m bot run\n",
    )
    beat = folder / "data" / "heartbeat"
    async with started(folder, "bot", "run", **at(discord_server)) as bot:
        await discord_server.bot.until(beat.exists, timeout=60, what="the heartbeat")
        assert await health(folder, module) == (0, "The bot is connected to Discord.\n")
        os.utime(beat, (1, 1))
        code, said = await health(folder, module)
        assert code == 1
        assert "was last connected to Discord" in said
        bot.send(signal.SIGTERM)
        assert await bot.end() == 0
    assert not beat.exists()


async def test_health_says_what_is_wrong_with_the_settings(folder: Path) -> None:
    (folder / "config.toml").write_text("[data]\nkeep_days = 0")
    code, said = await health(folder)
    assert code == 2
    assert "keep_days is below 1" in said
