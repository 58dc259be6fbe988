"""The Discord client: which events it asks for, what it keeps, which cogs it loads, how it ends."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import aiohttp
import discord
from discord.ext import commands
from yarl import URL

from bot.config import Settings
from bot.discord_io.addresses import launch_address, resume_address, use_addresses
from bot.discord_io.catching_up import CatchUp
from bot.discord_io.command_sync import sync_commands
from bot.discord_io.desk import Desk
from bot.discord_io.gatekeeper import Gatekeeper
from bot.discord_io.heartbeat import ack_age, beat, heartbeat_file
from bot.discord_io.made_clip import keep_facts
from bot.discord_io.operator import Operator
from bot.discord_io.plugin_fittings import PluginFittings
from bot.discord_io.reception import Reception
from bot.discord_io.servers import KnownServers
from bot.discord_io.silenced import SilencedChannels, counting
from bot.discord_io.spending_watch import SpendingWatch
from bot.discord_io.startup import warn_of_missing
from bot.discord_io.translator import CommandTranslator
from bot.discord_io.voice_desk import VoiceDesk
from bot.discord_io.withdrawal import Withdrawal
from bot.domain.errors import BotError
from bot.domain.sentence import Sentence, sentence
from bot.hooks.checks import check_all
from bot.hooks.registry import Plugins
from bot.hooks.specs import hookimpl
from bot.jobs.ledger import Ledger
from bot.memory.house_rules import HouseRules
from bot.memory.store import Memory
from bot.services.backups import Backups
from bot.services.forget import ForgetService
from bot.services.gate import Gate
from bot.services.reloading import Reloading
from bot.services.voice_notes import VoiceNotes
from bot.tasks import Tasks

EXTENSIONS: tuple[str, ...] = (
    "cogs.errors",
    "cogs.video",
    "cogs.chat",
    "cogs.mirror",
    "cogs.answers",
    "cogs.memory",
    "cogs.forgetting",
    "cogs.own_data",
    "cogs.usage",
    "cogs.voice",
    "cogs.settings",
    "cogs.plugins",
    "cogs.admin",
    "cogs.help",
)
"""The cogs, loaded in this order."""

_MESSAGES_KEPT = 100
_LONGEST_RATE_LIMIT_SECONDS = 60
_LONGEST_GOODBYE_SECONDS = 4
_GOODBYE_SECONDS = 2 * _LONGEST_GOODBYE_SECONDS
"""Of the time to shut down, what is kept for the last words in the channels and for leaving Discord."""

_BETWEEN_SESSIONS_SECONDS = 5.0
GOES_ON_SECONDS = 30.0
"""How often what was not delivered, because Discord did not answer, is tried again."""
_DAY_SECONDS = 86_400
_ACKNOWLEDGED_SECONDS = 45.0  # a little more than lies between two heartbeats

_IN_VOICE_ONLY = discord.MemberCacheFlags.none()
_IN_VOICE_ONLY.voice = True

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What the cogs work with."""

    settings: Settings
    memory: Memory
    desk: Desk
    reception: Reception
    forget: ForgetService
    withdrawal: Withdrawal
    voice: VoiceDesk
    voice_notes: VoiceNotes
    plugins: Plugins
    gate: Gate
    keeper: Gatekeeper
    rules: HouseRules
    backups: Backups
    reloading: Reloading
    ledger: Ledger
    catch_up: CatchUp


class KibitzClient(commands.AutoShardedBot):
    """One connection to Discord per shard, and the cogs. `clock`: see SilencedChannels."""

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.monotonic) -> None:
        use_addresses(settings.discord)
        keep_facts()
        discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # voice channels are not joined
        super().__init__(
            command_prefix=(),
            help_command=None,
            intents=_intents(settings),
            member_cache_flags=_IN_VOICE_ONLY,
            chunk_guilds_at_startup=False,
            max_messages=_MESSAGES_KEPT,
            max_ratelimit_timeout=_LONGEST_RATE_LIMIT_SECONDS,
            allowed_mentions=discord.AllowedMentions.none(),
            allowed_contexts=discord.app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True),
            allowed_installs=discord.app_commands.AppInstallationType(guild=True, user=True),
            shard_count=settings.discord.shard_count or None,
            http_trace=counting(),
        )
        self.silenced = SilencedChannels(self, clock=clock)
        self.shard_ids = list(settings.discord.shard_ids) or None
        self.tasks = Tasks()
        self.is_stopping = False
        self.next_session: Callable[[int, float], Awaitable[None]] | None = None
        """Waits for a turn (see Database.turn) where other processes begin sessions as well."""
        self._settings = settings
        self._gateway = URL(settings.discord.gateway_url)
        self._standing = Tasks()
        self._house: House | None = None
        self._fittings: PluginFittings | None = None
        self._syncing = asyncio.Lock()
        self.operator = Operator(self, self.tasks)
        self._servers = KnownServers(self, settings.data.directory)

    def attach(self, house: House) -> None:
        """Give the cogs what they work with, before the client starts."""
        self._house = house
        self._fittings = PluginFittings(self, house.plugins, house.memory, house.settings)

    @property
    def house(self) -> House:
        """What the cogs work with. Raises RuntimeError before `attach`."""
        if self._house is None:
            raise RuntimeError("nothing is attached to the client")
        return self._house

    @property
    def fittings(self) -> PluginFittings:
        """What plugins have here. Raises RuntimeError before `attach`."""
        if self._fittings is None:
            raise RuntimeError("nothing is attached to the client")
        return self._fittings

    async def setup_hook(self) -> None:
        """After the login, before the first connection to the gateway."""
        await self.tree.set_translator(CommandTranslator())
        plugins = self.house.plugins
        plugins.hooks.admit(_OwnCogs(), "cogs")
        for names in plugins.hooks.own("register_cogs"):
            for name in check_all(names, str):
                await self.load_extension(name)
        plugins.changed = self._refit
        plugins.told.append(self._tell_operator)
        await self._refit()
        self._standing.spawn(self._keep_house(), name="upkeep")
        self._standing.spawn(self._beat(), name="heartbeat")
        self._standing.spawn(self.house.catch_up.note(), name="being there")
        self.tree.interaction_check = self.house.keeper.check_command
        self._standing.spawn(self._keep_gate(), name="gate")
        self._standing.spawn(self._watch_spending(), name="spending")
        if self._is_first:
            self._standing.spawn(self.house.backups.run(), name="backups")

    async def _refit(self) -> None:
        """Bring what plugins have here up to date, and tell Discord the commands where they changed."""
        async with self._syncing:
            await self.fittings.renew()
            if self._is_first and self.application_id is not None and not self.is_closed():
                await sync_commands(self.tree, application_id=self.application_id, settings=self._settings)

    def _tell_operator(self, said: Sentence) -> None:
        self.operator.tell(str(said.values.get("plugin", "")), said)

    def _tell_of_plugins(self) -> None:
        """What of the plugins that should be here is not, at the start."""
        whys = {name: [why] for name, why in self.house.plugins.failed().items()} | dict(self.fittings.refused)
        for name, reasons in whys.items():
            for why in reasons[:1]:
                self.operator.tell(name, sentence("Of the plugin {plugin}: {why}", plugin=name, why=why))

    async def _beat(self) -> None:
        await self.wait_until_ready()
        await beat(heartbeat_file(self._settings), self._is_connected)

    async def _keep_gate(self) -> None:
        await self.wait_until_ready()
        await self.house.keeper.watch()

    async def _keep_house(self) -> None:
        """Once connected, go on with what an earlier process left; then once a day forget what is too old."""
        await self.wait_until_ready()
        self._tell_of_plugins()
        self._standing.spawn(self._go_on(), name="going on")
        await self.house.voice.resume()
        await self._forget_left()
        while True:
            try:
                gone = await self.house.forget.upkeep()
            except BotError as error:
                _log.warning("the daily upkeep failed: %s", error.code)
            else:
                _log.debug("%d turns and %d clips were too old", len(gone.jobs), len(gone.clips))
            await asyncio.sleep(_DAY_SECONDS)

    async def _go_on(self) -> None:
        """With what an earlier process left, at once; now and then with what could not be delivered."""
        while True:
            try:
                if resumed := await self.house.desk.resume(self):
                    _log.info("going on with %d questions", resumed)
            except BotError as error:
                _log.warning("what was left could not be gone on with: %s", error.code)
            await asyncio.sleep(GOES_ON_SECONDS)

    async def _watch_spending(self) -> None:
        await self.wait_until_ready()
        await SpendingWatch(self.house.ledger, self.operator.tell).run()

    async def _forget_left(self) -> None:
        """Servers that removed the bot while it was not there to hear of it."""
        try:
            for server_id in self._servers.left():
                await self.house.withdrawal.server(server_id)
        except BotError as error:
            _log.warning("a server that was left could not be forgotten: %s", error.code)
            return
        self._servers.note()

    async def wind_down(self) -> None:
        """Take no new work, give what runs its time, and leave; what does not end in time is cancelled."""
        self.is_stopping = True
        self.house.desk.close()
        await self.house.voice.close()
        seconds = self._settings.jobs.shutdown_seconds
        await self.tasks.finish(seconds - min(_GOODBYE_SECONDS, seconds / 2))
        try:
            async with asyncio.timeout(_LONGEST_GOODBYE_SECONDS):
                await self.close()
        except TimeoutError:
            _log.warning("Discord did not close the connection in time")

    async def close(self) -> None:
        """Leave Discord."""
        await self._standing.finish(0)
        if self._house is not None:
            await self._house.voice.close()
        await super().close()

    async def __aexit__(self, *_: object) -> None:
        """As the library does it, but a farewell that was broken off is not waited for again."""
        if not self.is_closed():
            await self.close()

    async def on_message(self, message: discord.Message, /) -> None:
        """Messages are the cogs' to read; the library would look for prefix commands in them."""
        self.house.catch_up.saw(message.id)

    async def on_ready(self) -> None:
        """A new session: what came before it was told to nobody."""
        self.tasks.spawn(self.house.catch_up.run(), name="catching up")

    async def on_guild_available(self, guild: discord.Guild) -> None:
        warn_of_missing(guild)

    async def on_guild_join(self, guild: discord.Guild) -> None:
        warn_of_missing(guild)
        self._servers.note()

    async def on_shard_connect(self, shard_id: int) -> None:
        """A new session: the place where it may be resumed is known from here on."""
        socket = self._get_websocket(shard_id=shard_id)
        socket.gateway = resume_address(socket.gateway, self._gateway)

    async def launch_shard(self, gateway: URL, shard_id: int, *, initial: bool = False) -> None:
        """Connect a shard for the first time."""
        await super().launch_shard(launch_address(gateway, self._gateway), shard_id, initial=initial)

    def ack_ages(self) -> dict[int, float | None]:
        """Per shard of this process, the seconds since Discord acknowledged a heartbeat; None: not connected."""
        return {shard_id: ack_age(self._get_websocket(shard_id=shard_id)) for shard_id in self.shards}

    @property
    def is_connected(self) -> bool:
        """Signed in, with every shard connected."""
        return self.is_ready() and self._is_connected()

    @property
    def is_there(self) -> bool:
        """Whether every shard was surely told of what happened until just now."""
        ages = self.ack_ages().values()
        return self.is_connected and all(age is not None and age < _ACKNOWLEDGED_SECONDS for age in ages)

    @property
    def _is_first(self) -> bool:
        """Of several processes that are connected to Discord, one does what is done once for all."""
        return 0 in (self._settings.discord.shard_ids or (0,))

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Discord takes one new session at a time, every five seconds; other processes begin theirs, too."""
        if self.next_session is None:
            await super().before_identify_hook(shard_id, initial=initial)
            return
        try:
            limits = await self.fetch_session_start_limits()
            await self.next_session((shard_id or 0) % limits.max_concurrency, _BETWEEN_SESSIONS_SECONDS)
        except (BotError, discord.DiscordException, aiohttp.ClientError, OSError) as error:
            _log.warning("whether others begin a session is not known: %s", type(error).__name__)
            await super().before_identify_hook(shard_id)

    def _is_connected(self) -> bool:
        return not any(shard.is_closed() for shard in self.shards.values())


class _OwnCogs:
    """Brings the bot's own cogs by the same hook as plugins bring theirs."""

    @hookimpl
    def register_cogs(self) -> Sequence[str]:
        return EXTENSIONS


def _intents(settings: Settings) -> discord.Intents:
    return discord.Intents(
        guilds=True,
        guild_messages=True,
        dm_messages=True,
        voice_states=True,
        message_content=settings.discord.message_content,
    )
