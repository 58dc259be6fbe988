"""Sending again what Discord dropped; the library does that for some failures only."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import aiohttp
import discord

Sent = TypeVar("Sent")

_PAUSES_SECONDS = (0.5, 1.5, 4.5)
_UNAVAILABLE = 503


async def patiently(send: Callable[[], Awaitable[Sent]], *, shows_once: bool = True) -> Sent:
    """What `send` gives, at the latest of four attempts; what it raises then passes through.

    `shows_once` False: sent twice it would be seen twice, so it is not when only the receipt may have been lost.
    """
    for pause in _PAUSES_SECONDS:
        try:
            return await send()
        except discord.DiscordServerError as error:
            if error.status != _UNAVAILABLE:
                raise
        except (aiohttp.ClientError, OSError):
            if not shows_once:
                raise
        await asyncio.sleep(pause)
    return await send()
