"""Who comes in at all: what whoever runs the bot decided, in the settings and by /admin, for servers and people."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.config.access import AccessSettings
from bot.domain.errors import BotError, MemoryFault
from bot.domain.occasion import Occasion, Surface
from bot.domain.sentence import Sentence, sentence
from bot.domain.standing import Block, BlockKind, Standing
from bot.domain.visible import visible
from bot.hooks.specs import hookimpl
from bot.hooks.values import Received
from bot.memory.house_rules import HouseRules
from bot.memory.store import Memory

log = logging.getLogger(__name__)

FRESH_SECONDS = 5.0
"""How long what another process decided may go unnoticed."""

LONGEST_REASON = 200
"""Letters of the reason for a pause."""

_READ_SECONDS = 0.5
_KNOWN_SECONDS = 600.0
_MOST_KNOWN = 10_000

SILENT = frozenset({"person_refused", "server_refused"})
"""Codes of refusals that are told to whoever uses a command, and to nobody who merely writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Who wants something, and from where. `server_id` None: no server. `is_at_home`: in a server the bot was added to,
    or in its own direct messages; else it was added to the account of a person."""

    person_id: int
    server_id: int | None
    is_at_home: bool = True

    @property
    def is_of_a_server(self) -> bool:
        """What a server answers for, as opposed to what a person does alone."""
        return self.server_id is not None and self.is_at_home


Shares = Callable[[], Awaitable[bool]]
"""Whether a person shares a server with the bot, as far as Discord tells."""


class Gate:
    """`operators` tells who runs the bot: they always come in. What was decided is read again after FRESH_SECONDS."""

    def __init__(
        self,
        rules: HouseRules,
        memory: Memory,
        settings: AccessSettings,
        *,
        operators: Callable[[], frozenset[int]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rules = rules
        self._memory = memory
        self._settings = settings
        self._operators = operators
        self._clock = clock
        self._standing = Standing()
        self._read_at: float | None = None
        self._reading = asyncio.Lock()
        self._known: dict[int, tuple[bool, float]] = {}

    @property
    def settings(self) -> AccessSettings:
        return self._settings

    def apply(self, settings: AccessSettings) -> None:
        """From now on these hold."""
        self._settings = settings

    async def standing(self) -> Standing:
        """What was decided, not older than FRESH_SECONDS. Where it cannot be read, what is known holds on; raises
        MemoryFault when nothing is."""
        async with self._reading:
            if self._read_at is None or self._clock() - self._read_at >= FRESH_SECONDS:
                await self._read()
            return self._standing

    async def _read_anew(self) -> None:
        """When it is asked for next. What is being read now may not know of the decision yet."""
        async with self._reading:
            self._read_at = None

    async def _read(self) -> None:
        """Where something is known, nobody waits long for it to be read anew."""
        if self._read_at is None:
            self._standing = await self._rules.standing()
        else:
            try:
                async with asyncio.timeout(_READ_SECONDS):
                    self._standing = await self._rules.standing()
            except (MemoryFault, TimeoutError) as error:
                log.warning("who is kept out could not be read anew: %s", type(error).__name__)
        self._read_at = self._clock()

    async def check(self, visit: Visit, shares: Shares | None = None) -> None:
        """Raises BotError for whom it is closed. `shares` None: that is not looked at."""
        if visit.person_id in self._operators():
            return
        await self.standing()
        refusal = self._refusal(visit)
        if refusal is not None:
            raise refusal
        if visit.is_of_a_server or self._settings.dms == "everyone" or shares is None:
            return
        if self._settings.dms == "nobody" or not await self._is_member(visit.person_id, shares):
            raise BotError(
                "dm_refused", "I do not answer here. Ask me in a server that I am in, or ask whoever runs this bot."
            )

    async def check_server(self, server_id: int) -> None:
        """Raises BotError for a server that may not use the bot."""
        if not self._is_allowed(server_id) or server_id in (await self.standing()).servers:
            raise _server_refused()

    async def check_open(self) -> None:
        """Raises BotError while the bot is paused."""
        pause = (await self.standing()).pause
        if pause is not None:
            raise BotError("paused", paused_sentence(pause.reason))

    async def is_kept_out(self, person_id: int) -> bool:
        """Of somebody who only happens to be there."""
        await self.standing()
        return self.keeps_out(Visit(person_id=person_id, server_id=None))

    def keeps_out(self, visit: Visit) -> bool:
        """The same of what goes on already, by what was known last."""
        return visit.person_id not in self._operators() and self._refusal(visit) is not None

    @property
    def rules(self) -> object:
        """When they differ, others may be kept out."""
        return self._standing.people, self._standing.servers, self._settings

    async def meet(self, visit: Visit, shares: Shares) -> bool:
        """Take note whether somebody is a stranger, of whom nothing is kept. True: they are, since now."""
        known, at = self._known.get(visit.person_id, (None, 0.0))
        is_fresh = known is not None and self._clock() - at < _KNOWN_SECONDS
        if is_fresh and (known or not visit.is_of_a_server):
            return False
        is_known = visit.is_of_a_server or visit.person_id in self._settings.allowed_person_ids
        is_known = is_known or visit.person_id in self._operators() or await self._is_member(visit.person_id, shares)
        self._note(visit.person_id, is_known=is_known)
        return await self._memory.meet(visit.person_id, is_stranger=not is_known)

    async def block(self, kind: BlockKind, subject_id: int) -> None:
        """Here at once, elsewhere within FRESH_SECONDS. Raises BotError for whoever runs the bot."""
        if kind is BlockKind.PERSON and subject_id in self._operators():
            raise BotError("block_operator", "That person runs this bot and cannot be blocked.")
        await self._rules.block(kind, subject_id)
        await self._read_anew()

    async def unblock(self, kind: BlockKind, subject_id: int) -> bool:
        """False: it was not blocked."""
        was = await self._rules.unblock(kind, subject_id)
        await self._read_anew()
        return was

    async def blocks(self) -> tuple[Block, ...]:
        """The oldest first, without those of the settings."""
        return await self._rules.blocks()

    async def pause(self, reason: str) -> None:
        """No new questions, here at once, elsewhere within FRESH_SECONDS, also after a restart."""
        await self._rules.pause(reason)
        await self._read_anew()

    async def resume(self) -> bool:
        """False: it was not paused."""
        was = await self._rules.resume()
        await self._read_anew()
        return was

    def _refusal(self, visit: Visit) -> BotError | None:
        settings, standing = self._settings, self._standing
        person, server = visit.person_id, visit.server_id
        is_named = not settings.allowed_person_ids or person in settings.allowed_person_ids
        if not is_named or person in settings.blocked_person_ids or person in standing.people:
            return BotError("person_refused", "You cannot use this bot. Questions about that go to whoever runs it.")
        if server is None:
            return None
        is_blocked = server in settings.blocked_server_ids or server in standing.servers
        if is_blocked or (visit.is_at_home and not self._is_allowed(server)):
            return _server_refused()
        return None

    def _is_allowed(self, server_id: int) -> bool:
        settings = self._settings
        is_named = not settings.allowed_server_ids or server_id in settings.allowed_server_ids
        return is_named and server_id not in settings.blocked_server_ids

    async def _is_member(self, person_id: int, shares: Shares) -> bool:
        known, at = self._known.get(person_id, (None, 0.0))
        if known is not None and self._clock() - at < _KNOWN_SECONDS:
            return known
        is_known = await shares()
        self._note(person_id, is_known=is_known)
        return is_known

    def _note(self, person_id: int, *, is_known: bool) -> None:
        if len(self._known) >= _MOST_KNOWN:
            del self._known[next(iter(self._known))]
        self._known.pop(person_id, None)
        self._known[person_id] = (is_known, self._clock())


class PauseKeeper:
    """Says aloud that the bot is paused; typed questions are told before they are taken."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    @hookimpl
    async def screen_ask(self, received: Received, occasion: Occasion) -> str | None:
        if occasion.surface is not Surface.VOICE:
            return None
        pause = (await self._gate.standing()).pause
        return None if pause is None else paused_sentence(pause.reason)


def paused_sentence(reason: str) -> Sentence:
    """What people are told while no questions are taken; `reason` is shown as it is, in one line."""
    shown = " ".join(visible(reason).split())[:LONGEST_REASON]
    if not shown:
        return sentence("I am paused for now and take no new questions. Try again later.")
    return sentence("I am paused for now and take no new questions: {reason}", reason=shown)


def _server_refused() -> BotError:
    return BotError("server_refused", "This server cannot use this bot. Questions about that go to whoever runs it.")
