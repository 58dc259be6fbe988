"""The notice in a voice channel's chat that the bot listens, with the buttons of consent, until it has left."""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Self

import discord

from bot.config import Settings
from bot.discord_io.receivers import hearers
from bot.discord_io.safe_text import plain
from bot.discord_io.surface import Surface
from bot.domain.conversation import MessageRef
from bot.domain.errors import BotError, DeliveryError
from bot.domain.voice_session import LeaveReason
from bot.locales import Catalogue

CHOSEN = "kibitz_hearing"
"""The event of the client that a press becomes: interaction, whether they want to be heard."""

log = logging.getLogger(__name__)

_MOST_NAMED = 25
_SECONDS_BETWEEN_EDITS = 3.0
_SECONDS_BETWEEN_POSTS = 20.0


class HearButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]], template=r"kibitz:hear:(?P<answer>yes|no)"
):
    """Yes or no to being heard; it works after a restart, and in every channel."""

    def __init__(self, *, is_given: bool, label: str | None = None) -> None:
        self._is_given = is_given
        super().__init__(
            discord.ui.Button(
                label=label,
                emoji="👂" if is_given else "🚫",
                style=discord.ButtonStyle.success if is_given else discord.ButtonStyle.secondary,
                custom_id=f"kibitz:hear:{'yes' if is_given else 'no'}",
            )
        )

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(is_given=match["answer"] == "yes")

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        interaction.client.dispatch(CHOSEN, interaction, self._is_given)


def notice_view(words: Catalogue) -> discord.ui.View:
    """The two answers."""
    view = discord.ui.View(timeout=None)
    view.add_item(HearButton(is_given=True, label=words("Hear me")))
    view.add_item(HearButton(is_given=False, label=words("Do not hear me")))
    return view


def notice_text(words: Catalogue, settings: Settings, heard: Sequence[int]) -> str:
    """What is heard, what becomes of it, and who is heard now."""
    named = " ".join(f"<@{person_id}>" for person_id in heard[:_MOST_NAMED])
    if len(heard) > _MOST_NAMED:
        named += " …"
    return "\n".join(
        [
            f"🎙️ **{words('I am listening in this channel.')}** "
            + words("I hear only people who press “Hear me”; the voice of everybody else is dropped unheard."),
            "-# "
            + words(
                "What I hear becomes text at once ({receivers}); no recording is kept. Questions and answers stay as "
                "text, here, for up to {days} days. /privacy says more.",
                receivers=hearers(words, settings),
                days=settings.data.keep_days,
            ),
            "-# " + words("Say “stop” or use /stop to silence me, /voice leave to send me away."),
            "👂 " + words("I hear: {people}", people=named or words("nobody yet")),
        ]
    )


def heard_line(words: Catalogue, *, is_given: bool) -> str:
    """What somebody reads who has chosen."""
    if is_given:
        return words(
            "I hear you from now on, in voice channels I was called to. “Do not hear me” or /voice consent no ends it "
            "at once."
        )
    return words("I do not hear you. What you say is dropped before it is decoded. /voice consent yes changes that.")


def moved_line(words: Catalogue, where: str) -> str:
    """What the notice becomes when a moderator took the bot elsewhere."""
    return "👋 " + words("I was taken to {channel} and do not listen here any more.", channel=where)


def left_line(words: Catalogue, settings: Settings, reason: LeaveReason, error: BotError | None = None) -> str:
    """What the notice becomes when the bot has left."""
    voice = settings.voice
    match reason:
        case LeaveReason.ALONE:
            why = words.plural(
                "I left, because nobody else was here for {n} second.",
                "I left, because nobody else was here for {n} seconds.",
                round(voice.alone_seconds),
            )
        case LeaveReason.IDLE:
            why = words.plural(
                "I left, because nobody spoke for {n} minute.",
                "I left, because nobody spoke for {n} minutes.",
                max(1, round(voice.idle_seconds / 60)),
            )
        case LeaveReason.REMOVED:
            why = words("I was taken out of the channel.")
        case LeaveReason.FAILED:
            broken = words("I left, because the connection broke and did not return.")
            why = plain(words.of(error.public)) if error else broken
        case LeaveReason.STOPPING:
            why = words("I left, because I am being restarted.")
        case LeaveReason.ASKED:
            why = words("I left, because I was asked to.")
    return f"👋 {why} " + words("I do not listen any more; /voice join brings me back.")


class NoticePost:
    """The message itself: kept up to date, and brought down again when somebody comes who has not seen it. `surface`
    makes the place of a further message, `text` says what holds now."""

    def __init__(
        self,
        surface: Callable[[], Surface],
        *,
        text: Callable[[], str],
        view: Callable[[], discord.ui.View],
        delete: Callable[[MessageRef], Awaitable[None]],
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._make = surface
        self._text = text
        self._view = view
        self._delete = delete
        self._spawn = spawn
        self._clock = clock
        self._sleep = sleep
        self._surface = surface()
        self._ref: MessageRef | None = None
        self._shown: str = ""
        self._changed_at = self._posted_at = clock()
        self._is_stale = self._is_unseen = False
        self._is_closed = False
        self._work: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Post it. Raises DeliveryError."""
        await self._post()

    def refresh(self) -> None:
        """Something it tells of may have changed."""
        self._is_stale = True
        self._go()

    def renew(self) -> None:
        """Somebody came who has not seen it: post it anew below, not too often."""
        self._is_unseen = True
        self._go()

    async def close(self, text: str) -> None:
        """The last edit. Raises DeliveryError."""
        self._is_closed = True
        if self._work is not None:
            self._work.cancel()
            await asyncio.wait({self._work})
        if self._ref is not None:
            await self._surface.finish(text)

    def _go(self) -> None:
        is_at_work = self._work is not None and not self._work.done()
        if not is_at_work and not self._is_closed and self._ref is not None:
            self._work = self._spawn(self._keep_up())

    async def _keep_up(self) -> None:
        try:
            while self._is_stale or self._is_unseen:
                now = self._clock()
                if self._is_unseen and now >= self._posted_at + _SECONDS_BETWEEN_POSTS:
                    await self._replace()
                elif self._is_stale and now >= self._changed_at + _SECONDS_BETWEEN_EDITS:
                    await self._edit()
                else:
                    await self._sleep(self._next_at() - now)
        except DeliveryError as error:
            log.info("the notice of a voice channel was not changed: %s", error.code)

    def _next_at(self) -> float:
        edit = self._changed_at + _SECONDS_BETWEEN_EDITS
        post = self._posted_at + _SECONDS_BETWEEN_POSTS
        return min([*([edit] if self._is_stale else []), *([post] if self._is_unseen else [])])

    async def _edit(self) -> None:
        self._is_stale = False
        text = self._text()
        if text != self._shown:
            self._changed_at = self._clock()
            self._shown = text
            await self._surface.show(text, view=self._view())

    async def _replace(self) -> None:
        """The new one first, so that there is always one."""
        before = self._ref
        self._surface = self._make()
        await self._post()
        if before is not None:
            await self._delete(before)

    async def _post(self) -> None:
        self._is_stale = self._is_unseen = False
        self._shown = self._text()
        self._changed_at = self._posted_at = self._clock()
        self._ref = await self._surface.show(self._shown, view=self._view())
