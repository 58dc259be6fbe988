"""Understanding a clip: watched and listened to at once, woven into one timeline."""

import math
from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import pairwise

from bot.domain.errors import ProviderError
from bot.domain.media import Frame, MediaFile, MediaProbe
from bot.domain.timeline import Timeline
from bot.pipeline import notices
from bot.pipeline.crew import Crew
from bot.pipeline.listening import Listening
from bot.pipeline.run import Run
from bot.pipeline.together import together
from bot.pipeline.watching import Watching

_SAME_TIME_SECONDS = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Understanding:
    """A clip in words. `frames` are kept only where the chat model is to see them itself."""

    timeline: Timeline = field(repr=False)
    frames: tuple[Frame, ...] = ()
    language: str | None = None


async def understand(run: Run, crew: Crew, file: MediaFile, probe: MediaProbe, *, hold_frames: int) -> Understanding:
    """Watch and listen at once (`hold_frames`: see Watching).

    Raises MediaError when nothing of the file can be used, ProviderError when nobody could describe or transcribe any
    of it; what only one half lost is a notice.
    """
    listening = Listening(run, crew)
    watching = Watching(run, crew, hold_frames=hold_frames, segments=listening.segments)
    picture_error, sound_error = await together(watching.watch(file, probe), listening.listen(file, probe))
    if picture_error is not None and (sound_error is not None or not probe.has_audio):
        raise picture_error
    if sound_error is not None and not probe.has_video:
        raise sound_error
    failure = _failure(watching, listening, probe)
    if failure is not None:
        raise failure
    duration_seconds = max(watching.end_seconds, listening.end_seconds)
    if picture_error is not None:
        run.notice(notices.PICTURE_UNREADABLE)
    if sound_error is not None:
        run.notice(notices.SOUND_UNREADABLE)
    unseen = _unseen(watching)
    if unseen:
        run.notice(notices.scenes_unseen(len(unseen)))
    timeline = Timeline.weave(
        duration_seconds=duration_seconds,
        picture_end_seconds=watching.end_seconds,
        captions=watching.captions,
        uncaptioned=[*watching.uncaptioned, *unseen],
        segments=listening.segments,
        silences=listening.silences,
        cuts=watching.cuts,
        notices=run.notices,
    )
    return Understanding(timeline=timeline, frames=tuple(watching.held), language=listening.language)


def _failure(watching: Watching, listening: Listening, probe: MediaProbe) -> ProviderError | None:
    """The reason when there is nothing to go by: whatever of the clip should have been put into words was not."""
    seen = watching.got_nothing or not probe.has_video
    heard = listening.got_nothing or not listening.has_sound
    return (watching.failure or listening.failure) if seen and heard else None


def _unseen(watching: Watching) -> list[float]:
    """Cuts into scenes of which no frame was chosen: what was seen before ends there."""
    looked_at = sorted([*(caption.at_seconds for caption in watching.captions), *watching.uncaptioned])
    if not looked_at:
        return []
    scenes = pairwise([*sorted(set(watching.cuts)), math.inf])
    return [cut for cut, end in scenes if not _any_between(looked_at, cut, end)]


def _any_between(times: list[float], start: float, end: float) -> bool:
    """Whether one of the sorted times lies in a scene."""
    first = bisect_left(times, start - _SAME_TIME_SECONDS)
    return first < len(times) and times[first] < end - _SAME_TIME_SECONDS
