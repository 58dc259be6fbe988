"""The token: asked for once, and what keeps the bot from starting is said before it starts."""

import pytest

from bot.config import DiscordSettings
from bot.discord_io.token_check import check_token
from bot.domain.errors import BotError
from tests.simulator.discord_server import DiscordServer


async def refused(settings: DiscordSettings, token: str) -> str:
    with pytest.raises(BotError) as caught:
        await check_token(settings, token)
    assert token not in caught.value.public
    return caught.value.code


async def test_a_good_token_passes_with_one_request() -> None:
    async with DiscordServer() as server:
        await check_token(DiscordSettings(api_url=server.api_url), server.token)
        assert len(server.requests) == 1
        assert not server.gateway.identifies


async def test_a_wrong_token() -> None:
    async with DiscordServer() as server:
        assert await refused(DiscordSettings(api_url=server.api_url), "canary") == "discord_token"


@pytest.mark.parametrize("allowed", [True, False])
async def test_the_switch_in_the_portal_is_looked_at_where_it_is_needed(allowed: bool) -> None:
    async with DiscordServer(message_content_allowed=allowed) as server:
        settings = DiscordSettings(api_url=server.api_url, message_content=True)
        if allowed:
            await check_token(settings, server.token)
        else:
            assert await refused(settings, server.token) == "discord_intents"
            await check_token(DiscordSettings(api_url=server.api_url), server.token)


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [(503, None, "discord_sign_in_refused"), (0, None, "discord_unreachable"), (200, b"<html>", "discord_unreachable")],
)
async def test_somebody_else_at_the_address(status: int, body: bytes | None, code: str) -> None:
    async with DiscordServer() as server:
        server.fail("applications/@me", status=status, body=body, times=9)
        assert await refused(DiscordSettings(api_url=server.api_url), server.token) == code


async def test_nobody_at_the_address() -> None:
    assert await refused(DiscordSettings(api_url="http://127.0.0.1:9/api/v10"), "canary") == "discord_unreachable"
