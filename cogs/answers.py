"""The buttons under answers and progress: ask more, transcript, frames, speak, delete, cancel, agree to a cost."""

import logging
from contextlib import suppress
from typing import Any

import discord
from discord.ext import commands

from bot.discord_io.buttons import FORM_SECONDS, Action, JobButton
from bot.discord_io.client import KibitzClient
from bot.discord_io.desk import Desk
from bot.discord_io.gatekeeper import admit
from bot.discord_io.reception import Reception, Wish, person_of
from bot.discord_io.telling import told
from bot.discord_io.wall import wall
from bot.discord_io.withdrawal import Withdrawal
from bot.domain.ask import AskKind
from bot.domain.errors import BotError
from bot.domain.quote import Consent
from bot.locales import catalogue
from bot.memory.store import Memory
from bot.services.access import may_steer

log = logging.getLogger(__name__)

Interaction = discord.Interaction[Any]

_LONGEST_QUESTION = 1000
_NOBODY = 0
_OWN = frozenset({Action.CANCEL, Action.DELETE})
"""For whoever is kept out as well: they end what is theirs."""
_PRIVATE = {Action.TRANSCRIPT: AskKind.TRANSCRIBE, Action.FRAMES: AskKind.STORYBOARD}


class Answers(commands.Cog):
    """Listens to presses; which job is meant stands in the button."""

    def __init__(self, client: KibitzClient) -> None:
        self._client = client
        self._desk: Desk = client.house.desk
        self._reception: Reception = client.house.reception
        self._memory: Memory = client.house.memory
        self._withdrawal: Withdrawal = client.house.withdrawal

    async def cog_load(self) -> None:
        self._client.add_dynamic_items(JobButton)

    async def cog_unload(self) -> None:
        self._client.remove_dynamic_items(JobButton)

    @commands.Cog.listener()
    async def on_kibitz_button(self, interaction: Interaction, action: Action, job_id: str) -> None:
        async with told(interaction):
            if action not in _OWN:
                await admit(interaction)
            match action:
                case Action.CANCEL:
                    await self._cancel(interaction, job_id)
                case Action.AGREE | Action.LESS:
                    await self._decide(interaction, action, job_id)
                case Action.MORE:
                    await interaction.response.send_modal(_More(self._reception, job_id, interaction))
                case Action.SPEAK:
                    await self._reception.by_command(interaction, Wish(kind=AskKind.SPEAK, follows=job_id, speak=True))
                case Action.TRANSCRIPT | Action.FRAMES:
                    wish = Wish(kind=_PRIVATE[action], follows=job_id)
                    await self._reception.by_command(interaction, wish, private=True)
                case Action.DELETE:
                    await self._delete(interaction, job_id)

    async def _cancel(self, interaction: Interaction, job_id: str) -> None:
        asker_id = self._desk.asker_of(job_id)
        if asker_id is None:
            raise BotError("not_running", "This is over already; there is nothing left to stop.")
        if not may_steer(person_of(interaction.user), asker_id):
            raise BotError("not_yours", "Only the person who asked, and moderators, can do that.")
        await interaction.response.defer()
        self._desk.cancel(job_id)

    async def _decide(self, interaction: Interaction, action: Action, job_id: str) -> None:
        asker_id = self._desk.asker_of(job_id)
        if asker_id is None:
            raise BotError("not_waiting", "This is decided already.")
        if interaction.user.id != asker_id:
            raise BotError("not_asker", "Only the person who asked can decide that.")
        self._desk.decide(job_id, Consent.AGREED if action is Action.AGREE else Consent.LESS)
        await interaction.response.defer()

    async def _delete(self, interaction: Interaction, job_id: str) -> None:
        """The answer with all its parts and its voice message, and what is remembered of it. Of one that is forgotten
        nobody knows who asked."""
        await interaction.response.defer()
        turn = await self._memory.turn(job_id)
        asker_id = _NOBODY if turn is None else turn.asker_id
        if interaction.guild_id is not None and not may_steer(person_of(interaction.user), asker_id):
            raise BotError("not_yours", "Only the person who asked, and moderators, can do that.")
        await self._desk.finished(job_id)
        pressed = interaction.message.id if interaction.message else 0
        for ref in await self._memory.replies(job_id):
            if ref.message_id != pressed:
                place = self._client.get_partial_messageable(ref.channel_id)
                try:
                    await place.get_partial_message(ref.message_id).delete()
                except discord.HTTPException as error:
                    log.info("job %s: a part was not deleted: %s", job_id, error.code)
        with wall(interaction.channel), suppress(discord.NotFound):  # somebody else pressed as well
            await interaction.delete_original_response()
        await self._withdrawal.turn(job_id)


class _More(discord.ui.Modal):
    """A further question about the same clips."""

    def __init__(self, reception: Reception, job_id: str, interaction: Interaction) -> None:
        words = catalogue(interaction.locale.value)
        super().__init__(title=words("Ask more"), timeout=FORM_SECONDS)
        self._reception = reception
        self._job_id = job_id
        self._question: discord.ui.TextInput[_More] = discord.ui.TextInput(
            label=words("Your question"), style=discord.TextStyle.paragraph, max_length=_LONGEST_QUESTION
        )
        self.add_item(self._question)

    async def on_submit(self, interaction: Interaction) -> None:
        async with told(interaction):
            wish = Wish(question=self._question.value, follows=self._job_id)
            await self._reception.by_command(interaction, wish)


async def setup(client: KibitzClient) -> None:
    """Called by the library when the extension is loaded."""
    await client.add_cog(Answers(client))
