"""Where the bot shows how it is: a page, metrics and health."""

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, Field

from bot.config.fields import Key, Section


def _host(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.:\-]{1,253}", value):
        raise ValueError("is not an address or name of this machine, such as 127.0.0.1 or 0.0.0.0.")
    return value.lower()


class StatusSettings(Section):
    host: Annotated[str, AfterValidator(_host)] = Field(
        default="127.0.0.1",
        description="Address on which the status page, metrics and health are served; other than this machine's own "
        "needs a token",
    )
    port: int = Field(default=8090, ge=0, le=65_535, description="Port of it; 0: none of it is served")
    token: Key | None = Field(
        default=None,
        description="KIBITZ_STATUS__TOKEN in the environment or a secret file only; what the page asks for",
    )

    @property
    def is_here(self) -> bool:
        """Only this machine can reach it."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether an address or name is this machine's own."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
