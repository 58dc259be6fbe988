"""Plugins on Discord: their commands, and /plugins for whoever runs the bot and for nobody else."""

import json
from pathlib import Path

import pytest

from tests.journeys.discord.conftest import StartBot
from tests.journeys.discord.held import held
from tests.simulator.discord_server import Channel, DiscordServer, Guild, ImpossibleError, Message, Person
from tests.simulator.openai_server import OpenAIEmulator

CHIME = """
from pathlib import Path

from pydantic import Field

from bot.hooks import (
    BotError, CommandOption, ExportPart, OptionKind, Permission, Plugin, PluginSettings, SlashCommand, hookimpl
)


class ChimeSettings(PluginSettings):
    times: int = Field(default=1, ge=1, le=3, description="How often it chimes, 1 to 3")


class Chime(Plugin):
    name = "chime"
    version = "1.0"
    summary = "Chimes."
    permissions = frozenset({Permission.COMMANDS, Permission.DISCORD, Permission.WORDS})
    keeps = "How often you let it chime."
    settings_model = ChimeSettings
    catalogue = Path(__file__).parent / "locales"

    @hookimpl
    def register_commands(self):
        options = (
            CommandOption(name="bell", description="Which bell", choices=("small", "large")),
            CommandOption(name="times", description="How often", kind=OptionKind.WHOLE_NUMBER, is_required=True),
        )
        return [
            SlashCommand(name="chime", description="Let it chime", run=self.chime, options=options),
            SlashCommand(name="ask", description="Taken", run=self.chime),
            SlashCommand(name="toll", description="For all", run=self.toll, is_public=True, for_moderators=True),
        ]

    @hookimpl
    def register_cogs(self):
        return [f"{__name__}.cog"]

    @hookimpl
    def export_person(self, person_id):
        return ExportPart(title="Chimes", lines=("two *times*",))

    def toll(self, call):
        return "Bong. " * 500 if call.is_moderator else ""

    async def chime(self, call):
        times = call.options["times"]
        if times > 9:
            raise BotError("too_loud", "That is *too* loud. See https://example.org.")
        if times < 0:
            raise ValueError("a secret")
        words = self.kibitz.words(call.occasion.locale)
        return words("Ding {times} times: {bell} @everyone", times=times, bell=call.options.get("bell", "any"))
"""
COG = """
from discord import app_commands
from discord.ext import commands


class Bells(commands.Cog):
    @app_commands.command(description="All bells")
    async def bells(self, interaction):
        await interaction.response.send_message("one bell", ephemeral=True)


async def setup(client):
    await client.add_cog(Bells())
"""
CHINESE = """
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=1; plural=0;\\n"

msgid "Let it chime"
msgstr "敲钟"

msgid "small"
msgstr "小"

msgid "Ding {times} times: {bell} @everyone"
msgstr "敲 {times} 下：{bell}"
"""
ONLY_OPERATOR = "⚠️ Only whoever runs this bot can see and switch its plugins."
NOT_ALLOWED = "⚠️ Here only people with certain roles may ask me. Ask a moderator, or ask me elsewhere."
SORRY = "⚠️ This command comes from a plugin, which did not do its work. Try again later."


@pytest.fixture
def chime(tmp_path: Path) -> Path:
    """The folder of a plugin, in the folder of plugins."""
    folder = tmp_path / "plugins" / "chime"
    (folder / "locales").mkdir(parents=True)
    (folder / "__init__.py").write_text(CHIME)
    (folder / "cog.py").write_text(COG)
    (folder / "locales" / "zh_CN.po").write_text(CHINESE)
    return folder


@pytest.fixture
def olga(club: Guild, discord: DiscordServer) -> Person:
    """She runs the bot, and the server."""
    person = club.member("Ola", roles=[club.role("heads", permissions=["administrator"])])
    discord.app.owner = person
    return person


async def said(person: Person, command: str, channel: Channel, **options: object) -> list[str]:
    """What a command says, line by line, to the person alone."""
    answer = await (await person.slash(command, to=channel, **options)).reply()
    assert answer.ephemeral_for is person
    return answer.content.splitlines()


async def pressed(person: Person, message: Message, button: str) -> list[str]:
    """What a question becomes when it is answered."""
    await person.press(message, button)
    await message.channel.world.witness.until(lambda: not message.buttons, what="an answer to the press")
    return message.content.splitlines()


async def test_a_command_of_a_plugin(
    start: StartBot,
    chime: Path,
    club: Guild,
    anna: Person,
    ben: Person,
    olga: Person,
    general: Channel,
    discord: DiscordServer,
) -> None:
    async with start(PLUGINS__DIRECTORY=chime.parent, PLUGINS__ENABLED="chime") as client:
        assert await said(anna, "chime", general, times=2, bell="small") == ["Ding 2 times: small @`everyone`"]
        ben.locale = "zh-CN"
        assert await said(ben, "chime", ben.direct(), times=3, bell="小") == ["敲 3 下：small"]
        assert await said(ben, "bells", general) == ["one bell"]
        assert await said(anna, "chime", general, times=10) == [r"⚠️ That is \*too\* loud. See `https://example.org`."]
        privacy = await said(anna, "privacy", general)
        assert "- Plugin chime: How often you let it chime." in privacy
        with pytest.raises(ImpossibleError):
            await anna.slash("toll", to=general)
        await (await olga.slash("toll", to=general)).reply()

        def tolled() -> list[str]:
            return [message.content for message in general.seen_by(anna) if message.content.startswith("Bong")]

        await discord.bot.until(lambda: len(tolled()) == 2, what="both parts for all to see")

        export = await (await anna.slash("export", to=general)).reply()
        data, page = (file.bytes.decode() for file in export.files)
        assert json.loads(data)["plugin_parts"] == [{"plugin": "chime", "title": "Chimes", "lines": ["two *times*"]}]
        assert "### chime: Chimes\n\n> two \\*times\\*" in page
        await client.house.memory.change_settings(club.id, general.id, {"ask_roles": (olga.id,)})
        assert await said(anna, "chime", general, times=2) == [NOT_ALLOWED]
        assert await said(anna, "chime", anna.direct(), times=2) == ["Ding 2 times: any @`everyone`"]
        await client.house.memory.change_settings(club.id, general.id, {"ask_roles": None})

        told = await discord.bot.next_message(in_=olga.direct())
        assert told.content == "⚠️ Of the plugin chime: /ask is left out: there is a command with this name."
        for _ in range(3):
            assert await said(anna, "chime", general, times=-1) == [SORRY]
        await discord.bot.until(lambda: "chime" not in names(discord), what="the command to go")
        with pytest.raises(ImpossibleError):
            await ben.slash("bells", to=general)
        assert "ask" in names(discord)
        [failed] = [line for line in await said(olga, "plugins list", general) if "raised" in line]
        assert "/chime raised ValueError" in failed
        told = await discord.bot.next_message(in_=olga.direct())
        off = "⚠️ The plugin chime failed too often and was switched off. /chime raised ValueError at "
        assert told.content.startswith(off)


def names(discord: DiscordServer) -> set[str]:
    """What Discord was told of commands last."""
    return set(discord.syncs[-1].names)


async def test_the_operator_switches_while_others_are_answered(
    start: StartBot,
    chime: Path,
    anna: Person,
    olga: Person,
    general: Channel,
    snap: Path,
    cloud: OpenAIEmulator,
    discord: DiscordServer,
) -> None:
    with held(cloud, "answer") as mind:
        async with start(PLUGINS__DIRECTORY=chime.parent):
            asked = await anna.post("@bot what is it?", snap, to=general)
            await discord.bot.until(lambda: mind.begun["answer"], what="a job under way")
            assert "chime" not in names(discord)

            question = await (await olga.slash("plugins enable", plugin="chime", to=general)).reply()
            assert question.content.splitlines() == [
                "⚠️ Switch on the plugin **chime** 1.0?",
                "Chimes.",
                "It may: adds commands; acts on Discord as the bot; "
                "reads and changes what is asked, seen, heard and answered.",
                "It keeps: How often you let it chime.",
                "It says that it sends nothing.",
                "Its hooks: `register_commands`, `register_cogs`, `export_person`",
                "A plugin is code with all rights of the bot. Switch on only what you trust.",
            ]
            ran = ["The plugin chime runs.", "⚠️ /ask is left out: there is a command with this name."]
            assert await pressed(olga, question, "Switch on") == ran
            assert await said(olga, "chime", general, times=1) == ["Ding 1 times: any @`everyone`"]
            assert await said(olga, "plugins enable", general, plugin="chime") == ["The plugin chime runs already."]

            (chime / "__init__.py").write_text(CHIME.replace("Ding", "Dong"))
            (chime / "cog.py").write_text(COG.replace("one bell", "two bells"))
            assert await said(olga, "plugins reload", general, plugin="chime") == ran
            assert await said(olga, "chime", general, times=1) == ["Dong 1 times: any @`everyone`"]
            assert await said(olga, "bells", general) == ["two bells"]

            (chime / "__init__.py").write_text("raise ValueError")
            assert (await said(olga, "plugins reload", general, plugin="chime"))[0].startswith(
                "⚠️ The plugin chime could"
            )
            assert await said(olga, "chime", general, times=1) == ["Dong 1 times: any @`everyone`"]

            [offered] = await olga.autocomplete("plugins disable", plugin="chi", to=general)
            assert (offered.name, offered.value) == ("chime (runs)", "chime")
            assert await said(olga, "plugins disable", general, plugin="chime") == ["The plugin chime is switched off."]
            assert {"chime", "bells"}.isdisjoint(names(discord))
            mind.let_go()
            assert "It is green." in (await discord.bot.reply(asked)).content


async def test_nobody_else_sees_or_switches_plugins(
    start: StartBot, chime: Path, club: Guild, anna: Person, olga: Person, general: Channel
) -> None:
    boss = club.member("Boss", roles=[club.role("bosses", permissions=["administrator"])])
    async with start(PLUGINS__DIRECTORY=chime.parent, PLUGINS__CHIME__TIMES=4):
        with pytest.raises(ImpossibleError, match="does not see"):
            await anna.slash("plugins list", to=general)
        for command, options in (
            ("list", {}),
            *((each, {"plugin": "chime"}) for each in ("show", "enable", "disable")),
        ):
            assert await said(boss, f"plugins {command}", general, **options) == [ONLY_OPERATOR]
        assert await boss.autocomplete("plugins show", plugin="", to=general) == ()

        olga.locale = "zh-CN"
        assert "⚪ **chime**" in await said(olga, "plugins list", general)
        olga.locale = "en-US"
        shown = await said(olga, "plugins show", general, plugin="chime")
        assert shown[0].startswith("⚪ **chime** 1.0 (is off; from the folder of plugins: ")
        assert (await said(olga, "plugins show", general, plugin="chimes"))[0].startswith(
            "⚠️ There is no plugin chimes."
        )
        question = await (await olga.slash("plugins enable", plugin="chime", to=general)).reply()
        assert await pressed(olga, question, "Leave it off") == ["Nothing was changed."]
        question = await (await olga.slash("plugins enable", plugin="chime", to=general)).reply()
        first, second = await pressed(olga, question, "Switch on")
        assert first == "⚠️ The settings of the plugin chime are refused:"
        assert second.startswith(r"- environment: KIBITZ\_PLUGINS\_\_CHIME\_\_TIMES")
