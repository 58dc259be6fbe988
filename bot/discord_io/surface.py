"""The one place where one job shows itself: its message, what follows below, its voice, its failure."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol

import aiohttp
import discord

from bot.discord_io.channel_place import ChannelPlace
from bot.discord_io.identity import ref_of
from bot.discord_io.interaction_place import InteractionPlace
from bot.discord_io.outbox import Outbox
from bot.discord_io.parts import first
from bot.discord_io.permissions import REACT
from bot.discord_io.posting import OutgoingFile, pack
from bot.discord_io.safe_text import plain
from bot.discord_io.sealed import Seal
from bot.discord_io.wall import NO_PERMISSION, TOO_LARGE, UNKNOWN_MESSAGE, lacking, wall
from bot.domain.conversation import MessageRef
from bot.domain.errors import DeliveryError
from bot.domain.media import VoiceClip
from bot.locales import Catalogue

if TYPE_CHECKING:
    from discord.abc import MessageableChannel

log = logging.getLogger(__name__)

View = discord.ui.View | None

_REFUSED = "❌"
_LONGEST_FAILURE = 1_800


class Place(Protocol):
    """Where messages go; discord.py's errors pass through."""

    outbox: Outbox | None

    @property
    def where(self) -> object: ...

    @property
    def may_attach(self) -> bool: ...

    @property
    def most_bytes(self) -> int: ...

    async def create(self, content: str, view: View, files: Sequence[OutgoingFile], /) -> MessageRef: ...

    async def change(self, content: str, view: View, files: Sequence[OutgoingFile] | None, /) -> MessageRef: ...

    async def append(self, content: str, view: View, files: Sequence[OutgoingFile], /) -> MessageRef: ...

    async def speak(self, clip: VoiceClip, reply_to: MessageRef | None, /) -> MessageRef | None: ...


class Surface:
    """Shows one job at one place; calls wait for each other. Content is ours or made safe, and fits one message.

    Nobody is mentioned, nothing is previewed. Every method raises DeliveryError and nothing else of Discord's.
    """

    def __init__(self, place: Place, *, job_id: str, words: Catalogue, is_shown: bool = False) -> None:
        self._place = place
        self._job_id = job_id
        self._words = words
        self._is_shown = is_shown
        self._is_finished = False
        self._last: MessageRef | None = None
        self._busy = asyncio.Lock()

    def note_in(self, outbox: Outbox) -> None:
        """What is sent is noted there from now on."""
        self._place.outbox = outbox

    def sealed(self, seal: Seal) -> bytes | None:
        """What it takes to go on here after a restart; None: the place in the channel is enough."""
        return None

    @property
    def can_attach(self) -> bool:
        """Whether files may be sent, as far as known."""
        return self._place.may_attach

    async def show(self, content: str, *, view: View = None) -> MessageRef:
        """The message of the job: created at first, edited later. One that was deleted does not come back."""
        async with self._turn():
            if self._is_shown:
                self._last = await self._place.change(content, view, None)
            else:
                self._last = await self._place.create(content, view, ())
            self._is_shown = True
            return self._last

    async def finish(self, content: str, *, view: View = None, files: Sequence[OutgoingFile] = ()) -> MessageRef:
        """The last edit of that message; where it was deleted it is posted anew."""

        async def replace(content: str, files: Sequence[OutgoingFile]) -> MessageRef:
            if not self._is_shown:
                return await self._place.create(content, view, files)
            try:
                return await self._place.change(content, view, files)
            except discord.NotFound as error:
                if error.code != UNKNOWN_MESSAGE:
                    raise
                return await self._place.create(content, view, files)

        async with self._turn():
            self._last = await self._with_files(content, files, replace)
            self._is_shown = self._is_finished = True
            return self._last

    async def add(self, content: str = "", *, view: View = None, files: Sequence[OutgoingFile] = ()) -> MessageRef:
        """A further message below."""

        async def append(content: str, files: Sequence[OutgoingFile]) -> MessageRef:
            return await self._place.append(content, view, files)

        async with self._turn():
            self._last = await self._with_files(content, files, append)
            return self._last

    async def voice(self, clip: VoiceClip) -> MessageRef:
        """A voice message that replies to the last text; an ordinary file where there may be none."""
        async with self._turn():
            spoken = await self._place.speak(clip, self._last)
        if spoken is not None:
            return spoken
        return await self.add(files=[OutgoingFile(name="answer.ogg", data=clip.ogg)])

    async def fail(self, sentence: str) -> MessageRef:
        """What went wrong, instead of the progress; below the answer when there is one already."""
        job = self._words("Job {job}", job=self._job_id)
        content = f"⚠️ {first(plain(self._words.of(sentence)), _LONGEST_FAILURE)}\n-# {job}"
        return await (self.add(content) if self._is_finished else self.finish(content))

    @asynccontextmanager
    async def _turn(self) -> AsyncGenerator[None]:
        async with self._busy:
            with wall(self._place.where):
                yield

    async def _with_files(
        self,
        content: str,
        files: Sequence[OutgoingFile],
        send: Callable[[str, Sequence[OutgoingFile]], Awaitable[MessageRef]],
    ) -> MessageRef:
        """The words arrive even where the files may not."""
        place = self._place
        parcel = pack(content, files, self._words, may_attach=place.may_attach, most_bytes=place.most_bytes)
        try:
            ref = await send(parcel.content, parcel.files)
        except discord.HTTPException as error:
            is_too_large = error.code in TOO_LARGE or error.status == 413
            if not parcel.files or not (is_too_large or error.code in NO_PERMISSION):
                raise
            log.info("job %s: files refused (%d)", self._job_id, error.code)
            parcel = pack(content, files, self._words, may_attach=is_too_large, most_bytes=0)
            ref = await send(parcel.content, ())
        if parcel.rest:
            await place.append(parcel.rest, None, ())
        return ref


class MessageSurface(Surface):
    """Replies to the message that asked."""

    def __init__(
        self,
        message: discord.Message,
        *,
        client: discord.Client,
        job_id: str,
        words: Catalogue,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        place = ChannelPlace(
            message.channel, client=client, job_id=job_id, clock=clock, began=clock(), reply_to=ref_of(message)
        )
        super().__init__(place, job_id=job_id, words=words)
        self._asked = message

    async def fail(self, sentence: str) -> MessageRef:
        """What went wrong; where nothing may be said, a sign on the message that asked has to do."""
        try:
            return await super().fail(sentence)
        except DeliveryError as error:
            if error.code == "discord_missing_permission" and not lacking(self._asked.channel, REACT):
                await self._sign()
            raise

    async def _sign(self) -> None:
        try:
            await self._asked.add_reaction(_REFUSED)
        except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
            log.info("no sign was left either: %s", type(error).__name__)


class InteractionSurface(Surface):
    """Fills the deferred response of a command, button or modal; `ephemeral` as it was deferred.

    The life of its token is counted from here, where the interaction is not `seconds_old` already.
    """

    def __init__(
        self,
        interaction: discord.Interaction[Any],
        *,
        job_id: str,
        words: Catalogue,
        ephemeral: bool = False,
        seconds_old: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        began = clock() - seconds_old
        place = InteractionPlace(interaction, job_id=job_id, words=words, ephemeral=ephemeral, clock=clock, began=began)
        super().__init__(place, job_id=job_id, words=words)
        self._interaction = interaction
        self._ephemeral = ephemeral

    def sealed(self, seal: Seal) -> bytes:
        """The interaction, to be answered by a later process."""
        return seal.close(self._interaction, ephemeral=self._ephemeral)


class RestoredSurface(Surface):
    """Goes on after a restart with the message that was `shown`, else with a new one that replies to `reply_to`."""

    def __init__(
        self,
        channel: "MessageableChannel",
        *,
        client: discord.Client,
        job_id: str,
        words: Catalogue,
        shown: MessageRef | None = None,
        reply_to: MessageRef | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        place = ChannelPlace(
            channel, client=client, job_id=job_id, clock=clock, began=clock(), shown=shown, reply_to=reply_to
        )
        super().__init__(place, job_id=job_id, words=words, is_shown=shown is not None)
