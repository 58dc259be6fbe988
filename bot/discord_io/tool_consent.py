"""Calls of tools that change something outside of a conversation: the person who asked sees each and decides."""

import json
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

import discord

from bot.discord_io.confirmation import PressButton
from bot.discord_io.gatekeeper import admit
from bot.discord_io.parts import LIMIT, first, length
from bot.discord_io.posting import NO_MENTIONS
from bot.discord_io.safe_text import safe
from bot.discord_io.surface import Surface
from bot.discord_io.telling import told
from bot.domain.answer import WantedCall
from bot.domain.errors import BotError, DeliveryError
from bot.locales import Catalogue

log = logging.getLogger(__name__)

Interaction = discord.Interaction[Any]
CarryOut = Callable[[WantedCall], Awaitable[str]]

DECIDED_WITHIN_SECONDS = 15 * 60.0
_KNOWN_SECONDS = 6 * 3600.0  # whoever decides later is told that it is too late
_LONGEST_RESULT = 1_500


async def offer_calls(
    wanted: Sequence[WantedCall],
    *,
    surface: Surface,
    words: Catalogue,
    asker_id: int,
    carry_out: CarryOut,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """A message with two buttons for each. One that cannot be posted is a call that is not made."""
    for call in wanted:
        question = words("{tool} would change something outside of this conversation. Shall I?", tool=_name(call))
        asked = f"⚠️ {question}\n{_arguments(call)}".rstrip()
        if length(asked) > LIMIT:
            log.warning("a call was not offered: its arguments do not fit one message")
            continue
        view = _Consent(call, words, asker_id, carry_out, clock)
        try:
            await surface.add(asked, view=view)
        except DeliveryError as error:
            view.stop()
            log.warning("a call was not offered: %s", error.code)


class _Consent(discord.ui.View):
    """Answers to the person who asked, once."""

    def __init__(
        self, call: WantedCall, words: Catalogue, asker_id: int, carry_out: CarryOut, clock: Callable[[], float]
    ) -> None:
        super().__init__(timeout=_KNOWN_SECONDS)
        self._call = call
        self._words = words
        self._asker_id = asker_id
        self._carry_out = carry_out
        self._clock = clock
        self._began = clock()
        self._is_decided = False
        self.add_item(PressButton(words("Do it"), discord.ButtonStyle.danger, self.agree))
        self.add_item(PressButton(words("Leave it"), discord.ButtonStyle.secondary, self.refuse))

    async def interaction_check(self, interaction: Interaction, /) -> bool:
        """Others are told so; a second press has no effect."""
        async with told(interaction):
            if interaction.user.id != self._asker_id:
                raise BotError("not_asker", "Only the person who asked can decide that.")
            if not self._is_decided:
                return True
            await interaction.response.defer()
        return False

    async def agree(self, interaction: Interaction) -> None:
        async with told(interaction):
            await admit(interaction)
            self._is_decided = True
            self.stop()
            if self._clock() - self._began > DECIDED_WITHIN_SECONDS:
                await self._end(interaction, self._words("That was too long ago, so nothing was done. Ask again."))
                return
            doing = self._words("Calling {tool}…", tool=_name(self._call))
            await interaction.response.edit_message(content=f"⏳ {doing}", view=None, allowed_mentions=NO_MENTIONS)
            try:
                said = safe(await self._carry_out(self._call))
            except BotError as error:
                log.warning("a call that was agreed to failed: %s", error.code)
                said = self._words("{tool} failed. It may or may not have been done.", tool=_name(self._call))
                content = f"⚠️ {said}"
            else:
                done = self._words("{tool} was called.", tool=_name(self._call))
                content = f"✅ {done}\n{first(said, _LONGEST_RESULT)}"
            await interaction.edit_original_response(content=content, allowed_mentions=NO_MENTIONS)

    async def refuse(self, interaction: Interaction) -> None:
        async with told(interaction):
            self._is_decided = True
            self.stop()
            await self._end(interaction, self._words("{tool} was not called.", tool=_name(self._call)))

    async def _end(self, interaction: Interaction, said: str) -> None:
        await interaction.response.edit_message(content=said, view=None, allowed_mentions=NO_MENTIONS)


def _name(call: WantedCall) -> str:
    return f"**{safe(call.tool)}**"


def _arguments(call: WantedCall) -> str:
    """Everything that would be sent, word for word, a line for each."""
    given = cast("dict[str, object]", json.loads(call.arguments))
    lines = [f"{name}: {_value(value)}" for name, value in given.items()]
    return "\n".join(f"- {safe(' '.join(line.split()))}" for line in lines)


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
