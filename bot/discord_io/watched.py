"""What of the bot on Discord is watched over: its connections, its questions, its calls."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

from bot.discord_io.client import KibitzClient
from bot.domain.money import NOBODY
from bot.operations.models import Look
from bot.operations.snapshot import Sources


def sources_of(
    client: KibitzClient, *, write: Callable[[], Awaitable[None]], look: Look, folders: Sequence[Path]
) -> Sources:
    """Of a client with its house. `write`, `look` and `folders`: see Sources. Of several processes, the one with the
    first shard tells the operator."""
    house = client.house
    return Sources(
        write=write,
        ack_ages=client.ack_ages,
        overdue=house.desk.overdue,
        folders=folders,
        ready={
            "Discord is not connected": lambda: client.is_connected,
            "the bot is stopping": lambda: not client.is_stopping,
        },
        in_flight=lambda: len(house.desk.in_flight()),
        voice_sessions=lambda: house.voice.calls,
        caps=partial(house.ledger.allowances, NOBODY),
        look=look,
        tell=client.operator.tell if 0 in (house.settings.discord.shard_ids or (0,)) else _untold,
    )


def _untold(_key: str, _said: str) -> None:
    pass
