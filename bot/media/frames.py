"""Frames of a clip with their true times, and its scene cuts, from one pass of the decoder."""

import asyncio
import io
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from PIL import Image

from bot.domain.errors import MediaError
from bot.domain.media import Frame, MediaFile, MediaKind, MediaProbe, VideoStream
from bot.media.child import Child, ChildEnd, ChildFailed, ChildFault, ChildPipe, Complaint, open_child
from bot.media.cuts import CutDetector
from bot.media.graph import Stream, ffmpeg_argv, output, picture_input
from bot.media.limits import MediaLimits
from bot.media.picture import read_picture
from bot.media.selector import Candidate, Choice, FrameSelector, Pixels, candidate_step

_QUALITY = 82
_TINY_WIDTH, _TINY_HEIGHT = 64, 36
_SUDDEN = 0.07
_SUDDEN_APART_SECONDS = 0.2
_FROZEN_SECONDS = 0.4
_FREEZE_END_KEY = "lavfi.freezedetect.freeze_end"
_FROZEN_NOISE = 0.0001
_TAIL_FRAMES = 1.5
_LEAST_TAIL_SECONDS = 0.1
_READ_AHEAD = 4
_UNKNOWN_DURATION_SECONDS = 60.0
_MOST_STREAMED_BYTES = 2**40
_MICRO = 1_000_000

_TIMES, _CHANGES = 0, 1
_TIMES_URL, _CHANGES_URL = "pipe:3", "pipe:4"
_SCORE_KEY, _BRANCH_KEY = "lavfi.scene_score", "branch"


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneCut:
    """A hard cut: the picture at this time is the first of another shot."""

    at_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FramesEnd:
    """The last item. `decoded_seconds` is where the last picture ends on the clip's clock.

    `damaged`: part of the file could not be decoded; what could be is there.
    """

    decoded_seconds: float
    considered: int
    chosen: int
    damaged: bool


async def sample_frames(
    file: MediaFile, probe: MediaProbe, limits: MediaLimits, *, max_frames: int | None = None
) -> AsyncGenerator[Frame | SceneCut | FramesEnd]:
    """Yield chosen frames and cuts in order of time while the file is still being decoded, then FramesEnd.

    How fast the caller takes them does not slow the decoder: they are few and small. Raises MediaError when not a
    single frame comes out.
    """
    if probe.video is None:
        raise MediaError("media_no_picture", "The file has no moving pictures. Ask about its sound instead.")
    if probe.kind is MediaKind.PICTURE:
        yield await read_picture(file, limits)
        yield FramesEnd(decoded_seconds=0.0, considered=1, chosen=1, damaged=False)
        return
    most = min(limits.max_frames, limits.max_frames if max_frames is None else max_frames)
    found: asyncio.Queue[Frame | SceneCut | FramesEnd | None] = asyncio.Queue()
    sampling = asyncio.create_task(_Sampling(file, probe, probe.video, limits, most).run(found), name="frames")
    sampling.add_done_callback(lambda _: found.put_nowait(None))
    try:
        while (item := await found.get()) is not None:
            yield item
        await sampling
    finally:
        sampling.cancel()
        await asyncio.gather(sampling, return_exceptions=True)


def frame_size(width: int, height: int, edge_px: int) -> tuple[int, int]:
    """The size frames of this upright size are delivered in: the longer edge at most `edge_px`, never enlarged."""
    scale = min(1.0, edge_px / max(width, height))
    return max(2, round(width * scale)), max(2, round(height * scale))


@dataclass(slots=True)
class _Waiting:
    """A decoded picture that waits until it is known whether a cut came before it."""

    at_seconds: float
    pixels: Pixels = field(repr=False)


class _Sampling:
    """One pass over one file."""

    def __init__(self, file: MediaFile, probe: MediaProbe, video: VideoStream, limits: MediaLimits, most: int) -> None:
        self._file = file
        self._video = video
        self._limits = limits
        self._size = frame_size(video.width, video.height, limits.image_edge_px)
        ends = video.end_seconds or probe.duration_seconds
        self._ends_seconds = ends
        self._wall_seconds = limits.decode_wall(probe.duration_seconds)
        duration = ends or _UNKNOWN_DURATION_SECONDS
        self._step = candidate_step(duration)
        self._selector = FrameSelector(duration_seconds=duration, most=most, step_seconds=self._step)
        self._cuts = CutDetector()
        self._fresh_cuts: deque[float] = deque()
        self._waiting: deque[_Waiting] = deque()
        self._last_at = 0.0
        self._interval = 0.0

    async def run(self, found: "asyncio.Queue[Frame | SceneCut | FramesEnd | None]") -> None:
        """Put everything found into the queue."""
        try:
            async with open_child(
                self._argv(),
                readable=[self._file.path],
                limits=self._limits,
                wall_seconds=self._wall_seconds,
                pipes=2,
                max_output_bytes=_MOST_STREAMED_BYTES,
            ) as child:
                async with aclosing(self._pictures(child)) as pictures:
                    async for item in pictures:
                        found.put_nowait(item)
                end = await child.finish()
        except ChildFailed as failure:
            raise refusal_of(failure) from failure
        for item in await self._drain(self._cuts.finish(), last=True):
            found.put_nowait(item)
        if not self._selector.considered:
            raise refusal_of(ChildFailed(end.fault or ChildFault.STATUS, end.complaint, status=end.status))
        for choice in await asyncio.to_thread(self._selector.finish):
            found.put_nowait(self._frame(choice))
        found.put_nowait(
            FramesEnd(
                decoded_seconds=round(self._decoded_seconds(), 6),
                considered=self._selector.considered,
                chosen=self._selector.chosen,
                damaged=_damaged(end),
            )
        )

    def _argv(self) -> list[str]:
        """One decoder, three branches, with the times of all on one pipe.

        scores: every picture, tiny and in RGB, measured against the one before. looks: pictures on a regular grid,
        at sudden changes of brightness, and all of the last moments. changes: the first picture that differs, in
        any colour or detail, after a standstill; and the first of all, because ffmpeg 7 fails where a branch is empty.
        """
        source = picture_input(self._file.path, self._limits, self._video).filter("settb", "AVTB")
        branches = source.filter_multi_output("split", 3)
        tiny = branches.stream(0).filter("scale", _TINY_WIDTH, _TINY_HEIGHT, flags="area").filter("format", "rgb24")
        scores = tiny.filter("select", "gte(scene,0)").filter(
            "metadata", "print", key=_SCORE_KEY, file=_TIMES_URL, direct=1
        )
        looks = self._shown(branches.stream(1).filter("select", self._grid()), "looks")
        changes = (
            branches.stream(2)
            .filter("freezedetect", noise=_FROZEN_NOISE, duration=_FROZEN_SECONDS)
            .filter("metadata", "add", key=_FREEZE_END_KEY, value=0, enable="eq(n,0)")
            .filter("metadata", "select", key=_FREEZE_END_KEY)
        )
        return ffmpeg_argv(
            output(looks, fps_mode="passthrough", f="rawvideo", threads=1, flush_packets=1),
            output(
                self._shown(changes, "changes"),
                _CHANGES_URL,
                fps_mode="passthrough",
                f="rawvideo",
                threads=1,
                flush_packets=1,
            ),
            output(scores, "-", fps_mode="passthrough", f="null"),
        )

    def _grid(self) -> str:
        """Registers: 0 holds the time of the last look on the grid, 1 that of the last sudden one."""
        grid = f"if(isnan(prev_selected_t)+gte(t-ld(0),{self._step - 0.001:.4f}),st(0,t)*0+1)"
        sudden = f"if(gt(scene,{_SUDDEN})*gte(t-ld(1),{_SUDDEN_APART_SECONDS}),st(1,t)*0+1)"
        if self._ends_seconds is None:
            return f"{grid}+{sudden}"
        tail = max(_LEAST_TAIL_SECONDS, _TAIL_FRAMES / (self._video.frame_rate_hz or 30.0))
        return f"{grid}+{sudden}+gte(t,{self._ends_seconds - tail:.4f})"

    def _shown(self, stream: Stream, branch: str) -> Stream:
        """Scaled to the one size of this clip, its times printed."""
        width, height = self._size
        scaled = stream.filter("scale", width, height, flags="bicubic").filter("format", "rgb24")
        marked = scaled.filter("metadata", "add", key=_BRANCH_KEY, value=branch)
        return marked.filter("metadata", "print", key=_BRANCH_KEY, file=_TIMES_URL, direct=1)

    async def _pictures(self, child: Child) -> AsyncGenerator[Frame | SceneCut]:
        """Follow the times in the order ffmpeg tells them, and fetch each picture when its time comes."""
        queues: dict[str, asyncio.Queue[bytes]] = {
            "looks": asyncio.Queue(_READ_AHEAD),
            "changes": asyncio.Queue(_READ_AHEAD),
        }
        readers = [
            asyncio.create_task(self._read(child.stdout, queues["looks"]), name="frames-looks"),
            asyncio.create_task(self._read(child.pipes[_CHANGES], queues["changes"]), name="frames-changes"),
        ]
        at = 0.0
        try:
            while line := await child.pipes[_TIMES].read_line():
                word = line.decode("ascii", errors="replace").strip()
                if word.startswith("frame:"):
                    at = _time(word)
                elif word.startswith(_SCORE_KEY):
                    self._note(at)
                    for item in await self._drain(self._cuts.feed(at, float(word.partition("=")[2]))):
                        yield item
                elif word.startswith(_BRANCH_KEY):
                    record = await queues[word.partition("=")[2]].get()
                    if record and (not self._waiting or at > self._waiting[-1].at_seconds):
                        width, height = self._size
                        pixels = np.frombuffer(record, np.uint8).reshape(height, width, 3)
                        self._waiting.append(_Waiting(at_seconds=at, pixels=pixels))
        finally:
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)

    async def _read(self, pipe: ChildPipe, queue: "asyncio.Queue[bytes]") -> None:
        width, height = self._size
        while True:  # at the end of the pipe, empty records for whoever still asks
            await queue.put(await pipe.read_record(width * height * 3))

    def _note(self, at: float) -> None:
        if at > self._last_at:
            self._interval = at - self._last_at
        self._last_at = max(self._last_at, at)

    def _decoded_seconds(self) -> float:
        """Where the last picture ends: as its packet says where that is plausible, else after one more interval."""
        told = self._video.end_seconds
        most = self._last_at + (2 * self._interval or 1.0)
        return told if told is not None and self._last_at < told <= most else self._last_at + self._interval

    async def _drain(self, cuts: list[float], *, last: bool = False) -> list[Frame | SceneCut]:
        """What is certain: cuts, and the choices from pictures whose cuts are known."""
        items: list[Frame | SceneCut] = [SceneCut(at_seconds=at) for at in cuts]
        self._fresh_cuts.extend(cuts)
        while self._waiting and (last or self._waiting[0].at_seconds <= self._cuts.judged_seconds):
            waiting = self._waiting.popleft()
            cut = None
            while self._fresh_cuts and self._fresh_cuts[0] <= waiting.at_seconds:
                cut = self._fresh_cuts.popleft()
            candidate = Candidate(
                at_seconds=waiting.at_seconds,
                pixels=waiting.pixels,
                encode=partial(_jpeg, waiting.pixels),
                cut_seconds=cut,
            )
            items += [self._frame(choice) for choice in await asyncio.to_thread(self._selector.offer, candidate)]
        return items

    def _frame(self, choice: Choice) -> Frame:
        width, height = self._size
        return Frame(
            at_seconds=choice.at_seconds,
            since_seconds=choice.since_seconds,
            width=width,
            height=height,
            reason=choice.reason,
            novelty=choice.novelty,
            jpeg=choice.jpeg,
        )


def _time(header: str) -> float:
    """Seconds from "frame:3 pts:3000000 pts_time:3", whose last number is rounded; the time base is a microsecond."""
    _, _, rest = header.partition("pts:")
    return int(rest.split()[0]) / _MICRO


def _jpeg(pixels: Pixels) -> bytes:
    """Full colour resolution, so that small coloured writing stays legible."""
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "JPEG", quality=_QUALITY, subsampling=0)
    return written.getvalue()


def _damaged(end: ChildEnd) -> bool:
    return end.fault is not None or end.complaint in {Complaint.CORRUPT, Complaint.TOO_BIG}


def refusal_of(failure: ChildFailed) -> MediaError:
    """What people are told when no picture came out."""
    if failure.fault is ChildFault.TIMEOUT:
        return MediaError("media_timeout", "The clip took too long to decode. Send a shorter one or a smaller size.")
    if failure.fault is ChildFault.MISSING:
        return MediaError(
            "media_tool_missing", "ffmpeg is not installed here. Install it, then run the doctor command."
        )
    if failure.complaint is Complaint.CODEC_REFUSED:
        return MediaError(
            "media_codec_refused", "The pictures are in a format I do not open. Convert the clip to MP4 with H.264."
        )
    if failure.complaint is Complaint.TOO_BIG:
        return MediaError(
            "media_too_many_pixels", "The pictures have too many pixels. Scale the clip down to 4K or less."
        )
    return MediaError("media_broken", "No picture of the clip can be decoded. Export it again and resend it.")
