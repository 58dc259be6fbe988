"""From a command or a message to an ask: who asks, where, about which clips, going on from what."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import discord

from bot.config import DiscordSettings
from bot.discord_io.asker import Asker, asker_of
from bot.discord_io.attachments import sources_of
from bot.discord_io.desk import Desk
from bot.discord_io.gatekeeper import Gatekeeper
from bot.discord_io.identity import ref_of, settings_channel
from bot.discord_io.links import has_links, linked_messages
from bot.discord_io.surface import InteractionSurface, MessageSurface, Surface
from bot.discord_io.wall import wall
from bot.domain.ask import Ask, AskKind
from bot.domain.conversation import ConversationKey, MediaSource, MessageRef, PlaceSettings, SpeakWhen
from bot.domain.errors import BotError, DeliveryError
from bot.domain.recollection import Scope
from bot.domain.timeline import Notice, NoticeCode
from bot.locales import catalogue
from bot.memory.store import Memory
from bot.pipeline.run import new_job_id
from bot.services.access import Person, check_may_want, may_hear
from bot.services.chat import TURNS_BACK

log = logging.getLogger(__name__)

_TURNS_LOOKED_AT = 10
_MESSAGES_LOOKED_AT = 30
_FIRST = frozenset({"paused", "dm_refused"})
_UNSPOKEN = Notice(code=NoticeCode.SPEECH_MISSING, public="Spoken answers are switched off here.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a person said they want; `speak` None: as the place has it. `follows` is the job it goes on from, None: to
    be found. See Ask for the rest."""

    kind: AskKind = AskKind.ASK
    question: str | None = field(default=None, repr=False)
    clips: tuple[MediaSource, ...] = ()
    voice_question: MediaSource | None = None
    follows: str | None = None
    speak: bool | None = None
    form: str = "md"

    def about(
        self,
        *,
        question: str | None = None,
        clips: tuple[MediaSource, ...] | None = None,
        follows: str | None = None,
    ) -> "Wish":
        """The same wish, with what became known meanwhile."""
        return replace(
            self,
            question=question or self.question,
            clips=self.clips if clips is None else clips,
            follows=follows or self.follows,
        )


class Reception:
    """Where every way in ends, before the desk. `clock` counts the life of an interaction, in seconds."""

    def __init__(
        self,
        desk: Desk,
        memory: Memory,
        settings: DiscordSettings,
        *,
        keeper: Gatekeeper,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._keeper = keeper
        self._desk = desk
        self._memory = memory
        self._settings = settings

    async def by_command(self, interaction: discord.Interaction[Any], wish: Wish, *, private: bool = False) -> None:
        """Answer a command, a button or a form; acknowledged first. `private`: only this person sees what comes. Raises
        BotError before that for whom it is closed."""
        hidden = private or not is_public(interaction)
        place = await self._keeper.admit_ask(interaction)
        await interaction.response.defer(ephemeral=hidden, thinking=True)
        job_id, words = new_job_id(), catalogue(interaction.locale.value)
        surface = InteractionSurface(interaction, job_id=job_id, words=words, ephemeral=hidden, clock=self._clock)
        person, asker = person_of(interaction.user), asker_of(interaction)
        try:
            if place is None:
                place = await self._memory.settings_for(asker.key.server_id, settings_channel(interaction))
            check_may_want(person, place, wish.kind)
            met = await self._keeper.meet(interaction)
            clips = wish.clips
            if wish.question and not clips and has_links(wish.question):
                clips = await self._linked(wish.question, interaction.user, interaction.guild)
            follows = wish.follows
            if follows is None and not clips and not hidden:
                follows, clips = await self._recent(asker)
            await self._check_clips(follows, asker)
            speak, notes = _speaks(wish, person, place)
            scope = _private(person.person_id) if hidden else asker.scope
            ask = _ask(
                wish, job_id, asker, scope, clips=clips, follows=follows, speak=speak, locale=interaction.locale.value
            )
            await self._desk.take(ask, surface, place=place, notes=(*notes, *met))
        except BotError as error:
            await _refuse(surface, job_id, error)

    async def by_message(
        self,
        message: discord.Message,
        wish: Wish,
        *,
        client: discord.Client,
        place: PlaceSettings,
        locale: str,
        problem: BotError | None = None,
    ) -> None:
        """Answer a message below it, or say there what the `problem` with it is."""
        job_id, words = new_job_id(), catalogue(locale)
        surface = MessageSurface(message, client=client, job_id=job_id, words=words, clock=self._clock)
        person, asker = person_of(message.author), asker_of(message)
        try:
            if problem is not None and problem.code in _FIRST:
                raise problem
            check_may_want(person, place, wish.kind)
            if problem is not None:
                raise problem
            met = await self._keeper.meet(message)
            clips, follows = wish.clips, wish.follows
            if wish.question and not clips and has_links(wish.question):
                clips = await self._linked(wish.question, message.author, message.guild)
            if follows is None and not clips:
                follows, clips = await self._recent(asker, before=message)
            await self._check_clips(follows, asker)
            speak, notes = _speaks(wish, person, place)
            ask = _ask(
                wish,
                job_id,
                asker,
                asker.scope,
                clips=clips,
                follows=follows,
                speak=speak,
                locale=locale,
                source=ref_of(message),
            )
            await self._desk.take(ask, surface, place=place, notes=(*notes, *met), reply_to=ref_of(message))
        except BotError as error:
            await _refuse(surface, job_id, error)

    async def _linked(
        self, text: str, asker: discord.Member | discord.User, guild: discord.Guild | None
    ) -> tuple[MediaSource, ...]:
        messages = await linked_messages(text, asker=asker, guild=guild)
        found = tuple(source for message in messages for source in sources_of(message))
        if not found:
            raise BotError("link_no_clip", "I see no clip in the linked message. Post the clip itself.")
        return found

    async def _check_clips(self, follows: str | None, asker: Asker) -> None:
        """Whoever may read a clip's channel can link to it from elsewhere; what others get of it is that answer alone.

        Raises BotError for a question that would go on from a clip its asker cannot read.
        """
        turns = await self._memory.chain(follows, limit=TURNS_BACK) if follows else ()
        clips = next((turn.clips for turn in reversed(turns) if turn.clips), ())
        if not all(asker.may_read(clip.source) for clip in clips):
            raise BotError("clip_hidden", "This is about a clip from a channel you cannot read. Post the clip itself.")

    async def _recent(
        self, asker: Asker, *, before: discord.Message | None = None
    ) -> tuple[str | None, tuple[MediaSource, ...]]:
        """What a question without a clip goes on from: in a thread or a direct message the turn before it, elsewhere
        the channel's latest clip, asked about or, where messages may be read, posted."""
        since = datetime.now(UTC) - timedelta(hours=self._settings.recent_hours)
        found = await self._memory.recent(asker.key, since=since, limit=_TURNS_LOOKED_AT)
        turns = [turn for turn in found if all(asker.may_read(clip.source) for clip in turn.clips)]
        channel = asker.channel
        if not isinstance(channel, discord.Thread | discord.DMChannel) and asker.key.server_id is not None:
            turns = [turn for turn in turns if turn.clips]
        last = turns[-1] if turns else None
        posted = await self._posted(channel, since=last.asked_at if last else since, before=before)
        if posted:
            return None, posted
        if last is None and isinstance(channel, discord.Thread):
            return await self._started_from(channel)
        return (last.job_id if last else None), ()

    async def _started_from(self, thread: discord.Thread) -> tuple[str | None, tuple[MediaSource, ...]]:
        """The turn, or else the clips, of the message a thread was started from; it has the thread's id, and stands in
        the channel the thread hangs on, in a forum in the thread itself."""
        place = thread if isinstance(thread.parent, discord.ForumChannel) else thread.parent
        if not isinstance(place, discord.TextChannel | discord.Thread):
            return None, ()
        turn = await self._memory.turn_of_message(MessageRef(channel_id=place.id, message_id=thread.id))
        if turn is not None:
            return turn.job_id, ()
        try:
            return None, sources_of(thread.starter_message or await place.fetch_message(thread.id))
        except (discord.NotFound, discord.Forbidden):
            return None, ()

    async def _posted(
        self, channel: object, *, since: datetime, before: discord.Message | None
    ) -> tuple[MediaSource, ...]:
        """The clips of the newest message that has some, where messages may be read."""
        if not self._settings.message_content or isinstance(channel, discord.DMChannel):
            return ()
        if not isinstance(channel, discord.abc.Messageable):
            return ()
        try:
            with wall(channel):
                async for message in channel.history(limit=_MESSAGES_LOOKED_AT, before=before):
                    if message.created_at <= since:
                        break
                    if message.attachments and not message.author.bot:
                        return sources_of(message)
        except DeliveryError as error:
            if error.code != "discord_missing_permission":
                raise
        return ()


async def _refuse(surface: Surface, job_id: str, error: BotError) -> None:
    """Say why a question is not taken, where that can be said."""
    log.info("job %s: %s", job_id, error.code)
    try:
        await surface.fail(error.public)
    except DeliveryError as lost:
        log.warning("job %s: an error could not be told: %s", job_id, lost.code)


def is_public(interaction: discord.Interaction[Any]) -> bool:
    """Whether the bot is at home where it was called: in the server, or in its own direct messages."""
    return interaction.is_guild_integration() or interaction.context.dm_channel


def scope_of(interaction: discord.Interaction[Any]) -> Scope:
    """The place a command is used in, and where words may come from to surface there."""
    return asker_of(interaction).scope if is_public(interaction) else _private(interaction.user.id)


def _private(person_id: int) -> Scope:
    """The place of what only one person sees: that person's id stands for it."""
    return Scope(key=ConversationKey(server_id=None, channel_id=person_id))


def person_of(user: discord.Member | discord.User) -> Person:
    """What decides of a member of a server, or of somebody in direct messages."""
    if not isinstance(user, discord.Member):
        return Person(person_id=user.id)
    rights = user.resolved_permissions or user.guild_permissions
    return Person(
        person_id=user.id,
        role_ids=frozenset(role.id for role in user.roles),
        is_moderator=rights.manage_messages or rights.manage_guild,
    )


def _speaks(wish: Wish, person: Person, place: PlaceSettings) -> tuple[bool, tuple[Notice, ...]]:
    wanted = wish.speak if wish.speak is not None else place.speak is SpeakWhen.ALWAYS
    if wanted and not may_hear(person, place):
        if wish.kind is AskKind.SPEAK:
            raise BotError("not_spoken", _UNSPOKEN.public)
        return False, (_UNSPOKEN,) if wish.speak else ()
    return wanted, ()


def _ask(
    wish: Wish,
    job_id: str,
    asker: Asker,
    scope: Scope,
    *,
    clips: tuple[MediaSource, ...],
    follows: str | None,
    speak: bool,
    locale: str,
    source: MessageRef | None = None,
) -> Ask:
    return Ask(
        job_id=job_id,
        key=scope.key,
        also=scope.also,
        asker_id=asker.user.id,
        asker_name=asker.name,
        asked_at=datetime.now(UTC),
        kind=wish.kind,
        question=wish.question,
        clips=clips,
        voice_question=wish.voice_question,
        follows=follows,
        is_reply=wish.follows is not None,
        source=source,
        speak=speak,
        form=wish.form,
        locale=locale,
    )
