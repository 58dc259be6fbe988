"""Who may see how the bot is: this machine, or who knows the token."""

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

from bot.config import StatusSettings
from bot.config.status import is_loopback

COOKIE = "kibitz_status"


class Door:
    """`instance`: a secret of this process, which its own command line knows from the data folder."""

    def __init__(self, settings: StatusSettings, *, instance: str) -> None:
        self._host = settings.host
        self._is_here = settings.is_here
        self._token = None if settings.token is None else settings.token.get_secret_value()
        self._instance = instance

    @property
    def asks(self) -> bool:
        """Whether there is a token."""
        return self._token is not None

    def is_addressed(self, host: str | None) -> bool:
        """Whether the address that was asked for is one of ours. A page of somebody else's, opened in a browser on this
        machine, can make its own name lead here; then that name is in the request."""
        if not self._is_here:
            return True
        try:
            name = urlsplit(f"//{host or ''}").hostname or ""
        except ValueError:
            return False
        return is_loopback(name) or name == self._host

    def lets_in(self, authorization: str | None, cookies: Mapping[str, str]) -> bool:
        """By the token as `Authorization: Bearer`, or by the cookie that `takes` was answered with."""
        if self._token is None:
            return self._is_here
        scheme, _, given = (authorization or "").partition(" ")
        if scheme.lower() == "bearer" and self.takes(given.strip()):
            return True
        return _same(cookies.get(COOKIE, ""), self.cookie)

    def takes(self, token: str) -> bool:
        """Whether it is the token, compared in a time that does not tell how much of it is right."""
        return self._token is not None and _same(token, self._token)

    def knows(self, instance: str | None) -> bool:
        """Whether our own command line asks."""
        return _same(instance or "", self._instance)

    @property
    def cookie(self) -> str:
        """What a browser keeps in place of the token: made of it, so that it ends with it."""
        return hmac.new((self._token or "").encode(), b"kibitz status page", hashlib.sha256).hexdigest()


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))
