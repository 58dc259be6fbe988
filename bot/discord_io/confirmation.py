"""A question before what cannot be undone or wants care: what will happen, a red button, a way back; then what did."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import discord

from bot.discord_io.posting import NO_MENTIONS
from bot.discord_io.telling import told
from bot.locales import Catalogue

log = logging.getLogger(__name__)

Interaction = discord.Interaction[Any]

_WAITS_SECONDS = 120.0


async def confirm(
    interaction: Interaction,
    words: Catalogue,
    *,
    question: str,
    label: str,
    work: Callable[[], Awaitable[str]],
    back: str | None = None,
) -> None:
    """Ask privately, in place of "… is thinking"; `work` is done when they agree, and gives what is said then. `back`
    None: what goes is kept."""
    view = _Confirmation(interaction, words, label, work, back or words("Keep it"))
    await interaction.edit_original_response(content=f"⚠️ {question}", view=view, allowed_mentions=NO_MENTIONS)


class _Confirmation(discord.ui.View):
    """Answers to the person who was asked, once."""

    def __init__(
        self, asked: Interaction, words: Catalogue, label: str, work: Callable[[], Awaitable[str]], back: str
    ) -> None:
        super().__init__(timeout=_WAITS_SECONDS)
        self._asked = asked
        self._words = words
        self._work = work
        self._is_decided = False
        self.add_item(PressButton(label, discord.ButtonStyle.danger, self.agree))
        self.add_item(PressButton(back, discord.ButtonStyle.secondary, self.refuse))

    async def interaction_check(self, interaction: Interaction, /) -> bool:
        """A second press, or somebody else's, has no effect."""
        if interaction.user.id == self._asked.user.id and not self._is_decided:
            return True
        await interaction.response.defer()
        return False

    async def agree(self, interaction: Interaction) -> None:
        async with told(interaction):
            self._is_decided = True
            await interaction.response.defer()
            try:
                said = await self._work()
            except BaseException:
                self._is_decided = False
                raise
            self.stop()
            await interaction.edit_original_response(content=said, view=None, allowed_mentions=NO_MENTIONS)

    async def refuse(self, interaction: Interaction) -> None:
        async with told(interaction):
            self._is_decided = True
            self.stop()
            await interaction.response.edit_message(content=self._words("Nothing was changed."), view=None)

    async def on_timeout(self) -> None:
        said = self._words("Nothing was changed: there was no answer in time. Use the command again.")
        try:
            await self._asked.edit_original_response(content=said, view=None)
        except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
            log.info("a confirmation that ran out was not edited: %s", type(error).__name__)


class PressButton(discord.ui.Button[discord.ui.View]):
    """Calls `pressed` when it is; whoever may press is the view's business."""

    def __init__(
        self, label: str, style: discord.ButtonStyle, pressed: Callable[[Interaction], Awaitable[None]]
    ) -> None:
        super().__init__(label=label, style=style)
        self._pressed = pressed

    async def callback(self, interaction: Interaction) -> None:
        await self._pressed(interaction)
