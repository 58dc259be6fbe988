"""Errors told to the person who used a command, a button or a form: one private sentence, whatever happened."""

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import discord

from bot.discord_io.posting import NO_MENTIONS
from bot.discord_io.safe_text import plain
from bot.domain.errors import BotError, QuotaError
from bot.domain.sentence import sentence
from bot.locales import catalogue
from bot.tally import Figure
from bot.tally import tell as count

log = logging.getLogger(__name__)


def unforeseen() -> BotError:
    """What people are told when the cause is nobody's business but the log's."""
    return BotError("unforeseen", "Something went wrong here. Ask again; if it stays so, tell whoever runs this bot.")


def said_of(error: BotError) -> str:
    """What people are told of it, with the time from which on it is different, where that is known."""
    if not isinstance(error, QuotaError) or error.resets_at is None:
        return error.public
    at = f"<t:{int(error.resets_at.timestamp())}:R>"
    return sentence("{what} The limit ends {at}.", what=error.public, at=at)


@asynccontextmanager
async def told(interaction: discord.Interaction[Any]) -> AsyncGenerator[None]:
    """Nothing that goes wrong inside leaves the person without a word."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever it was, the person is told, and the log has the cause
        await tell(interaction, error)


async def tell(interaction: discord.Interaction[Any], error: Exception) -> None:
    """One sentence that only this person sees."""
    if not isinstance(error, BotError):
        log.error("interaction %s failed", interaction.id, exc_info=error)
        error = unforeseen()
    else:
        log.info("interaction %s: %s", interaction.id, error.code)
    count(Figure.REFUSALS, label=error.code)
    said = f"⚠️ {plain(catalogue(interaction.locale.value).of(error.public))}"
    try:
        if interaction.response.is_done():
            await interaction.followup.send(said, ephemeral=True, allowed_mentions=NO_MENTIONS)
        else:
            await interaction.response.send_message(said, ephemeral=True, allowed_mentions=NO_MENTIONS)
    except (discord.DiscordException, aiohttp.ClientError, OSError) as lost:
        log.warning("interaction %s: the error could not be told: %s", interaction.id, type(lost).__name__)
