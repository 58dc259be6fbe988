"""What is edited, deleted or left on Discord is edited, deleted or left here."""

import logging

import discord
from discord.ext import commands

from bot.discord_io.call import mentions_us, words_of
from bot.discord_io.client import KibitzClient
from bot.discord_io.identity import ref_of
from bot.discord_io.withdrawal import Withdrawal
from bot.domain.conversation import ConversationKey, MessageRef

log = logging.getLogger(__name__)


class Mirror(commands.Cog):
    """Listens to what becomes of messages, channels and servers."""

    def __init__(self, client: KibitzClient) -> None:
        self._client = client
        self._withdrawal: Withdrawal = client.house.withdrawal
        self._reads_all = client.house.settings.discord.message_content

    @commands.Cog.listener()
    async def on_raw_message_edit(self, update: discord.RawMessageUpdateEvent) -> None:
        """Also told of when a link unfolds or a thread begins, which is no edit."""
        message = update.message
        if message.author.bot or message.webhook_id is not None or message.edited_at is None:
            return
        if self._is_hidden(message):
            await self._withdrawal.hidden(ref_of(message))
            return
        question = words_of(message, self._client.user) or ""
        await self._withdrawal.edited(ref_of(message), question, [file.id for file in message.attachments])

    @commands.Cog.listener()
    async def on_raw_message_delete(self, gone: discord.RawMessageDeleteEvent) -> None:
        await self._withdrawal.messages([MessageRef(channel_id=gone.channel_id, message_id=gone.message_id)])

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, gone: discord.RawBulkMessageDeleteEvent) -> None:
        ids = sorted(gone.message_ids)
        await self._withdrawal.messages([MessageRef(channel_id=gone.channel_id, message_id=id_) for id_ in ids])

    @commands.Cog.listener()
    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        await self._gone(channel.guild.id, channel.id)

    @commands.Cog.listener()
    async def on_raw_thread_delete(self, gone: discord.RawThreadDeleteEvent) -> None:
        await self._gone(gone.guild_id, gone.thread_id)

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        places = [place.id for place in (*guild.channels, *guild.threads)]
        forgotten = await self._withdrawal.server(guild.id, channels=places)
        log.info("left a server: %d exchanges and %d clips forgotten", len(forgotten.jobs), len(forgotten.clips))

    async def _gone(self, server_id: int, channel_id: int) -> None:
        key = ConversationKey(server_id=server_id, channel_id=channel_id)
        await self._withdrawal.place(key, is_gone=True)

    def _is_hidden(self, message: discord.Message) -> bool:
        """Whether Discord kept back what it says; a message never says nothing."""
        if message.content or message.attachments:
            return False
        is_shown = self._reads_all or message.guild is None or mentions_us(message, self._client.user)
        return not is_shown


async def setup(client: KibitzClient) -> None:
    """Called by the library when the extension is loaded."""
    await client.add_cog(Mirror(client))
