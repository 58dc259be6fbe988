"""Interactions that outlive the process: what is needed to answer one later, sealed with the bot's own token."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import discord
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

_PERSON = b"kibitz.answers"  # at most 16 bytes; sets this key apart from any other made of the same token
_COMMAND = 2
_DIRECT = 1


class Seal:
    """Whoever reads the database without the bot's token cannot answer in its name."""

    def __init__(self, bot_token: str) -> None:
        self._box = SecretBox(hashlib.blake2b(bot_token.encode(), digest_size=32, person=_PERSON).digest())

    def close(self, interaction: discord.Interaction[Any], *, ephemeral: bool) -> bytes:
        """The interaction as bytes that say nothing. `ephemeral` as it was deferred."""
        context = interaction.context
        owners = {"0": interaction.guild_id} if interaction.is_guild_integration() else {}
        if interaction.is_user_integration():
            owners["1"] = interaction.user.id
        kept = {
            "id": str(interaction.id),
            "token": interaction.token,
            "application_id": str(interaction.application_id),
            "guild_id": interaction.guild_id,
            "channel_id": interaction.channel_id,
            "user_id": interaction.user.id,
            "app_permissions": str(interaction.app_permissions.value),
            "context": 0 if context.guild else 1 if context.dm_channel else 2,
            "owners": owners,
            "attachment_size_limit": interaction.filesize_limit,
            "locale": interaction.locale.value,
            "ephemeral": ephemeral,
        }
        return self._box.encrypt(json.dumps(kept).encode())

    def open(self, sealed: bytes, client: discord.Client) -> "Opened | None":
        """None: it was sealed with another token."""
        kept = self._kept(sealed)
        return None if kept is None else Opened(kept, client)

    def server_of(self, sealed: bytes) -> int | None:
        """The server that has the bot in which it was asked, whose connection it came by; None: there is none."""
        kept = self._kept(sealed)
        return None if kept is None else kept["owners"].get("0")

    def _kept(self, sealed: bytes) -> dict[str, Any] | None:
        try:
            return json.loads(self._box.decrypt(sealed))
        except CryptoError:
            return None


class Opened:
    """An interaction that may be answered again, `seconds_old`; `ephemeral` as it was deferred."""

    def __init__(self, kept: dict[str, Any], client: discord.Client) -> None:
        state: Any = client._connection  # pyright: ignore[reportPrivateUsage] - the library makes them of it, too
        self.interaction: discord.Interaction[Any] = discord.Interaction(data=_payload(kept), state=state)
        self.ephemeral = bool(kept["ephemeral"])
        asked_at = discord.utils.snowflake_time(self.interaction.id)
        self.seconds_old = max(0.0, (datetime.now(UTC) - asked_at).total_seconds())


def _payload(kept: dict[str, Any]) -> Any:
    """As the gateway sends it, as far as answering needs it: no names, and of a channel only which it is."""
    user = {"id": str(kept["user_id"]), "username": "", "discriminator": "0", "avatar": None}
    payload: dict[str, Any] = {
        "id": kept["id"],
        "type": _COMMAND,
        "version": 1,
        "token": kept["token"],
        "application_id": kept["application_id"],
        "app_permissions": kept["app_permissions"],
        "attachment_size_limit": kept["attachment_size_limit"],
        "authorizing_integration_owners": kept["owners"],
        "context": kept["context"],
        "entitlements": [],
        "locale": kept["locale"],
        "channel_id": str(kept["channel_id"]),
        "channel": {"id": str(kept["channel_id"])},
    }
    if kept["guild_id"] is None:
        payload["user"] = user
        payload["channel"]["type"] = _DIRECT
    else:
        payload["guild_id"] = str(kept["guild_id"])
        payload["member"] = {"user": user, "roles": [], "joined_at": None, "flags": 0, "permissions": "0"}
    return payload
