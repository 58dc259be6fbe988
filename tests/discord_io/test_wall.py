"""Whatever discord.py raises leaves this room as one kind of error, with words a person can use."""

from types import SimpleNamespace
from typing import Any

import aiohttp
import discord
import pytest

from bot.discord_io.wall import wall
from bot.domain.errors import DeliveryError


def refusal(status: int, code: int = 0) -> discord.HTTPException:
    response: Any = SimpleNamespace(status=status, reason="")
    return discord.HTTPException(response, {"code": code, "message": "secret words"})


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (refusal(403, 50013), "discord_missing_permission"),
        (refusal(403, 50001), "discord_missing_permission"),
        (refusal(400, 160002), "discord_missing_permission"),
        (refusal(403, 50007), "discord_missing_permission"),
        (refusal(403), "discord_missing_permission"),
        (refusal(403, 200000), "discord_refused"),
        (refusal(403, 240000), "discord_refused"),
        (refusal(404, 10008), "discord_gone"),
        (refusal(404, 10003), "discord_gone"),
        (refusal(404), "discord_gone"),
        (refusal(401, 50027), "discord_gone"),
        (refusal(400, 50083), "discord_gone"),
        (refusal(413), "discord_too_large"),
        (refusal(400, 40005), "discord_too_large"),
        (refusal(429), "discord_down"),
        (refusal(503), "discord_down"),
        (discord.RateLimited(90.0), "discord_down"),
        (aiohttp.ServerDisconnectedError(), "discord_down"),
        (TimeoutError(), "discord_down"),
        (refusal(400, 50035), "discord_refused"),
        (refusal(401), "discord_refused"),
    ],
)
def test_every_error_has_a_code_and_the_cause(error: Exception, code: str) -> None:
    with pytest.raises(DeliveryError) as caught, wall():
        raise error
    assert caught.value.code == code
    assert caught.value.__cause__ is error
    assert "secret words" not in str(caught.value)


def test_what_may_be_missing_is_named_where_nothing_is_known() -> None:
    with pytest.raises(DeliveryError) as caught, wall():
        raise refusal(403, 50013)
    assert "View Channels, Send Messages" in caught.value.public


def test_our_own_errors_and_mistakes_pass() -> None:
    for error in (DeliveryError("discord_gone", "Gone."), KeyError("mistake")):
        with pytest.raises(type(error)) as caught, wall():
            raise error
        assert caught.value is error
