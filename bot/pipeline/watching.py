"""Pictures into captions: decode, choose and describe, each while the others go on."""

import asyncio
import logging
from contextlib import aclosing

from bot.domain.errors import MediaError, ProviderError
from bot.domain.events import Stage
from bot.domain.media import Frame, MediaFile, MediaKind, MediaProbe
from bot.domain.speech import Segment
from bot.domain.timeline import Caption, Notice
from bot.domain.understanding import Seen
from bot.media.frames import FramesEnd, SceneCut, sample_frames
from bot.media.sheet import SHEET_FRAMES, draw_sheet
from bot.pipeline import notices
from bot.pipeline.captioning import caption
from bot.pipeline.crew import Crew
from bot.pipeline.degrade import FULL, Plan, Step
from bot.pipeline.run import Run
from bot.pipeline.together import together
from bot.providers.base import CaptionRequest

log = logging.getLogger(__name__)

_SPEECH_AROUND_SECONDS = 5.0


class Watching:
    """The pictures of one clip on their way into words.

    `hold_frames` is how many frames are kept from the captioner: a clip with no more than these ends with its
    frames in `held` and without captions. `segments` is what was heard so far, growing meanwhile. `plan` says how much
    is looked at. `failure` is the first of the captioner's.
    """

    def __init__(self, run: Run, crew: Crew, *, hold_frames: int, segments: list[Segment], plan: Plan = FULL) -> None:
        self._run = run
        self._crew = crew
        self._plan = plan
        self._hold_frames = hold_frames
        self._segments = segments
        self._batches: asyncio.Queue[tuple[Frame, ...] | None] = asyncio.Queue()  # bounded by limits.max_frames
        self.captions: list[Caption] = []
        self.uncaptioned: list[float] = []
        self.cuts: list[float] = []
        self.held: list[Frame] = []
        self.notices: list[Notice] = []
        self.failure: ProviderError | None = None
        self.frame_count = 0
        self.end_seconds = 0.0

    @property
    def seen(self) -> Seen:
        """What is known when the whole clip was watched."""
        return Seen(
            captions=tuple(self.captions),
            uncaptioned=tuple(self.uncaptioned),
            cuts=tuple(self.cuts),
            end_seconds=self.end_seconds,
            notices=tuple(self.notices),
        )

    def _note(self, *notices: Notice) -> None:
        self.notices += notices
        self._run.notice(*notices)

    async def watch(self, file: MediaFile, probe: MediaProbe) -> MediaError | None:
        """Watch the whole clip; return what made its pictures useless, None when they are not."""
        if probe.video is None:
            self._note(notices.NO_PICTURE)
            return None
        if probe.kind is MediaKind.PICTURE:
            self._note(notices.STILL_PICTURE)
        if self._plan.notice is not None:
            self._note(self._plan.notice)
        if not self._plan.sees:
            return None
        try:
            await together(self._sample(file, probe), self._describe())
        except MediaError as error:
            log.info("job %s: pictures unusable: %s", self._run.job_id, error.code)
            return error
        if self.uncaptioned:
            self._note(notices.captions_missing(len(self.uncaptioned), self.frame_count, self.failure))
        return None

    @property
    def _are_sheets(self) -> bool:
        return self._plan.step is Step.SHEETS

    @property
    def got_nothing(self) -> bool:
        """The captioner failed on every frame."""
        return self.failure is not None and not self.captions

    async def _sample(self, file: MediaFile, probe: MediaProbe) -> None:
        """Frames in batches for the captioner; the first `hold_frames` wait until there are more than that."""
        run, size = self._run, self._crew.frames_per_request
        waiting: list[Frame] = []
        sheet: list[Frame] = []
        frames = sample_frames(file, probe, self._crew.limits, max_frames=self._plan.frames)

        def take(picture: Frame) -> None:
            self.frame_count += 1
            waiting.append(picture)
            run.progress(Stage.FRAMES, self.frame_count, None)
            while self.frame_count > self._hold_frames and len(waiting) >= size:
                self._batches.put_nowait(tuple(waiting[:size]))
                del waiting[:size]

        async with run.stage(Stage.FRAMES), aclosing(frames) as items:
            async for item in items:
                match item:
                    case Frame() if self._are_sheets:
                        sheet.append(item)
                        if len(sheet) == SHEET_FRAMES:
                            take(await draw_sheet(sheet, edge_px=self._crew.caption_edge_px))
                            sheet.clear()
                    case Frame():
                        take(item)
                    case SceneCut() if not self._are_sheets:  # a sheet is described across the cuts on it
                        self.cuts.append(item.at_seconds)
                    case FramesEnd():
                        self.end_seconds = item.decoded_seconds
                        if item.damaged:
                            self._note(notices.FILE_DAMAGED)
                    case _:
                        pass
            if sheet:
                take(await draw_sheet(sheet, edge_px=self._crew.caption_edge_px))
        if self.frame_count <= self._hold_frames:
            self.held = waiting
        elif waiting:
            self._batches.put_nowait(tuple(waiting))
        self._batches.put_nowait(None)

    async def _describe(self) -> None:
        """Caption batches at once, as they come."""
        batch = await self._batches.get()
        if batch is None:
            return
        async with self._run.stage(Stage.CAPTIONS), asyncio.TaskGroup() as group:
            while batch is not None:
                group.create_task(self._caption(batch))
                batch = await self._batches.get()

    async def _caption(self, batch: tuple[Frame, ...]) -> None:
        run = self._run
        try:
            request, result = await caption(run, self._crew, self._request(batch))
        except ProviderError as error:
            log.warning("job %s: %d frames without captions: %s", run.job_id, len(batch), error.code)
            self.uncaptioned += [frame.at_seconds for frame in batch]
            self.failure = self.failure or error
            return
        self._note(*result.notices)
        self.captions += result.captions
        described = {caption.at_seconds for caption in result.captions}
        self.uncaptioned += [frame.at_seconds for frame in request.frames if frame.at_seconds not in described]
        run.progress(Stage.CAPTIONS, len(self.captions), self.frame_count)

    def _request(self, batch: tuple[Frame, ...]) -> CaptionRequest:
        """The batch with what is known around it by this time."""
        start, end = batch[0].at_seconds - _SPEECH_AROUND_SECONDS, batch[-1].at_seconds + _SPEECH_AROUND_SECONDS
        before = [caption for caption in self.captions if caption.text and caption.at_seconds < batch[0].at_seconds]
        return CaptionRequest(
            frames=batch,
            previous=max(before, key=lambda caption: caption.at_seconds, default=None),
            speech=tuple(s for s in self._segments if s.end_seconds > start and s.start_seconds < end),
            language=self._crew.answer_language,
            are_sheets=self._are_sheets,
        )
