"""The simulated Discord's rules for registering commands."""

from typing import Any

import discord
import pytest

from tests.simulator.discord_material import call, command, logged_in, refused
from tests.simulator.discord_server import DiscordServer

EVERYWHERE = "/applications/{application_id}/commands"


def slash(name: str = "ask", **facts: Any) -> dict[str, Any]:
    return {"name": name, "description": "A question", "type": 1, **facts}


def option(name: str = "question", **facts: Any) -> dict[str, Any]:
    return {"name": name, "description": "What to ask", "type": 3, **facts}


async def overwrite(server: DiscordServer, bot: Any, *commands: dict[str, Any]) -> Any:
    return await call(bot, "PUT", EVERYWHERE, None, list(commands), application_id=server.app.id)


async def test_commands_are_kept_counted_and_told_with_their_ids() -> None:
    async def work(interaction: discord.Interaction[Any]) -> None: ...

    async with DiscordServer() as server:
        club = server.guild("Film club")
        async with logged_in(server) as bot:
            command(bot, work)
            first = await bot.tree.sync()
            command(bot, work, name="tell")
            second = await bot.tree.sync()
            bot.tree.copy_global_to(guild=discord.Object(club.id))
            await bot.tree.sync(guild=discord.Object(club.id))
            fetched = await bot.tree.fetch_commands()
            single = await bot.tree.fetch_command(first[0].id)
        assert {item.name: item.id for item in second}["ask"] == first[0].id
        assert [item.name for item in fetched] == ["ask", "tell"]
        assert single.name == "ask"
        assert [(item.guild_id, item.names) for item in server.syncs] == [
            (None, ("ask",)),
            (None, ("ask", "tell")),
            (club.id, ("ask", "tell")),
        ]


@pytest.mark.parametrize(
    "wrong",
    [
        slash("Ask"),
        slash("ask me"),
        slash("x" * 33),
        slash(""),
        slash(description=""),
        slash(description="x" * 101),
        slash(name_localizations={"zh-CN": "问 问"}),
        slash(name_localizations={"zh": "问"}),
        slash(description_localizations={"zh-CN": "x" * 101}),
        slash(options=[option(str(number)) for number in range(26)]),
        slash(options=[option("optional"), option("needed", required=True)]),
        slash(options=[option(), option()]),
        slash(options=[option(type=12)]),
        slash(options=[option("Question")]),
        slash(options=[option(choices=[{"name": str(n), "value": str(n)} for n in range(26)])]),
        slash(options=[option(choices=[{"name": "x" * 101, "value": "x"}])]),
        slash(options=[option(autocomplete=True, choices=[{"name": "x", "value": "x"}])]),
        slash(options=[option(type=1), option("other")]),
        slash(options=[option(type=2, options=[option(type=2)])]),
        slash(contexts=[3]),
        {"name": "Ask about this", "type": 3, "description": "not here"},
        {"name": "x" * 33, "type": 3},
    ],
)
async def test_what_discord_does_not_take_is_refused(wrong: dict[str, Any]) -> None:
    async with DiscordServer() as server, logged_in(server) as bot:
        assert await refused(overwrite(server, bot, wrong)) == (400, 50035)
        assert server.syncs == []


async def test_there_are_100_slash_commands_and_15_menus_of_a_kind() -> None:
    hundred = [slash(f"ask-{number}") for number in range(100)]
    menus = [{"name": f"Menu {number}", "type": 3} for number in range(15)]
    async with DiscordServer() as server, logged_in(server) as bot:
        await overwrite(server, bot, *hundred, *menus)
        assert await refused(overwrite(server, bot, *hundred, slash("one-more"))) == (400, 30032)
        assert await refused(overwrite(server, bot, *menus, {"name": "One more", "type": 3})) == (400, 30032)
        assert await refused(overwrite(server, bot, slash(), slash())) == (400, 50035)
        other = [slash(f"tell-{number}") for number in range(86)]
        assert await refused(overwrite(server, bot, *other)) == (400, 30034)


async def test_another_application_is_not_ours() -> None:
    async with DiscordServer() as server, logged_in(server) as bot:
        path = call(bot, "PUT", EVERYWHERE, None, [], application_id=1)
        assert await refused(path) == (403, 20012)
