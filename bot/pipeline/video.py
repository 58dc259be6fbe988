"""Understanding a clip: watched and listened to at once, woven into one timeline."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from bot.domain.errors import MediaError, ProviderError
from bot.domain.media import Frame, MediaFile, MediaProbe
from bot.domain.timeline import Timeline
from bot.domain.understanding import Heard, Look, Seen
from bot.hooks.specs import Specs
from bot.pipeline import notices
from bot.pipeline.crew import Crew
from bot.pipeline.degrade import FULL, Plan, Step
from bot.pipeline.listening import Listening
from bot.pipeline.run import Run
from bot.pipeline.together import together
from bot.pipeline.watching import Watching

_SAME_TIME_SECONDS = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a clip before it is opened; None: not yet. `looks` is what was found when it was looked at
    again."""

    seen: Seen | None = None
    heard: Heard | None = None
    looks: tuple[Look, ...] = ()

    def suffices(self, probe: MediaProbe) -> bool:
        """Whether nothing of such a file is left to be watched or heard."""
        return (self.seen is not None or not probe.has_video) and (self.heard is not None or not probe.has_audio)


@dataclass(frozen=True, slots=True, kw_only=True)
class Understanding:
    """A clip in words. `frames` are kept only where the chat model is to see them itself; `known` is what is worth
    keeping: no half that was not put into words, or not at all."""

    timeline: Timeline = field(repr=False)
    known: Known
    frames: tuple[Frame, ...] = ()
    language: str | None = None


async def understand(
    run: Run,
    crew: Crew,
    file: MediaFile,
    probe: MediaProbe,
    *,
    hold_frames: int,
    known: Known = Known(),
    plan: Plan = FULL,
) -> Understanding:
    """Watch and listen at once (`hold_frames`: see Watching); a half that is known already is not done again. `plan`
    says how much of the pictures is looked at.

    Raises MediaError when nothing of the file can be used, ProviderError when nobody could describe or transcribe any
    of it; what only one half lost is a notice.
    """
    listening = Listening(run, crew)
    hold = 0 if plan.step is Step.SHEETS else hold_frames
    watching = Watching(run, crew, hold_frames=hold, segments=listening.segments, plan=plan)
    looks_at_it = probe.has_video and (plan.sees or known.seen is not None)
    if known.heard is not None:
        listening.segments += known.heard.segments
    picture_error, sound_error = await together(
        _nothing() if known.seen is not None else watching.watch(file, probe),
        _nothing() if known.heard is not None else listening.listen(file, probe),
    )
    if picture_error is not None and (sound_error is not None or not probe.has_audio):
        raise picture_error
    if sound_error is not None and not looks_at_it:
        raise sound_error
    failure = None if known.seen or known.heard else _failure(watching, listening, looks_at_it=looks_at_it)
    if failure is not None:
        raise failure
    if picture_error is not None:
        run.notice(notices.PICTURE_UNREADABLE)
    if sound_error is not None:
        run.notice(notices.SOUND_UNREADABLE)
    seen, heard = known.seen or watching.seen, known.heard or listening.heard
    return Understanding(
        timeline=recall(run, seen, heard, known.looks),
        known=Known(
            seen=seen if known.seen or (plan.sees and not _is_lost(picture_error, watching)) else None,
            heard=None if sound_error or listening.got_nothing else heard,
            looks=known.looks,
        ),
        frames=tuple(watching.held),
        language=heard.language,
    )


async def transcribe(run: Run, crew: Crew, file: MediaFile, probe: MediaProbe) -> Heard:
    """Only listen. Raises MediaError when there is no sound that can be used, ProviderError when nobody could
    transcribe any of it."""
    listening = Listening(run, crew)
    error = await listening.listen(file, probe)
    if error is not None:
        raise error
    if listening.got_nothing and listening.failure is not None:
        raise listening.failure
    return listening.heard


def recall(run: Run, seen: Seen, heard: Heard, looks: Sequence[Look] = ()) -> Timeline:
    """The timeline of what was seen, heard and found later, with the notices of both and those of the run so far."""
    run.notice(*seen.notices, *heard.notices)
    unseen = _unseen(seen)
    if unseen:
        run.notice(notices.scenes_unseen(len(unseen)))
    timeline = Timeline.weave(
        duration_seconds=max(seen.end_seconds, heard.end_seconds),
        picture_end_seconds=seen.end_seconds,
        captions=seen.captions,
        uncaptioned=[*seen.uncaptioned, *unseen],
        segments=heard.segments,
        sounds=heard.moments,
        silences=heard.silences,
        cuts=seen.cuts,
        notices=run.notices,
    )
    return timeline.plus(moment for look in looks for moment in look.moments) if looks else timeline


async def edited(run: Run, crew: Crew, understanding: Understanding) -> Understanding:
    """As plugins leave its timeline, for one use of it: this is not kept."""
    timeline = await crew.hooks.edit(Specs.edit_timeline, understanding.timeline, run.occasion)
    return replace(understanding, timeline=timeline.plus(()))


async def _nothing() -> None:
    """A half that is known."""


def _is_lost(error: MediaError | None, watching: Watching) -> bool:
    """Whether nothing of the pictures was put into words."""
    return error is not None or bool(watching.held) or watching.got_nothing


def _failure(watching: Watching, listening: Listening, *, looks_at_it: bool) -> ProviderError | None:
    """The reason when there is nothing to go by: whatever of the clip should have been put into words was not."""
    seen = watching.got_nothing or not looks_at_it
    heard = listening.got_nothing or not listening.has_sound
    return (watching.failure or listening.failure) if seen and heard else None


def _unseen(seen: Seen) -> list[float]:
    """Cuts into scenes of which no frame was chosen: what was seen before ends there."""
    looked_at = sorted([*(caption.at_seconds for caption in seen.captions), *seen.uncaptioned])
    if not looked_at:
        return []
    scenes = pairwise([*sorted(set(seen.cuts)), math.inf])
    return [cut for cut, end in scenes if not _any_between(looked_at, cut, end)]


def _any_between(times: list[float], start: float, end: float) -> bool:
    """Whether one of the sorted times lies in a scene."""
    first = bisect_left(times, start - _SAME_TIME_SECONDS)
    return first < len(times) and times[first] < end - _SAME_TIME_SECONDS
