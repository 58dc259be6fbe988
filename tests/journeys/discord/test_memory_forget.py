"""/forget and the menu Forget this, /export, /optout, and how long a place remembers."""

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.database.where import Where
from bot.discord_io.client import KibitzClient
from bot.discord_io.posting import OutgoingFile
from bot.domain.conversation import MessageRef, Turn
from bot.locales import catalogue
from bot.services.export import export_json, export_markdown
from cogs.own_data import fitting
from tests.databases import SQLITE, only
from tests.journeys.discord.conftest import MakeClip, StartBot, StartOn, is_kept
from tests.journeys.discord.eyes import labels, words
from tests.journeys.discord.held import held
from tests.journeys.discord.talking import agree, ask
from tests.simulator.discord_server import Channel, DiscordServer, Guild, Message, Person
from tests.simulator.openai_server import OpenAIEmulator

pytestmark = pytest.mark.usefixtures("known_clips", "attentive")

OPTED_OUT = "You opted out. I keep nothing of you until you use /optin."
NOT_YOURS = "⚠️ Only the person who asked, and moderators, can do that."


@pytest.fixture
def start(start_on: StartOn, where: Where) -> StartBot:
    return start_on(where)


@pytest.fixture
async def bot(start: StartBot, club: Guild) -> AsyncIterator[KibitzClient]:
    async with start() as client:
        yield client


@pytest.fixture
def otto(club: Guild) -> Person:
    """He looks after the server."""
    return club.member("Otto", roles=[club.role("staff", permissions=["manage_guild"])])


async def wish(person: Person, channel: Channel, what: str, **options: str) -> Message:
    """What /forget says first, to the person alone."""
    answer = await (await person.slash("forget", what=what, to=channel, **options)).reply()
    assert answer.ephemeral_for is person
    return answer


async def turn_of(bot: KibitzClient, message: Message) -> Turn | None:
    return await bot.house.memory.turn_of_message(MessageRef(channel_id=message.channel.id, message_id=message.id))


async def kept(bot: KibitzClient, *messages: Message) -> list[bool]:
    """Of which of these messages what they asked is still known."""
    return [await turn_of(bot, message) is not None for message in messages]


class TestMe:
    async def test_everywhere_and_nobody_else(
        self,
        bot: KibitzClient,
        anna: Person,
        ben: Person,
        general: Channel,
        discord: DiscordServer,
        clip: MakeClip,
    ) -> None:
        hers = await ask(discord, anna, "What is red?", general, clip("red"))
        direct = await anna.dm("And in private?")
        await discord.bot.reply(direct)
        his = await ask(discord, ben, "What is Ben's?", general, clip("blue", first_tone=1))
        about_hers = await ben.post("And now?", reply_to=(await discord.bot.reply(hers)))
        await discord.bot.reply(about_hers)
        await (await anna.slash("memory remember", text="We meet on Mondays", to=general)).reply()
        await discord.bot.until(lambda: not bot.house.desk.in_flight())
        asked = await wish(anna, general, "me")
        assert asked.content.startswith("⚠️ Everything I keep of you will be forgotten, in all servers and direct")
        assert "2 questions with the answers, 1 clip you posted, 1 pinned fact" in asked.content
        assert labels(asked) == ["Forget", "Keep it"]
        assert (await agree(discord, anna, asked)).startswith("Forgotten: 3 questions, 1 clip, 1 pinned fact")
        assert await kept(bot, hers, direct, about_hers, his) == [False, False, False, True]
        again = await wish(anna, anna.direct(), "me")
        assert await agree(discord, anna, again) == "There was nothing to forget."

    @only(SQLITE)
    async def test_only_when_confirmed(
        self, bot: KibitzClient, anna: Person, general: Channel, discord: DiscordServer
    ) -> None:
        hers = await ask(discord, anna, "What is here?", general)
        asked = await wish(anna, general, "me")
        assert await agree(discord, anna, asked, "Keep it") == "Nothing was changed."
        assert await kept(bot, hers) == [True]

    @only(SQLITE)
    async def test_once_however_often_the_button_is_pressed(
        self, bot: KibitzClient, anna: Person, general: Channel, discord: DiscordServer
    ) -> None:
        hers = await ask(discord, anna, "What is here?", general)
        asked = await wish(anna, general, "me")
        await asyncio.gather(*(anna.press(asked, button) for button in ("Forget", "Forget", "Keep it")))
        await discord.bot.until(lambda: asked.buttons == ())
        await wish(anna, general, "me")
        assert asked.content == "Forgotten: 1 question."
        assert await kept(bot, hers) == [False]

    async def test_while_a_question_of_theirs_and_one_about_their_clip_are_worked_on(
        self,
        bot: KibitzClient,
        anna: Person,
        ben: Person,
        general: Channel,
        discord: DiscordServer,
        cloud: OpenAIEmulator,
        clip: MakeClip,
    ) -> None:
        first = await ask(discord, anna, "What is red?", general, clip("red"))
        with held(cloud, "answer") as mind:
            hers = await anna.dm("Do you hear me?")
            about_hers = await ben.post("@bot And now?", reply_to=first)
            await discord.bot.until(lambda: mind.begun["answer"] == 2)
            await agree(discord, anna, await wish(anna, general, "me"))
            assert bot.house.desk.in_flight() == ()
            mind.let_go()
        assert await kept(bot, first, hers, about_hers) == [False, False, False]
        held_now = await bot.house.memory.holdings(anna.id)
        assert (held_now.turns, held_now.clips, held_now.waiting) == ((), (), ())


class TestThisClip:
    @pytest.mark.parametrize("who", ["anna", "ben", "mona"])
    @only(SQLITE)
    async def test_by_who_posted_it_who_asked_and_moderators(
        self,
        who: str,
        request: pytest.FixtureRequest,
        bot: KibitzClient,
        club: Guild,
        anna: Person,
        ben: Person,
        general: Channel,
        discord: DiscordServer,
        clip: MakeClip,
    ) -> None:
        posted = await anna.post("look", clip("red"), to=general)
        form = await ben.menu("Ask about this", posted)
        answer = await (await ben.submit(form, {"Your question": "What is it?"})).reply()
        other = await ask(discord, anna, "Something else?", club.channel("other"))
        turn = await turn_of(bot, answer)
        assert turn is not None
        digest = turn.clips[0].sha256
        person: Person = request.getfixturevalue(who)
        asked = await wish(person, general, "this clip")
        assert asked.content.startswith("⚠️ What I know of this clip will be forgotten, with all questions about it")
        assert await agree(discord, person, asked) == "Forgotten: 1 question, 1 clip."
        assert await kept(bot, answer, other) == [False, True]
        assert await bot.house.memory.facts(digest) is None

    @only(SQLITE)
    async def test_by_nobody_else_and_only_one_that_is_known(
        self,
        bot: KibitzClient,
        club: Guild,
        anna: Person,
        ben: Person,
        general: Channel,
        discord: DiscordServer,
        clip: MakeClip,
    ) -> None:
        unknown = await wish(ben, general, "this clip")
        assert words(unknown).startswith("⚠️ I remember no clip here.")
        hers = await ask(discord, anna, "What is red?", general, clip("red"))
        refused = await wish(ben, general, "this clip")
        assert (
            words(refused) == "⚠️ Only who posted that clip, who asked about it, and moderators can make me forget it."
        )
        assert await kept(bot, hers) == [True]
        closed = club.channel("closed", deny_everyone=("view_channel",))
        wrong = await wish(ben, general, "this clip", message=closed.link(hers))
        assert words(wrong).startswith("⚠️ That link leads to a message you cannot read here.")
        no_link = await wish(ben, general, "this clip", message="that one")
        assert words(no_link).startswith("⚠️ That is no link to a message.")
        misplaced = await wish(ben, general, "me", message=general.link(hers))
        assert words(misplaced).startswith("⚠️ A message link says which clip is meant.")

    @only(SQLITE)
    async def test_named_by_the_link_of_its_message(
        self, bot: KibitzClient, anna: Person, general: Channel, discord: DiscordServer, clip: MakeClip
    ) -> None:
        red = await ask(discord, anna, "What is red?", general, clip("red"))
        blue = await ask(discord, anna, "What is blue?", general, clip("blue", first_tone=1))
        await agree(discord, anna, await wish(anna, general, "this clip", message=general.link(red)))
        assert await kept(bot, red, blue) == [False, True]

    async def test_while_it_is_looked_at(
        self,
        bot: KibitzClient,
        anna: Person,
        ben: Person,
        general: Channel,
        club: Guild,
        discord: DiscordServer,
        cloud: OpenAIEmulator,
        clip: MakeClip,
    ) -> None:
        hers = await ask(discord, anna, "What is red?", general, clip("red"))
        other = club.channel("other")
        with held(cloud, "answer") as mind:
            again = await ben.post("@bot And this?", clip("red"), to=other)
            await discord.bot.until(lambda: mind.begun["answer"])
            await agree(discord, anna, await wish(anna, general, "this clip"))
            mind.let_go()
            await discord.bot.reply(again)
        await discord.bot.until(lambda: not bot.house.desk.in_flight())
        assert await kept(bot, hers, again) == [False, False]


class TestAPlace:
    async def test_this_channel_by_moderators(
        self, bot: KibitzClient, club: Guild, anna: Person, mona: Person, general: Channel, discord: DiscordServer
    ) -> None:
        here = await ask(discord, anna, "What is here?", general)
        there = await ask(discord, anna, "What is there?", club.channel("there"))
        refused = await wish(anna, general, "this channel")
        assert words(refused).startswith("⚠️ Only people who may manage messages here can make me forget this channel.")
        asked = await wish(mona, general, "this channel")
        assert "whoever said it" in asked.content
        assert await agree(discord, mona, asked) == "Forgotten: 1 question."
        assert await kept(bot, here, there) == [False, True]

    @only(SQLITE)
    async def test_direct_messages_by_the_person(
        self, bot: KibitzClient, anna: Person, ben: Person, general: Channel, discord: DiscordServer
    ) -> None:
        messages = [await anna.dm("One"), await ben.dm("Two")]
        for message in messages:
            await discord.bot.reply(message)
        for what in ("this channel", "everything here"):
            await agree(discord, anna, await wish(anna, anna.direct(), what))
        here = await ask(discord, anna, "Three", general)
        assert await kept(bot, *messages, here) == [False, True, True]

    async def test_everything_here_by_who_manages_the_server(
        self,
        bot: KibitzClient,
        club: Guild,
        anna: Person,
        mona: Person,
        otto: Person,
        general: Channel,
        discord: DiscordServer,
        snap: Path,
    ) -> None:
        other = discord.guild("Chess club")
        other.member(anna)
        here = await ask(discord, anna, "One", general, snap)
        there = await ask(discord, anna, "Two", club.channel("there"))
        elsewhere = await ask(discord, anna, "Three", other.channel("lounge"))
        refused = await wish(mona, general, "everything here")
        assert words(refused).startswith("⚠️ Only people who may manage this server can make me forget all of it.")
        await agree(discord, otto, await wish(otto, general, "everything here"))
        assert await kept(bot, here, there, elsewhere) == [False, False, True]

    @only(SQLITE)
    async def test_ends_what_is_asked_there_just_now(
        self,
        bot: KibitzClient,
        anna: Person,
        mona: Person,
        general: Channel,
        discord: DiscordServer,
        cloud: OpenAIEmulator,
    ) -> None:
        with held(cloud, "answer") as mind:
            hers = await anna.post("@bot What is here?", to=general)
            await discord.bot.until(lambda: mind.begun["answer"])
            await agree(discord, mona, await wish(mona, general, "this channel"))
            mind.let_go()
        assert words(await discord.bot.reply(hers)) == "Stopped. Nothing more is spent on this."
        assert await kept(bot, hers) == [False]


class TestTheMenu:
    @only(SQLITE)
    async def test_of_ones_own_message_and_of_ones_own_answer(
        self, bot: KibitzClient, club: Guild, anna: Person, general: Channel, discord: DiscordServer, clip: MakeClip
    ) -> None:
        red = await ask(discord, anna, "What is red?", general, clip("red"))
        plain = await ask(discord, anna, "What else?", club.channel("other"))
        for message in (red, await discord.bot.reply(plain)):
            opened = await anna.menu("Forget this", message)
            assert (await agree(discord, anna, await opened.reply())).startswith("Forgotten: 1 question")
        assert await kept(bot, red, plain) == [False, False]

    @only(SQLITE)
    async def test_of_others_is_for_moderators(
        self, bot: KibitzClient, anna: Person, ben: Person, mona: Person, general: Channel, discord: DiscordServer
    ) -> None:
        hers = await ask(discord, anna, "What is here?", general)
        for message in (hers, await discord.bot.reply(hers)):
            refused = await (await ben.menu("Forget this", message)).reply()
            assert words(refused) == NOT_YOURS
        chat = await ben.post("just talk", to=general)
        unknown = await (await ben.menu("Forget this", chat)).reply()
        assert words(unknown) == "⚠️ I remember nothing of that message."
        await agree(discord, mona, await (await mona.menu("Forget this", hers)).reply())
        assert await kept(bot, hers) == [False]


@only(SQLITE)
async def test_a_confirmation_from_before_a_restart_does_nothing(
    start: StartBot, club: Guild, anna: Person, general: Channel, discord: DiscordServer
) -> None:
    async with start():
        hers = await ask(discord, anna, "What is here?", general)
        asked = await wish(anna, general, "me")
    async with start() as bot:
        pressed = await anna.press(asked, "Forget")
        assert words(await pressed.reply()).startswith("⚠️ This is from before I was restarted.")
        assert await kept(bot, hers) == [True]


@only(SQLITE)
async def test_a_confirmation_does_not_wait_for_ever(
    bot: KibitzClient, anna: Person, general: Channel, discord: DiscordServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.discord_io.confirmation._WAITS_SECONDS", 0.05)
    hers = await ask(discord, anna, "What is here?", general)
    asked = await wish(anna, general, "me")
    await discord.bot.until(lambda: asked.content.startswith("Nothing was changed: there was no answer in time."))
    assert asked.buttons == ()
    assert await kept(bot, hers) == [True]


async def test_what_was_forgotten_is_nowhere_on_the_disk(
    start: StartBot, where: Where, club: Guild, anna: Person, ben: Person, general: Channel, discord: DiscordServer
) -> None:
    async with start():
        await ask(discord, anna, "Where is the canary?", general)
        await ask(discord, ben, "Where is the heron?", general)
        await (await anna.slash("memory remember", text="The bittern is mine", to=general)).reply()
        await agree(discord, anna, await wish(anna, general, "me"))
    assert [await is_kept(where, word) for word in ("heron", "canary", "bittern")] == [True, False, False]


class TestExport:
    async def test_is_what_is_there_and_for_the_person_alone(
        self, bot: KibitzClient, anna: Person, ben: Person, general: Channel, discord: DiscordServer, clip: MakeClip
    ) -> None:
        await ask(discord, anna, "Where is the canary?", general, clip("red"))
        await ask(discord, ben, "Where is the heron?", general)
        await discord.bot.reply(await anna.dm("And in private?"))
        await (await anna.slash("memory remember", text="We meet on Mondays", to=general)).reply()
        answer = await (await anna.slash("export", to=general)).reply()
        assert answer.ephemeral_for is anna
        assert [file.name for file in answer.files] == ["kibitz-export.json", "kibitz-export.md"]
        data, page = (bytes(file.bytes) for file in answer.files)
        held_of_her = await bot.house.memory.holdings(anna.id)
        assert data == export_json(held_of_her)
        assert page == export_markdown(held_of_her, catalogue("en"))
        told = json.loads(data)
        assert [turn["question"] for turn in told["turns"]] == ["Where is the canary?", "And in private?"]
        assert [fact["text"] for fact in told["facts"]] == ["We meet on Mondays"]
        assert len(told["clips"]) == 1
        assert b"heron" not in data + page

    def test_that_is_too_large_is_packed_and_then_cut(self) -> None:
        words_ = OutgoingFile(name="kibitz-export.json", data=b"word " * 10_000)
        noise = OutgoingFile(name="kibitz-export.md", data=bytes((n * n * 7919 >> 5) % 256 for n in range(40_000)))
        assert fitting([words_, noise], most_bytes=100_000) == [[words_, noise]]
        [[packed]] = fitting([words_, noise], most_bytes=80_000)
        assert zipfile.ZipFile(io.BytesIO(packed.data)).read(noise.name) == noise.data
        pieces = fitting([words_, noise], most_bytes=len(packed.data) // 2)
        assert [file.name for [file] in pieces] == [f"kibitz-export.zip.00{n}" for n in range(1, len(pieces) + 1)]
        assert len(pieces) >= 2
        assert b"".join(file.data for [file] in pieces) == packed.data


class TestOptingOut:
    async def test_keeps_nothing_and_still_answers(
        self,
        start: StartBot,
        where: Where,
        club: Guild,
        anna: Person,
        ben: Person,
        general: Channel,
        discord: DiscordServer,
        cloud: OpenAIEmulator,
        clip: MakeClip,
    ) -> None:
        async with start() as bot:
            before = await ask(discord, anna, "Where is the canary?", general)
            asked = await (await anna.slash("optout", to=general)).reply()
            assert asked.ephemeral_for is anna
            done = await agree(discord, anna, asked, "Opt out")
            assert done.splitlines() == [OPTED_OUT, "Forgotten: 1 question."]
            assert words(await (await anna.slash("optout", to=general)).reply()) == OPTED_OUT
            shown = await (await anna.slash("memory show", to=general)).reply()
            assert "⚠️ You opted out" in shown.content
            refused = await (await anna.slash("memory remember", text="The bittern is mine", to=general)).reply()
            assert words(refused).startswith("⚠️ You asked me to remember nothing of you.")
            asked = await anna.post("@bot Where is the heron?", clip("red"), to=general)
            answer = await discord.bot.reply(asked)
            assert words(answer).startswith("«Where is the heron?» The picture is red")
            direct = await anna.dm("Where is the magpie?")
            assert words(await discord.bot.reply(direct)).startswith("«Where is the magpie?»")
            assert await kept(bot, before, asked, direct) == [False, False, False]
            held_of_her = await bot.house.memory.holdings(anna.id)
            assert (held_of_her.turns, held_of_her.clips, held_of_her.facts) == ((), (), ())
        assert [await is_kept(where, word) for word in ("canary", "heron", "magpie", "bittern")] == [False] * 4

    @only(SQLITE)
    async def test_ends_with_opting_in(
        self, bot: KibitzClient, anna: Person, general: Channel, discord: DiscordServer
    ) -> None:
        await agree(discord, anna, await (await anna.slash("optout", to=general)).reply(), "Opt out")
        said = await (await anna.slash("optin", to=general)).reply()
        assert words(said).startswith("I remember what you ask from now on.")
        asked = await ask(discord, anna, "Where is the heron?", general)
        assert await kept(bot, asked) == [True]

    async def test_while_a_question_is_answered(
        self, bot: KibitzClient, anna: Person, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator
    ) -> None:
        with held(cloud, "answer", answers="Over there.") as mind:
            asked = await anna.post("@bot Where is the heron?", to=general)
            await discord.bot.until(lambda: mind.begun["answer"])
            await agree(discord, anna, await (await anna.slash("optout", to=general)).reply(), "Opt out")
            mind.let_go()
            assert words(await discord.bot.reply(asked)) == "Over there."
        await discord.bot.until(lambda: not bot.house.desk.in_flight())
        assert await kept(bot, asked) == [False]


async def test_a_place_forgets_as_early_as_it_wants(
    bot: KibitzClient, club: Guild, anna: Person, otto: Person, general: Channel, discord: DiscordServer
) -> None:
    here = await ask(discord, anna, "What is here?", general)
    there = await ask(discord, anna, "What is there?", club.channel("there"))
    panel = await (await otto.slash("settings", where="channel", to=general)).reply()
    [menu] = [menu for menu in panel.selects if ("I remember: 7 days", "7") in menu.options]
    assert [label for label, _ in menu.options] == [
        "I remember: 30 days, as configured",
        *(f"I remember: {days}" for days in ("1 day", "3 days", "7 days", "14 days")),
    ]
    await otto.choose(panel, menu.custom_id, ["I remember: 3 days"])
    await discord.bot.until(lambda: "I remember: 3 days" in panel.content)
    shown = await (await anna.slash("memory show", to=general)).reply()
    assert "I keep it for 3 days." in shown.content
    in_four_days = datetime.now(UTC) + timedelta(days=4)
    bot.house.memory._clock = lambda: in_four_days
    bot.house.forget._clock = lambda: in_four_days
    await bot.house.forget.upkeep()
    assert await kept(bot, here, there) == [False, True]
