"""What goes into one message besides its words: files, and a line for each that cannot be sent."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field

import discord

from bot.discord_io.parts import LIMIT, length
from bot.locales import Catalogue

NO_MENTIONS = discord.AllowedMentions.none()
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingFile:
    """A file of ours; `description` is its alt text."""

    name: str
    data: bytes = field(repr=False)
    description: str | None = None

    def opened(self) -> discord.File:
        """For one attempt to send it."""
        return discord.File(io.BytesIO(self.data), self.name, description=self.description)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A message that can be sent; `rest` are lines that found no room in it."""

    content: str = field(repr=False)
    files: tuple[OutgoingFile, ...]
    rest: str


def pack(content: str, files: Sequence[OutgoingFile], words: Catalogue, *, may_attach: bool, most_bytes: int) -> Parcel:
    """Leave out the files that may not be sent, and say so."""
    sent: list[OutgoingFile] = []
    lines: list[str] = []
    for file in files:
        if not may_attach:
            reason = words("{file} is missing: I lack the permission Attach Files in this channel.", file=file.name)
            lines.append(f"-# ⚠️ {reason}")
        elif len(file.data) > most_bytes:
            size = len(file.data) / _MIB
            reason = words(
                "{file} is missing: its {size:.1f} MiB are more than may be sent here.", file=file.name, size=size
            )
            lines.append(f"-# ⚠️ {reason}")
        else:
            sent.append(file)
    whole = "\n".join([content, *lines] if content else lines)
    if length(whole) <= LIMIT:
        return Parcel(content=whole, files=tuple(sent), rest="")
    return Parcel(content=content, files=tuple(sent), rest="\n".join(lines))
