"""A place that writes down what is shown, and when, in virtual time."""

import asyncio
from collections.abc import Sequence
from typing import Any

import discord

from bot.discord_io.posting import OutgoingFile
from bot.discord_io.surface import Surface
from bot.domain.conversation import MessageRef
from bot.domain.media import VoiceClip
from bot.locales import catalogue


class VirtualTime:
    """A clock that stands still until it is told to go on; who sleeps wakes in order."""

    def __init__(self) -> None:
        self.now = 100.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now + seconds, woken))
        await woken

    async def advance(self, seconds: float) -> None:
        end = self.now + seconds
        await self.settle()
        while due := sorted((at, id(woken), woken) for at, woken in self._sleepers if at <= end and not woken.done()):
            self.now = due[0][0]
            due[0][2].set_result(None)
            await self.settle()
        self.now = end
        await self.settle()

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)


class RecordingPlace:
    """Errors in the lists are raised by the next calls of that kind, one each."""

    where = None
    may_attach = True
    most_bytes = 10 * 1024 * 1024

    def __init__(self, time: VirtualTime | None = None) -> None:
        self.time = time or VirtualTime()
        self.done: list[tuple[float, str, str]] = []
        self.files: list[OutgoingFile] = []
        self.views: list[discord.ui.View | None] = []
        self.fails_with: list[Exception] = []
        self.append_fails_with: list[Exception] = []
        self.speak_fails_with: list[Exception] = []
        self.clips: list[tuple[VoiceClip, MessageRef | None]] = []
        self.can_speak = True
        self.gate: asyncio.Event | None = None

    @property
    def shown(self) -> list[str]:
        return [content for _at, _what, content in self.done]

    async def create(self, content: str, view: Any, files: Sequence[OutgoingFile]) -> MessageRef:
        return await self._note("create", content, view, files)

    async def change(self, content: str, view: Any, files: Sequence[OutgoingFile] | None) -> MessageRef:
        await self._note("change", content, view, files or ())
        return MessageRef(channel_id=1, message_id=1)

    async def append(self, content: str, view: Any, files: Sequence[OutgoingFile]) -> MessageRef:
        self._raise(self.append_fails_with)
        return await self._note("append", content, view, files)

    async def speak(self, clip: VoiceClip, reply_to: MessageRef | None) -> MessageRef | None:
        self._raise(self.speak_fails_with)
        self.clips.append((clip, reply_to))
        return MessageRef(channel_id=1, message_id=99) if self.can_speak else None

    async def _note(self, what: str, content: str, view: Any, files: Sequence[OutgoingFile]) -> MessageRef:
        if self.gate is not None:
            await self.gate.wait()
        self._raise(self.fails_with)
        self.done.append((self.time.now - 100.0, what, content))
        self.views.append(view)
        self.files += files
        return MessageRef(channel_id=1, message_id=sum(kind != "change" for _at, kind, _content in self.done))

    def _raise(self, errors: list[Exception]) -> None:
        if errors:
            raise errors.pop(0)


def surface_on(place: RecordingPlace, locale: str | None = None) -> Surface:
    return Surface(place, job_id="0123456789ab", words=catalogue(locale))
