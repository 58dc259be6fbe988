"""Whether Discord knows the token, and lets the bot read what the settings ask for; asked without signing in."""

import aiohttp
from pydantic import BaseModel, ValidationError

from bot.config import DiscordSettings
from bot.discord_io.refusals import disallowed_intents, refused, unreachable, wrong_token

_MESSAGE_CONTENT = 1 << 18 | 1 << 19  # switched on, for a verified application and for a small one
_TIMES = aiohttp.ClientTimeout(total=15)


class _Application(BaseModel):
    flags: int = 0


async def check_token(settings: DiscordSettings, token: str) -> None:
    """One request. Raises BotError for what keeps the bot from starting."""
    headers = {"Authorization": f"Bot {token}"}
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMES) as session,
            session.get(f"{settings.api_url}/oauth2/applications/@me", headers=headers) as response,
        ):
            if response.status == 401:
                raise wrong_token()
            if response.status != 200:
                raise refused(response.status)
            flags = _Application.model_validate_json(await response.read()).flags
    except (aiohttp.ClientError, OSError, ValidationError) as error:
        raise unreachable() from error
    if settings.message_content and not flags & _MESSAGE_CONTENT:
        raise disallowed_intents()
