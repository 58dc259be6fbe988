"""The rule that how the bot is doing is nobody else's business: two settings that only make sense together."""

from collections.abc import Iterator

from bot.config.names import Setting, variable_of
from bot.config.servers import Given
from bot.config.status import is_loopback
from bot.domain.errors import SettingsProblem

SHORTEST_TOKEN = 16

_HOST: Setting = ("status", "host")
_PORT: Setting = ("status", "port")
_TOKEN: Setting = ("status", "token")


def status_problems(given: Given) -> Iterator[SettingsProblem]:
    """What is wrong with the settings of the status page."""
    host, port, token = given.get(_HOST), given.get(_PORT), given.get(_TOKEN)
    is_off = port is not None and port.value == 0
    variable = variable_of(_TOKEN)
    if host is not None and not is_loopback(host.value) and token is None and not is_off:
        yield SettingsProblem(
            where=host.source,
            what="[status] host can be reached from other machines, and there is no token.",
            remedy=f"Set {variable} to {SHORTEST_TOKEN} letters or more, or host to 127.0.0.1.",
        )
    if token is not None and len(token.value.get_secret_value()) < SHORTEST_TOKEN:
        yield SettingsProblem(
            where=token.source,
            what=f"The token of the status page is shorter than {SHORTEST_TOKEN} letters.",
            remedy="Take a longer one, for example from: openssl rand -hex 24",
        )
