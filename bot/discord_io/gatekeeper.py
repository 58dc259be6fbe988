"""The gate as Discord comes to it: commands, messages, servers; and what is closed while somebody is inside."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import aiohttp
import discord

from bot.discord_io.identity import Place, settings_channel
from bot.discord_io.telling import tell
from bot.domain.ask import Ask
from bot.domain.conversation import PlaceSettings
from bot.domain.errors import BotError
from bot.domain.timeline import Notice, NoticeCode
from bot.memory.store import Memory
from bot.services.access import check_is_open
from bot.services.gate import FRESH_SECONDS, SILENT, Gate, Shares, Visit

log = logging.getLogger(__name__)

Interaction = discord.Interaction[Any]

OWN_DATA = frozenset({"privacy", "export", "optout", "forget", "Forget this"})
"""Commands for whoever is kept out as well: what is kept of them is theirs."""

NOT_KEPT = Notice(
    code=NoticeCode.NOT_KEPT,
    public="We share no server, so I keep nothing of this and each question starts anew. /optin changes that.",
)

_MOST_SERVERS_ASKED = 10
_ASKED_SECONDS = 1.5
_FOLLOWS_SECONDS = FRESH_SECONDS - 1
_PLACE_SECONDS = 1.0


def visit_of(place: Place) -> Visit:
    """Who writes or uses a command, and from where."""
    if isinstance(place, discord.Interaction):
        is_at_home = place.is_guild_integration() or place.context.dm_channel
        return Visit(person_id=place.user.id, server_id=place.guild_id, is_at_home=is_at_home)
    return Visit(person_id=place.author.id, server_id=place.guild.id if place.guild else None)


def channel_ids(channel: object) -> tuple[int, ...]:
    """Of a channel or thread, what it hangs on, and the category they are in."""
    if isinstance(channel, discord.Thread):
        above = () if channel.parent is None else channel_ids(channel.parent)
        return (channel.id, channel.parent_id, *above)
    if isinstance(channel, discord.abc.GuildChannel):
        return (channel.id,) if channel.category_id is None else (channel.id, channel.category_id)
    return ()


async def admit(interaction: Interaction) -> None:
    """At a button or form that does something. Raises BotError for whom it is closed."""
    await interaction.client.house.keeper.admit(interaction)


class Gatekeeper:
    """For one client. `in_flight` are questions, which `stop` ends; `hush` ends that people are heard in voice
    channels, `leave` leaves that of a server."""

    def __init__(
        self,
        client: discord.Client,
        gate: Gate,
        memory: Memory,
        *,
        in_flight: Callable[[], Sequence[Ask]],
        stop: Callable[[Callable[[Ask], bool]], Awaitable[None]],
        hush: Callable[[Callable[[int], bool]], None],
        leave: Callable[[int], Awaitable[object]],
    ) -> None:
        self._client = client
        self._memory = memory
        self._in_flight = in_flight
        self._stop = stop
        self._hush = hush
        self._leave = leave
        self._followed: object = None
        self.gate = gate

    async def admit(self, interaction: Interaction) -> None:
        """Raises BotError for whom it is closed."""
        await self.gate.check(visit_of(interaction), self._shares(interaction))

    async def admit_ask(self, interaction: Interaction) -> PlaceSettings | None:
        """Before a question is acknowledged: raises BotError where none is taken, for this person to see alone. What is
        set for the place; None: that could not be read in time."""
        await self.admit(interaction)
        await self.gate.check_open()
        try:
            async with asyncio.timeout(_PLACE_SECONDS):
                place = await self._memory.settings_for(interaction.guild_id, settings_channel(interaction))
        except (TimeoutError, BotError):
            return None
        if visit_of(interaction).is_of_a_server:
            check_is_open(place, channel_ids(interaction.channel))
        return place

    async def refusal(self, message: discord.Message, place: PlaceSettings, *, is_called: bool) -> BotError | None:
        """Why a message is not answered; `is_silent` tells whether that is said."""
        try:
            await self.gate.check(visit_of(message), self._shares(message))
            if message.guild is not None:
                check_is_open(place, channel_ids(message.channel))
            await self.gate.check_open()
        except BotError as error:
            return error if is_called or error.code in SILENT else BotError("mere_talk", error.public)
        return None

    def is_silent(self, refusal: BotError | None) -> bool:
        """Whether nobody is told: who is kept out, and where nobody asked for it."""
        return refusal is not None and refusal.code in SILENT | {"channel_closed", "mere_talk"}

    async def meet(self, place: Place) -> tuple[Notice, ...]:
        """Take note whether they are a stranger; what they are told of it, once."""
        is_new = await self.gate.meet(visit_of(place), self._shares(place))
        return (NOT_KEPT,) if is_new else ()

    async def check_command(self, interaction: Interaction) -> bool:
        """For the tree of commands: False, and a word to the person, for whom it is closed."""
        command = interaction.command
        root = getattr(command, "root_parent", None) or command
        if root is not None and root.name in OWN_DATA:
            return True
        try:
            await self.admit(interaction)
        except BotError as error:
            if interaction.type is discord.InteractionType.autocomplete:
                await interaction.response.autocomplete([])
            else:
                await tell(interaction, error)
            return False
        return True

    async def watch(self) -> None:
        """Whoever is kept out from now on is not served any more, wherever that was decided."""
        while True:
            try:
                await self.follow()
            except BotError as error:
                log.warning("who is kept out was not looked at: %s", error.code)
            await asyncio.sleep(_FOLLOWS_SECONDS)

    async def follow(self) -> None:
        """What was decided holds for what goes on already. Raises MemoryFault."""
        gate = self.gate
        await gate.standing()
        rules = gate.rules
        servers = [guild.id for guild in self._client.guilds if not await self._is_welcome(guild.id)]
        if rules != self._followed:
            self._hush(lambda person_id: gate.keeps_out(Visit(person_id=person_id, server_id=None)))
            for server_id in servers:
                await self._leave(server_id)
        if rules != self._followed or any(map(self._is_out, self._in_flight())):
            await self._stop(self._is_out)
        self._followed = rules
        if gate.settings.leave_refused_servers:
            await self._leave_servers(servers)

    def _is_out(self, ask: Ask) -> bool:
        return self.gate.keeps_out(Visit(person_id=ask.asker_id, server_id=ask.key.server_id))

    async def _is_welcome(self, server_id: int) -> bool:
        try:
            await self.gate.check_server(server_id)
        except BotError as error:
            if error.code != "server_refused":
                raise
            return False
        return True

    async def _leave_servers(self, server_ids: Sequence[int]) -> None:
        for server_id in server_ids:
            guild = self._client.get_guild(server_id)
            if guild is None:
                continue
            try:
                await guild.leave()
            except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
                log.warning("server %d was not left: %s", server_id, type(error).__name__)
            else:
                log.info("server %d may not use this bot and was left", server_id)

    def _shares(self, place: Place) -> Shares:
        """Who was not added by their own account came here by a server; else the servers are asked, those first where
        they are known to have asked something."""
        person_id = visit_of(place).person_id

        async def shares() -> bool:
            if isinstance(place, discord.Interaction) and place.context.dm_channel and not place.is_user_integration():
                return True
            if any(guild.get_member(person_id) for guild in self._client.guilds):
                return True
            try:
                async with asyncio.timeout(_ASKED_SECONDS):
                    return await self._is_found(person_id)
            except (TimeoutError, BotError, discord.DiscordException, aiohttp.ClientError, OSError) as error:
                log.info("nobody knows whether somebody is in a server: %s", type(error).__name__)
                return False

        return shares

    async def _is_found(self, person_id: int) -> bool:
        known = await self._memory.servers_of(person_id)
        others = [guild.id for guild in self._client.guilds if guild.id not in known]
        for server_id in [*sorted(known), *others][:_MOST_SERVERS_ASKED]:
            try:
                await self._client.http.get_member(server_id, person_id)
            except (discord.NotFound, discord.Forbidden):
                continue
            return True
        return False
