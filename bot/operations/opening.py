"""Opens all of it: figures from the first moment, the server once the bot is on its way, closed as one of the last."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from bot import __version__
from bot.config import Settings
from bot.domain.clock import utc_now
from bot.domain.errors import BotError
from bot.operations.beacon import Beacon, beacon_for, light, put_out
from bot.operations.door import Door
from bot.operations.errors import OURS, Errors
from bot.operations.figures import Figures
from bot.operations.models import ModelWatch
from bot.operations.probe import LoopProbe
from bot.operations.server import StatusServer
from bot.operations.snapshot import Snapshot, Sources, latencies
from bot.operations.vitals import Check, DatabaseCheck, DiskCheck, GatewayCheck, JobsCheck, LoopCheck, Vitals
from bot.tally import hearing
from bot.tasks import Tasks

log = logging.getLogger(__name__)

CAPS_SECONDS = 1.0
LOOK_SECONDS = 15.0
"""After the start, before the models are asked for: the first questions come first."""


async def _at_once() -> None:
    pass


class Status:
    """How one process of the bot is. `name` tells it from others on the same data folder."""

    def __init__(self, settings: Settings, *, name: str) -> None:
        self.figures = Figures(Errors())
        self.probe = LoopProbe()
        self.address: str | None = None
        """Where the page is; None: nothing is served, or not yet."""
        self.settled = asyncio.Event()
        """Set when it is served, or when it is known that it will not be."""
        self._settings = settings
        self._name = name
        self._began = time.monotonic()
        self._tasks = Tasks()
        self._sources = Sources()
        self._vitals: Vitals | None = None
        self._database: DatabaseCheck | None = None
        self._models: ModelWatch | None = None
        self._server: StatusServer | None = None
        self._beacon: Beacon | None = None

    def begin(self, sources: Sources, *, after: Callable[[], Awaitable[object]] = _at_once) -> None:
        """Watch over what this process has; serve it, and ask for the models, when `after` has ended."""
        self._sources = sources
        self._database = DatabaseCheck(sources.write)
        checks: list[Check] = [
            LoopCheck(lambda: self.probe.age_seconds),
            self._database,
            JobsCheck(sources.rounds, sources.overdue),
            DiskCheck(sources.folders),
        ]
        if sources.ack_ages is not None:
            checks.insert(2, GatewayCheck(sources.ack_ages))
        self._vitals = Vitals(checks, sources.ready)
        self._models = ModelWatch(sources.look, folder=self._settings.data.directory, tell=sources.tell)
        self._tasks.spawn(self.probe.watch(), name="loop-probe")
        self._tasks.spawn(self._serve(after), name="status")

    async def _serve(self, after: Callable[[], Awaitable[object]]) -> None:
        await after()
        if self._settings.status.port:
            await self._listen()
        self.settled.set()
        await asyncio.sleep(LOOK_SECONDS)
        if self._models is not None:
            await self._models.watch()

    async def _listen(self) -> None:
        chosen, folder = self._settings.status, self._settings.data.directory
        beacon = beacon_for(self._name, chosen.host, chosen.port)
        server = StatusServer(
            Door(chosen, instance=beacon.instance),
            self.figures,
            instance=beacon.instance,
            health=self._require_vitals().health,
            snapshot=self.snapshot,
        )
        try:
            port = await server.start(chosen.host, chosen.port)
        except OSError as error:
            log.warning(
                "the status page is not served: %s:%d %s; set [status] port to another one, or to 0",
                chosen.host,
                chosen.port,
                "is taken" if error.errno is not None and "in use" in str(error) else f"fails ({type(error).__name__})",
            )
            return
        self._server, self._beacon = server, replace(beacon, port=port)
        try:
            await asyncio.to_thread(light, folder, self._beacon)
        except OSError as error:
            log.warning("where the status page is served could not be noted: %s", type(error).__name__)
        host = f"[{chosen.host}]" if ":" in chosen.host else chosen.host
        self.address = f"http://{host}:{port}/"
        log.info("the status page is at %s", self.address)

    def _require_vitals(self) -> Vitals:
        if self._vitals is None:
            raise RuntimeError("nothing is watched over yet")
        return self._vitals

    async def snapshot(self) -> Snapshot:
        """Everything, now. Raises RuntimeError before `begin`."""
        sources = self._sources
        health = await self._require_vitals().health()
        running = self.figures.running
        try:
            async with asyncio.timeout(CAPS_SECONDS):
                caps = await sources.caps()
        except (TimeoutError, BotError):
            caps = None
        return Snapshot(
            name=self._name,
            version=__version__,
            at=utc_now(),
            up_seconds=time.monotonic() - self._began,
            health=health,
            in_flight=running if sources.in_flight is None else sources.in_flight(),
            running=running,
            voice_sessions=sources.voice_sessions(),
            lag_seconds=self.probe.worst_seconds,
            caps=caps,
            models=() if self._models is None else self._models.models,
            jobs=dict(self.figures.jobs),
            cost_usd=self.figures.counted("cost_usd"),
            errors=self.figures.errors.latest(),
            **latencies(self.figures),
        )

    async def aclose(self) -> None:
        """Watch over nothing any more; nobody is told that this one lives."""
        if self._beacon is not None:
            put_out(self._settings.data.directory, self._beacon)
        if self._server is not None:
            await self._server.aclose()
        await self._tasks.finish(0)
        if self._database is not None:
            await self._database.aclose()


@asynccontextmanager
async def open_status(settings: Settings, *, name: str = "bot") -> AsyncGenerator[Status]:
    """Figures are kept for as long as the block lasts; the rest begins with `Status.begin`. To be hung on the hooks:
    `Status.figures`."""
    status = Status(settings, name=name)
    ours = [logging.getLogger(name) for name in OURS]  # not the root, whose handlers go when the log is set up anew
    for logger in ours:
        logger.addHandler(status.figures.errors)
    try:
        with hearing(status.figures.heard):
            yield status
    finally:
        for logger in ours:
            logger.removeHandler(status.figures.errors)
        await status.aclose()
