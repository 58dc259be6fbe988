"""Attachments: which a message has, and their bytes from Discord's hosts into a file of ours."""

import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from enum import Enum, auto
from pathlib import Path
from typing import BinaryIO

import aiohttp
import discord
from yarl import URL

from bot.config import Settings
from bot.discord_io.addresses import Origin, origin_of, origins_of
from bot.discord_io.made_clip import AttachmentWithFacts
from bot.domain.conversation import MediaSource
from bot.domain.errors import MediaError
from bot.domain.sentence import sentence
from bot.media.workspace import no_room

ReadAgain = Callable[[MediaSource], Awaitable[MediaSource | None]]

_TIMES = aiohttp.ClientTimeout(total=60, connect=5, sock_read=15)
_HEADERS = {"Accept-Encoding": "identity"}
_BLOCK_BYTES = 2**16
_TRIES = 2


def sources_of(message: discord.Message) -> tuple[MediaSource, ...]:
    """Every attachment of a message, those it forwards included; what they are shows when they are opened."""
    attachments = [*message.attachments, *(each for shot in message.message_snapshots for each in shot.attachments)]
    return tuple(
        source_of(each, channel_id=message.channel.id, message_id=message.id, author_id=message.author.id)
        for each in attachments
    )


def source_of(attachment: discord.Attachment, *, channel_id: int, message_id: int = 0, author_id: int) -> MediaSource:
    """One attachment; without `message_id` it belongs to a command, and there is no message to read it from again."""
    has_facts = isinstance(attachment, AttachmentWithFacts)
    return MediaSource(
        channel_id=channel_id,
        message_id=message_id,
        attachment_id=attachment.id,
        url=attachment.url,
        size_bytes=attachment.size,
        is_voice_message=attachment.is_voice_message(),
        author_id=author_id,
        participants=attachment.participants if has_facts else (),
        game=attachment.game if has_facts else "",
    )


async def read_again(client: discord.Client, source: MediaSource) -> MediaSource | None:
    """The same attachment with a fresh address; None where its message is gone or hidden."""
    if not source.message_id:
        return None
    try:
        message = await client.get_partial_messageable(source.channel_id).fetch_message(source.message_id)
    except (discord.NotFound, discord.Forbidden):
        return None
    except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
        raise unavailable() from error
    return next((each for each in sources_of(message) if each.attachment_id == source.attachment_id), None)


class AttachmentFetcher:
    """Downloads attachments; what a server or a message says of them is believed only as far as it is safe."""

    def __init__(
        self, session: aiohttp.ClientSession, *, origins: frozenset[Origin], max_bytes: int, read_again: ReadAgain
    ) -> None:
        self._session = session
        self._origins = origins
        self._max_bytes = max_bytes
        self._read_again = read_again

    async def fetch(self, source: MediaSource, folder: Path) -> Path:
        """Save the attachment in `folder`, for our eyes only, under a name of ours. Raises MediaError."""
        if source.size_bytes > self._max_bytes:
            raise self._too_large()
        path = folder / f"clip-{source.attachment_id}"
        try:
            await self._save(source, path)
        except MediaError:
            path.unlink(missing_ok=True)
            raise
        return path

    async def _save(self, source: MediaSource, path: Path) -> None:
        end = await self._try(source.url, path)
        if end is _End.EXPIRED:
            fresh = await self._read_again(source)
            end = _End.EXPIRED if fresh is None else await self._try(fresh.url, path)
        if end is _End.EXPIRED:
            raise MediaError(
                "media_expired",
                "Discord no longer hands out this file: its message was deleted, or its link has expired. "
                "Post the file again.",
            )

    async def _try(self, url: str, path: Path) -> "_End":
        """One download, begun anew once when the connection breaks."""
        self._check_host(url)
        for attempt in range(_TRIES):
            is_last = attempt == _TRIES - 1
            try:
                return await self._download(url, path)
            except aiohttp.ClientPayloadError as error:
                if is_last:
                    raise MediaError(
                        "media_cut_off", "The file could not be downloaded to its end. Try again in a minute."
                    ) from error
            except (aiohttp.ClientError, TimeoutError, _ServerFailedError) as error:
                if is_last:
                    raise unavailable() from error
        raise AssertionError("the last attempt returns or raises")

    def _check_host(self, url: str) -> None:
        try:
            is_known = origin_of(url) in self._origins
        except ValueError:
            is_known = False
        if not is_known:
            raise MediaError(
                "media_host_refused",
                "This file does not lie on Discord's own servers, so it was not opened. Post it as an attachment.",
            )

    async def _download(self, url: str, path: Path) -> "_End":
        async with self._session.get(URL(url, encoded=True), headers=_HEADERS, allow_redirects=False) as response:
            if response.status in {403, 404, 410}:
                return _End.EXPIRED
            if response.status != 200:
                raise _ServerFailedError
            if (response.content_length or 0) > self._max_bytes:
                raise self._too_large()
            size = 0
            with _saving(path) as file:
                async for block in response.content.iter_chunked(_BLOCK_BYTES):
                    size += len(block)
                    if size > self._max_bytes:
                        raise self._too_large()
                    file.write(block)
        return _End.SAVED

    def _too_large(self) -> MediaError:
        return MediaError(
            "media_too_large",
            sentence("The file is larger than {limit:g} MiB; send a shorter clip.", limit=self._max_bytes / 2**20),
        )


@asynccontextmanager
async def open_fetcher(settings: Settings, read_again: ReadAgain) -> AsyncGenerator[AttachmentFetcher]:
    """A fetcher with connections of its own, apart from those that carry the token."""
    async with aiohttp.ClientSession(
        timeout=_TIMES, trust_env=False, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        yield AttachmentFetcher(
            session,
            origins=origins_of(settings.discord.cdn_hosts),
            max_bytes=round(settings.media.max_megabytes * 2**20),
            read_again=read_again,
        )


class _End(Enum):
    SAVED = auto()
    EXPIRED = auto()


class _ServerFailedError(Exception):
    """A status that is neither the file nor its end."""


@contextmanager
def _saving(path: Path) -> Generator[BinaryIO]:
    """The file, empty, readable by this user alone."""
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
            yield file
    except (aiohttp.ClientError, TimeoutError):
        raise  # from the network, although some of them are OSErrors
    except OSError as error:
        raise no_room() from error


def unavailable() -> MediaError:
    """Discord does not answer, or not with the file."""
    return MediaError("media_unavailable", "Discord did not hand out this file. Try again in a minute.")
