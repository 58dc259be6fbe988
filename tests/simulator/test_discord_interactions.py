"""Interactions with the simulated Discord: three seconds, fifteen minutes, one acknowledgement, and who sees what."""

import asyncio
import io
from pathlib import Path
from typing import Any

import aiohttp
import discord
import pytest
from discord import app_commands

from tests.simulator.discord_material import TinyBot, command, ogg, refused, running, write
from tests.simulator.discord_server import Clock, DiscordServer, ImpossibleError, NotSeenError

Asked = discord.Interaction[Any]


async def test_nothing_within_three_seconds_is_a_failure_the_person_reads() -> None:
    clock = Clock()
    codes: list[tuple[int, int]] = []

    async def ask(interaction: Asked) -> None:
        clock.advance(3.1)
        codes.append(await refused(interaction.response.defer()))

    async with DiscordServer(clock=clock) as server:
        club = server.guild("Film club")
        general, anna = club.channel("general"), club.member("Anna")
        async with running(server, prepare=lambda bot: command(bot, ask)):
            asked = await anna.slash("ask", to=general)
            await server.bot.until(lambda: codes)
            with pytest.raises(NotSeenError, match="The application did not respond"):
                await asked.reply(timeout=0.05)
        assert (asked.failed, asked.acknowledged_with) == ("The application did not respond", None)
        assert codes == [(404, 10062)]
        assert "The application did not respond (only Anna)" in server.transcript(general)


async def test_without_a_bot_there_is_no_answer_at_all() -> None:
    async def ask(interaction: Asked) -> None:
        await interaction.response.defer()

    clock = Clock()
    async with DiscordServer(clock=clock) as server:
        club = server.guild("Film club")
        general, anna = club.channel("general"), club.member("Anna")
        async with running(server, prepare=lambda bot: command(bot, ask)):
            pass
        waiting = asyncio.create_task(anna.slash("ask", to=general))
        await asyncio.sleep(0)
        clock.advance(4)
        assert (await waiting).failed == "The application did not respond"


async def test_an_interaction_is_acknowledged_once() -> None:
    codes: list[tuple[int, int]] = []

    async def ask(interaction: Asked) -> None:
        await interaction.response.send_message("one")
        interaction.response._response_type = None
        codes.append(await refused(interaction.response.send_message("two")))

    async with DiscordServer() as server:
        club = server.guild("Film club")
        general, anna = club.channel("general"), club.member("Anna")
        async with running(server, prepare=lambda bot: command(bot, ask)):
            asked = await anna.slash("ask", to=general)
            await server.bot.until(lambda: codes)
        assert codes == [(400, 40060)]
        assert [message.content for message in asked.messages] == ["one"]


async def test_after_fifteen_minutes_the_token_is_refused() -> None:
    clock = Clock()
    codes: list[tuple[int, int]] = []

    async def ask(interaction: Asked) -> None:
        await interaction.response.defer()
        clock.advance(14 * 60)
        await interaction.edit_original_response(content="still in time")
        clock.advance(2 * 60)
        codes.append(await refused(interaction.edit_original_response(content="late")))
        codes.append(await refused(interaction.followup.send("late")))
        assert interaction.channel is not None
        await interaction.channel.send("as an ordinary message")  # type: ignore[union-attr] # is text

    async with DiscordServer(clock=clock) as server:
        club = server.guild("Film club")
        general, anna = club.channel("general"), club.member("Anna")
        async with running(server, prepare=lambda bot: command(bot, ask)):
            asked = await anna.slash("ask", to=general)
            assert asked.acknowledged_with == 5
            late = await server.bot.reply(to=asked, settled=lambda message: "ordinary" in message.content)
            async with aiohttp.ClientSession() as session:
                wrong = f"{server.api_url}/webhooks/{server.app.id}/wrong/messages/@original"
                async with session.patch(wrong, json={"content": "x"}) as response:
                    assert (response.status, (await response.json())["code"]) == (404, 10015)
        assert codes == [(401, 50027), (401, 50027)]
        assert asked.original is not None
        assert asked.original.content == "still in time"
        assert late.at_seconds > 15 * 60


async def test_an_ephemeral_answer_is_seen_by_one_person_only() -> None:
    async def ask(interaction: Asked) -> None:
        await interaction.response.defer(ephemeral=True)
        first = await interaction.followup.send("for you", wait=True)
        second = await interaction.followup.send("and this", ephemeral=True, wait=True)
        await second.edit(content="and that")
        assert interaction.channel is not None
        assert await refused(interaction.channel.fetch_message(first.id)) == (404, 10008)  # type: ignore[union-attr] # is text
        await interaction.followup.send("for all")

    async with DiscordServer() as server:
        club = server.guild("Film club")
        general, anna, chen = club.channel("general"), club.member("Anna"), club.member("Chen")
        async with running(server, prepare=lambda bot: command(bot, ask)):
            asked = await anna.slash("ask", to=general)
            await server.bot.reply(to=asked, settled=lambda message: message.content == "for all")
        assert [message.content for message in general.seen_by(anna)] == ["for you", "and that", "for all"]
        assert [message.content for message in general.seen_by(chen)] == ["for all"]
        assert asked.original is asked.messages[0]
        assert asked.messages[0].ephemeral_for is anna


async def test_the_original_answer_is_read_edited_and_deleted() -> None:
    async def ask(interaction: Asked) -> None:
        await interaction.response.send_message("one", file=discord.File(io.BytesIO(b"x"), "a.py"))
        assert (await interaction.original_response()).content == "one"
        await interaction.edit_original_response(content="two", attachments=[])
        more = await interaction.followup.send("more", wait=True)
        await more.delete()
        await interaction.delete_original_response()
        assert await refused(interaction.edit_original_response(content="three")) == (404, 10008)
        await interaction.followup.send("the end")

    async with DiscordServer() as server:
        club = server.guild("Film club")
        general, anna = club.channel("general"), club.member("Anna")
        async with running(server, prepare=lambda bot: command(bot, ask)):
            asked = await anna.slash("ask", to=general)
            end = await server.bot.reply(to=asked, settled=lambda message: message.content == "the end")
        first, more, last = asked.messages
        assert (first.deleted, first.files, more.deleted, last) == (True, (), True, end)


async def test_options_are_typed_and_held_to_what_was_registered(tmp_path: Path) -> None:
    seen: dict[str, Any] = {}
    clip = write(tmp_path, "clip.mp4")

    @app_commands.choices(speak=[app_commands.Choice(name="Always", value="always")])
    async def ask(
        interaction: Asked,
        question: app_commands.Range[str, 3, 10],
        frames: app_commands.Range[int, 1, 24] = 4,
        exact: bool = False,
        who: discord.Member | None = None,
        where: discord.TextChannel | None = None,
        mods: discord.Role | None = None,
        speak: str = "",
        clip: discord.Attachment | None = None,
        speed: float = 1.0,
    ) -> None:
        seen.update({key: value for key, value in locals().items() if key != "interaction"})
        await interaction.response.send_message("ok")

    async with DiscordServer() as server:
        club = server.guild("Film club")
        general, anna, role = club.channel("general"), club.member("Anna"), club.role("mods")
        async with running(server, prepare=lambda bot: command(bot, ask)):
            picked = {"who": anna, "where": general, "mods": role, "speak": "Always", "clip": clip, "speed": 1.5}
            await anna.slash("ask", question="what?", frames=8, exact=True, to=general, **picked)
            assert (seen["question"], seen["frames"], seen["exact"], seen["speed"]) == ("what?", 8, True, 1.5)
            assert (seen["who"].id, seen["where"].id, seen["mods"].id) == (anna.id, general.id, role.id)
            assert (seen["speak"], seen["clip"].size) == ("always", 10)
            for wrong in (
                {},
                {"question": "ab"},
                {"question": "abc", "frames": 25},
                {"question": "abc", "frames": "8"},
                {"question": "abc", "speak": "Never"},
                {"question": "abc", "clip": "clip.mp4"},
                {"question": "abc", "colour": "red"},
            ):
                with pytest.raises(ImpossibleError):
                    await anna.slash("ask", to=general, **wrong)
            with pytest.raises(ImpossibleError, match="registered: 'ask'"):
                await anna.slash("tell", to=general)


async def test_subcommands_localised_names_and_permissions() -> None:
    class Names(app_commands.Translator):
        async def translate(self, text: app_commands.locale_str, locale: discord.Locale, context: Any) -> str | None:
            return {"server": "服务器"}.get(text.message) if locale is discord.Locale.chinese else None

    async def change(interaction: Asked, language: str) -> None:
        await interaction.response.send_message(f"{language} {interaction.permissions.manage_guild}")

    def prepare(bot: TinyBot) -> None:
        needed = discord.Permissions(manage_guild=True)
        group = app_commands.Group(name="settings", description="Settings", default_permissions=needed)
        group.add_command(app_commands.Command(name="server", description="All of it", callback=change))
        bot.tree.add_command(group)

    async with DiscordServer() as server:
        club = server.guild("Film club")
        general, anna = club.channel("general"), club.member("Anna")
        chen = club.member("Chen", locale="zh-CN", roles=[club.role("mods", permissions=("manage_guild",))])
        guest = club.member("Guest")
        async with running(server, prepare=prepare, sync=False) as bot:
            await bot.tree.set_translator(Names())
            await bot.tree.sync()
            asked = await chen.slash("settings 服务器", language="zh", to=general)
            assert (await asked.reply()).content == "zh True"
            assert asked.name == "settings 服务器"
            await anna.slash("settings server", language="en", to=general)
            for person, name in ((guest, "settings server"), (anna, "settings"), (anna, "settings channel")):
                with pytest.raises(ImpossibleError):
                    await person.slash(name, language="x", to=general)


async def test_autocomplete_offers_at_most_25_choices() -> None:
    async def ask(interaction: Asked, film: str) -> None:
        await interaction.response.send_message(film)

    async def offer(interaction: Asked, current: str) -> list[app_commands.Choice[str]]:
        count = 26 if current == "many" else 2
        return [app_commands.Choice(name=f"{current} {number}", value=str(number)) for number in range(count)]

    def prepare(bot: TinyBot) -> None:
        asking = app_commands.Command(name="ask", description="A question", callback=ask)
        asking.autocomplete("film")(offer)
        bot.tree.add_command(asking)

    clock = Clock()
    async with DiscordServer(clock=clock) as server:
        club = server.guild("Film club")
        general, anna = club.channel("general"), club.member("Anna")
        async with running(server, prepare=prepare):
            choices = await anna.autocomplete("ask", film="bla", to=general)
            assert [(choice.name, choice.value) for choice in choices] == [("bla 0", "0"), ("bla 1", "1")]
            waiting = asyncio.create_task(anna.autocomplete("ask", film="many", to=general))
            await server.bot.until(lambda: server.requests[-1].code == 50035)
            clock.advance(4)
            assert await waiting == ()


class Panel(discord.ui.View):
    """Three buttons and two selects, under ids that stay."""

    def __init__(self) -> None:
        super().__init__(timeout=None)
        self.picked: list[Any] = []

    @discord.ui.button(label="Cancel", custom_id="job:cancel", style=discord.ButtonStyle.danger)
    async def cancel(self, interaction: Asked, button: discord.ui.Button[Any]) -> None:
        await interaction.response.edit_message(content="cancelled", view=None)

    @discord.ui.button(label="Later", custom_id="job:later")
    async def later(self, interaction: Asked, button: discord.ui.Button[Any]) -> None:
        await interaction.response.defer()
        await interaction.edit_original_response(content="changed later")
        await interaction.followup.send("only you", ephemeral=True)

    @discord.ui.button(label="Ask more", custom_id="job:more")
    async def more(self, interaction: Asked, button: discord.ui.Button[Any]) -> None:
        await interaction.response.send_modal(Form())

    @discord.ui.select(
        custom_id="job:speak",
        placeholder="Speak",
        options=[discord.SelectOption(label="Always", value="always"), discord.SelectOption(label="Never")],
    )
    async def speak(self, interaction: Asked, select: discord.ui.Select[Any]) -> None:
        self.picked += select.values
        await interaction.response.defer()

    @discord.ui.select(cls=discord.ui.RoleSelect, custom_id="job:roles", max_values=2)
    async def roles(self, interaction: Asked, select: discord.ui.RoleSelect[Any]) -> None:
        self.picked += [role.name for role in select.values]
        await interaction.response.defer()


class Form(discord.ui.Modal, title="Ask more"):
    question = discord.ui.TextInput[Any](label="Question", custom_id="question", min_length=3, max_length=20)

    async def on_submit(self, interaction: Asked) -> None:
        await interaction.response.send_message(f"asked: {self.question.value}")


async def test_buttons_selects_and_forms() -> None:
    panel: list[Panel] = []

    async def ask(interaction: Asked) -> None:
        panel.append(Panel())
        await interaction.response.send_message("working", view=panel[0])

    async with DiscordServer() as server:
        club = server.guild("Film club")
        general, anna, mods = club.channel("general"), club.member("Anna"), club.role("mods")
        async with running(server, prepare=lambda bot: command(bot, ask)):
            asked = await anna.slash("ask", to=general)
            message = asked.original
            assert message is not None
            assert not message.is_settled
            assert [button.label for button in message.buttons] == ["Cancel", "Later", "Ask more"]
            await anna.choose(message, "Speak", ["Always"])
            await anna.choose(message, "job:roles", [mods])
            await server.bot.until(lambda: panel[0].picked == ["always", "mods"])
            pressed = await anna.press(message, "Later")
            assert pressed.acknowledged_with == 6
            whisper = await server.bot.reply(to=pressed, settled=lambda item: item is not message)
            assert (message.content, whisper.ephemeral_for, whisper.content) == ("changed later", anna, "only you")
            opened = await anna.press(message, "job:more")
            assert opened.modal is not None
            assert (opened.modal.title, opened.modal.inputs[0].label) == ("Ask more", "Question")
            for answers in ({"Question": "no"}, {"Colour": "red"}, {}):
                with pytest.raises(ImpossibleError):
                    await anna.submit(opened, answers)
            sent = await anna.submit(opened, {"Question": "and then?"})
            assert (await sent.reply()).content == "asked: and then?"
            await anna.press(message, "Cancel")
            assert (message.content, message.buttons) == ("cancelled", ())
            with pytest.raises(ImpossibleError, match="there are: none"):
                await anna.press(message, "Cancel")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({"type": 9, "data": {"title": "x" * 46, "custom_id": "x", "components": []}}, 50035),
        ({"type": 7, "data": {"content": "no message to change"}}, 50035),
        ({"type": 8, "data": {"choices": []}}, 50035),
        ({"type": 4, "data": {"content": "x" * 2001}}, 50035),
        ({"type": 4, "data": {"content": ""}}, 50006),
        ({"type": 4, "data": {"content": "x", "flags": 1 << 7}}, 50035),
    ],
)
async def test_a_wrong_callback_is_refused_and_acknowledges_nothing(data: dict[str, Any], code: int) -> None:
    codes: list[tuple[int, int]] = []

    async def ask(interaction: Asked) -> None:
        path = "/interactions/{interaction_id}/{token}/callback"
        route = discord.http.Route("POST", path, interaction_id=interaction.id, token=interaction.token)
        codes.append(await refused(interaction.client.http.request(route, json=data)))
        await interaction.response.send_message("then this")

    async with DiscordServer() as server:
        club = server.guild("Film club")
        general, anna = club.channel("general"), club.member("Anna")
        async with running(server, prepare=lambda bot: command(bot, ask)):
            asked = await anna.slash("ask", to=general)
        assert codes == [(400, code)]
        assert asked.original is not None
        assert asked.original.content == "then this"


def installable(bot: TinyBot, work: Any) -> None:
    asking = app_commands.Command(name="ask", description="A question", callback=work)
    asking.allowed_installs = app_commands.AppInstallationType(guild=True, user=True)
    asking.allowed_contexts = app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True)
    bot.tree.add_command(asking)


async def test_an_app_installed_for_a_person_answers_where_its_bot_is_not() -> None:
    seen: list[Asked] = []
    codes: list[tuple[int, int]] = []

    async def ask(interaction: Asked) -> None:
        seen.append(interaction)
        await interaction.response.defer()
        assert interaction.channel is not None
        codes.append(await refused(interaction.channel.send("in the channel")))  # type: ignore[union-attr] # is text
        await interaction.edit_original_response(content="through the token")

    async with DiscordServer() as server:
        elsewhere = server.guild("Elsewhere", bot=False, locale="de")
        room, anna = elsewhere.channel("room"), elsewhere.member("Anna")
        chen = server.person("Chen")
        async with running(server, prepare=lambda bot: installable(bot, ask)):
            for place in (room, anna.private(chen)):
                asked = await anna.slash("ask", to=place)
                assert (await asked.reply()).content == "through the token"
            direct = await anna.slash("ask", to=anna.direct())
            await server.bot.until(lambda: len(codes) == 2 and len(seen) == 3 and direct.acknowledged_with)
        first, second, third = seen
        assert codes == [(403, 50001), (403, 50001)]
        assert (first.is_user_integration(), first.is_guild_integration()) == (True, False)
        assert (first.context.guild, second.context.private_channel, third.context.dm_channel) == (True, True, True)
        assert first.guild_locale is discord.Locale.german
        assert first.app_permissions.attach_files
        assert not first.app_permissions.send_messages
        assert second.guild_locale is None


async def test_a_server_command_is_not_offered_where_it_does_not_belong() -> None:
    async def ask(interaction: Asked) -> None:
        await interaction.response.send_message("ok")

    async with DiscordServer() as server:
        anna = server.guild("Elsewhere", bot=False).member("Anna")
        here = server.guild("Here")
        here.member(anna)
        general = here.channel("general")

        def prepare(bot: TinyBot) -> None:
            command(bot, ask)
            command(bot, ask, name="servers-only")
            bot.tree.get_command("servers-only").guild_only = True  # type: ignore[union-attr] # just registered

        async with running(server, prepare=prepare):
            with pytest.raises(ImpossibleError, match="cannot be installed for a user"):
                await anna.slash("ask", to=server.world.guilds[min(server.world.guilds)].channel("room"))
            with pytest.raises(ImpossibleError, match="not offered in context 1"):
                await anna.slash("servers-only", to=anna.direct())
            await anna.slash("servers-only", to=general)


async def test_follow_ups_without_the_bot_are_five_and_may_not_be_voice_messages() -> None:
    codes: list[tuple[int, int]] = []

    async def ask(interaction: Asked) -> None:
        await interaction.response.send_message("one")
        for number in range(5):
            await interaction.followup.send(str(number))
        codes.append(await refused(interaction.followup.send("too many")))

    clock = Clock()
    async with DiscordServer(clock=clock) as server:
        elsewhere = server.guild("Elsewhere", bot=False)
        room, anna = elsewhere.channel("room"), elsewhere.member("Anna")
        async with running(server, prepare=lambda bot: installable(bot, ask)):
            await anna.slash("ask", to=room)
            await server.bot.until(lambda: codes)
        assert codes == [(400, 40094)]


async def test_a_voice_message_is_a_follow_up_where_the_app_may() -> None:
    results: list[Any] = []
    form = [
        {
            "name": "payload_json",
            "value": '{"flags": 8192, "attachments": [{"id": 0, "duration_secs": 1.5, "waveform": "AAEC"}]}',
        },
        {"name": "files[0]", "value": ogg(), "filename": "voice-message.ogg", "content_type": "audio/ogg"},
    ]

    async def ask(interaction: Asked) -> None:
        await interaction.response.send_message("text")
        path = "/webhooks/{webhook_id}/{webhook_token}"
        ids = {"webhook_id": interaction.application_id, "webhook_token": interaction.token}
        route = discord.http.Route("POST", path, **ids)
        try:
            results.append(await interaction.client.http.request(route, form=form))
        except discord.HTTPException as error:
            results.append(error.code)

    async with DiscordServer() as server:
        club = server.guild("Film club")
        general, anna = club.channel("general"), club.member("Anna")
        quiet = club.channel("quiet", deny_bot=("send_voice_messages",))
        async with running(server, prepare=lambda bot: installable(bot, ask)):
            asked = await anna.slash("ask", to=general)
            voice = await server.bot.reply(to=asked, settled=lambda message: message.is_voice_message)
            assert voice.files[0].is_voice_message
            await anna.slash("ask", to=quiet)
            await server.bot.until(lambda: len(results) == 2)
        assert results[1] == 50173
