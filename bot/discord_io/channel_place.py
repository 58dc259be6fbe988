"""A channel, thread or direct message as the place for one job's messages. discord.py's errors pass through."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import discord

from bot.discord_io.identity import ref_of
from bot.discord_io.outbox import VOICE as VOICE_PART
from bot.discord_io.outbox import Outbox
from bot.discord_io.patience import patiently
from bot.discord_io.permissions import FILES, READ, SEND, VOICE
from bot.discord_io.posting import NO_MENTIONS, OutgoingFile
from bot.discord_io.voice_message import NOT_ALLOWED, send_voice_message
from bot.discord_io.wall import UNKNOWN_MESSAGE, lacking, missing_permission
from bot.domain.conversation import MessageRef
from bot.domain.media import VoiceClip

if TYPE_CHECKING:
    from discord.abc import MessageableChannel

Sent = TypeVar("Sent")

LONG_JOB_SECONDS = 300.0
_INVALID_FORM = 50035
_MESSAGES_LOOKED_AT = 50
_NO_HISTORY = 160002


class ChannelPlace:
    """Numbers its posts within the job, so that Discord shows one that is sent again only once.

    `shown` is a message of ours to go on with, `reply_to` the one the first post replies to, if it can; `posts` are the
    parts of the answer that stand elsewhere already.
    """

    def __init__(
        self,
        channel: "MessageableChannel",
        *,
        client: discord.Client,
        job_id: str,
        clock: Callable[[], float],
        began: float,
        shown: MessageRef | None = None,
        reply_to: MessageRef | None = None,
        posts: int = 0,
    ) -> None:
        self.where = channel
        self._client = client
        self._job_id = job_id
        self._clock = clock
        self._began = began
        self._reply_to = reply_to
        self._posts = posts if shown is None else 1
        self._shown = shown
        self.outbox: Outbox | None = None

    @property
    def may_attach(self) -> bool:
        """Whether files may be sent here, as far as known."""
        return not lacking(self.where, FILES)

    @property
    def most_bytes(self) -> int:
        """The largest file that may be sent here."""
        guild = self.where.guild
        return discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES if guild is None else guild.filesize_limit

    async def create(self, content: str, view: discord.ui.View | None, files: Sequence[OutgoingFile]) -> MessageRef:
        """Post the message of the job, as a reply."""

        async def post(reference: discord.MessageReference | None) -> discord.Message:
            return await self._post(content, view, files, reference)

        self._shown = ref_of(await self._replying(post, self._reply_to))
        return self._shown

    async def change(
        self, content: str, view: discord.ui.View | None, files: Sequence[OutgoingFile] | None
    ) -> MessageRef:
        """Edit it; `files` None leaves those it has."""
        if self._shown is None:
            return await self.create(content, view, files or ())
        await self._edit(self._shown, content, view, files)
        return self._shown

    async def append(self, content: str, view: discord.ui.View | None, files: Sequence[OutgoingFile]) -> MessageRef:
        """Post a further message, unless an earlier process did."""
        outbox, part = self.outbox, str(self._posts)
        if outbox is None:
            return ref_of(await self._post(content, view, files, None))
        sent = outbox.sent(part)
        if sent is None and outbox.may_be_sent(part):
            sent = await self._find(lambda message: message.content == content.strip())
        if sent is not None:
            await self._edit(sent, content, view, files)
            self._posts += 1
        else:
            await outbox.begin(part)
            sent = ref_of(await self._post(content, view, files, None))
        await outbox.done(part, sent)
        return sent

    async def speak(self, clip: VoiceClip, reply_to: MessageRef | None) -> MessageRef | None:
        """Post a voice message; None where there may be none."""

        async def send(reference: discord.MessageReference | None) -> MessageRef:
            return await send_voice_message(
                self._client.http,
                self.where.id,
                clip,
                reply_to=None if reference is None else reference.message_id,
                nonce=f"{self._job_id}.v",
                silent=self._is_silent,
            )

        if lacking(self.where, VOICE):
            return None
        outbox = self.outbox
        if outbox is not None:
            sent = outbox.sent(VOICE_PART)
            if sent is None and outbox.may_be_sent(VOICE_PART):
                sent = await self._find(lambda message: message.flags.voice)
            if sent is not None:
                await outbox.done(VOICE_PART, sent)
                return sent
            await outbox.begin(VOICE_PART)
        try:
            ref = await patiently(lambda: self._replying(send, reply_to))
        except discord.HTTPException as error:
            if error.code not in NOT_ALLOWED:
                raise
            return None
        if outbox is not None:
            await outbox.done(VOICE_PART, ref)
        return ref

    async def _find(self, is_it: Callable[[discord.Message], bool]) -> MessageRef | None:
        """A message of ours below the one of the job; None where there is none, or the history may not be read."""
        if self._shown is None or self._client.user is None or lacking(self.where, READ):
            return None
        after = discord.Object(self._shown.message_id)
        async for message in self.where.history(after=after, limit=_MESSAGES_LOOKED_AT):
            if message.author.id == self._client.user.id and is_it(message):
                return ref_of(message)
        return None

    @property
    def _is_silent(self) -> bool:
        return self._clock() - self._began > LONG_JOB_SECONDS

    async def _post(
        self,
        content: str,
        view: discord.ui.View | None,
        files: Sequence[OutgoingFile],
        reference: discord.MessageReference | None,
    ) -> discord.Message:
        if lacking(self.where, SEND):  # not tried, because Discord counts what it refuses
            raise missing_permission(self.where)
        options: dict[str, Any] = {} if view is None else {"view": view}
        if reference is not None:
            options["reference"] = reference

        async def send() -> discord.Message:
            attached = {"files": [file.opened() for file in files]} if files else {}
            return await self.where.send(
                content,
                mention_author=False,
                allowed_mentions=NO_MENTIONS,
                suppress_embeds=True,
                silent=self._is_silent,
                nonce=f"{self._job_id}.{self._posts}",
                **attached,
                **options,
            )

        message = await patiently(send)
        self._posts += 1
        if message.content != content.strip():  # posted under this number before, with other words
            await self._edit(ref_of(message), content, view, None)
        return message

    async def _edit(
        self, ref: MessageRef, content: str, view: discord.ui.View | None, files: Sequence[OutgoingFile] | None
    ) -> None:
        """Without naming its flags, so that previews stay off; the library would name them for a whole message."""
        message = self._client.get_partial_messageable(ref.channel_id).get_partial_message(ref.message_id)

        async def edit() -> None:
            options: dict[str, Any] = {} if files is None else {"attachments": [file.opened() for file in files]}
            await message.edit(content=content, view=view, allowed_mentions=NO_MENTIONS, **options)

        await patiently(edit)

    async def _replying(
        self, send: Callable[[discord.MessageReference | None], Awaitable[Sent]], to: MessageRef | None
    ) -> Sent:
        if to is None:
            return await send(None)
        reference = discord.MessageReference(
            message_id=to.message_id, channel_id=to.channel_id, fail_if_not_exists=False
        )
        try:
            return await send(reference)
        except discord.HTTPException as error:
            is_refused = error.code in (_NO_HISTORY, UNKNOWN_MESSAGE) or (
                error.code == _INVALID_FORM and "message_reference" in error.text
            )
            if not is_refused:
                raise
            return await send(None)
