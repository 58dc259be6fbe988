"""Commands: told to Discord once, again only when they change, and a failure keeps nobody from answering."""

import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import discord
import pytest
from aiohttp import web
from discord import app_commands
from discord.http import Route

from bot.config import DataSettings, DiscordSettings, Settings
from bot.discord_io.command_sync import Tree, sync_commands

APPLICATION, SERVER = 77, 123456789012345678


def answer(body: object, *, status: int = 200) -> web.Response:
    """As Discord sends it: the library does not take a content type with a charset for JSON."""
    headers = {"Content-Type": "application/json"}
    return web.Response(body=json.dumps(body).encode(), status=status, headers=headers)


class Registry:
    """The part of Discord's API that takes commands; `status` is what it answers with."""

    def __init__(self) -> None:
        self.told: list[tuple[str, list[dict[str, Any]]]] = []
        self.status = 200

    async def me(self, request: web.Request) -> web.Response:
        return answer({"id": "1", "username": "kibitz", "discriminator": "0", "avatar": None})

    async def commands(self, request: web.Request) -> web.Response:
        commands = await request.json()
        self.told.append((request.match_info["scope"], commands))
        if self.status != 200:
            return answer({"code": 50001, "message": "Missing Access"}, status=self.status)
        known = [{**command, "id": str(n), "application_id": str(APPLICATION), "version": "1",
                  "default_member_permissions": None} for n, command in enumerate(commands, start=1)]  # fmt: skip
        return answer(known)

    @property
    def scopes(self) -> list[str]:
        return [scope for scope, _ in self.told]


@pytest.fixture
async def registry(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Registry]:
    registry = Registry()
    application = web.Application()
    application.router.add_get("/users/@me", registry.me)
    application.router.add_put(f"/applications/{APPLICATION}/{{scope:.+}}", registry.commands)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    monkeypatch.setattr(Route, "BASE", f"http://{host}:{port}")
    yield registry
    await runner.cleanup()


class Language(app_commands.Translator):
    """Says every command in one language."""

    def __init__(self, word: str) -> None:
        self.word = word

    async def translate(
        self, string: app_commands.locale_str, locale: discord.Locale, context: app_commands.TranslationContextTypes
    ) -> str | None:
        return self.word if locale is discord.Locale.chinese else None


@pytest.fixture
async def tree(registry: Registry) -> AsyncGenerator[Tree]:
    client = discord.Client(intents=discord.Intents.none() | discord.Intents(guilds=True))
    async with client:
        await client.http.static_login("token")
        client._connection.application_id = APPLICATION
        tree = app_commands.CommandTree(client)
        tree.add_command(command("ask", "Ask about a clip"))
        await tree.set_translator(Language("问"))
        yield tree


def command(name: str, description: str) -> app_commands.Command[Any, ..., Any]:
    async def callback(interaction: discord.Interaction) -> None: ...

    return app_commands.Command(
        name=app_commands.locale_str(name), description=app_commands.locale_str(description), callback=callback
    )


def settings(folder: Path, **discord_settings: Any) -> Settings:
    return Settings(discord=DiscordSettings(**discord_settings), data=DataSettings(directory=folder / "data"))


async def sync(tree: Tree, settings: Settings, application_id: int = APPLICATION) -> bool:
    return await sync_commands(tree, application_id=application_id, settings=settings)


async def test_commands_are_told_once(registry: Registry, tree: Tree, tmp_path: Path) -> None:
    assert await sync(tree, settings(tmp_path))
    assert not await sync(tree, settings(tmp_path))
    ((scope, (told,)),) = registry.told
    assert scope == "commands"
    assert told["name"] == "ask"
    assert told["name_localizations"]["zh-CN"] == "问"


async def test_a_change_is_told(registry: Registry, tree: Tree, tmp_path: Path) -> None:
    await sync(tree, settings(tmp_path))
    tree.add_command(command("help", "What this bot does"))
    assert await sync(tree, settings(tmp_path))
    assert {told["name"] for told in registry.told[-1][1]} == {"ask", "help"}
    await tree.set_translator(Language("请问"))
    assert await sync(tree, settings(tmp_path)), "a translation is a change, too"
    assert len(registry.told) == 3


async def test_the_order_of_commands_is_no_change(registry: Registry, tree: Tree, tmp_path: Path) -> None:
    tree.add_command(command("help", "What this bot does"))
    await sync(tree, settings(tmp_path))
    tree.clear_commands(guild=None)
    tree.add_command(command("help", "What this bot does"))
    tree.add_command(command("ask", "Ask about a clip"))
    assert not await sync(tree, settings(tmp_path))


async def test_another_application_and_another_discord_are_told_anew(
    registry: Registry, tree: Tree, tmp_path: Path
) -> None:
    await sync(tree, settings(tmp_path))
    assert await sync(tree, settings(tmp_path), application_id=78)
    assert await sync(tree, settings(tmp_path, api_url="http://127.0.0.1:9/api"))
    assert not await sync(tree, settings(tmp_path), application_id=78)


async def test_a_development_server_alone_is_told_and_forgets_when_it_is_none_any_more(
    registry: Registry, tree: Tree, tmp_path: Path
) -> None:
    assert await sync(tree, settings(tmp_path, dev_guild_id=SERVER))
    assert registry.scopes == [f"guilds/{SERVER}/commands"]
    assert [told["name"] for told in registry.told[0][1]] == ["ask"]
    assert not await sync(tree, settings(tmp_path, dev_guild_id=SERVER))
    tree.clear_commands(guild=discord.Object(SERVER))  # as a new process would have it
    assert await sync(tree, settings(tmp_path))
    assert registry.scopes[1:] == [f"guilds/{SERVER}/commands", "commands"]
    assert registry.told[1][1] == []
    assert not await sync(tree, settings(tmp_path))


async def test_a_command_that_goes_leaves_the_development_server(
    registry: Registry, tree: Tree, tmp_path: Path
) -> None:
    tree.add_command(command("chime", "Of a plugin"))
    await sync(tree, settings(tmp_path, dev_guild_id=SERVER))
    tree.remove_command("chime")
    assert await sync(tree, settings(tmp_path, dev_guild_id=SERVER))
    assert [told["name"] for told in registry.told[1][1]] == ["ask"]


async def test_a_refusal_is_logged_and_tried_again_at_the_next_start(
    registry: Registry, tree: Tree, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    registry.status = 403
    assert not await sync(tree, settings(tmp_path))
    assert "status 403, code 50001" in caplog.text
    registry.status = 200
    assert await sync(tree, settings(tmp_path))


async def test_no_discord_at_all_is_logged(
    tree: Tree,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Route, "BASE", "http://127.0.0.1:9")
    assert not await sync(tree, settings(tmp_path))
    assert "could not be told" in caplog.text


@pytest.mark.parametrize("text", ["", "[]", '{"77": "x"}', '{"77": {"global": 1}}'])
async def test_a_damaged_note_means_telling_again(registry: Registry, tree: Tree, tmp_path: Path, text: str) -> None:
    note = tmp_path / "data" / "commands.json"
    note.parent.mkdir()
    note.write_text(text)
    assert await sync(tree, settings(tmp_path))
    assert json.loads(note.read_text())[str(APPLICATION)].keys() == {"global"}
    assert not await sync(tree, settings(tmp_path))
