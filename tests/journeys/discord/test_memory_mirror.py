"""What is edited, deleted or left on Discord is edited, deleted or left in the memory, also while it is worked on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.database.where import Where
from bot.discord_io.client import KibitzClient
from bot.domain.conversation import MessageRef, Turn
from tests.databases import POSTGRESQL, SQLITE, only
from tests.journeys.discord.conftest import MakeClip, StartBot, StartOn, eventually, is_kept
from tests.journeys.discord.eyes import words
from tests.journeys.discord.held import held
from tests.simulator.discord_server import Channel, DiscordServer, Guild, Message, Person
from tests.simulator.discord_server.places import FORUM, VOICE
from tests.simulator.openai_server import OpenAIEmulator

pytestmark = pytest.mark.usefixtures("known_clips", "attentive")


@pytest.fixture
def start(start_on: StartOn, where: Where) -> StartBot:
    return start_on(where)


@pytest.fixture
async def bot(start: StartBot, club: Guild) -> AsyncIterator[KibitzClient]:
    async with start() as client:
        yield client


async def turn_of(bot: KibitzClient, message: Message) -> Turn | None:
    return await bot.house.memory.turn_of_message(MessageRef(channel_id=message.channel.id, message_id=message.id))


async def gone(bot: KibitzClient, message: Message) -> None:
    async def look() -> bool:
        return await turn_of(bot, message) is None

    await eventually(look)


async def known(bot: KibitzClient, message: Message) -> Turn:
    turn = await turn_of(bot, message)
    assert turn is not None
    return turn


class TestAnEdit:
    async def test_changes_the_question(
        self, bot: KibitzClient, anna: Person, general: Channel, discord: DiscordServer
    ) -> None:
        asked = await anna.post("@bot The magpie sings", to=general)
        await discord.bot.reply(asked)
        discord.unfurl(asked)
        await anna.edit(asked, "@bot The heron sings")

        async def is_new() -> bool:
            return (await known(bot, asked)).question == "The heron sings"

        await eventually(is_new)
        assert "magpie" not in (await known(bot, asked)).answer

    async def test_while_it_is_answered_holds_afterwards(
        self, bot: KibitzClient, anna: Person, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator
    ) -> None:
        with held(cloud, "answer") as mind:
            asked = await anna.post("@bot The magpie sings", to=general)
            await discord.bot.until(lambda: mind.begun["answer"])
            for said in ("@bot The heron sings", "@bot The heron dances"):
                await anna.edit(asked, said)

            async def is_told() -> bool:
                waiting = (await bot.house.memory.holdings(anna.id)).waiting
                return waiting == ("The heron dances",)

            await eventually(is_told)
            mind.let_go()
            await discord.bot.reply(asked)

        async def is_new() -> bool:
            turn = await turn_of(bot, asked)
            return turn is not None and turn.question == "The heron dances"

        await eventually(is_new)

    async def test_that_takes_a_clip_off_forgets_the_clip(
        self, bot: KibitzClient, anna: Person, general: Channel, discord: DiscordServer, clip: MakeClip
    ) -> None:
        asked = await anna.post("@bot What is it?", clip("red"), to=general)
        await discord.bot.reply(asked)
        digest = (await known(bot, asked)).clips[0].sha256
        await anna.edit(asked, without=asked.files)
        await gone(bot, asked)
        assert await bot.house.memory.facts(digest) is None

    @only(SQLITE)
    async def test_that_hides_the_message_takes_back_what_it_asked(
        self, bot: KibitzClient, anna: Person, general: Channel, discord: DiscordServer
    ) -> None:
        """Without the mention Discord does not show us any more what it says."""
        asked = await anna.post("@bot The magpie sings", to=general)
        await discord.bot.reply(asked)
        await anna.edit(asked, "Nothing for you")
        await gone(bot, asked)

    @only(SQLITE)
    async def test_of_words_beside_a_clip_that_only_a_menu_showed_us_changes_nothing(
        self, bot: KibitzClient, anna: Person, ben: Person, general: Channel, discord: DiscordServer, clip: MakeClip
    ) -> None:
        posted = await anna.post("look", clip("red"), to=general)
        form = await ben.menu("Ask about this", posted)
        answer = await (await ben.submit(form, {"Your question": "What is it?"})).reply()
        await anna.edit(posted, "look at this")
        last = await anna.post("@bot The heron sings", to=general)
        await discord.bot.reply(last)
        assert (await known(bot, answer)).question == "What is it?"


class TestADeletion:
    async def test_of_many_messages_takes_what_each_of_them_asked(
        self, bot: KibitzClient, club: Guild, anna: Person, general: Channel, discord: DiscordServer
    ) -> None:
        mod = club.member("Mona", roles=[club.role("mods", permissions=["manage_messages"])])
        asked = [await anna.post(f"@bot Question {n}", to=general) for n in range(3)]
        for message in asked:
            await discord.bot.reply(message)
        await mod.purge(*asked[:2])
        await gone(bot, asked[0])
        await gone(bot, asked[1])
        await known(bot, asked[2])

    @pytest.mark.parametrize(
        ("where", "kind"),
        [(SQLITE, "channel"), (SQLITE, "thread"), (SQLITE, "post"), (SQLITE, "voice"), (POSTGRESQL, "thread")],
        indirect=["where"],
    )
    async def test_of_a_place_takes_all_that_was_said_there(
        self, kind: str, bot: KibitzClient, club: Guild, anna: Person, general: Channel, discord: DiscordServer
    ) -> None:
        if kind == "thread":
            place = await anna.start_thread(await anna.post("start", to=general), "A thread")
        elif kind == "post":
            place = (await anna.start_post(club.channel("forum", type=FORUM), "A post", "hello")).channel
        else:
            place = club.channel("room", type=VOICE if kind == "voice" else 0)
        elsewhere = await anna.post("@bot What is here?", to=general)
        asked = await anna.post("@bot What is there?", to=place)
        for message in (elsewhere, asked):
            await discord.bot.reply(message)
        pinned = await anna.slash("memory remember", text="The heron lives here", to=place)
        await pinned.reply()
        place.delete()
        await gone(bot, asked)
        assert await bot.house.memory.facts_of(anna.id) == 0
        await known(bot, elsewhere)

    @only(SQLITE)
    async def test_of_a_channel_takes_its_threads(
        self, bot: KibitzClient, club: Guild, anna: Person, discord: DiscordServer
    ) -> None:
        room = club.channel("room")
        thread = await anna.start_thread(await anna.post("start", to=room), "A thread")
        asked = await anna.post("@bot What is there?", to=thread)
        await discord.bot.reply(asked)
        room.delete()
        await gone(bot, asked)

    @only(SQLITE)
    async def test_of_a_channel_ends_what_is_asked_there(
        self,
        bot: KibitzClient,
        club: Guild,
        anna: Person,
        discord: DiscordServer,
        cloud: OpenAIEmulator,
        clip: MakeClip,
    ) -> None:
        room = club.channel("room")
        with held(cloud, "answer") as mind:
            asked = await anna.post("@bot What is red?", clip("red"), to=room)
            await discord.bot.until(lambda: mind.begun["answer"])
            room.delete()
            await discord.bot.until(lambda: not bot.house.desk.in_flight())
            mind.let_go()
        await gone(bot, asked)
        assert await bot.house.memory.attachments_of(MessageRef(channel_id=room.id, message_id=asked.id)) == frozenset()


async def test_nothing_of_what_was_taken_back_is_left_on_the_disk(
    start: StartBot, where: Where, club: Guild, anna: Person, general: Channel, snap: Path, discord: DiscordServer
) -> None:
    room = club.channel("room")
    async with start() as bot:
        kept = await anna.post("@bot The sparrow sings", to=general)
        edited = await anna.post("@bot The magpie sings", to=general)
        deleted = await anna.post("@bot The raven sings", snap, to=general)
        there = await anna.post("@bot The bittern sings", to=room)
        for message in (kept, edited, deleted, there):
            await discord.bot.reply(message)
        await anna.edit(edited, "@bot The heron sings")
        await anna.delete(deleted)
        room.delete()
        for message in (deleted, there):
            await gone(bot, message)

        async def is_new() -> bool:
            return (await known(bot, edited)).question == "The heron sings"

        await eventually(is_new)
    said = ("sparrow", "heron", "magpie", "raven", "bittern")
    assert [await is_kept(where, word) for word in said] == [True, True, False, False, False]


@only(SQLITE)
async def test_a_message_that_is_deleted_at_once_is_not_kept(
    bot: KibitzClient, anna: Person, general: Channel, discord: DiscordServer
) -> None:
    asked = await anna.post("@bot The magpie sings", to=general)
    await anna.delete(asked)
    last = await anna.post("@bot The heron sings", to=general)
    await discord.bot.reply(last)
    await discord.bot.until(lambda: not bot.house.desk.in_flight())
    assert await turn_of(bot, asked) is None


@only(SQLITE)
async def test_what_is_said_in_the_chat_of_a_voice_channel_belongs_together(
    bot: KibitzClient, club: Guild, anna: Person, ben: Person, clip: MakeClip, discord: DiscordServer
) -> None:
    lounge = club.channel("lounge", type=VOICE)
    await discord.bot.reply(await anna.post("@bot What is it?", clip("red"), to=lounge))
    answer = await discord.bot.reply(await ben.post("@bot And now?", to=lounge))
    assert words(answer).startswith("«And now?» The picture is red")
    commanded = await (await ben.slash("ask", question="And then?", to=lounge)).reply()
    assert words(commanded).startswith("«And then?» The picture is red")


@only(SQLITE)
async def test_a_post_of_a_forum_is_about_the_clip_it_begins_with(
    bot: KibitzClient, club: Guild, anna: Person, ben: Person, clip: MakeClip, discord: DiscordServer
) -> None:
    post = await anna.start_post(club.channel("forum", type=FORUM), "A film", "@bot What is it?", clip("red"))
    await discord.bot.reply(post)
    answer = await discord.bot.reply(await ben.post("@bot And now?", to=post.channel))
    assert words(answer).startswith("«And now?» The picture is red")


async def test_a_server_that_removes_the_bot_is_forgotten_also_while_it_is_away(
    start: StartBot, anna: Person, general: Channel, discord: DiscordServer
) -> None:
    rooms: list[Channel] = []
    for name in ("Chess club", "Go club"):
        other = discord.guild(name)
        other.member(anna)
        rooms.append(other.channel("lounge"))
    async with start() as bot:
        asked = [await anna.post("@bot What is here?", to=room) for room in (general, *rooms)]
        for message in asked:
            await discord.bot.reply(message)
        await discord.bot.until(lambda: not bot.house.desk.in_flight())
        rooms[0].guild.remove_bot()  # type: ignore[union-attr] # a room of a server
        await gone(bot, asked[1])
    rooms[1].guild.remove_bot()  # type: ignore[union-attr] # as above
    async with start() as bot:
        await gone(bot, asked[2])
        await known(bot, asked[0])
