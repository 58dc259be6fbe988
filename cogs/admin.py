"""/admin: the state of the bot, its settings, a pause, words to all, who is kept out; for whoever runs the bot."""

import logging
from datetime import UTC, datetime
from typing import Any

import discord
from discord import app_commands
from discord.app_commands import locale_str
from discord.ext import commands

from bot import __version__
from bot.discord_io.admin_pages import Health, blocks_page, reloaded_page, status_page
from bot.discord_io.buttons import FORM_SECONDS
from bot.discord_io.client import House, KibitzClient
from bot.discord_io.confirmation import confirm
from bot.discord_io.news import LONGEST, News, Spread
from bot.discord_io.operator import Operator
from bot.discord_io.private_page import show_page
from bot.discord_io.telling import told
from bot.domain.errors import BotError
from bot.domain.money import Account
from bot.domain.sentence import sentence
from bot.domain.standing import BlockKind
from bot.locales import Catalogue, catalogue
from bot.services.gate import LONGEST_REASON

log = logging.getLogger(__name__)

Interaction = discord.Interaction[Any]

_LONGEST_ID = 25
_WAITED_FOR = 500  # channels; more take longer than a button can be answered
_ID_BITS = 63


@app_commands.default_permissions(administrator=True)
class AdminCog(
    commands.GroupCog,
    name="Admin",
    group_name=locale_str("admin"),
    group_description=locale_str("The bot itself, for whoever runs it"),
):
    """Only the person who asks sees the answers, and only whoever runs the bot gets them."""

    def __init__(self, client: KibitzClient) -> None:
        self._client = client
        self._house: House = client.house
        self._operator: Operator = client.operator
        self._news = News(client, client.house.memory, client.house.gate)
        self._started_at = datetime.now(UTC)

    async def _open(self, interaction: Interaction) -> Catalogue:
        """Raises BotError for anybody else."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        self._check(interaction)
        return catalogue(interaction.locale.value)

    def _check(self, interaction: Interaction) -> None:
        if interaction.user.id not in self._operator.ids():
            raise BotError("not_operator_admin", "Only whoever runs this bot can use /admin.")

    @app_commands.command(
        name=locale_str("status"), description=locale_str("How the bot is: work, models, money, the last backup")
    )
    async def status(self, interaction: Interaction) -> None:
        words = await self._open(interaction)
        house, client = self._house, self._client
        standing = await house.gate.standing()
        account = Account(person_id=interaction.user.id, server_id=interaction.guild_id)
        allowances = await house.ledger.allowances(account)
        health = Health(
            version=__version__,
            started_at=self._started_at,
            servers=len(client.guilds),
            shards=len(client.shards),
            shards_up=sum(not shard.is_closed() for shard in client.shards.values()),
            jobs=len(house.desk.in_flight()),
            calls=sum(house.voice.call_in(guild.id) is not None for guild in client.guilds),
            blocks=len(standing.people) + len(standing.servers),
            pause=standing.pause,
            backup=await house.rules.backup(),
            allowances=allowances,
        )
        await show_page(interaction, status_page(health, house.settings, words), name="status.md")

    @app_commands.command(
        name=locale_str("reload"), description=locale_str("Read the settings again, and say what took effect")
    )
    async def reload(self, interaction: Interaction) -> None:
        words = await self._open(interaction)
        reloaded = await self._house.reloading.reload()
        log.info("settings read again: %d in effect, %d waiting", len(reloaded.applied), len(reloaded.waiting))
        await self._house.keeper.follow()
        await show_page(interaction, reloaded_page(reloaded, words), name="settings.md")

    @app_commands.command(name=locale_str("pause"), description=locale_str("Take no new questions; what runs ends"))
    @app_commands.rename(reason=locale_str("reason"))
    @app_commands.describe(reason=locale_str("Shown to people who ask meanwhile"))
    async def pause(
        self, interaction: Interaction, reason: app_commands.Range[str, 1, LONGEST_REASON] | None = None
    ) -> None:
        words = await self._open(interaction)
        await self._house.gate.pause(reason or "")
        await show_page(interaction, words("Paused. What runs ends; new questions wait for /admin resume."))

    @app_commands.command(name=locale_str("resume"), description=locale_str("Take questions again"))
    async def resume(self, interaction: Interaction) -> None:
        words = await self._open(interaction)
        if await self._house.gate.resume():
            await show_page(interaction, words("Questions are taken again."))
        else:
            await show_page(interaction, words("The bot was not paused."))

    @app_commands.command(
        name=locale_str("broadcast"), description=locale_str("A message to all channels that asked for news")
    )
    async def broadcast(self, interaction: Interaction) -> None:
        self._check(interaction)
        await interaction.response.send_modal(_Message(self._news, self._client, catalogue(interaction.locale.value)))

    @app_commands.command(
        name=locale_str("block"), description=locale_str("Keep a person or a server out, at once and everywhere")
    )
    @app_commands.rename(person=locale_str("person"), server=locale_str("server"))
    @app_commands.describe(person=locale_str("Whom"), server=locale_str("The server's id"))
    async def block(
        self,
        interaction: Interaction,
        person: discord.User | None = None,
        server: app_commands.Range[str, 1, _LONGEST_ID] | None = None,
    ) -> None:
        words = await self._open(interaction)
        kind, subject_id = _meant(person, server)
        await self._house.gate.block(kind, subject_id)
        await self._house.keeper.follow()
        said = (
            words("Blocked: person {id}", id=subject_id)
            if kind is BlockKind.PERSON
            else words("Blocked: server {id}", id=subject_id)
        )
        await show_page(interaction, said)

    @app_commands.command(name=locale_str("unblock"), description=locale_str("Let a person or a server in again"))
    @app_commands.rename(person=locale_str("person"), server=locale_str("server"))
    @app_commands.describe(person=locale_str("Whom"), server=locale_str("The server's id"))
    async def unblock(
        self,
        interaction: Interaction,
        person: discord.User | None = None,
        server: app_commands.Range[str, 1, _LONGEST_ID] | None = None,
    ) -> None:
        words = await self._open(interaction)
        kind, subject_id = _meant(person, server)
        if not await self._house.gate.unblock(kind, subject_id):
            raise BotError("not_blocked", sentence("{id} is not blocked. /admin blocks lists who is.", id=subject_id))
        await self._house.keeper.follow()
        await show_page(interaction, words("No longer blocked: {id}", id=subject_id))

    @app_commands.command(name=locale_str("blocks"), description=locale_str("Who is kept out"))
    async def blocks(self, interaction: Interaction) -> None:
        words = await self._open(interaction)
        page = blocks_page(await self._house.gate.blocks(), self._house.gate.settings, words)
        await show_page(interaction, page, name="blocks.md")


class _Message(discord.ui.Modal):
    """What is sent to all; shown once more before it goes."""

    def __init__(self, news: News, client: KibitzClient, words: Catalogue) -> None:
        super().__init__(title=words("A message to all"), timeout=FORM_SECONDS)
        self._news = news
        self._client = client
        self._words = words
        self._text: discord.ui.TextInput[_Message] = discord.ui.TextInput(
            label=words("What it says"), style=discord.TextStyle.paragraph, max_length=LONGEST
        )
        self.add_item(self._text)

    async def on_submit(self, interaction: Interaction) -> None:
        async with told(interaction):
            await interaction.response.defer(ephemeral=True, thinking=True)
            places = await self._news.channels()
            text, words = self._text.value, self._words
            servers = len({server for server, _ in places})
            head = words(
                "This goes out. Channels: {channels}, servers: {servers}", channels=len(places), servers=servers
            )
            await confirm(
                interaction,
                words,
                question=f"{head}\n\n{text}",
                label=words("Send"),
                work=lambda: self._send(text, len(places)),
                back=words("Do not send"),
            )

    async def _send(self, text: str, count: int) -> str:
        if count <= _WAITED_FOR:
            spread = await self._news.spread(text)
            return self._words("Channels that got it: {sent}. Not reached: {failed}.", **_counts(spread))
        self._client.tasks.spawn(self._send_slowly(text), name="broadcast")
        return self._words("It is on its way. How many got it, you are told in a direct message.")

    async def _send_slowly(self, text: str) -> None:
        try:
            spread = await self._news.spread(text)
        except BotError as error:
            log.warning("a message to all was broken off: %s", error.code)
            return
        said = sentence("Channels that got it: {sent}. Not reached: {failed}.", **_counts(spread))
        self._client.operator.tell("broadcast", said)


def _counts(spread: Spread) -> dict[str, object]:
    return {"sent": spread.sent, "failed": spread.failed}


def _meant(person: discord.User | None, server: str | None) -> tuple[BlockKind, int]:
    """Raises BotError unless it is one of the two."""
    if (person is None) == (server is None):
        raise BotError("block_what", "Name a person or the id of a server, not both.")
    if person is not None:
        return BlockKind.PERSON, person.id
    text = (server or "").strip()
    if not text.isascii() or not text.isdecimal() or not 0 < int(text) < 2**_ID_BITS:
        raise BotError("server_id_wrong", "That is no id of a server. Discord shows it with the developer mode on.")
    return BlockKind.SERVER, int(text)


async def setup(client: KibitzClient) -> None:
    """Called by the library when the extension is loaded."""
    await client.add_cog(AdminCog(client))
