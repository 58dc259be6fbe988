"""The one way to what plugins keep; forgetting, export and time reach it by way of the memory."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Protocol, TypeVar

from bot.database.engine import Work
from bot.database.tables import PluginRecordRow
from bot.domain.conversation import ConversationKey
from bot.domain.records import Record
from bot.memory import records

Result = TypeVar("Result")

Change = Callable[[int, dict[str, object]], Awaitable[Mapping[str, object]]]
"""From the version a value was written by, and the value, to the value of the version that is wanted."""


class Transacts(Protocol):
    """Runs work in transactions; see Database."""

    async def read(self, work: Work[Result]) -> Result: ...

    async def write(self, work: Work[Result]) -> Result: ...


class PluginRecords:
    """Each method but `upgrade` is one transaction. Raises MemoryFault; what was kept is on disk when it returns."""

    def __init__(self, database: Transacts, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def put(
        self,
        plugin: str,
        table: str,
        value: Mapping[str, object],
        *,
        version: int,
        key: ConversationKey | None = None,
        person_id: int | None = None,
        job_id: str | None = None,
        only: bool = False,
    ) -> Record | None:
        """None: nothing is kept of this person, or the job was forgotten. `only`: instead of what the person (or
        nobody) has in that table and place. Beyond records.MOST_RECORDS the oldest of the place go. Raises BotError on
        a value that is no JSON, or of more than records.MOST_BYTES."""
        row = PluginRecordRow(
            plugin=plugin,
            name=table,
            version=version,
            server_id=key and key.server_id,
            channel_id=key and key.channel_id,
            person_id=person_id,
            job_id=job_id,
            kept_at=self._clock(),
            value=records.as_json(value),
        )
        return await self._database.write(lambda session: records.put(session, row, only=only))

    async def find(
        self,
        plugin: str,
        table: str,
        *,
        key: ConversationKey | None = None,
        person_id: int | None = None,
        job_id: str | None = None,
        limit: int = 100,
    ) -> tuple[Record, ...]:
        """Newest first. None asks for those of any place, person or job, and for those of none."""
        return await self._database.read(
            lambda session: records.find(
                session, plugin, table, key=key, person_id=person_id, job_id=job_id, limit=limit
            )
        )

    async def drop(self, plugin: str, record_id: int) -> None:
        """Of this plugin alone. The words leave the disk with the next `wipe` of the memory."""
        is_it = (PluginRecordRow.plugin == plugin) & (PluginRecordRow.record_id == record_id)
        await self._database.write(lambda session: records.drop(session, is_it))

    async def drop_all(self, plugin: str) -> int:
        """How many went; see `drop`."""
        return await self._database.write(lambda session: records.drop(session, PluginRecordRow.plugin == plugin))

    async def upgrade(self, plugin: str, table: str, version: int, change: Change) -> int:
        """Brings what older versions of a table wrote to this version; counts it. `change` runs outside of any
        transaction, wherever its caller wants; when it raises, nothing is changed. Raises BotError where a newer
        version wrote any, or what comes of a change cannot be kept."""
        older = await self._database.read(lambda session: records.older(session, plugin, table, version))
        changed = [(old, records.as_json(await change(old.version, old.value))) for old in older]
        if changed:
            await self._database.write(lambda session: records.rewrite(session, version, changed))
        return len(changed)
