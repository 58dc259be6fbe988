"""The bot in voice channels, as people see it: called, refused, visible, heard only who agreed, moved, sent away."""

from collections.abc import AsyncIterator

import pytest

from bot.config.access import AccessSettings
from bot.discord_io.client import KibitzClient
from bot.domain.standing import BlockKind
from tests.journeys.discord.calling import LISTENING, agrees, answer, come, notice_in, notices_in
from tests.journeys.discord.conftest import StartBot
from tests.journeys.discord.eyes import words
from tests.journeys.discord.held import held
from tests.journeys.discord.talking import agree
from tests.simulator.discord_server import Channel, DiscordServer, Guild, ImpossibleError, Person
from tests.simulator.discord_voice import sound
from tests.simulator.openai_server import OpenAIEmulator

NOBODY = "👂 I hear: nobody yet"


@pytest.fixture
def otto(club: Guild) -> Person:
    """He looks after the server."""
    return club.member("Otto", roles=[club.role("staff", permissions=["manage_guild", "move_members"])])


@pytest.fixture(autouse=True)
def haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pace of notices has tests of its own."""
    monkeypatch.setattr("bot.discord_io.voice_notice._SECONDS_BETWEEN_EDITS", 0.05)
    monkeypatch.setattr("bot.discord_io.voice_notice._SECONDS_BETWEEN_POSTS", 0.0)


@pytest.fixture
async def kibitz(start: StartBot, club: Guild) -> AsyncIterator[KibitzClient]:
    """The bot, online."""
    async with start() as client:
        yield client


@pytest.mark.usefixtures("kibitz")
class TestComing:
    async def test_to_who_calls_it_and_says_what_it_hears(
        self, discord: DiscordServer, lounge: Channel, anna: Person, ben: Person
    ) -> None:
        await ben.join_voice(lounge)
        _, notice = await come(discord, anna, lounge)
        assert notice.content.startswith(LISTENING)
        assert notice.content.endswith(NOBODY)
        assert [button.label for button in notice.buttons] == ["Hear me", "Do not hear me"]
        bot = discord.world.voice.state_of(lounge.guild, discord.bot.account)  # type: ignore[arg-type]
        assert bot is not None
        assert (bot.channel, bot.self_deaf, bot.self_mute) == (lounge, False, False)
        await agrees(anna, notice)
        await discord.bot.until(lambda: notice.content.endswith(f"👂 I hear: {anna.mention}"))
        await answer(ben, "voice consent yes", lounge)
        await discord.bot.until(lambda: ben.mention in notice.content)
        await agrees(anna, notice, "Do not hear me")
        await discord.bot.until(lambda: anna.mention not in notice.content)
        assert await answer(anna, "voice leave", lounge) == f"I left {lounge.mention}."
        await discord.bot.until(lambda: notice.content.startswith("👋 I left, because I was asked to."))
        assert notice.buttons == ()
        assert discord.world.voice.state_of(lounge.guild, discord.bot.account) is None  # type: ignore[arg-type]

    async def test_is_refused_with_the_remedy(
        self, discord: DiscordServer, club: Guild, general: Channel, lounge: Channel, anna: Person, ben: Person
    ) -> None:
        assert await answer(anna, "voice join", general) == (
            "⚠️ You are in no voice channel. Go into one, or name it in the command."
        )
        assert await answer(anna, "voice status", general) == ("⚠️ I am in no voice channel here. /voice join calls me.")
        mute = club.voice_channel("Mute", deny_bot=["speak"])
        locked = club.voice_channel("Locked", deny_bot=["connect"])
        full = club.voice_channel("Full", user_limit=1)
        staff = club.voice_channel("Staff", deny_everyone=["connect"])
        await ben.join_voice(full)
        for channel, said in (
            (mute, f"⚠️ I cannot talk in {mute.mention}: I lack Speak (voice channels)."),
            (locked, f"⚠️ I cannot talk in {locked.mention}: I lack Connect."),
            (full, f"⚠️ {full.mention} is full."),
            (staff, "⚠️ You may not go into that channel yourself"),
        ):
            assert (await answer(anna, "voice join", general, channel=channel)).startswith(said)
        assert discord.world.voice.state_of(club, discord.bot.account) is None
        with pytest.raises(ImpossibleError):
            await anna.slash("voice join", to=anna.direct())

    async def test_over_from_elsewhere_when_that_is_wanted(
        self, discord: DiscordServer, club: Guild, lounge: Channel, anna: Person, ben: Person
    ) -> None:
        den = club.voice_channel("Den")
        _, first = await come(discord, anna, lounge)
        await ben.join_voice(den)
        asked = await (await ben.slash("voice join", to=den)).reply()
        assert f"I am in {lounge.mention} already." in asked.content
        assert (await agree(discord, ben, asked, "Come over")).startswith(f"I am in {den.mention}.")
        await discord.bot.until(lambda: first.content.startswith("👋"))
        assert notice_in(discord, den).content.startswith(LISTENING)

    async def test_along_when_a_moderator_drags_it(
        self, discord: DiscordServer, club: Guild, lounge: Channel, anna: Person, otto: Person
    ) -> None:
        den = club.voice_channel("Den")
        _, notice = await come(discord, anna, lounge)
        await otto.move(discord.bot.account, den)
        await discord.bot.until(lambda: notice.content.startswith(f"👋 I was taken to {den.mention}"))
        assert notice_in(discord, den).content.startswith(LISTENING)
        await otto.kick_from_voice(discord.bot.account, club)
        await discord.bot.until(lambda: notice_in(discord, den).content.startswith("👋 I was taken out"))

    async def test_to_two_servers_at_once(
        self, discord: DiscordServer, kibitz: KibitzClient, lounge: Channel, anna: Person
    ) -> None:
        chess = discord.guild("Chess club")
        chess.member("Oscar")
        carl, table = chess.member("Carl"), chess.voice_channel("Table")
        await come(discord, anna, lounge)
        await come(discord, carl, table)
        assert {call.channel.id for call in map(kibitz.house.voice.call_in, (lounge.guild.id, chess.id)) if call} == {  # type: ignore[union-attr]
            lounge.id,
            table.id,
        }
        await answer(carl, "voice leave", table)
        await discord.bot.until(lambda: notice_in(discord, table).content.startswith("👋"))
        assert notice_in(discord, lounge).content.startswith(LISTENING)


@pytest.mark.usefixtures("kibitz")
class TestHearing:
    async def test_nobody_who_did_not_agree(
        self, discord: DiscordServer, kibitz: KibitzClient, lounge: Channel, anna: Person, ben: Person
    ) -> None:
        speaker, _ = await come(discord, anna, lounge)
        other = await ben.join_voice(lounge)
        await lounge.call.settled()
        await answer(ben, "voice consent yes", lounge)
        for one in (speaker, other):
            await one.say(sound.tone(seconds=0.4), speed=0)
        call = kibitz.house.voice.call_in(lounge.guild.id)  # type: ignore[union-attr]
        assert call is not None
        await discord.bot.until(lambda: call.session.status().counters.get("dropped_consent", 0) >= 25)
        said = await answer(anna, "voice status", lounge)
        assert f"I hear: {ben.mention}" in said
        assert f"Not heard (did not agree, deafened, or may not ask here): {anna.mention}" in said
        assert "25 dropped without consent" in said

    async def test_nobody_who_is_kept_out_whatever_they_press(
        self, discord: DiscordServer, kibitz: KibitzClient, lounge: Channel, anna: Person, ben: Person
    ) -> None:
        await ben.join_voice(lounge)
        _, notice = await come(discord, anna, lounge)
        await kibitz.house.gate.block(BlockKind.PERSON, ben.id)
        refused = "⚠️ You cannot use this bot. Questions about that go to whoever runs it."
        assert await agrees(ben, notice) == refused
        assert (await agrees(ben, notice, "Do not hear me")).startswith("I do not hear you.")
        assert f"I hear: {ben.mention}" not in await answer(anna, "voice status", lounge)

    async def test_ends_for_whoever_is_kept_out_meanwhile(
        self, discord: DiscordServer, kibitz: KibitzClient, lounge: Channel, anna: Person, ben: Person, otto: Person
    ) -> None:
        """Also when they could not be heard just then, as Ben, who is deafened."""
        for person in (ben, otto):
            await person.join_voice(lounge)
        _, notice = await come(discord, anna, lounge)
        for person in (anna, ben, otto):
            await agrees(person, notice)
        await ben.deafen()
        await discord.bot.until(lambda: otto.mention in notice.content and ben.mention not in notice.content)
        kibitz.house.gate.apply(AccessSettings(allowed_person_ids=(anna.id,)))
        await kibitz.house.keeper.follow()
        await discord.bot.until(lambda: notice.content.endswith(f"👂 I hear: {anna.mention}"))
        await ben.deafen(False)
        await anna.deafen()
        await discord.bot.until(lambda: notice.content.endswith(NOBODY))

    async def test_ends_for_now_when_asked(self, discord: DiscordServer, lounge: Channel, anna: Person) -> None:
        _, notice = await come(discord, anna, lounge)
        await agrees(anna, notice)
        assert await answer(anna, "voice mute me", lounge) == (
            "I do not hear you for now. /voice unmute me changes that."
        )
        assert f"Not heard for now: {anna.mention}" in await answer(anna, "voice status", lounge)
        assert await answer(anna, "voice unmute me", lounge) == "I hear you again."
        assert f"I hear: {anna.mention}" in await answer(anna, "voice status", lounge)

    async def test_is_remembered_over_a_restart_until_i_am_forgotten(
        self, discord: DiscordServer, lounge: Channel, anna: Person, general: Channel
    ) -> None:
        _, notice = await come(discord, anna, lounge)
        await agrees(anna, notice)
        await answer(anna, "voice leave", lounge)
        assert (await answer(anna, "voice join", lounge)).startswith("I am in")
        again = notices_in(discord, lounge)[-1]
        await discord.bot.until(lambda: anna.mention in again.content)
        assert "You agreed to be heard" in await answer(anna, "privacy", general)
        asked = await (await anna.slash("forget", what="me", to=general)).reply()
        await agree(discord, anna, asked)
        await discord.bot.until(lambda: again.content.endswith(NOBODY))
        assert "You did not agree to be heard" in await answer(anna, "privacy", general)


class TestByItself:
    async def test_when_the_first_person_comes_where_that_is_set(
        self, start: StartBot, discord: DiscordServer, lounge: Channel, anna: Person, otto: Person
    ) -> None:
        async with start(VOICE__ALONE_SECONDS=5):
            assert (await answer(anna, "voice auto on", lounge)).startswith("⚠️ Only people who may manage")
            assert (await answer(otto, "voice auto on", lounge)).startswith("From now on I come into")
            await anna.join_voice(lounge)
            await discord.bot.until(lambda: notices_in(discord, lounge))
            assert notice_in(discord, lounge).content.startswith(LISTENING)
        assert notice_in(discord, lounge).content.startswith("👋 I left, because I am being restarted.")
        async with start():
            await discord.bot.until(lambda: len(notices_in(discord, lounge)) == 2)
            assert notices_in(discord, lounge)[-1].content.startswith(LISTENING)

    async def test_never_otherwise(
        self, start: StartBot, discord: DiscordServer, lounge: Channel, anna: Person
    ) -> None:
        async with start():
            await come(discord, anna, lounge)
        async with start() as bot:
            assert bot.house.voice.call_in(lounge.guild.id) is None  # type: ignore[union-attr]
            await anna.leave_voice()
            await anna.join_voice(lounge)
        assert notice_in(discord, lounge).content.startswith("👋")


class TestStop:
    @pytest.mark.usefixtures("kibitz")
    async def test_ends_what_one_asked_in_writing(
        self, discord: DiscordServer, cloud: OpenAIEmulator, general: Channel, anna: Person, ben: Person
    ) -> None:
        assert await answer(anna, "stop", general) == "⚠️ There is nothing of yours to stop here."
        with held(cloud, "answer") as mind:
            mine = await anna.post("@bot What is it?", to=general)
            theirs = await ben.post("@bot And what is this?", to=general)
            await discord.bot.until(lambda: mind.begun["answer"] == 2)
            assert await answer(anna, "stop", general) == "Stopped."
            assert words(await discord.bot.reply(mine)) == "Stopped. Nothing more is spent on this."
            mind.let_go()
            assert words(await discord.bot.reply(theirs)) == "It is green."
