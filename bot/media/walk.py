"""Walks through all packets of a file without decoding any: how long it truly is, whatever its header says."""

from dataclasses import dataclass
from fractions import Fraction

from bot.domain.media import MediaFile
from bot.media.child import ChildFailed, open_child
from bot.media.graph import ffmpeg_argv, media_input, output
from bot.media.limits import MediaLimits

FIRST_STREAMS = ("V:0?", "a:0?")  # the first picture stream that is no cover, the first sound; where there are any

_REORDERED = 32
_MOST_BYTES = 64 * 2**20
_COLUMNS = 4
_LINE_BYTES = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """Where each stream ends, in seconds on the container's clock, None where unknown, and how many pictures."""

    ends_seconds: tuple[float | None, ...]
    pictures: int = 0


async def walk(file: MediaFile, selectors: tuple[str, ...], limits: MediaLimits) -> Walk:
    """Walk through the streams of these selectors ("V:0?", "3"), at most two, pictures first.

    What cannot be walked is left out; so is an optional stream ("?") that is not there, and the next takes its place.
    The output read is ffmpeg's framecrc: one line per packet.
    """
    source = media_input(file.path, limits, t=limits.max_seconds + 1)
    first, *second = (source[selector] for selector in selectors)
    argv = ffmpeg_argv(output(first, also=second[0] if second else None, c="copy", f="framecrc"))
    try:
        async with open_child(
            argv,
            readable=[file.path],
            limits=limits,
            wall_seconds=limits.probe_wall_seconds,
            max_output_bytes=_MOST_BYTES,
        ) as child:
            listing = await child.stdout.read_all()
    except ChildFailed:
        return Walk(ends_seconds=(None,) * len(selectors))
    ends = tuple(_end(listing, stream) for stream in range(len(selectors)))
    return Walk(ends_seconds=ends, pictures=listing.count(b"\n0,"))


def _end(listing: bytes, stream: int) -> float | None:
    """The latest end among a stream's last packets, which B-frames put out of order."""
    mark = b"\n%d," % stream
    unit = _unit(listing, stream)
    last: int | None = None
    at = len(listing)
    for _ in range(_REORDERED):
        at = listing.rfind(mark, 0, at)
        if at < 0:
            break
        columns = listing[at : at + _LINE_BYTES].split(b",", _COLUMNS)
        try:
            end = int(columns[2]) + int(columns[3])
        except (ValueError, IndexError):
            continue
        last = end if last is None else max(last, end)
    return None if last is None or unit is None else max(0.0, float(last * unit))


def _unit(listing: bytes, stream: int) -> Fraction | None:
    at = listing.find(b"#tb %d: " % stream)
    line = listing[at : listing.find(b"\n", at)].rpartition(b" ")[2]
    try:
        return Fraction(line.decode("ascii")) if at >= 0 else None
    except (ValueError, ZeroDivisionError):
        return None
