"""Where Discord is: discord.py and the download of attachments are pointed at the configured addresses."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from discord.gateway import DiscordWebSocket
from discord.http import Route
from yarl import URL

from bot.config import DiscordSettings

Origin = tuple[str, str, int]
"""Scheme, host and port."""

_PORTS = {"https": 443, "http": 80}


def use_addresses(settings: DiscordSettings) -> None:
    """Point discord.py at the API and the gateway, for the whole process: the library keeps both at its classes."""
    Route.BASE = settings.api_url
    DiscordWebSocket.DEFAULT_GATEWAY = URL(settings.gateway_url)


def launch_address(told: URL, configured: URL) -> URL:
    """Where a shard connects first. The configured gateway wins over what the API names, unless it is the default."""
    return told if configured == _default_gateway() else configured


def resume_address(told: URL, configured: URL) -> URL:
    """Where a session is resumed.

    Discord names a host of its own for that. Behind a proxy this host may be out of reach, and going there would
    pass the proxy by; so with a configured gateway only a host that is the same is believed.
    """
    if configured == _default_gateway() or told.host == configured.host:
        return told
    return configured


def _default_gateway() -> URL:
    return URL(str(DiscordSettings.model_fields["gateway_url"].default))


def origins_of(hosts: Iterable[str]) -> frozenset[Origin]:
    """The origins that `cdn_hosts` means."""
    return frozenset(origin_of(host if "://" in host else f"https://{host}") for host in hosts)


def origin_of(url: str) -> Origin:
    """The origin of a web address. Raises ValueError for what is none or carries a user name or password."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc:
        raise ValueError("not a plain web address")
    return parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme]
