"""Seen and heard in order: one clock for captions, text on screen, speech, silence and cuts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from bot.domain.media import Silence
from bot.domain.role import Role
from bot.domain.speech import Segment


class NoticeCode(StrEnum):
    """Known gaps. The set is part of the JSON contract: codes are added, never renamed."""

    NO_SOUND = "no_sound"
    SILENT_SOUND = "silent_sound"
    NO_PICTURE = "no_picture"
    STILL_PICTURE = "still_picture"
    NO_SPEECH = "no_speech"
    SOUND_UNREADABLE = "sound_unreadable"
    PICTURE_UNREADABLE = "picture_unreadable"
    CAPTIONS_MISSING = "captions_missing"
    TRANSCRIPT_MISSING = "transcript_missing"
    FRAMES_DROPPED = "frames_dropped"
    FILE_DAMAGED = "file_damaged"
    FALLBACK_USED = "fallback_used"
    MODEL_GONE = "model_gone"
    ANSWER_INTERRUPTED = "answer_interrupted"
    ANSWER_CUT = "answer_cut"
    ANSWER_FILTERED = "answer_filtered"
    SPEECH_MISSING = "speech_missing"
    SPEECH_INTERRUPTED = "speech_interrupted"
    SPEECH_SHORTENED = "speech_shortened"
    TIME_NOT_IN_TIMELINE = "time_not_in_timeline"
    TIMELINE_SHORTENED = "timeline_shortened"
    OFFLINE = "offline"
    CLIP_LEFT_OUT = "clip_left_out"
    LOOK_FAILED = "look_failed"
    NOT_KEPT = "not_kept"
    DEGRADED = "degraded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A known gap, told to the person and to the model.

    `public` is one sentence of our own words; `role` says whose work is missing, where it is hired work.
    """

    code: NoticeCode
    public: str
    role: Role | None = None


class MomentKind(StrEnum):
    """What a moment is: a caption, words on the screen, words spoken, how they were spoken, another sound, a silence,
    a change of shot."""

    SEEN = "seen"
    TEXT = "text"
    HEARD = "heard"
    TONE = "tone"
    SOUND = "sound"
    SILENCE = "silence"
    CUT = "cut"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One thing with its time; `end_seconds` equals `start_seconds` for an instant."""

    kind: MomentKind
    start_seconds: float
    end_seconds: float
    text: str = field(default="", repr=False)
    speaker: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """A frame in words. `at_seconds` is the frame's time, `since_seconds` the time from which it holds."""

    at_seconds: float
    since_seconds: float
    text: str = field(repr=False)
    text_on_screen: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Moments in order of start, with the known gaps. Times are seconds from the start of the clip."""

    duration_seconds: float
    moments: tuple[Moment, ...] = ()
    notices: tuple[Notice, ...] = ()

    @classmethod
    def weave(
        cls,
        *,
        duration_seconds: float,
        picture_end_seconds: float | None = None,
        captions: Iterable[Caption] = (),
        uncaptioned: Iterable[float] = (),
        segments: Iterable[Segment] = (),
        sounds: Iterable[Moment] = (),
        silences: Iterable[Silence] = (),
        cuts: Iterable[float] = (),
        notices: Iterable[Notice] = (),
    ) -> "Timeline":
        """Put everything on one clock.

        A caption holds from its `since_seconds` until the next frame that shows something else, at most until
        `picture_end_seconds` (None: the whole duration). A caption without words says that nothing changed and
        prolongs the one before; `uncaptioned` are the times of frames nobody described: they end it. Text on the
        screen ends with the first frame that does not show it. Equal neighbours are one moment. `sounds` are moments
        already: tones of voice and sounds that are not speech.
        """
        end = duration_seconds if picture_end_seconds is None else picture_end_seconds
        cut_times = sorted(set(cuts))
        looks = [
            *(_Look(caption.at_seconds, caption.since_seconds, caption) for caption in captions),
            *(_Look(at, at, None) for at in uncaptioned),
        ]
        looks.sort(key=lambda look: look.at_seconds)
        moments = [
            *_spans(MomentKind.SEEN, [(look.since_seconds, look.seen) for look in looks], end),
            *_spans(MomentKind.TEXT, [(look.since_seconds, look.read) for look in looks], end),
            *(
                Moment(
                    kind=MomentKind.HEARD,
                    start_seconds=segment.start_seconds,
                    end_seconds=max(segment.end_seconds, segment.start_seconds),
                    text=segment.text.strip(),
                    speaker=segment.speaker,
                )
                for segment in segments
                if segment.text.strip()
            ),
            *sounds,
            *(
                Moment(kind=MomentKind.SILENCE, start_seconds=s.start_seconds, end_seconds=s.end_seconds)
                for s in silences
            ),
            *(Moment(kind=MomentKind.CUT, start_seconds=at, end_seconds=at) for at in cut_times),
        ]
        moments.sort(key=_in_order)
        return cls(duration_seconds=duration_seconds, moments=tuple(moments), notices=tuple(dict.fromkeys(notices)))

    @classmethod
    def merge(cls, timelines: Sequence["Timeline"]) -> "Timeline":
        """The moments of several clips, clip by clip, each on the clock of its own."""
        return cls(
            duration_seconds=max((timeline.duration_seconds for timeline in timelines), default=0.0),
            moments=tuple(moment for timeline in timelines for moment in timeline.moments),
            notices=tuple(dict.fromkeys(notice for timeline in timelines for notice in timeline.notices)),
        )

    def plus(self, moments: Iterable[Moment]) -> "Timeline":
        """With what was found later, in its place; what is told there already is not told twice."""
        known = list(self.moments)
        for moment in moments:
            if not any(_tells(one, moment) for one in known):
                known.append(moment)
        return replace(self, moments=tuple(sorted(known, key=_in_order)))

    def of(self, *kinds: MomentKind) -> tuple[Moment, ...]:
        """The moments of these kinds, in order."""
        return tuple(moment for moment in self.moments if moment.kind in kinds)


_ORDER = (
    MomentKind.CUT,
    MomentKind.SEEN,
    MomentKind.TEXT,
    MomentKind.HEARD,
    MomentKind.TONE,
    MomentKind.SOUND,
    MomentKind.SILENCE,
)


@dataclass(frozen=True, slots=True)
class _Look:
    """One frame on its way into the timeline; `caption` None: nobody described it."""

    at_seconds: float
    since_seconds: float
    caption: Caption | None

    @property
    def seen(self) -> str | None:
        """Words of the picture; None ends what was seen before, blank prolongs it."""
        return None if self.caption is None else self.caption.text.strip()

    @property
    def read(self) -> str | None:
        """Words on the screen; None ends what stood there before."""
        return ((self.caption.text_on_screen or "").strip() or None) if self.caption else None


def _spans(kind: MomentKind, looks: Sequence[tuple[float, str | None]], end_seconds: float) -> list[Moment]:
    """One moment per run of equal words. A look is (time, words): None ends the run, "" prolongs it."""
    spans: list[Moment] = []
    since, running = 0.0, None
    for at, words in [*looks, (end_seconds, None)]:
        if running is not None and words is not None and (not words or _same(running, words)):
            continue
        if running is not None:
            spans.append(Moment(kind=kind, start_seconds=since, end_seconds=max(at, since), text=running))
        since, running = at, words or None
    return spans


def _in_order(moment: Moment) -> tuple[float, int, float]:
    return moment.start_seconds, _ORDER.index(moment.kind), moment.end_seconds


def _tells(one: Moment, other: Moment) -> bool:
    overlaps = one.start_seconds <= other.end_seconds and other.start_seconds <= one.end_seconds
    return one.kind is other.kind and overlaps and _same(one.text, other.text)


def _same(one: str, other: str) -> bool:
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()
