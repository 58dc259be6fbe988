"""One question on Discord from receipt to delivery: queued, worked on, shown, answered, or told why not."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import discord

from bot.config import JobSettings
from bot.discord_io.buttons import cancel_view
from bot.discord_io.handing_over import hand_over, turn_shown
from bot.discord_io.interaction_place import ANSWERED_FOR_SECONDS
from bot.discord_io.outbox import Outbox
from bot.discord_io.pace import Pace
from bot.discord_io.progress import JobMessage
from bot.discord_io.quotes import Quotes
from bot.discord_io.sealed import Seal
from bot.discord_io.servers import is_ours
from bot.discord_io.surface import InteractionSurface, RestoredSurface, Surface
from bot.discord_io.telling import said_of, unforeseen
from bot.discord_io.unsaid import Unsaid
from bot.domain.ask import Ask
from bot.domain.clock import clock_time
from bot.domain.conversation import MessageRef, PlaceSettings
from bot.domain.errors import BotError, DeliveryError, MemoryFault
from bot.domain.money import Account, paying
from bot.domain.quote import Consent
from bot.domain.sentence import sentence
from bot.domain.timeline import Notice
from bot.jobs.intake import Accepted, Intake
from bot.locales import Catalogue, catalogue
from bot.memory.store import Memory
from bot.pipeline.together import together
from bot.services.chat import Done
from bot.services.turnstile import Turnstile
from bot.services.works import Elsewhere, Works
from bot.tally import Figure, tell
from bot.tasks import Tasks

log = logging.getLogger(__name__)

_MOST_ATTEMPTS = 3
_STALE = timedelta(hours=1)
_DOWN = "discord_down"
_LAST_WORD_SECONDS = 4.0
_DELETIONS_KEPT = 500
_OVERDUE_SECONDS = 60.0

Afterwards = Callable[[], Awaitable[object]]


@dataclass(eq=False, slots=True, kw_only=True)
class _Job:
    """A question in flight. `is_begun`: this attempt is counted. `stopped_by_hand`: somebody pressed Cancel, as opposed
    to the whole bot stopping. `is_withdrawn`: nothing may be kept of it; `afterwards`: what is done when it has ended,
    whatever came of it."""

    ask: Ask
    notes: tuple[Notice, ...] = ()
    task: "asyncio.Task[None] | None" = None
    stopped_by_hand: bool = False
    is_begun: bool = False
    is_withdrawn: bool = False
    afterwards: list[Afterwards] = field(default_factory=list["Afterwards"])


class Desk:
    """Takes questions, serves them in turn, and answers each exactly once."""

    def __init__(
        self,
        works: Works,
        memory: Memory,
        intake: Intake,
        settings: JobSettings,
        *,
        tasks: Tasks,
        seal: Seal,
        others: Elsewhere | None = None,
    ) -> None:
        self._seal = seal
        self._works = works
        self._others = others
        self._memory = memory
        self._intake = intake
        self._settings = settings
        self._tasks = tasks
        self._turnstile = Turnstile(
            at_once=settings.max_running,
            per_server=settings.max_running_per_server,
            per_person=settings.max_running_per_person,
            most_waiting=settings.max_waiting,
            most_waiting_per_person=settings.max_waiting_per_person,
        )
        self._pace = Pace()
        self._quotes = Quotes()
        self._jobs: dict[str, _Job] = {}
        self._turns: dict[str, float] = {}
        self._unsaid = Unsaid()
        self._unnoted: set[str] = set()  # they are over, which could not be written down
        self._deleted: deque[MessageRef] = deque(maxlen=_DELETIONS_KEPT)
        self._is_closing = False

    def close(self) -> None:
        """Begin nothing new; what is asked from now on is kept for the next process."""
        self._is_closing = True
        self._quotes.close()

    def asker_of(self, job_id: str) -> int | None:
        """Who asked what is being worked on; None when it is not."""
        job = self._jobs.get(job_id)
        return None if job is None else job.ask.asker_id

    def decide(self, job_id: str, consent: Consent) -> None:
        """What its asker said to the cost of a question. Raises BotError where none is waited for."""
        self._quotes.decide(job_id, consent)

    async def finished(self, job_id: str) -> None:
        """Wait until nothing more is posted for a question."""
        job = self._jobs.get(job_id)
        if job is not None and job.task is not None:
            await asyncio.wait({job.task})

    def cancel(self, job_id: str) -> bool:
        """Stop a question; False when it is not in flight."""
        job = self._jobs.get(job_id)
        if job is None or job.task is None:
            return False
        job.stopped_by_hand = True
        return job.task.cancel()

    def in_flight(self) -> tuple[Ask, ...]:
        """What waits and what is worked on."""
        return tuple(job.ask for job in self._jobs.values())

    def overdue(self) -> int:
        """How many are still worked on though their time is over: they cannot be ended."""
        since = time.monotonic() - self._settings.max_seconds - _OVERDUE_SECONDS
        return sum(began < since for began in self._turns.values())

    def withdraw(self, messages: Iterable[MessageRef]) -> None:
        """Messages that were deleted: what they ask, and is still on its way to the desk, is not taken."""
        self._deleted.extend(messages)

    def afterwards(self, which: Callable[[Ask], bool], work: Afterwards) -> None:
        """Done once more when those that are in flight have ended: until then they keep what they find."""
        for job in self._jobs.values():
            if which(job.ask):
                job.afterwards.append(work)

    async def elsewhere(self) -> tuple[Ask, ...]:
        """What waits and what is worked on for other processes that are connected to Discord."""
        return () if self._others is None else await self._others.elsewhere()

    async def stop(self, which: Callable[[Ask], bool]) -> None:
        """Those in flight end here, and keep nothing after this returns; those of other processes as well."""
        jobs = [job for job in self._jobs.values() if which(job.ask)]
        for job in jobs:
            job.is_withdrawn = True
        tasks = [job.task for job in jobs if job.task is not None and self.cancel(job.ask.job_id)]
        if tasks:
            await asyncio.wait(tasks)
        if self._others is not None:
            await self._others.stop(which)

    async def take(
        self,
        ask: Ask,
        surface: Surface,
        *,
        place: PlaceSettings,
        notes: tuple[Notice, ...] = (),
        reply_to: MessageRef | None = None,
    ) -> None:
        """Begin to work on a question; what comes of it appears on `surface`, with `notes` below it. After a restart it
        is gone on with. Asked twice, as when an event is repeated, it is answered once.
        """
        if ask.job_id in self._jobs:
            return
        if ask.source in self._deleted:
            raise _withdrawn()
        job = _Job(ask=ask, notes=notes)
        self._jobs[ask.job_id] = job
        try:
            token = surface.sealed(self._seal)
            if not await self._intake.accept(ask, reply_to=reply_to, token=token):
                del self._jobs[ask.job_id]
                return
        except BaseException:
            self._jobs.pop(ask.job_id, None)
            raise
        if self._is_closing:
            del self._jobs[ask.job_id]
            await self._last_word(job, surface, catalogue(ask.locale))
            return
        surface.note_in(Outbox(self._intake, ask.job_id))
        self._begin(job, surface, place)

    async def resume(self, client: discord.Client) -> int:
        """Go on with what an earlier process left or could not be delivered, not with what this one is at; returns how
        many. Raises MemoryFault."""
        if self._is_closing:
            return 0
        for job_id in tuple(self._unnoted):
            await self._finished(job_id)
        ours = set(self._jobs)
        unfinished = [one for one in await self._intake.unfinished() if self._is_ours(client, one)]
        ours |= self._jobs.keys() | self._unnoted
        self._unsaid.keep({one.ask.job_id for one in unfinished})
        left = [one for one in unfinished if one.ask.job_id not in ours]
        for accepted in left:
            channel = client.get_channel(accepted.ask.key.channel_id)
            parent_id = channel.parent_id if isinstance(channel, discord.Thread) else accepted.ask.key.channel_id
            place = await self._memory.settings_for(accepted.ask.key.server_id, parent_id)
            job = _Job(ask=accepted.ask)
            self._jobs[accepted.ask.job_id] = job
            surface = self._restored(client, accepted)
            surface.note_in(Outbox(self._intake, accepted.ask.job_id, accepted.posts))
            self._begin(job, surface, place)
        return len(left)

    def _is_ours(self, client: discord.Client, accepted: Accepted) -> bool:
        """The place of what only its asker sees is in no server, but it came by the connection of one."""
        server_id = accepted.ask.key.server_id
        if server_id is None and accepted.token is not None:
            server_id = self._seal.server_of(accepted.token)
        return is_ours(client, server_id)

    def _restored(self, client: discord.Client, accepted: Accepted) -> Surface:
        """Where it was asked by an interaction, that is answered while it can be, or where nobody else may see it."""
        ask = accepted.ask
        opened = None if accepted.token is None else self._seal.open(accepted.token, client)
        if opened is not None and (ask.is_private or opened.seconds_old < ANSWERED_FOR_SECONDS):
            return InteractionSurface(
                opened.interaction,
                job_id=ask.job_id,
                words=catalogue(ask.locale),
                ephemeral=opened.ephemeral,
                seconds_old=opened.seconds_old,
            )
        return RestoredSurface(
            client.get_partial_messageable(ask.key.channel_id, guild_id=ask.key.server_id),
            client=client,
            job_id=ask.job_id,
            words=catalogue(ask.locale),
            shown=accepted.shown,
            reply_to=accepted.reply_to,
        )

    def _begin(self, job: _Job, surface: Surface, place: PlaceSettings) -> None:
        work = self._serve(job, surface, place)
        job.task = self._tasks.spawn(work, name=f"job {job.ask.job_id}")
        job.task.add_done_callback(lambda _task: self._jobs.pop(job.ask.job_id, None))

    async def _serve(self, job: _Job, surface: Surface, place: PlaceSettings) -> None:
        """All that may happen to a question ends here, with a word to the person."""
        try:
            waits = await self._answer(job, surface, catalogue(job.ask.locale), place)
        except asyncio.CancelledError:
            await self._last_word(job, surface, catalogue(job.ask.locale))
            raise
        finally:
            for work in job.afterwards:
                await self._after(job.ask, work)
        if waits:
            await self._hand_back(job)  # to be gone on with, see `resume`
        else:
            await self._finished(job.ask.job_id)

    async def _answer(self, job: _Job, surface: Surface, words: Catalogue, place: PlaceSettings) -> bool:
        """What came of it, or why nothing did, where it was asked; True: that could not be said, and can be later."""
        ask = job.ask
        try:
            self._unsaid.check(ask.job_id)
            done = await self._work(job, surface, words, place)
            while done.quote is not None:
                consent = await self._quotes.agreed(job.ask, done.quote, surface, words)
                job.ask = replace(job.ask, consent=consent)
                done = await self._work(job, surface, words, place)
            await hand_over(job.ask, done, surface, place, works=self._works, memory=self._memory, notes=job.notes)
        except DeliveryError as error:
            log.warning("job %s: not delivered: %s", ask.job_id, error.code)
            return self._waits(job, error) or self._waits(job, await self._tell(surface, error))
        except BotError as error:
            log.info("job %s: %s", ask.job_id, error.code)
            return self._waits(job, await self._tell(surface, error), error)
        except Exception:
            log.exception("job %s failed", ask.job_id)
            return self._waits(job, await self._tell(surface, unforeseen()), unforeseen())
        return False

    async def _hand_back(self, job: _Job) -> None:
        """The attempt, if one was counted, was none."""
        if job.is_begun:
            await self._intake.handed_back(job.ask.job_id)

    def _waits(self, job: _Job, lost: DeliveryError | None, error: BotError | None = None) -> bool:
        """Whether what could not be said, an answer or an `error`, can be said later: Discord does not answer now."""
        if lost is None or lost.code != _DOWN or job.is_withdrawn or job.afterwards:
            return False
        return self._unsaid.lose(job.ask.job_id, error)

    async def _finished(self, job_id: str) -> None:
        """Where that cannot be noted now it is tried again, and the job is not gone on with meanwhile."""
        self._unsaid.drop(job_id)
        try:
            await self._intake.finished(job_id)
        except MemoryFault as fault:
            self._unnoted.add(job_id)
            log.warning("job %s: that it is over is not noted yet: %s", job_id, fault.code)
        else:
            self._unnoted.discard(job_id)

    async def _after(self, ask: Ask, work: Afterwards) -> None:
        """One that fails keeps neither the others nor the end of the job from being done."""
        try:
            await work()
        except BotError as error:
            log.warning("job %s: what was to be done afterwards was not: %s", ask.job_id, error.code)

    async def _check_still_wanted(self, ask: Ask, attempts: int) -> None:
        """A question that was deleted, or interrupted too often or too long ago, is closed with a word."""
        if attempts == 0:
            raise _withdrawn()
        if attempts > _MOST_ATTEMPTS:
            await self._intake.gave_up(ask.job_id)
            raise BotError("gave_up", "I was interrupted at this several times. Ask again, or try a shorter clip.")
        if attempts > 1 and datetime.now(UTC) - ask.asked_at > _STALE:
            raise BotError("too_late", "I was away for too long to answer this in time. Ask again if it still matters.")

    async def _work(self, job: _Job, surface: Surface, words: Catalogue, place: PlaceSettings) -> Done:
        """Wait for a turn, then do it, with the progress on show."""
        room = self._pace.room(job.ask.key.channel_id)
        message = JobMessage(surface, words, view=cancel_view(job.ask.job_id, words), room=room)
        async with message.following():
            _, done = await together(self._show(job, message), self._in_turn(job, message, place))
        room.took()  # the edit that ends the message comes next
        return done

    async def _in_turn(self, job: _Job, message: JobMessage, place: PlaceSettings) -> Done:
        """An attempt counts from here: what waits while others crash the process is not to blame."""
        ask, came = job.ask, time.monotonic()
        async with self._turnstile.turn(ask.asker_id, message.waiting, server_id=ask.key.server_id):
            began = self._turns[ask.job_id] = time.monotonic()
            tell(Figure.QUEUE_WAIT_SECONDS, began - came)
            if not job.is_begun:
                job.is_begun = True  # before, because it is counted even where this is cancelled
                attempts = 0 if job.is_withdrawn else await self._intake.claimed(ask.job_id)
                await self._check_still_wanted(ask, attempts)
            account = Account(job_id=ask.job_id, person_id=ask.asker_id, server_id=ask.key.server_id)
            try:
                async with asyncio.timeout(self._settings.max_seconds):
                    with paying(account):
                        return await self._works.serve(ask, place, message)
            except TimeoutError as error:
                limit = clock_time(self._settings.max_seconds)
                raise BotError(
                    "job_too_long",
                    sentence("This took longer than {limit} and was stopped. Try a shorter clip.", limit=limit),
                ) from error
            finally:
                self._turns.pop(ask.job_id, None)

    async def _show(self, job: _Job, message: JobMessage) -> None:
        shown = await message.open()
        await self._memory.add_reply(turn_shown(job.ask), shown)  # people reply before an answer is at its end
        await self._intake.showed(job.ask.job_id, shown)

    async def _last_word(self, job: _Job, surface: Surface, words: Catalogue) -> None:
        """Said while the task is being cancelled or the bot is closing, so within a limit."""
        try:
            async with asyncio.timeout(_LAST_WORD_SECONDS):
                if job.stopped_by_hand:
                    await self._finished(job.ask.job_id)
                    await surface.finish(words("Stopped. Nothing more is spent on this."))
                else:
                    await self._hand_back(job)
                    shown = await surface.show(words("I am being restarted and will go on with this in a moment."))
                    await self._intake.showed(job.ask.job_id, shown)
        except (TimeoutError, BotError) as error:
            log.info("job %s: no last word: %s", job.ask.job_id, type(error).__name__)

    async def _tell(self, surface: Surface, error: BotError) -> DeliveryError | None:
        """What kept it from being said."""
        tell(Figure.REFUSALS, label=error.code)
        try:
            await surface.fail(said_of(error))
        except DeliveryError as lost:
            log.warning("an error could not be told: %s", lost.code)
            return lost
        return None


def _withdrawn() -> BotError:
    return BotError("withdrawn", "The question was deleted, so there is nothing to answer.")
