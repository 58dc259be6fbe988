"""Seen and heard in order: one clock for captions, text on screen, speech, silence and cuts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
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
    TIME_NOT_IN_TIMELINE = "time_not_in_timeline"
    TIMELINE_SHORTENED = "timeline_shortened"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A known gap, told to the person and to the model.

    `public` is one sentence of our own words; `role` says whose work is missing, where it is hired work.
    """

    code: NoticeCode
    public: str
    role: Role | None = None


class MomentKind(StrEnum):
    """What a moment is: a caption, words on the screen, words spoken, a silence, a change of shot."""

    SEEN = "seen"
    TEXT = "text"
    HEARD = "heard"
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
        captions: Iterable[Caption] = (),
        segments: Iterable[Segment] = (),
        silences: Iterable[Silence] = (),
        cuts: Iterable[float] = (),
        notices: Iterable[Notice] = (),
    ) -> "Timeline":
        """Put everything on one clock.

        A caption holds from its `since_seconds` to the next caption; equal neighbours become one moment, and
        text that stays on the screen is one moment however many frames show it.
        """
        cut_times = sorted(set(cuts))
        ordered = sorted(captions, key=lambda caption: caption.at_seconds)
        moments = [
            *_spans(MomentKind.SEEN, [(c, c.text) for c in ordered], duration_seconds),
            *_spans(MomentKind.TEXT, [(c, c.text_on_screen or "") for c in ordered], duration_seconds),
            *(
                Moment(
                    kind=MomentKind.HEARD,
                    start_seconds=segment.start_seconds,
                    end_seconds=max(segment.end_seconds, segment.start_seconds),
                    text=segment.text,
                    speaker=segment.speaker,
                )
                for segment in segments
                if segment.text.strip()
            ),
            *(
                Moment(kind=MomentKind.SILENCE, start_seconds=s.start_seconds, end_seconds=s.end_seconds)
                for s in silences
            ),
            *(Moment(kind=MomentKind.CUT, start_seconds=at, end_seconds=at) for at in cut_times),
        ]
        order = {kind: position for position, kind in enumerate(_ORDER)}
        moments.sort(key=lambda moment: (moment.start_seconds, order[moment.kind], moment.end_seconds))
        return cls(
            duration_seconds=duration_seconds, moments=tuple(moments), notices=tuple(dict.fromkeys(notices))
        )

    def of(self, *kinds: MomentKind) -> tuple[Moment, ...]:
        """The moments of these kinds, in order."""
        return tuple(moment for moment in self.moments if moment.kind in kinds)


_ORDER = (MomentKind.CUT, MomentKind.SEEN, MomentKind.TEXT, MomentKind.HEARD, MomentKind.SILENCE)


def _spans(kind: MomentKind, worded: Sequence[tuple[Caption, str]], duration_seconds: float) -> list[Moment]:
    """One moment per run of equal words; a run ends where the next caption begins to hold."""
    spans: list[Moment] = []
    running: tuple[float, str] | None = None
    for caption, words in worded:
        text = words.strip()
        if running is not None and _same(running[1], text):
            continue
        if running is not None and running[1]:
            spans.append(_moment(kind, running[0], caption.since_seconds, running[1]))
        running = (caption.since_seconds, text)
    if running is not None and running[1]:
        spans.append(_moment(kind, running[0], max(duration_seconds, running[0]), running[1]))
    return spans


def _moment(kind: MomentKind, start_seconds: float, end_seconds: float, text: str) -> Moment:
    return Moment(kind=kind, start_seconds=start_seconds, end_seconds=end_seconds, text=text)


def _same(one: str, other: str) -> bool:
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()
