"""What the operator is told at the start: what runs, how to invite it, what it may not do where."""

import logging

import discord

from bot import __version__
from bot.config import Settings
from bot.discord_io.permissions import NEEDED, missing_of
from bot.domain.role import Role

_log = logging.getLogger(__name__)


def opening_report(settings: Settings) -> list[str]:
    """What is known before Discord is asked."""
    return [
        f"kibitz {__version__}, discord.py {discord.__version__}",
        f"data      {settings.data.directory.absolute()}",
        f"preset    {settings.models.preset}: {settings.preset_reason}",
        *(f"{role.value:<13} {_work(settings, role)}" for role in Role),
        f"messages  {_messages(settings)}",
        f"shards    {_shards(settings)}",
    ]


def invitations(application_id: int) -> list[str]:
    """Where the bot is added: to a server with the least permissions, or to a person's own account."""
    to_server = discord.utils.oauth_url(application_id, permissions=NEEDED, scopes=("bot", "applications.commands"))
    to_person = discord.utils.oauth_url(application_id, scopes=("applications.commands",))
    return [f"Add to a server:  {to_server}&integration_type=0", f"Add to yourself:  {to_person}&integration_type=1"]


def warn_of_missing(guild: discord.Guild) -> None:
    """Say in the log which permissions of the invitation a server withholds; channels may withhold more."""
    missing = missing_of(guild.me.guild_permissions, NEEDED)
    if missing:
        _log.warning("server %d withholds: %s", guild.id, ", ".join(missing))


def _work(settings: Settings, role: Role) -> str:
    chosen = settings.role(role)
    if chosen.is_offline:
        return "off" if role is Role.EMBEDDINGS else "on this machine"
    return f"{', '.join(chosen.models)} at {chosen.base_url}"


def _messages(settings: Settings) -> str:
    if settings.discord.message_content:
        return "all that the bot can see are read (message_content = true)"
    return "only mentions, replies to the bot, direct messages and commands are read (message_content = false)"


def _shards(settings: Settings) -> str:
    count, ids = settings.discord.shard_count, settings.discord.shard_ids
    if not count:
        return "as many as Discord advises"
    return f"{', '.join(map(str, ids or range(count)))} of {count}"
