"""`python -m bot run` as its operator meets it, against a Discord that is known by three addresses only."""

import json
import re
import signal
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from bot import __version__
from tests.journeys.discord.outside import started
from tests.operations.material import free_port
from tests.simulator.discord_server import Channel, DiscordServer, Person
from tests.simulator.discord_server.permissions import bits
from tests.simulator.openai_server import HonestMind, OpenAIEmulator
from tests.simulator.running import environment

ANSWER = "It is green."
ASKED_FOR = (
    "view_channel",
    "send_messages",
    "send_messages_in_threads",
    "attach_files",
    "read_message_history",
    "add_reactions",
    "send_voice_messages",
    "connect",
    "speak",
    "use_vad",
)
COMMANDS = {"ask", "summarize", "transcribe", "timeline", "storyboard", "settings", "help", "privacy"} | {
    "voice",
    "stop",
    "memory",
    "forget",
    "export",
    "optout",
    "optin",
    "plugins",
    "admin",
    "usage",
}
MENUS = {"Ask about this", "Transcribe", "Summarize", "Forget this"}


@pytest.fixture
def settings(discord: DiscordServer, cloud: OpenAIEmulator, tmp_path: Path) -> dict[str, str]:
    cloud.mind = HonestMind(answers=ANSWER)
    return environment(discord, cloud, tmp_path / "data")


async def metrics(beacon: Path) -> str:
    """What a bot that runs on this data counts."""
    told = json.loads(beacon.read_text(encoding="utf-8"))
    async with aiohttp.request("GET", f"http://{told['host']}:{told['port']}/metrics") as answer:
        return await answer.text()


async def test_from_the_first_start_to_the_third(
    settings: dict[str, str],
    discord: DiscordServer,
    cloud: OpenAIEmulator,
    general: Channel,
    anna: Person,
    snap: Path,
    tmp_path: Path,
) -> None:
    async with started(tmp_path, settings | {"KIBITZ_STATUS__PORT": str(free_port())}) as bot:
        await bot.says("Add to yourself:")
        assert f"kibitz {__version__}, discord.py" in bot.output
        assert re.search(rf"^data +{re.escape(str(tmp_path / 'data'))}$", bot.output, re.MULTILINE)
        assert re.search(r"^preset +balanced: ", bot.output, re.MULTILINE)
        for role in ("captions", "transcripts", "chat", "speech"):
            assert re.search(rf"^{role} .+ at {re.escape(cloud.base_url)}$", bot.output, re.MULTILINE)
        assert "only mentions, replies to the bot, direct messages and commands are read" in bot.output
        assert_invites(bot.output, discord)
        await discord.bot.online(timeout=60)
        answer = await discord.bot.reply(await anna.post("@bot what colour?", snap, to=general), timeout=60)
        assert answer.content.splitlines()[0] == ANSWER
        await bot.says("commands told to Discord")
        beacon = tmp_path / "data" / "status-bot.json"
        await discord.bot.until(beacon.exists, timeout=60, what="its health")
        async with started(tmp_path, settings, "bot", "health") as health:
            assert await health.end() == 0
            assert "The process bot is well and takes questions." in health.output
        counted = await metrics(beacon)
        assert 'kibitz_jobs_total{kind="chat",outcome="done"} 1.0' in counted
        assert "kibitz_queue_wait_seconds_count 1.0" in counted
        assert 'kibitz_step_seconds_count{stage="captions"} 1.0' in counted
        assert re.search(r'kibitz_ffmpeg_seconds_count{program="ffmpeg"} [1-9]', counted)
        assert re.search(r'^kibitz_cost_usd_total{role="chat"} .*[1-9]', counted, re.MULTILINE)
        bot.send(signal.SIGTERM)
        assert await bot.end() == 0
    assert [set(sync.names) for sync in discord.syncs] == [COMMANDS | MENUS]
    assert discord.gateway.sessions == []
    for secret in (discord.token, cloud.api_key):
        assert secret not in bot.output + bot.errors
    assert "what colour?" not in bot.output + bot.errors
    assert "Traceback" not in bot.errors
    async with started(tmp_path, settings, "bot", "health") as health:
        assert await health.end() == 1

    async with started(tmp_path, settings) as bot:
        await discord.bot.online(timeout=60)
        commanded = await (await anna.slash("ask", question="and now?", to=general)).reply()
        assert commanded.content.splitlines()[0] == ANSWER
    assert len(discord.syncs) == 1, "nothing changed"

    told = tmp_path / "data" / "commands.json"
    kept = json.loads(told.read_text())
    told.write_text(json.dumps({app: dict.fromkeys(scopes, "of an older version") for app, scopes in kept.items()}))
    async with started(tmp_path, settings) as bot:
        await bot.says("commands told to Discord")
    assert len(discord.syncs) == 2, "other commands than Discord was told last"


def assert_invites(output: str, discord: DiscordServer) -> None:
    to_server, to_person = re.findall(r"https://discord\.com/\S+", output)
    asked = parse_qs(urlsplit(to_server).query)
    assert asked["client_id"] == [str(discord.app.id)]
    assert asked["permissions"] == [str(bits(ASKED_FOR))]
    assert set(asked["scope"][0].split()) == {"bot", "applications.commands"}
    assert "permissions" not in parse_qs(urlsplit(to_person).query)


async def test_what_the_operator_has_to_do_first(
    settings: dict[str, str], discord: DiscordServer, tmp_path: Path
) -> None:
    """Nothing is asked of Discord before the settings are in order; a token it refuses is tried once."""
    without = {name: value for name, value in settings.items() if name != "DISCORD_TOKEN"}
    async with started(tmp_path, without) as bot:
        assert await bot.end() == 2
    assert "https://discord.com/developers/applications" in bot.errors
    assert "DISCORD_TOKEN=the token" in bot.errors
    assert discord.requests == []

    wrong = settings | {
        "KIBITZ_DISCORD__CDN_HOSTS": "ftp://nowhere",
        "KIBITZ_JOBS__MAX_WAITING": "many",
        "KIBITZ_DATA__KEEP_DAYS": "0",
        "KIBITZ_CHAT__MODLES": "gpt-6-luna",
    }
    async with started(tmp_path, wrong) as bot:
        assert await bot.end() == 2
    assert [name for name in wrong.keys() - settings.keys() if name not in bot.errors] == []
    assert "CDN_HOSTS" in bot.errors
    assert discord.requests == []


async def test_a_token_that_discord_refuses(
    settings: dict[str, str], discord: DiscordServer, refused: dict[int, int], tmp_path: Path
) -> None:
    async with started(tmp_path, settings | {"DISCORD_TOKEN": "of.somebody.else"}) as bot:
        assert await bot.end() == 2
    assert "Discord does not accept the token. Make a new one at" in bot.errors
    assert "somebody" not in bot.errors + bot.output
    assert "Traceback" not in bot.errors
    refused[401] = 1


async def test_reading_messages_without_leave(settings: dict[str, str], discord: DiscordServer, tmp_path: Path) -> None:
    async with started(tmp_path, settings | {"KIBITZ_DISCORD__MESSAGE_CONTENT": "true"}) as bot:
        assert await bot.end() == 2
    assert "Switch Message Content Intent on" in bot.errors
    assert "or set message_content = false" in bot.errors
    assert "Traceback" not in bot.errors
    assert discord.gateway.close_codes == [4014]


async def test_discord_away_at_the_start_is_waited_for(
    settings: dict[str, str], discord: DiscordServer, general: Channel, anna: Person, tmp_path: Path
) -> None:
    discord.fail("GET /users/@me", status=503, times=2)
    async with started(tmp_path, settings) as bot:
        await bot.says("Discord cannot be reached")
        await discord.bot.online(timeout=60)
        assert (await discord.bot.reply(await anna.post("@bot hello?", to=general))).content == ANSWER
