"""The wall of this room: what discord.py raises becomes a DeliveryError, with the permission to grant or what to do."""

import logging
from collections.abc import Generator
from contextlib import contextmanager

import aiohttp
import discord

from bot.discord_io.permissions import WRITE, listed, missing_in, missing_of
from bot.domain.errors import DeliveryError
from bot.domain.sentence import sentence

log = logging.getLogger(__name__)

UNKNOWN_MESSAGE = 10008
TOO_LARGE = frozenset({40005, 50045})
NO_PERMISSION = frozenset({50001, 50013, 160002})
_GONE = frozenset({10003, UNKNOWN_MESSAGE, 10015, 10062, 50027, 50083})
_CANNOT_WRITE_TO_PERSON = frozenset({50007, 50278})
_WORDS_REFUSED = frozenset({20009, 200000, 200001, 240000})  # by AutoMod and other filters
_AT_LEAST = discord.Permissions(view_channel=True, send_messages=True)
_LIBRARY = (discord.DiscordException, aiohttp.ClientError, OSError)


@contextmanager
def wall(where: object = None) -> Generator[None]:
    """Raises DeliveryError for whatever goes wrong at Discord; `where` is the channel, for the permission it lacks."""
    try:
        yield
    except _LIBRARY as error:
        raise _translated(error, where) from error


def lacking(where: object, wanted: discord.Permissions) -> bool:
    """Whether the bot is known to lack one of these here; False where nothing is known."""
    try:
        return bool(missing_in(where, wanted=wanted))
    except discord.ClientException:  # a thread whose channel was never seen
        return False


def _translated(error: Exception, where: object) -> DeliveryError:
    if not isinstance(error, discord.HTTPException) or error.status >= 500 or error.status == 429:
        return DeliveryError("discord_down", "Discord did not answer. Try again in a minute.")
    if error.code in _CANNOT_WRITE_TO_PERSON:
        return DeliveryError(
            "discord_missing_permission",
            "I may not write to you directly. Allow direct messages in the privacy settings of a server we share.",
        )
    if error.code in NO_PERMISSION:
        return missing_permission(where)
    if error.code in _GONE or error.status == 404:
        return DeliveryError("discord_gone", "The place for this answer is no longer there. Ask again.")
    if error.code in TOO_LARGE or error.status == 413:
        return DeliveryError("discord_too_large", "This is larger than Discord takes here. Ask for less at once.")
    if error.status == 403 and error.code not in _WORDS_REFUSED:
        return missing_permission(where)
    log.warning("Discord refused a message: status %d, code %d", error.status, error.code)
    return _refused()


def missing_permission(where: object) -> DeliveryError:
    """Names what the bot lacks in a channel to write there, and who can grant it."""
    try:
        names = missing_in(where, wanted=WRITE)
    except discord.ClientException:
        names = ()
    return DeliveryError(
        "discord_missing_permission",
        sentence(
            "I lack a permission here: {permissions}. Someone who manages this server can grant it in the settings of "
            "the channel, under Permissions.",
            permissions=listed(names or missing_of(discord.Permissions.none(), _AT_LEAST)),
        ),
    )


def _refused() -> DeliveryError:
    return DeliveryError(
        "discord_refused", "Discord refused this message. Ask again, or tell whoever runs this bot the job number."
    )
