"""A page that one person sees: long ones in several messages, very long ones as a file."""

from collections.abc import Sequence
from typing import Any

import discord

from bot.discord_io.parts import first, split
from bot.discord_io.posting import NO_MENTIONS, OutgoingFile
from bot.discord_io.wall import wall

_MOST_PARTS = 4
_LEAD_LENGTH = 1000


async def show_page(
    interaction: discord.Interaction[Any],
    text: str,
    *,
    name: str = "page.md",
    files: Sequence[OutgoingFile] = (),
    is_private: bool = True,
) -> None:
    """In place of "… is thinking"; the interaction was deferred, and `is_private` says how. `text` is ours or made
    safe. Raises DeliveryError."""
    parts = split(text)
    if len(parts) > _MOST_PARTS:
        parts, files = [first(text, _LEAD_LENGTH)], [OutgoingFile(name=name, data=text.encode()), *files]
    *before, last = parts
    with wall(interaction.channel):
        for number, part in enumerate([*before, last]):
            opened = [file.opened() for file in files] if number == len(before) else []
            if number == 0:
                await interaction.edit_original_response(content=part, attachments=opened, allowed_mentions=NO_MENTIONS)
            else:
                await interaction.followup.send(part, files=opened, ephemeral=is_private, allowed_mentions=NO_MENTIONS)
