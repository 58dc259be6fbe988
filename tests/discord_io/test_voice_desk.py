"""Calls from joining to leaving on the simulated Discord: notice, consent, who comes, auto-join, moves, servers.

The conversation itself is played by a stand-in here; the journeys have the real one.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import discord
import pytest

from bot.config import DataSettings, Settings
from bot.database.engine import open_database
from bot.database.where import Where
from bot.discord_io.voice_channel import VocalChannel
from bot.discord_io.voice_desk import Call, VoiceDesk
from bot.discord_io.voice_follower import ChannelFollower
from bot.domain.conversation import ConversationKey
from bot.domain.errors import BotError, DeliveryError, VoiceError
from bot.domain.voice_session import LeaveReason, SpokenLine
from bot.memory.consents import VOICE
from bot.memory.store import Memory
from tests.simulator.discord_material import TinyBot, running
from tests.simulator.discord_server import Channel, DiscordServer, Guild, Message, Person

IN_VOICE_ONLY = discord.MemberCacheFlags.none()
IN_VOICE_ONLY.voice = True


@dataclass(eq=False, kw_only=True)
class Session:
    """Stands in for a conversation."""

    key: ConversationKey
    follower: ChannelFollower
    may_talk: Callable[[int], bool]
    people: set[int] = field(default_factory=set[int])
    agreed: set[int] = field(default_factory=set[int])
    told: list[str] = field(default_factory=list[str])
    captions: bool = False
    said: tuple[SpokenLine, ...] = ()
    is_over: bool = False

    def status(self) -> Any:
        return SimpleNamespace(heard=tuple(sorted(self.agreed)))

    def lines(self) -> tuple[SpokenLine, ...]:
        return self.said

    def refresh(self) -> None:
        """Nobody changes here."""

    def say(self, text: str) -> None:
        self.told.append(text)

    async def aclose(self, reason: LeaveReason = LeaveReason.ASKED) -> None:
        if not self.is_over:
            self.is_over = True
            self.follower.ended(reason)


class Service:
    """Opens stand-ins, or fails with what is in `refusals`."""

    def __init__(self) -> None:
        self.sessions: list[Session] = []
        self.refusals: list[Exception] = []
        self.forgotten: list[int] = []

    async def open(self, line: Any, *, follower: Any, may_talk: Any, **_: Any) -> Session:
        if self.refusals:
            raise self.refusals.pop()
        self.sessions.append(Session(key=line.key, follower=follower, may_talk=may_talk))
        return self.sessions[-1]

    def consent_changed(self, person_id: int, *, is_given: bool) -> None:
        for session in self.sessions:
            (session.agreed.add if is_given else session.agreed.discard)(person_id)

    async def forget_person(self, person_id: int) -> None:
        self.forgotten.append(person_id)
        self.consent_changed(person_id, is_given=False)


@dataclass
class Line:
    """Stands in for a connection."""

    key: ConversationKey
    is_open: bool = True

    async def aclose(self) -> None:
        self.is_open = False


@dataclass(slots=True, kw_only=True)
class Scene:
    """A server with two voice channels, two people, and a bot that can be called."""

    server: DiscordServer
    club: Guild
    lounge: Channel
    den: Channel
    anna: Person
    ben: Person
    bot: TinyBot
    memory: Memory
    service: Service
    desk: VoiceDesk
    lines: list[Line]
    moves: list[int]

    def channel(self, place: Channel) -> VocalChannel:
        found = self.bot.get_channel(place.id)
        assert isinstance(found, discord.VoiceChannel)
        return found

    async def goes(self, who: Person, place: Channel | None) -> None:
        """Into a voice channel, or out of the one they are in; returns when the desk has heard of it."""
        heard = len(self.moves)
        if place is None:
            await who.leave_voice()
        else:
            await who.join_voice(place)
        await self.until(lambda: len(self.moves) > heard)

    def posts(self, place: Channel) -> list[Message]:
        return [message for message in self.server.bot.messages(in_=place) if not message.deleted]

    async def until(self, look: Callable[[], object]) -> None:
        await self.server.bot.until(look)


@pytest.fixture(autouse=True)
def haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pace of notices has tests of its own."""
    monkeypatch.setattr("bot.discord_io.voice_notice._SECONDS_BETWEEN_EDITS", 0.05)
    monkeypatch.setattr("bot.discord_io.voice_notice._SECONDS_BETWEEN_POSTS", 0.0)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncGenerator[Scene]:
    async with DiscordServer() as server, open_database(Where(directory=tmp_path, url=None)) as database:
        club = server.guild("Film club")
        lounge, den = club.voice_channel("Lounge"), club.voice_channel("Den")
        club.member("Olga")
        anna, ben = club.member("Anna"), club.member("Ben")
        async with running(server, member_cache_flags=IN_VOICE_ONLY) as bot:
            service, lines = Service(), list[Line]()

            async def join(channel: VocalChannel) -> Any:
                lines.append(Line(ConversationKey(server_id=channel.guild.id, channel_id=channel.id)))
                return lines[-1]

            memory = Memory(database)
            settings = Settings(data=DataSettings(directory=tmp_path))
            desk = VoiceDesk(bot, service, memory, settings, join=join)
            moves: list[int] = []

            async def on_voice_state_update(member: discord.Member, before: Any, after: Any) -> None:
                await desk.moved(member, before.channel, after.channel)
                moves.append(member.id)
                server.world.changed()

            bot.add_listener(on_voice_state_update)
            yield Scene(
                server=server, club=club, lounge=lounge, den=den, anna=anna, ben=ben, bot=bot, memory=memory,
                service=service, desk=desk, lines=lines, moves=moves,
            )  # fmt: skip
            await desk.close()
        assert [message.pings for message in server.bot.messages() if message.pings] == []
        assert server.unknown_requests == []


async def called(scene: Scene, place: Channel | None = None) -> Call:
    return await scene.desk.join(scene.channel(place or scene.lounge))


class TestComingAndGoing:
    async def test_it_says_that_it_listens_until_it_has_left(self, scene: Scene) -> None:
        call = await called(scene)
        [notice] = scene.posts(scene.lounge)
        assert notice.content.startswith("🎙️ **I am listening in this channel.**")
        assert [button.custom_id for button in notice.buttons] == ["kibitz:hear:yes", "kibitz:hear:no"]
        assert scene.service.sessions[0].told[0].startswith("I am here.")
        assert await called(scene) is call, "called twice, it comes once"
        assert await scene.desk.leave(scene.club.id)
        await scene.until(lambda: notice.content.startswith("👋 I left, because I was asked to."))
        assert notice.buttons == ()
        assert scene.desk.call_in(scene.club.id) is None
        assert not await scene.desk.leave(scene.club.id)

    async def test_who_is_left_alone_by_it_reads_why(self, scene: Scene) -> None:
        call = await called(scene)
        await call.session.aclose(LeaveReason.IDLE)
        await scene.until(lambda: len(scene.posts(scene.lounge)) == 2)
        assert all(post.content.startswith("👋 I left, because nobody spoke") for post in scene.posts(scene.lounge))

    async def test_without_a_notice_nobody_listens(self, scene: Scene) -> None:
        scene.server.fail("POST /channels", status=403, times=1)
        with pytest.raises(DeliveryError):
            await called(scene)
        assert [session.is_over for session in scene.service.sessions] == [True]
        assert scene.desk.call_in(scene.club.id) is None

    async def test_a_line_nobody_talks_on_is_closed(self, scene: Scene) -> None:
        scene.service.refusals.append(VoiceError("voice_busy", "I am in too many voice channels. Try again later."))
        with pytest.raises(VoiceError):
            await called(scene)
        assert [line.is_open for line in scene.lines] == [False]

    async def test_it_moves_only_when_that_is_wanted(self, scene: Scene) -> None:
        await called(scene)
        with pytest.raises(BotError, match="voice_elsewhere"):
            await called(scene, scene.den)
        call = await scene.desk.join(scene.channel(scene.den), moves=True)
        assert scene.desk.call_in(scene.club.id) is call
        assert [session.is_over for session in scene.service.sessions] == [True, False]
        await scene.until(lambda: scene.posts(scene.lounge)[0].content.startswith("👋"))

    async def test_people_who_call_at_once_get_one_of_it(self, scene: Scene) -> None:
        both = await asyncio.gather(called(scene), called(scene, scene.den), return_exceptions=True)
        assert sorted(type(one).__name__ for one in both) == ["BotError", "Call"]
        assert len(scene.lines) == 1

    async def test_at_the_end_it_says_goodbye_and_comes_no_more(self, scene: Scene) -> None:
        await called(scene)
        [notice] = scene.posts(scene.lounge)
        await scene.desk.close()
        assert notice.content.startswith("👋 I left, because I am being restarted.")
        with pytest.raises(BotError, match="restarting"):
            await called(scene)


class TestConsent:
    async def test_is_kept_shown_and_taken_back(self, scene: Scene) -> None:
        await called(scene)
        [notice] = scene.posts(scene.lounge)
        await scene.desk.choose(scene.anna.id, is_given=True)
        await scene.until(lambda: notice.content.endswith(f"I hear: <@{scene.anna.id}>"))
        assert await scene.memory.audible(scene.anna.id, scene.ben.id) == {scene.anna.id}
        await scene.desk.choose(scene.anna.id, is_given=False)
        assert scene.service.sessions[0].agreed == set()
        assert await scene.memory.audible(scene.anna.id) == frozenset()

    async def test_a_no_holds_even_where_it_cannot_be_kept(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        await called(scene)
        await scene.desk.choose(scene.anna.id, is_given=True)

        async def broken(*_: object, **__: object) -> None:
            raise BotError("memory_full", "The disk is full.")

        monkeypatch.setattr(scene.memory, "choose", broken)
        with pytest.raises(BotError, match="memory_full"):
            await scene.desk.choose(scene.anna.id, is_given=False)
        assert scene.service.sessions[0].agreed == set()
        with pytest.raises(BotError, match="memory_full"):
            await scene.desk.choose(scene.ben.id, is_given=True)
        assert scene.service.sessions[0].agreed == set()

    async def test_notes_leave_out_who_took_it_back(self, scene: Scene) -> None:
        call = await called(scene)
        await scene.memory.choose(scene.anna.id, VOICE, is_given=True)
        scene.service.sessions[0].said = tuple(
            SpokenLine(utterance_id=number, person_id=who, name="x", text="x", start_seconds=0, end_seconds=1)
            for number, who in enumerate((scene.anna.id, scene.ben.id, None))
        )
        assert [line.person_id for line in await scene.desk.lines_of(call)] == [scene.anna.id, None]


class TestWhoComes:
    async def test_later_sees_the_notice_once(self, scene: Scene) -> None:
        await called(scene)
        [first] = scene.posts(scene.lounge)
        await scene.goes(scene.anna, scene.lounge)
        await scene.until(lambda: first.deleted)
        [second] = scene.posts(scene.lounge)
        assert second.content.startswith("🎙️")
        await scene.goes(scene.anna, None)
        await scene.goes(scene.anna, scene.lounge)
        await scene.memory.choose(scene.ben.id, VOICE, is_given=False)
        await scene.goes(scene.ben, scene.lounge)
        await asyncio.sleep(0.1)
        assert scene.posts(scene.lounge) == [second], "who saw it, or chose before, is not told again"

    async def test_first_brings_it_along_where_that_is_wanted(self, scene: Scene) -> None:
        await scene.goes(scene.anna, scene.lounge)
        assert scene.desk.call_in(scene.club.id) is None
        await scene.goes(scene.anna, None)
        await scene.desk.change(scene.club.id, scene.lounge.id, {"auto_join": True})
        await scene.goes(scene.ben, scene.den)
        assert scene.desk.call_in(scene.club.id) is None
        await scene.goes(scene.anna, scene.lounge)
        call = scene.desk.call_in(scene.club.id)
        assert call is not None
        assert call.channel.id == scene.lounge.id
        assert scene.service.sessions[0].told == [], "it does not speak uncalled"

    async def test_does_not_bring_it_back_when_it_was_sent_away(self, scene: Scene) -> None:
        await scene.desk.change(scene.club.id, scene.lounge.id, {"auto_join": True})
        await scene.goes(scene.anna, scene.lounge)
        await scene.desk.leave(scene.club.id)
        await scene.goes(scene.ben, scene.lounge)
        assert scene.desk.call_in(scene.club.id) is None

    async def test_it_comes_back_after_a_restart_only_where_that_is_wanted(self, scene: Scene) -> None:
        await scene.goes(scene.anna, scene.lounge)
        await scene.desk.resume()
        assert scene.desk.call_in(scene.club.id) is None
        await scene.desk.change(scene.club.id, scene.lounge.id, {"auto_join": True})
        await scene.desk.resume()
        assert scene.desk.call_in(scene.club.id) is not None


class TestAModerator:
    async def test_takes_it_elsewhere(self, scene: Scene) -> None:
        await scene.memory.change_settings(scene.club.id, scene.den.id, {"captions": True})
        call = await called(scene)
        guild = scene.channel(scene.lounge).guild
        for place in (scene.lounge, scene.den):  # as when the bot came, and when it was dragged elsewhere
            scene.server.world.voice.place(place, scene.server.world.bot)
            await scene.until(lambda place=place: guild.me.voice and guild.me.voice.channel.id == place.id)
        await scene.until(lambda: call.channel.id == scene.den.id and len(scene.posts(scene.lounge)[0].edits) > 0)
        assert call.channel.id == scene.den.id
        assert call.session.captions
        assert scene.posts(scene.den)[0].content.startswith("🎙️")
        assert scene.posts(scene.lounge)[0].content.startswith("👋 I was taken to")

    async def test_of_captions_is_obeyed_at_once(self, scene: Scene) -> None:
        call = await called(scene)
        await scene.desk.change(scene.club.id, scene.den.id, {"captions": True})
        assert not call.session.captions
        await scene.desk.change(scene.club.id, scene.lounge.id, {"captions": True})
        assert call.session.captions
        await scene.desk.change(scene.club.id, scene.lounge.id, {"captions": False})
        assert not call.session.captions


class TestForgetting:
    async def test_a_person_a_place_a_server(self, scene: Scene) -> None:
        await called(scene)
        await scene.desk.forget_person(scene.anna.id)
        assert scene.service.forgotten == [scene.anna.id]
        await scene.desk.forget_place(ConversationKey(server_id=scene.club.id, channel_id=scene.den.id))
        assert scene.desk.call_in(scene.club.id) is not None
        await scene.desk.forget_place(ConversationKey(server_id=scene.club.id, channel_id=scene.lounge.id))
        assert scene.desk.call_in(scene.club.id) is None
        await called(scene)
        await scene.desk.forget_server(scene.club.id)
        assert scene.desk.call_in(scene.club.id) is None


async def test_roles_of_the_place_hold_for_talking(scene: Scene) -> None:
    await scene.goes(scene.anna, scene.lounge)
    await called(scene)
    [session] = scene.service.sessions
    assert session.may_talk(scene.anna.id)
    await scene.desk.change(scene.club.id, scene.lounge.id, {"ask_roles": (123,)})
    assert not session.may_talk(scene.anna.id)
