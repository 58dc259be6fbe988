"""Voice channels from the call to the farewell: who called, the notice and its consent, auto-join, several servers."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import discord

from bot.config import Settings
from bot.discord_io.gatekeeper import channel_ids
from bot.discord_io.voice_channel import VocalChannel, check_may_join, may_talk, people_in
from bot.discord_io.voice_follower import ChannelFollower
from bot.discord_io.voice_notice import NoticePost, left_line, moved_line, notice_text, notice_view
from bot.discord_io.wall import wall
from bot.domain.conversation import ConversationKey, MediaSource, MessageRef, PlaceSettings, SpeakWhen
from bot.domain.errors import BotError, DeliveryError
from bot.domain.voice import VoiceLine
from bot.domain.voice_session import LeaveReason, SpokenLine
from bot.locales import Catalogue, catalogue
from bot.memory.consents import VOICE
from bot.memory.store import Memory
from bot.pipeline.run import new_job_id
from bot.services.access import check_is_open
from bot.services.gate import Gate
from bot.services.voice import VoiceService, VoiceSession
from bot.tasks import Tasks

log = logging.getLogger(__name__)

_GOODBYE_SECONDS = 3.0
_READ_BY_SECONDS = (0.2, 1.0, 5.0)
_UNASKED = (LeaveReason.IDLE, LeaveReason.FAILED)

Join = Callable[[VocalChannel], Awaitable[VoiceLine]]


@dataclass(eq=False, slots=True, kw_only=True)
class Call:
    """The bot in a voice channel. `told` are people who came when the notice stood there or was shown again for them;
    `place` is what holds there now."""

    channel: VocalChannel
    place: PlaceSettings
    words: Catalogue
    told: set[int] = field(default_factory=set[int])
    follower: ChannelFollower = field(init=False)
    notice: NoticePost = field(init=False)
    session: VoiceSession = field(init=False)


class VoiceDesk:
    """One call per server at most. Joining and leaving of a server wait for each other."""

    def __init__(
        self,
        client: discord.Client,
        service: VoiceService,
        memory: Memory,
        settings: Settings,
        *,
        join: Join,
        gate: Gate | None = None,
    ) -> None:
        self._client = client
        self._gate = gate
        self._service = service
        self._memory = memory
        self._settings = settings
        self._join = join
        self._tasks = Tasks()
        self._calls: dict[int, Call] = {}
        self._busy: dict[int, asyncio.Lock] = {}
        self._is_closing = False

    @property
    def calls(self) -> int:
        """How many voice channels the bot is in."""
        return len(self._calls)

    def call_in(self, server_id: int | None) -> Call | None:
        """The one of a server; None: the bot is in no voice channel there."""
        return None if server_id is None else self._calls.get(server_id)

    async def join(self, channel: VocalChannel, *, moves: bool = False, greets: bool = True) -> Call:
        """Come into a channel; with `moves` out of another one of the server. Raises BotError with the remedy."""
        check_may_join(channel)
        server_id = channel.guild.id
        if self._gate is not None:
            await self._gate.check_server(server_id)
            await self._gate.check_open()
        check_is_open(await self._memory.settings_for(server_id, channel.id), channel_ids(channel))
        async with self._lock(server_id):
            if self._is_closing:
                raise BotError("restarting", "I am being restarted. Ask again in a minute.")
            before = self._calls.get(server_id)
            if before is not None:
                if before.channel.id == channel.id:
                    return before
                if not moves:
                    raise BotError(
                        "voice_elsewhere", "I am in another voice channel here. Use /voice join again to call me over."
                    )
                await before.session.aclose(LeaveReason.ASKED)
            call = await self._open(channel)
        if greets:
            call.session.say(
                call.words("I am here. Press “Hear me” in the chat of this channel, then say my name and ask.")
            )
        return call

    async def leave(self, server_id: int, reason: LeaveReason = LeaveReason.ASKED) -> bool:
        """False: the bot was not there."""
        async with self._lock(server_id):
            call = self._calls.get(server_id)
            if call is None:
                return False
            await call.session.aclose(reason)
            return True

    async def close(self) -> None:
        """Say goodbye everywhere, also where the bot is just coming in; nothing is joined any more."""
        self._is_closing = True
        try:
            async with asyncio.timeout(_GOODBYE_SECONDS):
                await asyncio.gather(*(self.leave(server_id, LeaveReason.STOPPING) for server_id in tuple(self._busy)))
        except TimeoutError:
            log.warning("a voice channel was not left in time")
        await self._tasks.finish(_GOODBYE_SECONDS)

    async def choose(self, person_id: int, *, is_given: bool) -> None:
        """Keep what somebody chose; it holds at once, a no even where it cannot be kept. Raises MemoryFault."""
        if not is_given:
            self._service.consent_changed(person_id, is_given=False)
        await self._memory.choose(person_id, VOICE, is_given=is_given)
        if is_given:
            self._service.consent_changed(person_id, is_given=True)
        self._renotice()

    def hush(self, which: Callable[[int], bool]) -> None:
        """These are not heard any more, whatever they chose."""
        self._service.hush(which)
        self._renotice()

    async def forget_person(self, person_id: int) -> None:
        """What was heard of them, and what is being shown of it, goes; they are not heard any more."""
        await self._service.forget_person(person_id)
        for call in self._calls.values():
            call.follower.captions.forget(person_id)
        self._renotice()

    async def forget_place(self, key: ConversationKey) -> None:
        """Leave it: what was said lasts as long as the call."""
        call = self.call_in(key.server_id)
        if call is not None and call.channel.id == key.channel_id:
            await self.leave(call.channel.guild.id)

    async def forget_server(self, server_id: int) -> None:
        """Leave it, with all that was said."""
        await self.leave(server_id)

    async def change(self, server_id: int, channel_id: int, changes: dict[str, object]) -> None:
        """Set something for a voice channel; a call there follows at once."""
        await self._memory.change_settings(server_id, channel_id, changes)
        call = self.call_in(server_id)
        if call is not None and call.channel.id == channel_id:
            call.place = await self._memory.settings_for(server_id, channel_id)
            call.session.captions = call.place.captions
            call.session.refresh()

    async def lines_of(self, call: Call) -> tuple[SpokenLine, ...]:
        """What was said in a call so far, by people who agree to be heard still, and by the bot."""
        lines = call.session.lines()
        agreed = await self._memory.audible(*{line.person_id for line in lines if line.person_id is not None})
        return tuple(line for line in lines if line.person_id is None or line.person_id in agreed)

    def clip_posted(self, call: Call, sources: tuple[MediaSource, ...], *, person_id: int) -> None:
        """Questions aloud may be about these from now on."""
        call.session.clip_posted(sources, person_id=person_id, name=call.follower.name_of(person_id))

    async def moved(self, member: discord.Member, before: VocalChannel | None, after: VocalChannel | None) -> None:
        """Somebody came, went, or changed something of theirs."""
        call = self.call_in(member.guild.id)
        try:
            if member == member.guild.me:
                if call is not None and after is not None and after.id != call.channel.id:
                    await self._follow(call, after)
            elif member.bot:
                return
            elif call is not None:
                await self._tell_who_came(call, member.id, before, after)
            elif after is not None and before != after and people_in(after) == [member.id]:
                await self._auto_join(after)
        except BotError as error:
            log.warning("a change in a voice channel was not followed: %s", error.code)

    async def resume(self) -> None:
        """After the start: come where auto-join is on and somebody is."""
        try:
            for server_id, channel_id in await self._memory.auto_joined():
                guild = self._client.get_guild(server_id)
                for channel in [] if guild is None else [*guild.voice_channels, *guild.stage_channels]:
                    if channel_id in (None, channel.id) and people_in(channel):
                        await self._auto_join(channel)
        except BotError as error:
            log.warning("voice channels were not joined: %s", error.code)

    async def _tell_who_came(
        self, call: Call, person_id: int, before: VocalChannel | None, after: VocalChannel | None
    ) -> None:
        """The notice names who is heard, and comes down for people who have not seen it."""
        _refresh_soon(call)
        is_new = after is not None and after.id == call.channel.id and before != after
        if is_new and person_id not in call.told:
            call.told.add(person_id)
            if await self._memory.unasked(person_id):
                call.notice.renew()

    async def _auto_join(self, channel: VocalChannel) -> None:
        place = await self._memory.settings_for(channel.guild.id, channel.id)
        if place.auto_join and place.speak is not SpeakWhen.NEVER and self.call_in(channel.guild.id) is None:
            await self.join(channel, greets=False)

    async def _open(self, channel: VocalChannel) -> Call:
        """Connect, begin the session, and say visibly that somebody listens; without that nobody does."""
        place = await self._memory.settings_for(channel.guild.id, channel.id)
        locale = place.language or channel.guild.preferred_locale.value
        call = Call(channel=channel, place=place, words=catalogue(locale), told=set(people_in(channel)))
        call.follower = ChannelFollower(
            channel,
            client=self._client,
            memory=self._memory,
            words=call.words,
            spawn=self._spawn,
            on_end=lambda reason, error: self._ended(call, reason, error),
        )
        call.notice = self._notice(call)
        line = await self._join(channel)
        try:
            call.session = await self._service.open(
                line,
                place=place,
                follower=call.follower,
                may_talk=lambda person_id: may_talk(call.channel, person_id, call.place),
                locale=locale,
                bot_name=channel.guild.me.display_name,
            )
        except BaseException:
            await line.aclose()
            raise
        call.session.captions = place.captions
        self._calls[channel.guild.id] = call
        try:
            await call.notice.open()
        except BaseException:
            await call.session.aclose(LeaveReason.FAILED)
            raise
        _refresh_soon(call)
        return call

    def _notice(self, call: Call) -> NoticePost:
        return NoticePost(
            lambda: call.follower.surface(new_job_id()),
            text=lambda: notice_text(call.words, self._settings, call.session.status().heard),
            view=lambda: notice_view(call.words),
            delete=self._delete,
            spawn=self._spawn,
        )

    async def _delete(self, ref: MessageRef) -> None:
        channel = self._client.get_partial_messageable(ref.channel_id)
        with wall(channel):
            await channel.get_partial_message(ref.message_id).delete()

    async def _follow(self, call: Call, channel: VocalChannel) -> None:
        """A moderator took the bot elsewhere: what holds there holds now, and people there are told."""
        async with self._lock(channel.guild.id):
            call.place = await self._memory.settings_for(channel.guild.id, channel.id)
            call.channel, call.told = channel, set(people_in(channel))
            call.follower.move_to(channel)
            call.session.captions = call.place.captions
            call.session.refresh()
            before, call.notice = call.notice, self._notice(call)
            if call.place.speak is SpeakWhen.NEVER:
                await call.session.aclose(LeaveReason.REMOVED)
                return
            try:
                await call.notice.open()
            except DeliveryError as error:
                log.info("a voice channel was left, because nobody could be told: %s", error.code)
                await call.session.aclose(LeaveReason.FAILED)
            await before.close(moved_line(call.words, channel.mention))
            _refresh_soon(call)

    def _ended(self, call: Call, reason: LeaveReason, error: BotError | None) -> None:
        """The session is over, whoever ended it."""
        server_id = call.channel.guild.id
        if self._calls.get(server_id) is call:
            del self._calls[server_id]
        self._spawn(self._farewell(call, reason, error))

    async def _farewell(self, call: Call, reason: LeaveReason, error: BotError | None) -> None:
        """The notice says so; where people are still there and did not send the bot away, a new message does, too."""
        said = left_line(call.words, self._settings, reason, error)
        try:
            await call.notice.close(said)
            if reason in _UNASKED:
                await call.follower.surface(new_job_id()).show(said)
        except DeliveryError as lost:
            log.info("a farewell was not shown: %s", lost.code)

    def _renotice(self) -> None:
        for call in self._calls.values():
            call.notice.refresh()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return self._tasks.spawn(work, name="voice")

    def _lock(self, server_id: int) -> asyncio.Lock:
        return self._busy.setdefault(server_id, asyncio.Lock())


def _refresh_soon(call: Call) -> None:
    """Who of those that came is heard is known as soon as it has been read what they chose."""
    for seconds in _READ_BY_SECONDS:
        asyncio.get_running_loop().call_later(seconds, call.notice.refresh)
