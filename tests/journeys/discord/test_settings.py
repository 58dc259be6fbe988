"""/settings for a server and for a channel: each change changes the next answer. /help, /privacy, all in Chinese."""

import re
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import pytest

from bot.discord_io.client import KibitzClient
from tests.journeys.discord.conftest import MakeClip, StartBot
from tests.journeys.discord.eyes import bill, labels, notes, words
from tests.journeys.discord.held import held
from tests.simulator.discord_server import Channel, DiscordServer, Guild, ImpossibleError, Interaction, Message, Person
from tests.simulator.openai_server import ChatCall, HonestMind, OpenAIEmulator

SWITCHED_OFF = "⚠️ In this channel I answer commands only. Use /ask."
NOT_ALLOWED = "⚠️ Here only people with certain roles may ask me. Ask a moderator, or ask me elsewhere."


@pytest.fixture
def otto(club: Guild) -> Person:
    """He looks after the server."""
    return club.member("Otto", roles=[club.role("staff", permissions=["manage_guild"])])


async def turned(panel: Message, doing: Awaitable[Interaction]) -> None:
    """Do something with the panel, and wait until it shows what came of it."""
    before = len(panel.edits)
    await doing
    await panel.channel.world.witness.until(lambda: len(panel.edits) > before, what="the panel to change")


async def pick(person: Person, panel: Message, choice: str) -> None:
    """Choose what reads `choice` in whichever menu of the panel offers it."""
    [menu] = [menu for menu in panel.selects if choice in [label for label, _ in menu.options]]
    await turned(panel, person.choose(panel, menu.custom_id, [choice]))


async def give_voice(person: Person, panel: Message, name: str) -> None:
    opened = await person.press(panel, "Voice…")
    assert opened.modal is not None
    await turned(panel, person.submit(opened, {opened.modal.inputs[0].label: name}))


async def opened(person: Person, channel: Channel, where: str = "server") -> Message:
    return await (await person.slash("settings", where=where, to=channel)).reply()


@pytest.mark.usefixtures("bot")
class TestThePanel:
    async def test_shows_what_holds_to_who_opened_it(self, otto: Person, anna: Person, general: Channel) -> None:
        panel = await opened(otto, general)
        assert panel.content.splitlines() == [
            "**Settings of this server**",
            "Language of answers: that of the question",
            "Voice: as configured",
            "Spoken answers: when asked for",
            "I answer: when called: mention, reply, command",
            "I remember: 30 days, as configured",
            "May ask: everyone",
            "May have it spoken: everyone",
        ]
        assert labels(panel) == ["Voice…", "Who may use me…", "Where…", "Back to the defaults"]
        assert len(panel.selects) == 4
        assert general.seen_by(anna) == ()
        only_here = await opened(otto, general, "channel")
        assert only_here.content.splitlines()[0] == "**Settings of this channel**"

    async def test_is_not_offered_to_others_nor_in_direct_messages(
        self, otto: Person, anna: Person, general: Channel
    ) -> None:
        with pytest.raises(ImpossibleError, match="does not see"):
            await anna.slash("settings", to=general)
        with pytest.raises(ImpossibleError):
            await otto.slash("settings", to=otto.direct())

    async def test_shows_each_change_at_once(self, otto: Person, general: Channel, club: Guild) -> None:
        fans = club.role("fans")
        panel = await opened(otto, general)
        await pick(otto, panel, "Language of answers: Deutsch · German")
        await pick(otto, panel, "Spoken answers: always")
        await pick(otto, panel, "I answer: commands only")
        await pick(otto, panel, "I remember: 7 days")
        await give_voice(otto, panel, "nova")
        await turned(panel, otto.press(panel, "Who may use me…"))
        assert labels(panel) == ["Back", "More…"]
        await turned(panel, otto.choose(panel, "May ask", [fans]))
        await turned(panel, otto.choose(panel, "May have it spoken", [fans]))
        await turned(panel, otto.press(panel, "Back"))
        assert panel.content.splitlines()[1:] == [
            "Language of answers: Deutsch · German",
            "Voice: `nova`",
            "Spoken answers: always",
            "I answer: commands only",
            "I remember: 7 days",
            f"May ask: {fans.mention}",
            f"May have it spoken: {fans.mention}",
        ]
        again = await opened(otto, general)
        assert again.content == panel.content
        await turned(again, otto.press(again, "Back to the defaults"))
        assert "Spoken answers: when asked for" in again.content
        assert "May ask: everyone" in again.content

    async def test_warns_when_every_message_is_wanted_and_cannot_be_read(self, otto: Person, general: Channel) -> None:
        panel = await opened(otto, general)
        await pick(otto, panel, "I answer: every message")
        assert panel.content.splitlines()[-1].startswith("⚠️ To answer every message I must be allowed to read them")

    async def test_of_a_channel_wins_over_the_server(
        self, otto: Person, anna: Person, general: Channel, club: Guild, discord: DiscordServer
    ) -> None:
        quiet = club.channel("quiet")
        await pick(otto, await opened(otto, general), "I answer: commands only")
        await pick(otto, await opened(otto, quiet, "channel"), "I answer: when called: mention, reply, command")
        refused = await discord.bot.reply(await anna.post("@bot hello", to=general))
        assert words(refused) == SWITCHED_OFF
        answered = await discord.bot.reply(await anna.post("@bot hello", to=quiet))
        assert not words(answered).startswith("⚠️")
        panel = await opened(otto, quiet, "channel")
        await turned(panel, otto.press(panel, "Back to the defaults"))
        assert "I answer: commands only" in panel.content, "that of the server holds again"


async def test_a_panel_from_before_a_restart_is_answered(start: StartBot, otto: Person, general: Channel) -> None:
    async with start():
        panel = await opened(otto, general)
    async with start():
        menu = panel.selects[0]
        chosen = await otto.choose(panel, menu.custom_id, [menu.options[0][0]])
        told = await chosen.reply()
        assert words(told) == "⚠️ This is from before I was restarted. Open it again with its command."
        pressed = await otto.press(panel, "Voice…")
        assert words(await pressed.reply()) == words(told)


async def test_what_was_set_holds_after_a_restart(
    start: StartBot, otto: Person, anna: Person, general: Channel, discord: DiscordServer
) -> None:
    async with start():
        await pick(otto, await opened(otto, general), "I answer: commands only")
    async with start():
        assert words(await discord.bot.reply(await anna.post("@bot hello", to=general))) == SWITCHED_OFF


@pytest.mark.usefixtures("bot")
class TestTheNextAnswer:
    @pytest.fixture(params=["server", "channel"])
    def where(self, request: pytest.FixtureRequest) -> str:
        return request.param

    async def test_is_in_the_language_set(
        self, where: str, otto: Person, anna: Person, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator
    ) -> None:
        cloud.mind = HonestMind(answers=in_the_language_wanted)
        before = await discord.bot.reply(await anna.post("@bot What is this?", to=general))
        assert words(before) == "Hello."
        await pick(otto, await opened(otto, general, where), "Language of answers: Deutsch · German")
        after = await discord.bot.reply(await anna.post("@bot What is this?", to=general))
        assert words(after) == "Guten Tag."
        commanded = await (await anna.slash("ask", question="What is this?", to=general)).reply()
        assert words(commanded) == "Guten Tag."

    async def test_is_in_the_voice_set(
        self, where: str, otto: Person, anna: Person, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator
    ) -> None:
        voices: list[str] = []
        for _ in range(2):
            asked = await anna.slash("ask", question="Who are you?", speak=True, to=general)
            await discord.bot.reply(asked, settled=lambda message: message.is_voice_message)
            voices.append(cloud.speeches[-1].voice)
            await give_voice(otto, await opened(otto, general, where), "nova")
        assert voices[0] != "nova"
        assert voices[1] == "nova"

    async def test_is_spoken_always(
        self, where: str, otto: Person, anna: Person, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator
    ) -> None:
        before = await discord.bot.reply(await anna.post("@bot hello", to=general))
        assert labels(before) == ["Ask more", "Speak", "Delete"]
        assert bill(cloud) == {"answers": 1}
        await pick(otto, await opened(otto, general, where), "Spoken answers: always")
        asked = await anna.post("@bot hello again", to=general)
        spoken = await discord.bot.reply(asked, settled=lambda message: message.is_voice_message)
        assert spoken.reference is discord.bot.replies(asked)[0]
        assert labels(discord.bot.replies(asked)[0]) == ["Ask more", "Delete"]

    async def test_is_never_spoken(
        self, where: str, otto: Person, anna: Person, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator
    ) -> None:
        older = await discord.bot.reply(await anna.post("@bot hello", to=general))
        await pick(otto, await opened(otto, general, where), "Spoken answers: never")
        answer = await (await anna.slash("ask", question="Who are you?", speak=True, to=general)).reply()
        assert notes(answer) == ["⚠️ Spoken answers are switched off here."]
        assert labels(answer) == ["Ask more", "Delete"]
        pressed = await anna.press(older, "Speak")
        assert words(await pressed.reply()) == "⚠️ Spoken answers are switched off here."
        assert bill(cloud) == {"answers": 2}

    async def test_comes_to_commands_only(
        self, where: str, clip: MakeClip, otto: Person, anna: Person, general: Channel, discord: DiscordServer
    ) -> None:
        await pick(otto, await opened(otto, general, where), "I answer: commands only")
        refused = await discord.bot.reply(await anna.post("@bot What is it?", clip("red"), to=general))
        assert words(refused) == SWITCHED_OFF
        answer = await (await anna.slash("ask", question="Who are you?", to=general)).reply()
        assert not words(answer).startswith("⚠️")
        direct = await discord.bot.reply(await anna.dm("Who are you?"))
        assert not words(direct).startswith("⚠️"), "direct messages are nobody's channel"

    async def test_comes_only_to_certain_roles(
        self,
        where: str,
        clip: MakeClip,
        otto: Person,
        anna: Person,
        club: Guild,
        general: Channel,
        discord: DiscordServer,
        cloud: OpenAIEmulator,
    ) -> None:
        fans = club.role("fans")
        fred = club.member("Fred", roles=[fans])
        older = await discord.bot.reply(await anna.post("@bot What is it?", clip("red"), to=general))
        before = bill(cloud)
        panel = await opened(otto, general, where)
        await turned(panel, otto.press(panel, "Who may use me…"))
        await turned(panel, otto.choose(panel, "May ask", [fans]))
        assert words(await discord.bot.reply(await anna.post("@bot And now?", to=general))) == NOT_ALLOWED
        assert words(await (await anna.slash("ask", question="And now?", to=general)).reply()) == NOT_ALLOWED
        assert words(await (await anna.press(older, "Transcript")).reply()) == NOT_ALLOWED
        more = await anna.press(older, "Ask more")
        assert words(await (await anna.submit(more, {"Your question": "And now?"})).reply()) == NOT_ALLOWED
        assert bill(cloud) == before
        for person in (fred, otto):
            answer = await (await person.slash("ask", question="And now?", to=general)).reply()
            assert not words(answer).startswith("⚠️")

    async def test_is_spoken_only_to_certain_roles(
        self,
        where: str,
        otto: Person,
        anna: Person,
        club: Guild,
        general: Channel,
        discord: DiscordServer,
        cloud: OpenAIEmulator,
    ) -> None:
        fans = club.role("fans")
        fred = club.member("Fred", roles=[fans])
        panel = await opened(otto, general, where)
        await turned(panel, otto.press(panel, "Who may use me…"))
        await turned(panel, otto.choose(panel, "May have it spoken", [fans]))
        answer = await (await anna.slash("ask", question="Who are you?", speak=True, to=general)).reply()
        assert notes(answer) == ["⚠️ Spoken answers are switched off here."]
        assert bill(cloud) == {"answers": 1}
        asked = await fred.slash("ask", question="Who are you?", speak=True, to=general)
        await discord.bot.reply(asked, settled=lambda message: message.is_voice_message)

    async def test_in_a_thread_follows_its_channel(
        self, where: str, otto: Person, anna: Person, general: Channel, discord: DiscordServer
    ) -> None:
        thread = await anna.start_thread(await anna.post("a word", to=general), "Words")
        await pick(otto, await opened(otto, general, where), "I answer: commands only")
        assert words(await discord.bot.reply(await anna.post("@bot hello", to=thread))) == SWITCHED_OFF


def in_the_language_wanted(call: ChatCall) -> str:
    return "Guten Tag." if "in the language with the tag de" in call.text else "Hello."


class TestEveryMessage:
    @pytest.fixture
    async def discord(self) -> AsyncIterator[DiscordServer]:
        async with DiscordServer(message_content_allowed=True) as server:
            yield server

    async def test_is_answered_where_that_is_set(
        self, start: StartBot, otto: Person, anna: Person, club: Guild, general: Channel, discord: DiscordServer
    ) -> None:
        clips = club.channel("clips")
        async with start(DISCORD__MESSAGE_CONTENT=True):
            panel = await opened(otto, clips, "channel")
            await pick(otto, panel, "I answer: every message")
            assert "⚠️" not in panel.content
            await anna.post("hello", to=general)
            answer = await discord.bot.reply(await anna.post("hello", to=clips))
            assert not words(answer).startswith("⚠️")
            assert discord.bot.messages(general) == ()


class TestHelp:
    async def test_says_what_can_be_done_to_this_person_only(
        self, start: StartBot, anna: Person, ben: Person, general: Channel
    ) -> None:
        async with start():
            told = await (await anna.slash("help", to=general)).reply()
        assert told.content.startswith("I watch clips, listen to them and answer questions about them")
        assert "@Kibitz what does the sign say?" in told.content
        known = "ask summarize transcribe timeline storyboard settings privacy memory forget export optout voice stop"
        for command in (f"/{name}" for name in known.split()):
            assert command in told.content
        assert "Reply to anybody's clip" not in told.content, "the bot may not read those"
        assert general.seen_by(ben) == ()

    async def test_privacy_names_who_gets_what_and_who_runs_it(
        self, start: StartBot, anna: Person, ben: Person, general: Channel, cloud: OpenAIEmulator
    ) -> None:
        async with start(DISCORD__OPERATOR="Olga, olga@example.org"):
            told = await (await anna.slash("privacy", to=general)).reply()
        for what in (
            "Frames of a clip",
            "Its sound",
            "Your question and what was seen and heard",
            "The text of a spoken answer",
        ):
            assert f"- {what}: `{cloud.base_url}`" in told.content
        assert "for up to 30 days" in told.content
        assert told.content.endswith("This bot is run by Olga, olga@example.org.")
        assert general.seen_by(ben) == ()

    async def test_privacy_where_nobody_left_a_name(self, start: StartBot, anna: Person) -> None:
        async with start():
            told = await (await anna.slash("privacy", to=anna.direct())).reply()
        assert "somebody who has not left a name" in told.content


class TestTheGreeting:
    @pytest.mark.usefixtures("bot")
    async def test_says_what_is_remembered_and_who_gets_it(self, discord: DiscordServer, cloud: OpenAIEmulator) -> None:
        for name, denied in (("Chess club", ()), ("Closed club", ("send_messages",))):
            guild = discord.guild(name, bot=False)
            guild.system_channel = guild.channel("welcome", deny_everyone=denied)
            guild.add_bot()
        greeting = await discord.bot.next_message()
        assert greeting.channel.guild is not None
        assert greeting.channel.guild.name == "Chess club"
        assert f"goes to `{cloud.base_url}`, and I remember it in words, for up to 30 days" in greeting.content
        for command in ("/privacy", "/forget", "/optout", "/help"):
            assert command in greeting.content
        assert len(discord.bot.messages()) == 1


LATIN = re.compile(r"[A-Za-z]{2,}")


def in_chinese(text: str) -> bool:
    """No English word in it, but for names of files and of the bot."""
    return not LATIN.search(re.sub(r"answer\.md|Kibitz|Discord|`[^`]*`|\.\w+|[0-9a-f]{12}", "", text))


class TestInChinese:
    """Mei's Discord is in Chinese; the server is not."""

    @pytest.fixture
    def mei(self, club: Guild) -> Person:
        return club.member("Mei", locale="zh-CN", roles=[club.role("staff", permissions=["manage_guild"])])

    @pytest.fixture(autouse=True)
    def mind(self, cloud: OpenAIEmulator) -> None:
        cloud.mind = HonestMind(answers="红色 [0:00]。")

    @pytest.fixture
    async def kibitz(self, start: StartBot, club: Guild) -> AsyncIterator[KibitzClient]:
        async with start() as client:
            yield client

    @pytest.mark.usefixtures("kibitz")
    async def test_a_question(self, mei: Person, clip: MakeClip, general: Channel, discord: DiscordServer) -> None:
        asked = await mei.slash("提问", 问题="先出现什么颜色？", 片段=clip("red"), 朗读=True, to=general)
        answer = await asked.reply()
        assert words(answer) == "红色 [0:00]。"
        assert labels(answer) == ["追问", "文字稿", "画面", "删除"]
        assert all(in_chinese(said) for _, said in answer.edits), answer.edits
        assert (await discord.bot.reply(asked, settled=lambda message: message.is_voice_message)).reference is answer
        more = await mei.press(answer, "追问")
        assert more.modal is not None
        assert (more.modal.title, more.modal.inputs[0].label) == ("追问", "你的问题")
        transcript = await (await mei.press(answer, "文字稿")).reply()
        assert words(transcript) == "文字稿。"
        frames = await (await mei.press(answer, "画面")).reply()
        assert words(frames) == "这些是看过的画面。"
        assert frames.files[0].description is not None
        assert frames.files[0].description.startswith("片段的画面，时间：0:00")

    @pytest.mark.usefixtures("kibitz")
    async def test_a_mention_in_chinese(
        self, mei: Person, photo: Path, general: Channel, discord: DiscordServer
    ) -> None:
        answer = await discord.bot.reply(await mei.post("@bot 这是什么？", photo, to=general))
        assert labels(answer) == ["追问", "文字稿", "画面", "朗读", "删除"]
        assert notes(answer) == ["⚠️ 这是静止图片：没有动作，也没有声音。"]

    @pytest.mark.usefixtures("kibitz")
    async def test_the_progress(
        self, mei: Person, clip: MakeClip, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator
    ) -> None:
        with held(cloud, "look") as mind:
            asked = await mei.slash("提问", 问题="什么颜色？", 片段=clip("red"), to=general)
            await discord.bot.until(lambda: mind.begun["look"])
            progress = await discord.bot.reply(asked, settled=lambda message: labels(message) == ["取消"])
            assert in_chinese(progress.content)
            await mei.press(progress, "取消")
            assert words(await asked.reply()) == "已停止，不会再产生费用。"

    @pytest.mark.usefixtures("kibitz")
    @pytest.mark.parametrize(
        ("command", "told"),
        [
            ("总结", "⚠️ 没有可看的片段。请附上一个，或回复带片段的消息。"),
            ("转写", "⚠️ 没有可看的片段。请附上一个，或回复带片段的消息。"),
            ("时间线", "⚠️ 没有可看的片段。请附上一个，或回复带片段的消息。"),
            ("分镜", "⚠️ 没有可看的片段。请附上一个，或回复带片段的消息。"),
        ],
    )
    async def test_a_command_that_fails(self, command: str, told: str, mei: Person, general: Channel) -> None:
        answer = await (await mei.slash(command, to=general)).reply()
        assert words(answer) == told
        assert notes(answer)[0].startswith("任务 ")

    @pytest.mark.usefixtures("kibitz")
    async def test_the_menus_of_a_message(self, mei: Person, anna: Person, clip: MakeClip, general: Channel) -> None:
        posted = await anna.post("look", clip("red"), to=general)
        asked = await mei.menu("问问这个", posted)
        assert asked.modal is not None
        assert asked.modal.title == "问问这个"
        assert labels(await (await mei.menu("转写", posted)).reply()) == ["追问", "文字稿", "画面", "删除"]
        assert words(await (await mei.menu("总结", posted)).reply()) == "红色 [0:00]。"
        mere_words = await anna.post("just words", to=general)
        refused = await (await mei.menu("转写", mere_words)).reply()
        assert words(refused) == "⚠️ 没有可看的片段。请附上一个，或回复带片段的消息。"

    @pytest.mark.usefixtures("kibitz")
    @pytest.mark.parametrize("command", ["帮助", "隐私", "设置", "记忆 显示", "导出", "退出记忆", "加入记忆"])
    async def test_what_the_other_commands_say(self, command: str, mei: Person, general: Channel) -> None:
        answer = await (await mei.slash(command, to=general)).reply()
        assert in_chinese(answer.content), answer.content
        assert all(in_chinese(label or "") for label in labels(answer))

    @pytest.mark.usefixtures("kibitz")
    async def test_names_and_descriptions_of_commands(self, discord: DiscordServer) -> None:
        commands = discord.world.commands.visible(None)
        plain = [
            item["name"]
            for command in commands
            for item in (command, *command.get("options", ()))
            if not in_chinese(item["name_localizations"]["zh-CN"])
            or (item.get("description") and not in_chinese(item["description_localizations"]["zh-CN"]))
        ]
        assert plain == []
        assert len(commands) == 22

    async def test_a_place_set_to_chinese(
        self, start: StartBot, otto: Person, anna: Person, photo: Path, general: Channel, discord: DiscordServer
    ) -> None:
        """Texts around answers to messages follow what is set, whoever asks."""
        async with start():
            await pick(otto, await opened(otto, general), "Language of answers: 中文 (简体) · Chinese (Simplified)")
            answer = await discord.bot.reply(await anna.post("@bot What is it?", photo, to=general))
            assert labels(answer) == ["追问", "文字稿", "画面", "朗读", "删除"]
