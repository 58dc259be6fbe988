"""Signing in and staying connected: patient with a Discord that is down, clear about what waiting will not mend."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import aiohttp
import discord

from bot.discord_io.client import KibitzClient
from bot.discord_io.refusals import closed, disallowed_intents, refused, unreachable, wrong_token

_log = logging.getLogger(__name__)

PAUSES_SECONDS: tuple[float, ...] = (1, 2, 4, 8, 15, 30, 60, 60, 60)
"""Between attempts to sign in."""

_WRONG_TOKEN = 4004
_DISALLOWED_INTENTS = 4014
_UNREACHABLE = (aiohttp.ClientError, OSError, discord.GatewayNotFound, discord.RateLimited)


async def stay_connected(
    client: KibitzClient, token: str, *, on_login: Callable[[], None], pauses: tuple[float, ...] = PAUSES_SECONDS
) -> None:
    """Sign in and serve until the client is closed. Raises BotError when Discord refuses or does not answer.

    `on_login` is called once Discord has said who the bot is. Once connected, the library reconnects by itself.
    """
    try:
        await _patiently(lambda: _sign_in(client, token), pauses)
        on_login()
        await _patiently(client.connect, pauses)
    except discord.LoginFailure as error:
        raise wrong_token() from error
    except discord.PrivilegedIntentsRequired as error:
        raise disallowed_intents() from error
    except discord.ConnectionClosed as error:
        if error.code == _WRONG_TOKEN:
            raise wrong_token() from error
        if error.code == _DISALLOWED_INTENTS:
            raise disallowed_intents() from error
        raise closed(error.code) from error
    except discord.HTTPException as error:
        raise refused(error.status) from error


async def _sign_in(client: KibitzClient, token: str) -> None:
    """Whatever an earlier attempt left open is closed first; the library makes its connector only once."""
    await client.http.close()
    client.http.connector = discord.utils.MISSING
    await client.login(token)


async def _patiently(work: Callable[[], Awaitable[None]], pauses: tuple[float, ...]) -> None:
    for pause in (*pauses, None):
        try:
            return await work()
        except (*_UNREACHABLE, discord.HTTPException) as error:
            if isinstance(error, discord.HTTPException) and not _will_pass(error):
                raise
            if pause is None:
                raise unreachable() from error
            _log.warning("Discord cannot be reached (%s); next attempt in %g s", type(error).__name__, pause)
        await asyncio.sleep(pause)
    return None


def _will_pass(error: discord.HTTPException) -> bool:
    return error.status == 429 or error.status >= 500
