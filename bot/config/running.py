"""Settings of the running bot: where Discord is, what is kept and for how long, how much is done at a time."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints

from bot.config.fields import ApiAddress, DatabaseUrl, Folder, GatewayAddress, HostOrOrigin, Key, Section

ShardId = Annotated[int, Field(ge=0)]


class DiscordSettings(Section):
    token: Key | None = Field(default=None, description="DISCORD_TOKEN in the environment or a secret file only")
    api_url: ApiAddress = Field(
        default="https://discord.com/api/v10", description="Address of the API, with its version; a proxy, a simulator"
    )
    gateway_url: GatewayAddress = Field(
        default="wss://gateway.discord.gg/", description="Address of the gateway; wins over the one the API names"
    )
    cdn_hosts: tuple[HostOrOrigin, ...] = Field(
        default=("cdn.discordapp.com", "media.discordapp.net"),
        min_length=1,
        description="Where attachments may be fetched; a host means https on 443, an origin (http://host:8080) itself",
    )
    message_content: bool = Field(
        default=False,
        description="Read messages that do not mention the bot; the portal must have the switch on as well",
    )
    shard_count: int = Field(default=0, ge=0, le=16_384, description="Shards in all; 0: as many as Discord advises")
    shard_ids: tuple[ShardId, ...] = Field(
        default=(), description="Shards of this process, from 0; []: all. Needs shard_count"
    )
    max_clips: int = Field(default=4, ge=1, le=20, description="Most clips in one question")
    recent_hours: int = Field(
        default=24, ge=0, le=720, description="How long a question without a clip means the last one of its channel"
    )
    operator: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = Field(
        default=None, description="Who runs this bot and how to reach them, for /privacy"
    )
    dev_guild_id: int = Field(
        default=0, ge=0, lt=2**63, description="A server that alone gets the commands, at once; 0: all servers"
    )


class DataSettings(Section):
    directory: Folder = Field(default=Path("data"), description="Where the database lives; back up this folder")
    url: DatabaseUrl | None = Field(
        default=None,
        description="postgresql://user:password@host/database, in the environment or a secret file only; "
        '"": a file of SQLite in the folder',
    )
    keep_days: int = Field(
        default=30, ge=1, le=3650, description="How long questions, answers and what is known of clips are kept"
    )
    cache_megabytes: float = Field(
        default=512, ge=0, le=1_000_000, description="Clip files kept on disk for another look; 0: none"
    )
    cache_minutes: float = Field(
        default=60, ge=0, le=100_000, description="How long an unused clip file stays there; 0: none is kept"
    )
    backup_hours: float = Field(
        default=24, ge=0, le=8_760, description="How often the database is backed up while the bot runs; 0: never"
    )
    backup_keep: int = Field(
        default=7, ge=1, le=1_000, description="Backups in the data folder that are kept; the oldest go"
    )


class MemorySettings(Section):
    summaries: bool = Field(
        default=True, description="The chat model sums up turns that are no longer recent, twelve at a time"
    )
    fade_days: int = Field(
        default=14, ge=1, le=3650, description="Turns that are summed up and did not come back for so long are dropped"
    )


class JobSettings(Section):
    max_running: int = Field(default=4, ge=1, le=64, description="Questions worked on at the same time")
    max_running_per_server: int = Field(default=2, ge=1, le=64, description="As above, of one server")
    max_running_per_person: int = Field(default=1, ge=1, le=64, description="As above, of one person")
    max_waiting: int = Field(default=50, ge=1, le=10_000, description="Questions that may wait; more are refused")
    max_waiting_per_person: int = Field(default=2, ge=1, le=10_000, description="As above, of one person")
    max_seconds: int = Field(
        default=900, ge=10, le=86_400, description="Longest a question may take once it is its turn"
    )
    shutdown_seconds: int = Field(
        default=20, ge=1, le=600, description="How long stopping may take; the last 8 s are not for running work"
    )
