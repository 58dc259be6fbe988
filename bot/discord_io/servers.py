"""Which servers the bot was in when it last ran: one that removed it meanwhile is forgotten at the start."""

import logging
from pathlib import Path

import discord
from pydantic import TypeAdapter, ValidationError

log = logging.getLogger(__name__)

_IDS = TypeAdapter(frozenset[int])
_SHARD_BITS = 22


def is_ours(client: discord.Client, server_id: int | None) -> bool:
    """Whether what happens in a server, or in direct messages, comes to this process: each shard has its servers, and
    the first the direct messages."""
    if not isinstance(client, discord.AutoShardedClient):
        return True
    return ((server_id or 0) >> _SHARD_BITS) % (client.shard_count or 1) in client.shards


class KnownServers:
    """A list of ids in a file; it makes itself anew, and then nothing is known of the time before."""

    def __init__(self, client: discord.AutoShardedClient, directory: Path) -> None:
        self._client = client
        self._path = directory / "servers.json"

    def left(self) -> frozenset[int]:
        """Those that were there before and are not any more, of the shards that are ours. Call when all are known."""
        gone = self._read() - {guild.id for guild in self._client.guilds}
        return frozenset(server_id for server_id in gone if is_ours(self._client, server_id))

    def note(self) -> None:
        """Write down where the bot is now."""
        fresh = self._path.with_suffix(".new")
        try:
            fresh.write_bytes(_IDS.dump_json(frozenset(guild.id for guild in self._client.guilds)))
            fresh.replace(self._path)
        except OSError as error:
            log.warning("the list of servers was not written: %s", type(error).__name__)

    def _read(self) -> frozenset[int]:
        try:
            return _IDS.validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return frozenset()
        except (OSError, ValidationError) as error:
            log.warning("the list of servers cannot be read: %s", type(error).__name__)
            return frozenset()
