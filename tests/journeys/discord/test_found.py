"""Where words could reach the wrong person, money be spent for nobody, or somebody be left without an answer."""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.discord_io.client import KibitzClient
from bot.domain.conversation import ConversationKey
from tests.journeys.discord.conftest import MakeClip, StartBot
from tests.journeys.discord.eyes import bill, words
from tests.journeys.discord.held import held
from tests.simulator.discord_server import Channel, DiscordServer, Guild, Message, Person
from tests.simulator.openai_server import OpenAIEmulator

pytestmark = pytest.mark.usefixtures("known_clips")

NO_CLIP = "⚠️ There is no clip to go by. Attach one, or reply to a message that has one."
NOT_YOUR_CLIP = "⚠️ This is about a clip from a channel you cannot read. Post the clip itself."
NOT_ALLOWED = "⚠️ Here only people with certain roles may ask me. Ask a moderator, or ask me elsewhere."


@asynccontextmanager
async def locked(database: Path) -> AsyncIterator[None]:
    """Nobody else can write into it inside. The bot in this process goes on while its own writing is waited for."""
    with closing(sqlite3.connect(database, isolation_level=None, check_same_thread=False)) as connection:
        await asyncio.to_thread(connection.execute, "BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "data" / "kibitz.db"


@pytest.mark.usefixtures("bot")
class TestAClipOfAPrivateChannel:
    """Who may read it there links to it elsewhere: the answer is theirs to show, the clip is not for all to have."""

    @pytest.fixture
    async def answer(
        self, clip: MakeClip, club: Guild, anna: Person, general: Channel, discord: DiscordServer
    ) -> Message:
        board = club.role("board")
        private = club.channel("private")
        ours = next(role for role in club.roles.values() if role.managed)
        private.deny_everyone("view_channel", except_roles=(board, ours))
        carl = club.member("Carl", roles=[board])
        posted = await carl.post("@bot look", clip("red"), to=private)
        await discord.bot.reply(posted)
        asked = await carl.post(f"@bot What is it? {private.link(posted)}", to=general)
        answer = await discord.bot.reply(asked)
        assert "The picture is red" in words(answer)
        return answer

    @pytest.mark.parametrize("button", ["Transcript", "Frames"])
    async def test_is_not_handed_out_by_buttons(
        self, button: str, answer: Message, anna: Person, cloud: OpenAIEmulator
    ) -> None:
        before = bill(cloud)
        told = await (await anna.press(answer, button)).reply()
        assert words(told) == NOT_YOUR_CLIP
        assert told.files == ()
        assert bill(cloud) == before

    async def test_is_not_asked_about_by_others(
        self, answer: Message, anna: Person, discord: DiscordServer, cloud: OpenAIEmulator
    ) -> None:
        before = bill(cloud)
        form = await anna.press(answer, "Ask more")
        assert words(await (await anna.submit(form, {"Your question": "And then?"})).reply()) == NOT_YOUR_CLIP
        replied = await anna.post("@bot And then?", reply_to=answer)
        assert words(await discord.bot.reply(replied)) == NOT_YOUR_CLIP
        assert words(await (await anna.menu("Transcribe", answer)).reply()) == NOT_YOUR_CLIP
        assert bill(cloud) == before

    async def test_is_not_the_latest_clip_of_others(
        self, answer: Message, anna: Person, general: Channel, discord: DiscordServer
    ) -> None:
        assert words(await (await anna.slash("transcribe", to=general)).reply()) == NO_CLIP
        further = await discord.bot.reply(await anna.post("@bot And then?", to=general))
        assert "red" not in words(further)

    async def test_goes_on_for_who_may_read_it(self, answer: Message, club: Guild, general: Channel) -> None:
        dora = club.member("Dora", roles=[role for role in club.roles.values() if role.name == "board"])
        further = await (await dora.slash("ask", question="And then?", to=general)).reply()
        assert "The picture is red" in words(further)


@pytest.mark.usefixtures("bot")
async def test_a_deleted_answer_is_no_clip_to_go_on_from(
    clip: MakeClip, anna: Person, ben: Person, general: Channel, discord: DiscordServer
) -> None:
    """The file of a command is seen by nobody else, so its answer is all there is to delete."""
    answer = await (await anna.slash("ask", question="What is it?", clip=clip("red"), to=general)).reply()
    await anna.press(answer, "Delete")
    await discord.bot.until(lambda: answer.deleted, what="it to be deleted")
    assert words(await (await ben.slash("transcribe", to=general)).reply()) == NO_CLIP


@pytest.mark.usefixtures("bot")
async def test_delete_pressed_by_two_at_once_is_no_failure(
    clip: MakeClip,
    anna: Person,
    club: Guild,
    general: Channel,
    discord: DiscordServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    mara = club.member("Mara", roles=[club.role("mods", permissions=["manage_messages"])])
    answer = await (await anna.slash("ask", question="What is it?", clip=clip("red"), to=general)).reply()
    pressed = await asyncio.gather(anna.press(answer, "Delete"), mara.press(answer, "Delete"))
    await discord.bot.until(lambda: answer.deleted, what="it to be deleted")
    form = await (await anna.slash("help", to=general)).reply()
    assert form
    assert [[message.content for message in press.messages] for press in pressed] == [[], []]
    assert "Traceback" not in caplog.text


async def test_a_server_that_throws_the_bot_out_is_forgotten_with_what_is_being_worked_on(
    discord: DiscordServer,
    bot: KibitzClient,
    cloud: OpenAIEmulator,
    clip: MakeClip,
    anna: Person,
    general: Channel,
    refused: Counter[int],
) -> None:
    other = discord.guild("Book club")
    other.member("Otto")
    lobby = other.channel("lobby")
    other.member(anna)
    with held(cloud, "look") as mind:
        await anna.post("@bot What is it?", clip("red"), to=lobby)
        await discord.bot.until(lambda: bool(mind.begun["look"]))
        other.remove_bot()
        await discord.bot.until(lambda: not list(_jobs()), what="the work to end")
    since = datetime.now(UTC) - timedelta(hours=1)
    assert (
        await bot.house.memory.recent(ConversationKey(server_id=other.id, channel_id=lobby.id), since=since, limit=9)
        == ()
    )
    assert bill(cloud)["answers"] == 0, "nobody is there to read it"
    refused[403] = discord.refusals[403]


def _jobs() -> list[str]:
    return [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("job ")]


@pytest.mark.usefixtures("bot")
async def test_a_change_of_settings_waits_for_a_busy_database(
    club: Guild, general: Channel, discord: DiscordServer, database: Path
) -> None:
    owner = club.owner
    assert isinstance(owner, Person)
    panel = await (await owner.slash("settings", to=general)).reply()
    menu = next(menu for menu in panel.selects if any(value == "always" for _, value in menu.options))
    async with locked(database):
        chosen = await owner.choose(panel, menu.custom_id, ["always"])
        await asyncio.sleep(2)  # beyond what an unanswered panel is given
    await discord.bot.until(lambda: "Spoken answers: always" in panel.content, what="the change")
    assert chosen.messages == ()


async def test_a_message_is_answered_when_the_memory_is_broken(
    bot: KibitzClient, discord: DiscordServer, anna: Person, general: Channel, database: Path
) -> None:
    await asyncio.to_thread(_drop_settings, database)  # beside the bot, which may be writing
    told = await discord.bot.reply(await anna.post("@bot hello?", to=general))
    assert words(told).startswith("⚠️ The memory did not work this time.")
    assert bot.house


@pytest.mark.usefixtures("bot")
async def test_a_mention_of_nothing_is_not_paid_for(
    anna: Person, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator
) -> None:
    assert words(await discord.bot.reply(await anna.post("@bot", to=general))) == NO_CLIP
    assert bill(cloud) == {}


class TestWhereAllMayBeRead:
    @pytest.fixture
    async def discord(self) -> AsyncIterator[DiscordServer]:
        async with DiscordServer(message_content_allowed=True) as server:
            yield server

    async def test_a_history_that_discord_does_not_hand_out_is_told(
        self, start: StartBot, anna: Person, general: Channel, discord: DiscordServer
    ) -> None:
        async with start(DISCORD__MESSAGE_CONTENT=True):
            discord.fail(f"GET /channels/{general.id}/messages", status=503)
            told = await discord.bot.reply(await anna.post("@bot What was it?", to=general))
            assert words(told) == "⚠️ Discord did not answer. Try again in a minute."

    async def test_talk_of_people_who_may_not_ask_is_left_alone(
        self, start: StartBot, anna: Person, club: Guild, general: Channel, discord: DiscordServer
    ) -> None:
        owner = club.owner
        assert isinstance(owner, Person)
        fans = club.role("fans")
        fred = club.member("Fred", roles=[fans])
        async with start(DISCORD__MESSAGE_CONTENT=True) as client:
            changes = {"answers": "always", "ask_roles": (fans.id,)}
            await client.house.memory.change_settings(club.id, general.id, changes)
            talk = await anna.post("hello", to=general)
            called = await discord.bot.reply(await anna.post("@bot hello", to=general))
            assert words(called) == NOT_ALLOWED
            answer = await discord.bot.reply(await fred.post("hello", to=general))
            assert not words(answer).startswith("⚠️")
            assert discord.bot.replies(talk) == ()


def _drop_settings(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("DROP TABLE place_settings")
