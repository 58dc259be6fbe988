"""/memory: what is remembered here, finding in it, pinning a fact, taking back."""

import logging
from typing import Any

import discord
from discord import app_commands
from discord.app_commands import locale_str
from discord.ext import commands

from bot.discord_io.asker import asker_of
from bot.discord_io.client import KibitzClient
from bot.discord_io.confirmation import confirm
from bot.discord_io.identity import settings_channel, user_id
from bot.discord_io.memory_pages import (
    fact_choice,
    forgotten_page,
    found_page,
    moment_line,
    overview_page,
    turn_line,
)
from bot.discord_io.permissions import missing_of, reading
from bot.discord_io.private_page import show_page
from bot.discord_io.reception import person_of, scope_of
from bot.discord_io.safe_text import safe
from bot.discord_io.withdrawal import Withdrawal
from bot.domain.conversation import ConversationKey, MessageRef, Turn
from bot.domain.errors import BotError
from bot.domain.recollection import Fact, Forgotten, Found, Scope
from bot.locales import catalogue
from bot.memory.store import Memory
from bot.services.access import Person, check_may_ask, may_steer
from bot.services.forget import ForgetService

log = logging.getLogger(__name__)

Interaction = discord.Interaction[Any]

_LONGEST_SEARCH = 200
_LONGEST_FACT = 300
_MOST_HITS = 10
_MOST_CHOICES = 25


class MemoryCog(
    commands.GroupCog,
    name="Memory",
    group_name=locale_str("memory"),
    group_description=locale_str("What I remember, finding in it, pinning facts, taking back"),
):
    """Only the person who asks sees the answers."""

    def __init__(self, client: KibitzClient) -> None:
        self._memory: Memory = client.house.memory
        self._forget: ForgetService = client.house.forget
        self._withdrawal: Withdrawal = client.house.withdrawal
        self._keep_days = client.house.settings.data.keep_days

    @app_commands.command(name=locale_str("show"), description=locale_str("What I remember here, and for how long"))
    async def show(self, interaction: Interaction) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        scope = _readable(interaction)
        place = await self._memory.settings_for(scope.key.server_id, scope.key.channel_id)
        page = overview_page(
            await self._memory.overview(scope),
            scope,
            catalogue(interaction.locale.value),
            days=min(place.keep_days or self._keep_days, self._keep_days),
            is_opted_out=bool(await self._memory.opted_out(interaction.user.id)),
        )
        await show_page(interaction, page, name="memory.md")

    @app_commands.command(
        name=locale_str("search"), description=locale_str("Find what was said here, or seen and heard in a clip")
    )
    @app_commands.rename(text=locale_str("text"))
    @app_commands.describe(text=locale_str("A few words"))
    @app_commands.checks.cooldown(10, 30, key=user_id)
    async def search(self, interaction: Interaction, text: app_commands.Range[str, 1, _LONGEST_SEARCH]) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        scope, words = _readable(interaction), catalogue(interaction.locale.value)
        found = await self._memory.search(scope, text, limit=_MOST_HITS)
        lines = [line for each in found if (line := await self._line(interaction, scope, each)) is not None]
        await show_page(interaction, found_page(lines, text, words), name="memory.md")

    async def _line(self, interaction: Interaction, scope: Scope, found: Found) -> str | None:
        """None where this person may not read the clip it is from."""
        if found.turn is not None:
            return turn_line(found.turn, await self._shown(found.turn), catalogue(interaction.locale.value))
        if found.moment is None or not asker_of(interaction).may_read(found.moment.clip.source):
            return None
        return moment_line(found.moment, scope.key.server_id)

    async def _shown(self, turn: Turn) -> MessageRef | None:
        """The message to jump to; what only one person saw has none."""
        if turn.source is not None or turn.key == ConversationKey(server_id=None, channel_id=turn.asker_id):
            return turn.source
        return next(iter(await self._memory.replies(turn.job_id)), None)

    @app_commands.command(name=locale_str("remember"), description=locale_str("Pin a fact that I should know here"))
    @app_commands.rename(text=locale_str("text"))
    @app_commands.describe(text=locale_str("One fact, such as: we meet on Mondays"))
    @app_commands.checks.cooldown(10, 60, key=user_id)
    async def remember(self, interaction: Interaction, text: app_commands.Range[str, 1, _LONGEST_FACT]) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        words, scope = catalogue(interaction.locale.value), scope_of(interaction)
        place = await self._memory.settings_for(scope.key.server_id, settings_channel(interaction))
        check_may_ask(person_of(interaction.user), place)
        fact = await self._forget.remember(scope, interaction.user.id, text)
        said = words("I will remember here: “{fact}”", fact=safe(fact.text))
        await show_page(interaction, f"{said}\n-# {words('/memory clear takes it back.')}")

    @app_commands.command(
        name=locale_str("clear"), description=locale_str("Take back pinned facts, or what you asked here")
    )
    @app_commands.rename(what=locale_str("what"), fact=locale_str("fact"))
    @app_commands.describe(
        what=locale_str("All facts you pinned here, or everything you asked here"),
        fact=locale_str("One fact, by its number in /memory show"),
    )
    @app_commands.choices(
        what=[
            app_commands.Choice(name=locale_str("My pinned facts here"), value="facts"),
            app_commands.Choice(name=locale_str("Everything I asked here"), value="asked"),
        ]
    )
    async def clear(self, interaction: Interaction, what: str | None = None, fact: str | None = None) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        if (what is None) == (fact is None):
            raise BotError("clear_what", "Choose either one fact, or what to take back as a whole.")
        if fact is not None:
            await self._clear_fact(interaction, fact)
        elif what == "facts":
            await self._clear_facts(interaction)
        else:
            await self._clear_asked(interaction)

    async def _clear_fact(self, interaction: Interaction, chosen: str) -> None:
        facts = await self._removable(interaction)
        found = next(
            (fact for number, fact in facts if chosen.strip().rstrip(".") in {_value(fact), str(number)}), None
        )
        if found is None:
            raise BotError(
                "fact_unknown", "There is no such fact here that you may take back. /memory show has their numbers."
            )
        await self._forget.fact(found.fact_id)
        words = catalogue(interaction.locale.value)
        await show_page(interaction, words("Taken back: “{fact}”", fact=safe(found.text)))

    @clear.autocomplete("fact")
    async def _offer_facts(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        try:
            facts = await self._removable(interaction)
        except BotError as error:
            log.info("no facts are offered: %s", error.code)
            return []
        offered = [(fact_choice(number, fact), _value(fact)) for number, fact in facts]
        fitting = [(name, value) for name, value in offered if typed.casefold() in name.casefold()]
        return [app_commands.Choice(name=name, value=value) for name, value in fitting[:_MOST_CHOICES]]

    async def _removable(self, interaction: Interaction) -> list[tuple[int, Fact]]:
        """Facts of this place with their numbers: a person's own, for moderators all."""
        scope, person = scope_of(interaction), person_of(interaction.user)
        numbered = enumerate(await self._memory.pinned(scope), start=1)
        return [(number, fact) for number, fact in numbered if _may_remove(person, fact, scope)]

    async def _clear_facts(self, interaction: Interaction) -> None:
        words, key = catalogue(interaction.locale.value), scope_of(interaction).key
        count = await self._memory.facts_of(interaction.user.id, key)
        if not count:
            raise BotError("no_facts", "You pinned no facts here.")

        async def work() -> str:
            mine = await self._memory.pinned(Scope(key=key))
            gone = [await self._forget.fact(fact.fact_id) for fact in mine if fact.author_id == interaction.user.id]
            return forgotten_page(Forgotten(facts=sum(gone)), words)

        question = words.plural(
            "{n} fact you pinned here will be forgotten.", "{n} facts you pinned here will be forgotten.", count
        )
        await confirm(interaction, words, question=question, label=words("Forget"), work=work)

    async def _clear_asked(self, interaction: Interaction) -> None:
        words, key = catalogue(interaction.locale.value), scope_of(interaction).key

        async def work() -> str:
            return forgotten_page(await self._withdrawal.asked(interaction.user.id, key), words)

        question = words(
            "Everything you asked here will be forgotten, with the answers; clips and pinned facts stay. The messages "
            "on Discord stay as well."
        )
        await confirm(interaction, words, question=question, label=words("Forget"), work=work)


def _readable(interaction: Interaction) -> Scope:
    """The place, for somebody who may read what was said there before."""
    scope = scope_of(interaction)
    if scope.key.server_id is not None and missing_of(interaction.permissions, reading(interaction.channel)):
        raise BotError(
            "history_hidden",
            "You may not read the message history of this channel, so I do not tell what was said in it.",
        )
    return scope


def _may_remove(person: Person, fact: Fact, scope: Scope) -> bool:
    """What was pinned in the channel a thread hangs on is taken back there."""
    return fact.key == scope.key and may_steer(person, fact.author_id)


def _value(fact: Fact) -> str:
    """As a choice carries it; a number alone is one that a person typed."""
    return f"fact-{fact.fact_id}"


async def setup(client: KibitzClient) -> None:
    """Called by the library when the extension is loaded."""
    await client.add_cog(MemoryCog(client))
