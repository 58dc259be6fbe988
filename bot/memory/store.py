"""The one way to what is remembered: clips, turns, settings; and to forgetting them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import partial

from bot.database.codec import read_heard, read_looks, read_probe, read_seen, to_json
from bot.database.engine import Database
from bot.database.tables import FindingRow, Half
from bot.domain.clock import utc_now
from bot.domain.conversation import ClipRef, ConversationKey, MediaSource, MessageRef, PlaceSettings, Turn
from bot.domain.media import MediaProbe
from bot.domain.recollection import (
    Fact,
    Forgotten,
    Found,
    Holdings,
    Named,
    Overview,
    Recollection,
    Scope,
    Summary,
    Vector,
)
from bot.domain.timeline import Moment
from bot.domain.understanding import Heard, Look, Seen
from bot.memory import (
    clips,
    consents,
    facts,
    forgetting,
    holdings,
    house_rules,
    indexing,
    recall,
    retention,
    settings,
    summaries,
    turns,
    vectors,
)
from bot.memory.passages import heard_moments, seen_moments
from bot.memory.plugin_records import PluginRecords
from bot.memory.settings import OwnSettings

_INDEXED_AT_ONCE = 200


class Memory:
    """Each method is one transaction and raises MemoryFault. What was kept is on disk when the method returns."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock
        self.plugin_records = PluginRecords(database, clock)

    async def seen(self, sha256: str, recipe: str) -> Seen | None:
        text = await self._finding(sha256, Half.SEEN, recipe)
        return None if text is None else read_seen(text)

    async def heard(self, sha256: str, recipe: str) -> Heard | None:
        text = await self._finding(sha256, Half.HEARD, recipe)
        return None if text is None else read_heard(text)

    async def keep_seen(self, sha256: str, recipe: str, seen: Seen, *, fresh_until: datetime | None) -> None:
        """From `fresh_until` on it is not returned; None: it keeps."""
        await self._keep_finding(sha256, recipe, seen, seen_moments(seen), fresh_until=fresh_until)

    async def keep_heard(self, sha256: str, recipe: str, heard: Heard, *, fresh_until: datetime | None) -> None:
        """From `fresh_until` on it is not returned; None: it keeps."""
        await self._keep_finding(sha256, recipe, heard, heard_moments(heard), fresh_until=fresh_until)

    async def looks(self, sha256: str, recipe: str) -> tuple[Look, ...]:
        """What was found when the clip was looked at again, in the order it was kept."""
        text = await self._finding(sha256, Half.LOOKS, recipe)
        return () if text is None else read_looks(text)

    async def keep_look(self, sha256: str, recipe: str, look: Look) -> None:
        """Of many the newest are kept."""
        now = self._clock()
        await self._database.write(lambda session: clips.keep_look(session, sha256, recipe, look, now))

    async def facts(self, sha256: str) -> MediaProbe | None:
        text = await self._database.read(lambda session: clips.facts(session, sha256))
        return None if text is None else read_probe(text)

    async def keep_facts(self, sha256: str, probe: MediaProbe) -> None:
        now = self._clock()
        await self._database.write(lambda session: clips.keep_facts(session, sha256, to_json(probe), now))

    async def digest_of(self, attachment_id: int) -> str | None:
        return await self._database.read(lambda session: clips.digest(session, attachment_id))

    async def attachments_of(self, message: MessageRef) -> frozenset[int]:
        """The attachments of a message of which the clip is known."""
        return await self._database.read(lambda session: clips.attachments(session, message))

    async def keep_digest(self, source: MediaSource, sha256: str) -> None:
        now = self._clock()
        await self._database.write(lambda session: clips.keep_digest(session, source, sha256, now))

    async def keep_turn(self, turn: Turn) -> None:
        """A turn of the same job stays as it is."""
        now = self._clock()
        await self._database.write(lambda session: turns.keep(session, turn, now))

    async def add_reply(self, job_id: str, message: MessageRef) -> None:
        """A message we posted for a turn, which may be kept later."""
        now = self._clock()
        await self._database.write(lambda session: turns.add_reply(session, job_id, message, now))

    async def replies(self, job_id: str) -> tuple[MessageRef, ...]:
        """In the order they were added."""
        return await self._database.read(lambda session: turns.replies(session, job_id))

    async def turn(self, job_id: str) -> Turn | None:
        return await self._database.read(lambda session: turns.get(session, job_id))

    async def turn_of_message(self, message: MessageRef) -> Turn | None:
        """The turn this message asked for, or which it shows."""
        return await self._database.read(lambda session: turns.of_message(session, message))

    async def chain(self, job_id: str, *, limit: int) -> tuple[Turn, ...]:
        """The turn and those it follows in the same place, at most `limit`, oldest first."""
        return await self._database.read(lambda session: turns.chain(session, job_id, limit))

    async def recent(self, key: ConversationKey, *, since: datetime, limit: int) -> tuple[Turn, ...]:
        """The newest turns of a place, at most `limit`, oldest first."""
        return await self._database.read(lambda session: turns.recent(session, key, since, limit))

    async def latest_clips(self, key: ConversationKey, *, since: datetime) -> tuple[ClipRef, ...]:
        """Those of the newest turn of a place that was about any."""
        return await self._database.read(lambda session: turns.latest_clips(session, key, since))

    async def recall(
        self,
        scope: Scope,
        question: str,
        *,
        follows: str | None,
        clips: Collection[str],
        since: datetime,
        vector: Vector | None = None,
    ) -> Recollection:
        """What comes back for a question: the chain of turns it follows, filled up with the newest of the place
        itself `since` then; of the scope older turns and moments of clips that match; of the clips in play (digests)
        the moments that match. With a `vector` also what means the like."""
        return await self._database.read(
            lambda session: recall.recall(
                session, scope, question, follows=follows, clips=clips, since=since, vector=vector
            )
        )

    async def mark_used(self, jobs: Collection[str]) -> None:
        """These turns came back for a question, so they fade later."""
        now = self._clock()
        await self._database.write(lambda session: turns.mark_used(session, jobs, now))

    async def search(
        self, scope: Scope, wanted: str, *, vector: Vector | None = None, limit: int = 10
    ) -> tuple[Found, ...]:
        """Turns of a scope, and moments of clips they were about, that match; the best first."""
        return await self._database.read(
            lambda session: recall.search(session, scope, wanted, vector=vector, limit=limit)
        )

    async def unembedded(self, model: str, limit: int) -> tuple[tuple[int, str], ...]:
        """Passages without a vector of this model, the newest first: their numbers and texts."""
        return await self._database.read(lambda session: vectors.missing(session, model, limit))

    async def keep_vectors(
        self, model: str, texts: Sequence[tuple[int, str]], values: Sequence[Sequence[float]]
    ) -> None:
        """One for each of the `unembedded` texts; of passages that are gone or were changed meanwhile none is kept."""
        await self._database.write(lambda session: vectors.keep(session, model, texts, values))

    async def to_summarise(self, key: ConversationKey, *, keep_recent: int, batch: int) -> tuple[Turn, ...]:
        """The oldest turns of a place that are in no summary, without its newest; none until there are `batch`."""
        return await self._database.read(
            lambda session: summaries.due(session, key, keep_recent=keep_recent, batch=batch)
        )

    async def keep_summary(self, summary: Summary, of: Sequence[Turn]) -> bool:
        """False: not kept, because one of the turns is gone or was changed meanwhile."""
        return await self._database.write(lambda session: summaries.keep(session, summary, of))

    async def fade(self, *, before: datetime) -> int:
        """Drops turns about no clip that are as old, part of a summary, and did not come back since."""
        return len(await self._database.write(lambda session: summaries.fade(session, before)))

    async def index_missing(self) -> None:
        """Makes findable what an older version kept; in parts, so that nobody waits long."""
        for work in (indexing.index_turns, indexing.index_clips):
            after: str | None = ""
            while after is not None:
                step = partial(work, after=after, limit=_INDEXED_AT_ONCE)
                after = await self._database.write(step)

    async def settings_for(self, server_id: int | None, channel_id: int) -> PlaceSettings:
        """The channel's own over the server's over the defaults."""
        return await self._database.read(lambda session: settings.effective(session, server_id, channel_id))

    async def own_settings(self, server_id: int | None, channel_id: int | None) -> OwnSettings:
        """What is set there itself; channel None: for the whole server."""
        return await self._database.read(lambda session: settings.own(session, server_id, channel_id))

    async def change_settings(
        self, server_id: int | None, channel_id: int | None, changes: Mapping[str, object]
    ) -> None:
        """None as a value: no longer set there. Raises ValueError on a name or value that PlaceSettings has not."""
        wanted = settings.checked(changes)
        await self._database.write(lambda session: settings.change(session, server_id, channel_id, wanted))

    async def auto_joined(self) -> tuple[tuple[int, int | None], ...]:
        """Voice channels that are joined when somebody comes, as server and channel (None: all of a server)."""
        found = await self._database.read(lambda session: settings.everywhere(session, "auto_join"))
        return tuple((server, channel) for (server, channel), is_on in found.items() if server is not None and is_on)

    async def news_channels(self) -> tuple[tuple[int, int], ...]:
        """Channels that asked for the words of whoever runs the bot, as server and channel."""
        found = await self._database.read(lambda session: settings.everywhere(session, "news"))
        return tuple((server, channel) for (server, channel), is_on in found.items() if server and channel and is_on)

    async def name_place(self, key: ConversationKey, name: str) -> None:
        """A place that no Discord knows is listed by its name."""
        await self._database.write(lambda session: settings.name_place(session, key, name))

    async def named_places(self) -> tuple[Named, ...]:
        """The last used first."""
        return await self._database.read(settings.named_places)

    async def keep_fact(self, fact: Fact) -> Fact:
        """With its number. What is pinned in that place word for word already is there once."""
        return await self._database.write(lambda session: facts.keep(session, fact))

    async def pinned(self, scope: Scope) -> tuple[Fact, ...]:
        """Facts that may surface in a place, oldest first."""
        return await self._database.read(lambda session: facts.pinned(session, scope))

    async def fact(self, fact_id: int) -> Fact | None:
        return await self._database.read(lambda session: facts.get(session, fact_id))

    async def facts_of(self, person_id: int, key: ConversationKey | None = None) -> int:
        """How many a person pinned, in one place or everywhere."""
        return await self._database.read(lambda session: facts.count(session, person_id, key))

    async def choose(self, person_id: int, kind: str, *, is_given: bool) -> None:
        """A choice that holds everywhere, see memory/consents.py."""
        now = self._clock()
        await self._database.write(
            lambda session: consents.choose(session, person_id, kind, is_given=is_given, now=now)
        )

    async def opted_out(self, *person_ids: int) -> frozenset[int]:
        """Those of them of whom nothing may be kept."""
        return await self._database.read(lambda session: consents.opted_out(session, person_ids))

    async def audible(self, *person_ids: int) -> frozenset[int]:
        """Those of them who agreed to be heard in voice channels."""
        return await self._database.read(lambda session: consents.audible(session, person_ids))

    async def unasked(self, *person_ids: int) -> frozenset[int]:
        """Those of them who never chose whether they are heard."""
        return await self._database.read(lambda session: consents.unasked(session, person_ids))

    async def meet(self, person_id: int, *, is_stranger: bool) -> bool:
        """Somebody who shares a server with the bot, or does not: of strangers nothing is kept until they opt in. True:
        they are a stranger since now."""
        if await self._database.read(lambda session: consents.is_stranger(session, person_id)) is is_stranger:
            return False
        now = self._clock()
        await self._database.write(
            lambda session: (
                consents.choose(session, person_id, consents.STRANGER, is_given=False, now=now)
                if is_stranger
                else consents.know(session, person_id)
            )
        )
        return is_stranger

    async def servers_of(self, person_id: int) -> frozenset[int]:
        """Where somebody asked something that is remembered."""
        return await self._database.read(lambda session: turns.servers_of(session, person_id))

    async def overview(self, scope: Scope) -> Overview:
        return await self._database.read(lambda session: holdings.overview(session, scope))

    async def holdings(self, person_id: int) -> Holdings:
        """Everything that is kept of a person."""
        return await self._database.read(lambda session: holdings.holdings(session, person_id))

    async def forget_person(self, person_id: int) -> Forgotten:
        """What they asked, posted and pinned, and what rests on it; see docs/decisions/0016-forgetting.md. Their
        choices stay, except that they agreed to be heard. What any of these methods forgot is out of the files of the
        database after `wipe`."""
        now = self._clock()
        return await self._database.write(lambda session: forgetting.forget_person(session, person_id, now))

    async def forget_place(self, key: ConversationKey, *, is_gone: bool = False) -> Forgotten:
        """A channel, thread or direct message; with `is_gone` what was set there goes, too."""
        now = self._clock()
        return await self._database.write(lambda session: forgetting.forget_place(session, key, now, is_gone=is_gone))

    async def forget_server(self, server_id: int, *, channels: Collection[int] = ()) -> Forgotten:
        """All that was said, set, pinned and asked there, and clips seen nowhere else. `channels` are those of the
        server as Discord tells them; some may be known from clips alone."""
        return await self._database.write(lambda session: forgetting.forget_server(session, server_id, channels))

    async def forget_clip(self, sha256: str, key: ConversationKey) -> Forgotten:
        """In the whole server of that place, or in that direct message."""
        now = self._clock()
        return await self._database.write(lambda session: forgetting.forget_clip(session, sha256, key, now))

    async def forget_messages(self, messages: Collection[MessageRef]) -> Forgotten:
        """The turns they asked for or whose clip they carried, and that clip where it was seen nowhere else."""
        now, wanted = self._clock(), frozenset(messages)
        return await self._database.write(lambda session: forgetting.forget_messages(session, wanted, now))

    async def forget_message(self, message: MessageRef) -> Forgotten:
        """As `forget_messages`."""
        return await self.forget_messages([message])

    async def forget_turn(self, job_id: str) -> Forgotten:
        """What was asked and answered there, and files of its command with what was found in them."""
        return await self._database.write(lambda session: forgetting.forget_turn(session, job_id))

    async def forget_asked(self, person_id: int, key: ConversationKey) -> Forgotten:
        """What a person asked in one place."""
        now = self._clock()
        return await self._database.write(lambda session: forgetting.forget_asked(session, person_id, key, now))

    async def drop_fact(self, fact_id: int) -> Forgotten:
        """What was pinned, and answers that repeat it."""
        return await self._database.write(lambda session: forgetting.forget_fact(session, fact_id))

    async def edit_question(self, message: MessageRef, text: str) -> bool:
        """A message that asked says something else now. False: nothing is known of it, or it says the same."""
        return await self._database.write(lambda session: forgetting.edit_question(session, message, text))

    async def prune(self, *, turns_before: datetime, clips_before: datetime) -> Forgotten:
        """Deletes what is older, or older than its place wants it kept, and copies of the database as old as that."""
        now = self._clock()
        gone = await self._database.write(
            lambda session: retention.prune(session, turns_before=turns_before, clips_before=clips_before, now=now)
        )
        await self._database.drop_copies(before=turns_before)
        return gone

    async def wipe(self, *, copies: bool = True) -> None:
        """Leaves nothing on disk of what was forgotten before; with `copies` the copies and backups of the database
        are made anew as well; those that lie where another process runs follow by the note of the time."""
        if copies:
            now = self._clock()
            await self._database.write(lambda session: house_rules.note_forgotten(session, now))
        await self._database.wipe()
        if copies:
            await self._database.renew_copies()

    async def _finding(self, sha256: str, half: Half, recipe: str) -> str | None:
        now = self._clock()
        return await self._database.read(lambda session: clips.finding(session, sha256, half, recipe, now))

    async def _keep_finding(
        self,
        sha256: str,
        recipe: str,
        found: Seen | Heard,
        moments: tuple[Moment, ...],
        *,
        fresh_until: datetime | None,
    ) -> None:
        now, half = self._clock(), Half.SEEN if isinstance(found, Seen) else Half.HEARD
        row = FindingRow(sha256=sha256, half=half, recipe=recipe, value=to_json(found), fresh_until=fresh_until)
        await self._database.write(lambda session: clips.keep_finding(session, row, moments, now))
