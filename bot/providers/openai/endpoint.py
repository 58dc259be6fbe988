"""Where one role's work is sent: the address, the key, what kind of server answers there, and how long we wait."""

from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from bot.domain.role import Role
from bot.providers.prices import PriceList, vendors_prices


class Flavour(StrEnum):
    """The kind of server; AUTO is told by the host where possible and learned otherwise."""

    AUTO = "auto"
    OPENAI = "openai"
    OLLAMA = "ollama"
    VLLM = "vllm"
    LLAMACPP = "llamacpp"
    LOCALAI = "localai"
    SPEACHES = "speaches"
    KOKORO = "kokoro"
    OPENROUTER = "openrouter"

    @property
    def is_local(self) -> bool:
        """Whether the work is done on one's own machines, where no price list applies."""
        return self not in (Flavour.AUTO, Flavour.OPENAI, Flavour.OPENROUTER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """`idle_seconds` is the longest silence of a server: between two pieces of a stream, or before a whole reply.
    `whole_seconds` is the longest a reply that is no stream may take, however busy the server looks."""

    connect_seconds: float = 5.0
    idle_seconds: float = 60.0
    send_seconds: float = 60.0
    whole_seconds: float = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One role's address. An `api_key` of None is for servers that ask for none. `is_free`: calls cost nothing;
    `prices` say what others cost."""

    role: Role
    base_url: str
    api_key: str | None = field(default=None, repr=False)
    flavour: Flavour = Flavour.AUTO
    timeouts: Timeouts = Timeouts()
    is_free: bool = False
    prices: PriceList = field(default_factory=vendors_prices, repr=False, compare=False)

    @property
    def host(self) -> str:
        """The host's name, safe to show: no user, password, port or path."""
        return urlsplit(self.base_url).hostname or "the configured address"

    @property
    def known_flavour(self) -> Flavour:
        """The flavour, with AUTO resolved where the host gives it away."""
        if self.flavour is not Flavour.AUTO:
            return self.flavour
        return _HOSTS.get(self.host, Flavour.AUTO)


_HOSTS = {
    "api.openai.com": Flavour.OPENAI,
    "eu.api.openai.com": Flavour.OPENAI,
    "us.api.openai.com": Flavour.OPENAI,
    "openrouter.ai": Flavour.OPENROUTER,
}
