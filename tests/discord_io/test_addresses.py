"""Addresses: discord.py goes where the settings say, also when Discord names another place."""

from collections.abc import Iterator

import pytest
from discord.gateway import DiscordWebSocket
from discord.http import INTERNAL_API_VERSION, Route, _set_api_version
from yarl import URL

from bot.config import DiscordSettings
from bot.discord_io.addresses import launch_address, origin_of, origins_of, resume_address, use_addresses

DISCORD = URL("wss://gateway.discord.gg/")
NAMED = URL("wss://gateway-us-east1-b.discord.gg")
OURS = URL("ws://127.0.0.1:8080/gateway")


@pytest.fixture(autouse=True)
def library() -> Iterator[None]:
    """The library's own addresses come back after each test."""
    kept = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    yield
    Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = kept


def test_the_defaults_are_those_of_the_library() -> None:
    _set_api_version(INTERNAL_API_VERSION)
    own = Route.BASE
    use_addresses(DiscordSettings())
    assert own == Route.BASE
    assert DiscordWebSocket.DEFAULT_GATEWAY == DISCORD


def test_the_library_goes_where_the_settings_say() -> None:
    use_addresses(DiscordSettings(api_url="http://127.0.0.1:8080/api/v10", gateway_url=str(OURS)))
    assert Route("GET", "/users/{id}", id=1).url == "http://127.0.0.1:8080/api/v10/users/1"
    assert DiscordWebSocket.DEFAULT_GATEWAY == OURS


def test_discord_names_its_gateway_and_a_configured_one_wins() -> None:
    assert launch_address(NAMED, DISCORD) == NAMED
    assert launch_address(NAMED, OURS) == OURS


def test_a_session_is_resumed_where_discord_says_but_not_past_a_configured_gateway() -> None:
    assert resume_address(NAMED, DISCORD) == NAMED
    assert resume_address(NAMED, OURS) == OURS
    same_host = URL("ws://127.0.0.1:8080/resume")
    assert resume_address(same_host, OURS) == same_host


def test_a_host_means_https_and_an_origin_itself() -> None:
    origins = origins_of(("cdn.discordapp.com", "http://127.0.0.1:8081", "https://cdn.example:8443"))
    assert origins == {
        ("https", "cdn.discordapp.com", 443),
        ("http", "127.0.0.1", 8081),
        ("https", "cdn.example", 8443),
    }
    assert origin_of("https://CDN.discordapp.com:443/attachments/1") == ("https", "cdn.discordapp.com", 443)


@pytest.mark.parametrize(
    "url", ["", "cdn.discordapp.com/a", "file:///a", "https://user:word@host/", "https://host:0x/"]
)
def test_what_is_no_plain_web_address_has_no_origin(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        origin_of(url)
