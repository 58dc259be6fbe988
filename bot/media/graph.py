"""Command lines of ffmpeg and ffprobe: filter graphs as values, and the input arguments every call has."""

from pathlib import Path
from typing import Any, Protocol, cast

import ffmpeg  # pyright: ignore[reportMissingTypeStubs] - ships none; typed by Stream below

from bot.domain.media import VideoStream
from bot.media.families import allowed_with
from bot.media.limits import MediaLimits

_PROTOCOLS = "file,pipe"
_LOOK_AHEAD = "10M"
_THREADS = 2
_LARGE_PIXELS = 16_000_000
_FIRST_PACKETS = "%+#16"
_SHOWN = (
    "format=format_name,start_time,duration"
    ":stream=index,codec_type,codec_name,width,height,sample_aspect_ratio,avg_frame_rate,start_time,sample_rate,channels"
    ":stream_disposition=default,attached_pic:stream_side_data=rotation:packet_side_data=side_data_type"
)

Argument = str | int | float


class Stream(Protocol):
    """A place in a filter graph of ffmpeg-python. Selectors: `stream["3"]` is the input's stream of index 3."""

    def __getitem__(self, selector: str) -> "Stream": ...

    def filter(self, name: str, /, *arguments: Argument, **options: Argument) -> "Stream": ...

    def filter_multi_output(self, name: str, /, *arguments: Argument) -> "Outlets": ...


class Outlets(Protocol):
    """The numbered outputs of one filter."""

    def stream(self, place: int, /) -> Stream: ...


_ffmpeg = cast(Any, ffmpeg)


def input_options(limits: MediaLimits) -> dict[str, Argument]:
    """What stands before every `-i`: no network, only the allowed containers and decoders, bounded look-ahead."""
    allowed = allowed_with(limits.families)
    return {
        "protocol_whitelist": _PROTOCOLS,
        "format_whitelist": ",".join(allowed.formats),
        "codec_whitelist": ",".join(allowed.decoders),
        "max_streams": limits.max_streams,
        "max_pixels": limits.max_pixels,
        "probesize": _LOOK_AHEAD,
        "analyzeduration": _LOOK_AHEAD,
    }


def media_input(path: Path, limits: MediaLimits, **options: Argument | None) -> Stream:
    """Open a file as the source of a graph; no more than `limits.max_seconds` of it are read. An option that is None
    stands alone."""
    settings = {"t": limits.max_seconds, "threads": _THREADS, **input_options(limits), **options}
    return _ffmpeg.input(input_url(path), **settings)


def picture_input(path: Path, limits: MediaLimits, video: VideoStream, **options: Argument | None) -> Stream:
    """The picture stream of a file. Every thread holds pictures of its own, so there is but one for very large ones."""
    is_large = video.width * video.height > _LARGE_PIXELS
    threads = {"threads": 1} if is_large else {}
    return media_input(path, limits, **threads, **options)[str(video.index)]


def pipe_input(form: str, **options: Argument) -> Stream:
    """Standard input as the source of a graph, for raw sound or pictures of our own making."""
    return _ffmpeg.input("pipe:0", format=form, protocol_whitelist=_PROTOCOLS, **options)


def output(stream: Stream, target: str = "pipe:1", *, also: Stream | None = None, **options: Argument) -> Stream:
    """End a stream, or two together, in a pipe."""
    streams = (stream,) if also is None else (stream, also)
    return _ffmpeg.output(*streams, target, **options)


def ffmpeg_argv(*outputs: Stream) -> list[str]:
    """The command line of a graph. It reads nothing from a terminal and says nothing but errors."""
    ends = outputs[0] if len(outputs) == 1 else _ffmpeg.merge_outputs(*outputs)
    quiet = ("-nostdin", "-hide_banner", "-v", "error", "-filter_threads", "1", "-filter_complex_threads", "1")
    compiled: list[str] = _ffmpeg.compile(ends, cmd=["ffmpeg", *quiet])
    return compiled


def ffprobe_argv(path: Path, limits: MediaLimits) -> list[str]:
    """The command line that describes a file, and what comes with its first packets, as JSON."""
    options = [part for name, value in input_options(limits).items() for part in (f"-{name}", str(value))]
    shown = ("-read_intervals", _FIRST_PACKETS, "-show_entries", _SHOWN, "-of", "json")
    return ["ffprobe", "-hide_banner", "-v", "error", *options, *shown, "-i", input_url(path)]


def input_url(path: Path) -> str:
    """A path that can be neither an option nor another protocol."""
    return f"file:{path.resolve()}"
