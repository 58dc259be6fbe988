"""The answer to an interaction as the place for one job's messages, for as long as its token lives."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import discord

from bot.discord_io.channel_place import LONG_JOB_SECONDS, ChannelPlace
from bot.discord_io.identity import ref_of
from bot.discord_io.outbox import Outbox
from bot.discord_io.patience import patiently
from bot.discord_io.permissions import READ
from bot.discord_io.posting import NO_MENTIONS, OutgoingFile
from bot.discord_io.wall import lacking
from bot.domain.conversation import MessageRef
from bot.domain.errors import DeliveryError
from bot.domain.media import VoiceClip
from bot.locales import Catalogue

log = logging.getLogger(__name__)

Answer = discord.InteractionMessage | discord.WebhookMessage
Channel = discord.TextChannel | discord.VoiceChannel | discord.StageChannel | discord.Thread | discord.DMChannel

ANSWERED_FOR_SECONDS = 14 * 60.0
"""How long an interaction is answered itself; its token lives for 15 minutes."""

_DEAD_TOKEN = frozenset({10015, 10062, 50027})
_UNAUTHORISED = 401
_MESSAGES_LOOKED_AT = 50


class InteractionPlace:
    """Edits the deferred response. Before the token ends, or when it is refused, it goes on as an ordinary message.

    That message stands in the same channel where everybody may see the answer and the bot has access, else in the
    person's direct messages. Where it is refused as well, the token is all there is. `began` is when the interaction
    came, by the clock; None: now.
    """

    def __init__(
        self,
        interaction: discord.Interaction[Any],
        *,
        job_id: str,
        words: Catalogue,
        ephemeral: bool,
        clock: Callable[[], float],
        began: float | None = None,
    ) -> None:
        self.where = interaction.channel
        self._interaction = interaction
        self._job_id = job_id
        self._words = words
        self._ephemeral = ephemeral
        self._clock = clock
        self._began = clock() if began is None else began
        self._further = 0
        self.outbox: Outbox | None = None
        self._message: discord.InteractionMessage | discord.WebhookMessage | None = None
        self._elsewhere: ChannelPlace | None = None
        self._has_to_stay = False

    @property
    def may_attach(self) -> bool:
        """Whether files may be sent here, as far as known."""
        if self._elsewhere is not None:
            return self._elsewhere.may_attach
        return self._interaction.guild_id is None or self._interaction.app_permissions.attach_files

    @property
    def most_bytes(self) -> int:
        """The largest file that may be sent here."""
        return self._interaction.filesize_limit if self._elsewhere is None else self._elsewhere.most_bytes

    async def create(self, content: str, view: discord.ui.View | None, files: Sequence[OutgoingFile]) -> MessageRef:
        """Fill the deferred response; where that was deleted, post a follow-up in its place."""

        async def fill() -> Answer:
            return await self._interaction.edit_original_response(**_edited(content, view, files))

        async def here() -> Answer:
            if self._message is None:
                self._message = await patiently(fill)
            else:
                self._message = await self._follow_up(content, view, files)
            return self._message

        return await self._send(here, content, view, files, is_further=False)

    async def change(
        self, content: str, view: discord.ui.View | None, files: Sequence[OutgoingFile] | None
    ) -> MessageRef:
        """Edit it; `files` None leaves those it has."""
        if self._elsewhere is not None:
            return await self._elsewhere.change(content, view, files)
        message = self._message
        if message is None:
            return await self.create(content, view, files or ())

        async def edit() -> Answer:
            return await message.edit(**_edited(content, view, files))

        async def here() -> Answer:
            return await patiently(edit)

        return await self._send(here, content, view, files or (), is_further=False)

    async def append(self, content: str, view: discord.ui.View | None, files: Sequence[OutgoingFile]) -> MessageRef:
        """Post a further message, unless an earlier process did."""
        if self._elsewhere is not None:
            return await self._elsewhere.append(content, view, files)
        outbox = self.outbox
        self._further += 1
        part = str(self._further)
        sent = None if outbox is None else outbox.sent(part)
        if outbox is not None and sent is None and outbox.may_be_sent(part):
            sent = await self._find(content)
            if sent is None and self._ephemeral and self._message is not None:
                return await self._attach(part, content, view)

        async def here() -> Answer:
            if sent is None:
                return await self._follow_up(content, view, files)
            edited, message_id = _edited(content, view, files), sent.message_id
            return await patiently(lambda: self._interaction.followup.edit_message(message_id, **edited))

        if outbox is not None and sent is None:
            await outbox.begin(part)
        ref = await self._send(here, content, view, files, is_further=True)
        if outbox is not None:
            await outbox.done(part, ref)
        return ref

    async def speak(self, clip: VoiceClip, reply_to: MessageRef | None) -> MessageRef | None:
        """Post a voice message; None where there may be none. A token cannot send one, so it goes to the channel."""
        if self._elsewhere is not None:
            return await self._elsewhere.speak(clip, reply_to)
        channel = self._open_channel
        if channel is None or not (self._is_direct or self._interaction.app_permissions.send_voice_messages):
            return None
        return await self._place(channel, None).speak(clip, reply_to)

    async def _attach(self, part: str, content: str, view: discord.ui.View | None) -> MessageRef:
        """A part that may stand there already, where only the asker could tell, becomes a file of the first message: it
        is there in any case, and said once."""
        message = self._message
        if message is None:
            raise RuntimeError("there is no message yet")
        file = OutgoingFile(name=f"answer-{int(part) + 1}.md", data=content.encode())

        async def edit() -> Answer:
            return await message.edit(
                view=view, allowed_mentions=NO_MENTIONS, attachments=[*message.attachments, file.opened()]
            )

        self._message = await patiently(edit)
        return ref_of(self._message)

    async def _find(self, content: str) -> MessageRef | None:
        """A further message that may have been sent; None where there is none, or nobody but the asker can see it."""
        channel, client = self._open_channel, self._interaction.client
        if channel is None or client.user is None or lacking(channel, READ):
            return None
        async for message in channel.history(after=discord.Object(self._interaction.id), limit=_MESSAGES_LOOKED_AT):
            if message.author.id == client.user.id and message.content == content.strip():
                return ref_of(message)
        return None

    @property
    def _is_direct(self) -> bool:
        return self._interaction.guild_id is None

    @property
    def _open_channel(self) -> Channel | None:
        """The channel, where the answer is for all to see and the bot may write."""
        if self._ephemeral or not isinstance(self.where, Channel):
            return None
        may = self._interaction.app_permissions
        may_send = may.send_messages_in_threads if isinstance(self.where, discord.Thread) else may.send_messages
        is_at_home = self._interaction.is_guild_integration() and may.view_channel and may_send
        return self.where if (self._interaction.context.dm_channel if self._is_direct else is_at_home) else None

    def _place(self, channel: Channel, reply_to: MessageRef | None) -> ChannelPlace:
        place = ChannelPlace(
            channel,
            client=self._interaction.client,
            job_id=self._job_id,
            clock=self._clock,
            began=self._began,
            reply_to=reply_to,
            posts=self._further,
        )
        place.outbox = self.outbox
        return place

    async def _follow_up(
        self, content: str, view: discord.ui.View | None, files: Sequence[OutgoingFile]
    ) -> discord.WebhookMessage:
        options: dict[str, Any] = {} if view is None else {"view": view}

        async def send() -> discord.WebhookMessage:
            return await self._interaction.followup.send(
                content,
                files=[file.opened() for file in files],
                allowed_mentions=NO_MENTIONS,
                ephemeral=self._ephemeral,
                suppress_embeds=True,
                silent=self._clock() - self._began > LONG_JOB_SECONDS,
                wait=True,
                **options,
            )

        return await patiently(send, shows_once=False)

    async def _send(
        self,
        here: Callable[[], Awaitable[Answer]],
        content: str,
        view: discord.ui.View | None,
        files: Sequence[OutgoingFile],
        *,
        is_further: bool,
    ) -> MessageRef:
        if self._clock() - self._began >= ANSWERED_FOR_SECONDS:
            moved = await self._move(content, view, files, is_further=is_further)
            if moved is not None:
                return moved
        try:
            return ref_of(await here())
        except discord.HTTPException as error:
            if error.code not in _DEAD_TOKEN and error.status != _UNAUTHORISED:
                raise
            log.info("job %s: the interaction is no longer valid", self._job_id)
            moved = await self._move(content, view, files, is_further=is_further)
            if moved is None:
                raise
            return moved

    async def _move(
        self, content: str, view: discord.ui.View | None, files: Sequence[OutgoingFile], *, is_further: bool
    ) -> MessageRef | None:
        """Go on as an ordinary message; None where there is no place for one."""
        if self._has_to_stay:
            return None
        channel = self._open_channel
        try:
            if channel is None:
                place = self._place(await self._interaction.user.create_dm(), None)
            else:
                place = self._place(channel, None if self._message is None else ref_of(self._message))
            ref = await place.create(content, view, files)
        except (discord.Forbidden, discord.NotFound, DeliveryError) as error:
            log.info("job %s has no place besides its interaction (%s)", self._job_id, error.code)
            self._has_to_stay = True
            return None
        self._elsewhere = place
        if not is_further:
            await self._point_there(is_below=channel is not None)
        return ref

    async def _point_there(self, *, is_below: bool) -> None:
        """Say in the old message where it goes on. As the bot where it may, since the token may be dead."""
        words = self._words
        told = words("This goes on below.") if is_below else words("This goes on in our direct messages.")
        try:
            if is_below and self._message is not None:
                client: discord.Client = self._interaction.client
                old = client.get_partial_messageable(self._message.channel.id).get_partial_message(self._message.id)
                await old.edit(content=told, view=None)
            else:
                await self._interaction.edit_original_response(content=told, view=None)
        except discord.HTTPException as error:
            log.info("job %s: the old message stays as it is (%d)", self._job_id, error.code)


def _edited(content: str, view: discord.ui.View | None, files: Sequence[OutgoingFile] | None) -> dict[str, Any]:
    edited: dict[str, Any] = {"content": content, "view": view, "allowed_mentions": NO_MENTIONS}
    return edited if files is None else {**edited, "attachments": [file.opened() for file in files]}
