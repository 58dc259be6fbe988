"""The one way to what is remembered: clips, turns, settings; and to forgetting them."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from bot.database.codec import read_heard, read_probe, read_seen, to_json
from bot.database.engine import Database
from bot.database.tables import FindingRow, Half
from bot.domain.conversation import ClipRef, ConversationKey, MediaSource, MessageRef, PlaceSettings, Turn
from bot.domain.media import MediaProbe
from bot.domain.understanding import Heard, Seen
from bot.memory import clips, forgetting, settings, turns
from bot.memory.settings import OwnSettings


def _now() -> datetime:
    return datetime.now(UTC)


class Memory:
    """Each method is one transaction and raises MemoryFault. What was kept is on disk when the method returns."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime] = _now) -> None:
        self._database = database
        self._clock = clock

    async def seen(self, sha256: str, recipe: str) -> Seen | None:
        text = await self._finding(sha256, Half.SEEN, recipe)
        return None if text is None else read_seen(text)

    async def heard(self, sha256: str, recipe: str) -> Heard | None:
        text = await self._finding(sha256, Half.HEARD, recipe)
        return None if text is None else read_heard(text)

    async def keep_seen(self, sha256: str, recipe: str, seen: Seen, *, fresh_until: datetime | None) -> None:
        """From `fresh_until` on it is not returned; None: it keeps."""
        await self._keep_finding(sha256, Half.SEEN, recipe, to_json(seen), fresh_until)

    async def keep_heard(self, sha256: str, recipe: str, heard: Heard, *, fresh_until: datetime | None) -> None:
        """From `fresh_until` on it is not returned; None: it keeps."""
        await self._keep_finding(sha256, Half.HEARD, recipe, to_json(heard), fresh_until)

    async def facts(self, sha256: str) -> MediaProbe | None:
        text = await self._database.read(lambda session: clips.facts(session, sha256))
        return None if text is None else read_probe(text)

    async def keep_facts(self, sha256: str, probe: MediaProbe) -> None:
        now = self._clock()
        await self._database.write(lambda session: clips.keep_facts(session, sha256, to_json(probe), now))

    async def digest_of(self, attachment_id: int) -> str | None:
        return await self._database.read(lambda session: clips.digest(session, attachment_id))

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

    async def forget_server(self, server_id: int) -> None:
        """All that was said, set and asked there, and clips seen nowhere else."""
        await self._database.write(lambda session: forgetting.forget_server(session, server_id))
        await self._database.wipe()

    async def forget_turn(self, job_id: str) -> None:
        """What was asked and answered there, and files of its command with what was found in them."""
        await self._database.write(lambda session: forgetting.forget_turn(session, job_id))
        await self._database.wipe()

    async def forget_message(self, message: MessageRef) -> None:
        """The turns it asked for or whose clip it carried, and that clip where it was seen nowhere else."""
        now = self._clock()
        if await self._database.write(lambda session: forgetting.forget_message(session, message, now)):
            await self._database.wipe()

    async def prune(self, *, turns_before: datetime, clips_before: datetime) -> int:
        """Deletes old turns, old clips that no turn is about, and copies as old as those turns; counts both."""
        now = self._clock()
        gone = await self._database.write(lambda session: turns.prune(session, turns_before))
        gone += await self._database.write(lambda session: clips.prune(session, before=clips_before, now=now))
        await self._database.drop_copies(before=turns_before)
        await self._database.wipe()
        return gone

    async def _finding(self, sha256: str, half: Half, recipe: str) -> str | None:
        now = self._clock()
        return await self._database.read(lambda session: clips.finding(session, sha256, half, recipe, now))

    async def _keep_finding(
        self, sha256: str, half: Half, recipe: str, value: str, fresh_until: datetime | None
    ) -> None:
        now = self._clock()
        row = FindingRow(sha256=sha256, half=half, recipe=recipe, value=value, fresh_until=fresh_until)
        await self._database.write(lambda session: clips.keep_finding(session, row, now))
