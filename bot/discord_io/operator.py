"""Whoever runs this bot, as Discord knows them: who they are, and a word to them."""

import logging
import time
from collections.abc import Callable

import aiohttp
import discord

from bot.discord_io.patience import patiently
from bot.discord_io.posting import NO_MENTIONS
from bot.discord_io.safe_text import safe
from bot.domain.sentence import Sentence
from bot.locales import catalogue
from bot.tasks import Tasks

log = logging.getLogger(__name__)

_AGAIN_SECONDS = 3600.0
_LONGEST = 1900
_IN_CHARGE = {discord.TeamMemberRole.admin, discord.TeamMemberRole.developer}


class Operator:
    """The owner of the application, or those of its team who may change it. `clock` counts seconds."""

    def __init__(self, client: discord.Client, tasks: Tasks, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._tasks = tasks
        self._clock = clock
        self._locales: dict[int, str] = {}
        self._told_at: dict[tuple[str, str], float] = {}

    def ids(self) -> frozenset[int]:
        """As they were at the login; nobody before it."""
        application = self._client.application
        if application is None:
            return frozenset()
        team = application.team
        if team is None:
            return frozenset({application.owner.id})
        in_charge = {member.id for member in team.members if member.role in _IN_CHARGE}
        return frozenset(in_charge | {team.owner_id} if team.owner_id else in_charge)

    def speaks(self, person_id: int, locale: str) -> None:
        """Remember the language in which somebody uses Discord, if they run this bot."""
        if person_id in self.ids():
            self._locales[person_id] = locale

    def tell(self, plugin: str, said: Sentence) -> None:
        """A direct message about a plugin, not waited for; the same of the same plugin at most once an hour."""
        now, what = self._clock(), (plugin, said.template)
        if what in self._told_at and now - self._told_at[what] < _AGAIN_SECONDS:
            return
        self._told_at[what] = now
        for person_id in sorted(self.ids()):
            self._tasks.spawn(self._tell(person_id, said), name="word to the operator")

    async def _tell(self, person_id: int, said: Sentence) -> None:
        text = f"⚠️ {safe(catalogue(self._locales.get(person_id)).of(said))}"[:_LONGEST]
        try:
            user = self._client.get_user(person_id) or await self._client.fetch_user(person_id)
            await patiently(lambda: user.send(text, allowed_mentions=NO_MENTIONS, suppress_embeds=True))
        except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
            log.warning("the operator could not be told: %s", type(error).__name__)
