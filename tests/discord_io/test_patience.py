"""What Discord drops is sent again, but never so that it could be seen twice."""

from types import SimpleNamespace
from typing import Any

import aiohttp
import discord
import pytest

from bot.discord_io import patience
from bot.discord_io.patience import patiently


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_PAUSES_SECONDS", (0, 0, 0))


class Sending:
    """Fails so many times, then is done; counts."""

    def __init__(self, error: Exception, *, failures: int) -> None:
        self.attempts = 0
        self._error = error
        self._failures = failures

    async def __call__(self) -> str:
        self.attempts += 1
        if self.attempts <= self._failures:
            raise self._error
        return "done"


def answered(status: int) -> discord.HTTPException:
    response: Any = SimpleNamespace(status=status, reason="")
    return (discord.DiscordServerError if status >= 500 else discord.HTTPException)(response, "")


@pytest.mark.parametrize("error", [answered(503), aiohttp.ServerDisconnectedError(), ConnectionResetError(104, "")])
async def test_it_is_sent_four_times_at_most(error: Exception) -> None:
    sending = Sending(error, failures=3)
    assert await patiently(sending) == "done"
    assert sending.attempts == 4
    sending = Sending(error, failures=4)
    with pytest.raises(type(error)):
        await patiently(sending)
    assert sending.attempts == 4


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500, 502])
async def test_what_the_library_repeats_or_nobody_should_is_not_sent_again(status: int) -> None:
    """The library itself sends again after 429, 500, 502 and 504."""
    sending = Sending(answered(status), failures=1)
    with pytest.raises(discord.HTTPException):
        await patiently(sending)
    assert sending.attempts == 1


async def test_what_may_have_arrived_is_not_sent_again_where_it_would_be_seen_twice() -> None:
    sending = Sending(aiohttp.ServerDisconnectedError(), failures=1)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await patiently(sending, shows_once=False)
    assert sending.attempts == 1
    sending = Sending(answered(503), failures=1)
    assert await patiently(sending, shows_once=False) == "done"
