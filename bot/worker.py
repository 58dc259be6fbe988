"""The process that does the work of others: everything of the bot but its connection to Discord."""

import os
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from bot.app import caps_of, folders_of, fresh_workspaces, open_rooms, queue_of, start_plugins, where_of, without_cache
from bot.config import Settings
from bot.database.engine import open_database
from bot.discord_io.attachments import open_fetcher
from bot.discord_io.rest_only import open_rest
from bot.hiring import hire_crew
from bot.jobs.engines import owner_name
from bot.jobs.ledger import Ledger
from bot.jobs.runner import Runner
from bot.jobs.steps import Steps
from bot.jobs.table import JobTable
from bot.operations.opening import open_status
from bot.operations.snapshot import Sources
from bot.services.purse import LedgerPurse
from bot.services.recorded import recorded
from bot.services.worker import WorkerService


@asynccontextmanager
async def open_worker(settings: Settings) -> AsyncGenerator[Runner]:
    """What does the work that gateways order; on Discord it only reads messages again."""
    settings = without_cache(settings)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(where_of(settings)))
        status = await stack.enter_async_context(open_status(settings, name=f"worker-{os.getpid()}"))
        ledger = Ledger(database, caps_of(settings))
        crew = recorded(hire_crew(settings, stack, purse=LedgerPurse(ledger)), Steps(database))
        rest = await stack.enter_async_context(open_rest(settings))
        fetcher = await stack.enter_async_context(open_fetcher(settings, rest.read_again))
        workspaces = await fresh_workspaces(settings)
        recent = timedelta(hours=settings.discord.recent_hours)
        rooms = await open_rooms(
            settings, database, crew, fetcher, stack, folder=workspaces, recent=recent, ledger=ledger
        )
        await start_plugins(settings, crew, rooms.memory.plugin_records, stack, ledger)
        runner = Runner(
            JobTable(database),
            queue_of(settings, database, stack),
            WorkerService(rooms.chat).serve,
            owner=owner_name(),
            at_once=settings.queue.at_once,
            lease_seconds=settings.queue.lease_seconds,
        )
        crew.hooks.admit(status.figures, "figures")
        status.begin(
            Sources(
                write=database.prove,
                rounds={"leases": lambda: runner.unseen_seconds},
                folders=folders_of(settings),
                ready={"the table of jobs is out of sight": lambda: runner.sees_its_table},
                in_flight=lambda: runner.running,
            )
        )
        yield runner
