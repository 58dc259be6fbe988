"""/export, /optout and /optin: what is kept of oneself, as files; and whether anything is."""

import io
import logging
import zipfile
from typing import Any

import discord
from discord import app_commands
from discord.app_commands import locale_str
from discord.ext import commands

from bot.discord_io.client import KibitzClient
from bot.discord_io.confirmation import confirm
from bot.discord_io.identity import user_id
from bot.discord_io.memory_pages import forgotten_page
from bot.discord_io.posting import OutgoingFile
from bot.discord_io.private_page import show_page
from bot.discord_io.wall import wall
from bot.discord_io.withdrawal import Withdrawal
from bot.domain.errors import BotError
from bot.domain.records import ExportPart
from bot.hooks.caller import Hooks
from bot.hooks.checks import NonsenseError, check_all
from bot.hooks.specs import Specs
from bot.locales import catalogue
from bot.memory.store import Memory
from bot.services.export import export_json, export_markdown
from bot.services.forget import ForgetService

log = logging.getLogger(__name__)

Interaction = discord.Interaction[Any]

_NAME = "kibitz-export"
_ROOM_BYTES = 64 * 1024  # of a request, for all that is not a file
_MOST_PIECES = 5  # what Discord lets follow where the bot is not


class OwnData(commands.Cog):
    """What everybody may do about what is kept of them, everywhere."""

    def __init__(self, client: KibitzClient) -> None:
        self._memory: Memory = client.house.memory
        self._forget: ForgetService = client.house.forget
        self._withdrawal: Withdrawal = client.house.withdrawal
        self._hooks: Hooks = client.house.plugins.hooks

    @app_commands.command(name=locale_str("export"), description=locale_str("Everything I keep of you, as files"))
    @app_commands.checks.cooldown(3, 60, key=user_id)
    async def export(self, interaction: Interaction) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        words = catalogue(interaction.locale.value)
        held = await self._memory.holdings(interaction.user.id)
        parts = await self._parts(interaction.user.id)
        files = [
            OutgoingFile(name=f"{_NAME}.json", data=export_json(held, parts)),
            OutgoingFile(name=f"{_NAME}.md", data=export_markdown(held, words, parts)),
        ]
        first, *more = fitting(files, most_bytes=interaction.filesize_limit - _ROOM_BYTES)
        said = words("Everything I keep of you, in all servers and direct messages. Only you see this message.")
        if more:
            said += "\n" + words(
                "It is too large for one message: put the pieces together in the order of their names."
            )
        await show_page(interaction, said, files=first)
        with wall(interaction.channel):
            for piece in more:
                await interaction.followup.send(files=[file.opened() for file in piece], ephemeral=True)

    async def _parts(self, person_id: int) -> list[tuple[str, ExportPart]]:
        """What plugins hold of somebody besides their records; what is nonsense is left out."""
        parts: list[tuple[str, ExportPart]] = []
        for plugin, part in await self._hooks.gather(Specs.export_person, person_id):
            if part is None:
                continue
            try:
                check_all([part], ExportPart)
            except NonsenseError as nonsense:
                log.warning("plugin %s: export_person %s", plugin, nonsense)
            else:
                parts.append((plugin, part))
        return parts

    @app_commands.command(
        name=locale_str("optout"), description=locale_str("I forget you, and keep nothing of you from now on")
    )
    async def optout(self, interaction: Interaction) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        words, person_id = catalogue(interaction.locale.value), interaction.user.id
        done = words("You opted out. I keep nothing of you until you use /optin.")

        async def work() -> str:
            gone = await self._withdrawal.opt_out(person_id)
            return f"{done}\n{forgotten_page(gone, words)}"

        if await self._memory.opted_out(person_id):
            await show_page(interaction, done)
            return
        question = words(
            "Everything I keep of you will be forgotten, and from now on I keep nothing: I still answer, but a further "
            "question starts anew, and each clip you post is looked at anew. It holds in all servers and direct "
            "messages."
        )
        await confirm(interaction, words, question=question, label=words("Opt out"), work=work)

    @app_commands.command(
        name=locale_str("optin"), description=locale_str("From now on I may remember what you ask and post")
    )
    async def optin(self, interaction: Interaction) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        await self._forget.opt_in(interaction.user.id)
        words = catalogue(interaction.locale.value)
        said = words("I remember what you ask from now on. /privacy says how, and /optout ends it.")
        await show_page(interaction, said)


def fitting(files: list[OutgoingFile], *, most_bytes: int) -> list[list[OutgoingFile]]:
    """The files as messages can carry them: as they are, zipped, or as pieces of a zip file. Raises BotError for more
    than may be sent."""
    if sum(len(file.data) for file in files) <= most_bytes:
        return [files]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.writestr(file.name, file.data)
    whole = packed.getvalue()
    if len(whole) <= most_bytes:
        return [[OutgoingFile(name=f"{_NAME}.zip", data=whole)]]
    pieces = [whole[begin : begin + most_bytes] for begin in range(0, len(whole), most_bytes)]
    if len(pieces) > _MOST_PIECES:
        raise BotError("export_too_large", "That is more than I can send here. Ask whoever runs this bot for it.")
    return [[OutgoingFile(name=f"{_NAME}.zip.{number:03}", data=piece)] for number, piece in enumerate(pieces, start=1)]


async def setup(client: KibitzClient) -> None:
    """Called by the library when the extension is loaded."""
    await client.add_cog(OwnData(client))
