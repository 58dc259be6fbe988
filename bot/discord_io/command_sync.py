"""Commands are told to Discord only when they have changed: it takes a while until everybody has them."""

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

import aiohttp
import discord
from discord import app_commands
from pydantic import TypeAdapter, ValidationError

from bot.config import Settings

_log = logging.getLogger(__name__)

Tree = app_commands.CommandTree[Any]
Told = dict[str, dict[str, str]]
"""By application and scope (a server's id, or global), the digest of what Discord was told last."""

_GLOBAL = "global"
_TOLD = TypeAdapter(Told)


async def sync_commands(tree: Tree, *, application_id: int, settings: Settings) -> bool:
    """Tell Discord the commands unless it knows them; True when it was told.

    A development server gets commands of its own, and loses them when it is none any more. A failure is logged:
    the bot works with the commands Discord has.
    """
    guild_id = settings.discord.dev_guild_id
    path = settings.data.directory / "commands.json"
    told = _read(path)
    here = told.setdefault(str(application_id), {})
    scope = str(guild_id or _GLOBAL)
    guild = discord.Object(guild_id) if guild_id else None
    if guild is not None:
        tree.clear_commands(guild=guild)  # copies of an earlier time, of commands that may be gone
        tree.copy_global_to(guild=guild)
    try:
        for former in here.keys() - {scope, _GLOBAL}:
            await tree.sync(guild=discord.Object(int(former)))
            del here[former]
        digest = await _digest(tree, guild, settings.discord.api_url)
        if here.get(scope) == digest:
            return False
        commands = await tree.sync(guild=guild)
        here[scope] = digest
        _write(path, told)
    except discord.HTTPException as error:
        _log.warning("the commands could not be told to Discord: status %d, code %d", error.status, error.code)
        return False
    except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
        _log.warning("the commands could not be told to Discord: %s", type(error).__name__)
        return False
    _log.info("%d commands told to Discord", len(commands))
    return True


async def _digest(tree: Tree, guild: discord.Object | None, api_url: str) -> str:
    """Over everything Discord would be told, translations included, and whom."""
    payloads: list[dict[str, Any]] = []
    for command in tree.get_commands(guild=guild):
        translated = tree.translator and await command.get_translated_payload(tree, tree.translator)
        payloads.append(translated or command.to_dict(tree))
    payloads.sort(key=lambda payload: (payload["type"], payload["name"]))
    return hashlib.sha256(json.dumps([api_url, payloads], sort_keys=True).encode()).hexdigest()


def _read(path: Path) -> Told:
    """What was told before; nothing when that is not known, and then it is told again."""
    try:
        return _TOLD.validate_json(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValidationError) as error:
        _log.warning("what Discord was told before cannot be read: %s", type(error).__name__)
        return {}


def _write(path: Path, told: Told) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_bytes(_TOLD.dump_json(told))
    fresh.replace(path)
