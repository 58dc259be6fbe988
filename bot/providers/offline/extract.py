"""Finds the moments of a timeline that answer a question, and says so when there are none."""

import re
from collections.abc import Callable, Sequence

from bot.domain.answer import Question, QuestionSource
from bot.domain.timeline import Moment, MomentKind, NoticeCode, Timeline
from bot.providers.offline.inquiry import Inquiry, Wanted, stems, understand
from bot.providers.offline.wording import CHINESE, COLOURS, ENGLISH, Wording, cite

_WORDED = (MomentKind.HEARD, MomentKind.TEXT, MomentKind.SEEN, MomentKind.SOUND, MomentKind.TONE)
_KINDS = {Wanted.TEXT: (MomentKind.TEXT,), Wanted.HEARD: (MomentKind.HEARD,)}
_MOST_MOMENTS = 4
_MOST_TIMES = 5
_MOST_COLOURS = 6
_MOST_KNOWN = 3
_NO_SOUND = {NoticeCode.NO_SOUND, NoticeCode.SILENT_SOUND}
_BEFORE_SECONDS = 0.5  # a citation names whole seconds
_ASKED_AS = {  # how people ask for a sound, besides by its own word
    "laughter": stems("laugh laughing giggle chuckle 笑 大笑 笑声 笑了 发笑"),
    "applause": stems("applaud clap clapping 鼓掌 拍手 掌声"),
    "music": stems("song melody 音乐 歌曲 奏乐"),
    "shouting": stems("shout yell scream loud 喊 大喊 喊叫 叫喊 尖叫"),
}
_LETTERS = re.compile(r"[\W_]+")


def answer(question: Question, timeline: Timeline | None) -> str:
    """One to five sentences from the timeline, labelled, with times only from there."""
    inquiry = understand(question.text, duration_seconds=0.0 if timeline is None else timeline.duration_seconds)
    wording = CHINESE if inquiry.chinese else ENGLISH
    if timeline is None:
        return wording.no_clip
    moments = [moment for moment in timeline.of(*_WORDED) if moment.text.strip()]
    if question.source is QuestionSource.SPOKEN:
        moments = [moment for moment in moments if not _is_question_itself(moment, question)]
    sentences = [wording.label, *_Search(inquiry, timeline, moments, wording).sentences()]
    gaps = wording.gaps(timeline.notices)
    joint = "" if inquiry.chinese else " "
    return joint.join([*sentences, gaps] if gaps else sentences)


class _Search:
    """One inquiry over one timeline."""

    def __init__(self, inquiry: Inquiry, timeline: Timeline, moments: Sequence[Moment], wording: Wording) -> None:
        self._inquiry = inquiry
        self._timeline = timeline
        self._moments = moments
        self._wording = wording

    def sentences(self) -> list[str]:
        """The answer without its label and gaps."""
        if self._inquiry.wanted is Wanted.LENGTH:
            return [self._wording.length(self._timeline.duration_seconds)]
        if self._inquiry.wanted is Wanted.SOUND:
            return self._sound()
        if not self._moments:
            return [self._wording.empty]
        pool = self._pool()
        if pool is None:
            return self._nothing()
        answers: dict[Wanted, Callable[[Sequence[Moment]], list[str]]] = {
            Wanted.WHEN: self._when,
            Wanted.COLOUR: self._colours,
            Wanted.TEXT: self._words,
            Wanted.HEARD: self._words,
            Wanted.SUMMARY: self._summary,
            Wanted.ANYTHING: self._anything,
        }
        return answers[self._inquiry.wanted](pool)

    def _pool(self) -> Sequence[Moment] | None:
        """The moments a question is about; None when it names a moment that is not there."""
        pool = self._moments
        if self._inquiry.window is not None:
            start, end = self._inquiry.window
            pool = [moment for moment in pool if _overlaps(moment, start, end)]
        if self._inquiry.during is not None:
            then = self._then(self._inquiry.during)
            if not then:
                return None
            pool = [
                moment
                for moment in pool
                if moment not in then and any(_overlaps(moment, one.start_seconds, one.end_seconds) for one in then)
            ]
        return pool

    def _then(self, during: Inquiry) -> Sequence[Moment]:
        """Moments that fit "when …"."""
        candidates = [moment for moment in self._moments if moment.kind in _KINDS.get(during.wanted, _WORDED)]
        if during.window is not None:
            return [moment for moment in candidates if _overlaps(moment, *during.window)]
        return _best(candidates, during)

    def _words(self, pool: Sequence[Moment]) -> list[str]:
        """What was said or stood on the screen: what fits the question's words, else all of it."""
        inquiry = self._inquiry
        words = [moment for moment in pool if moment.kind in _KINDS[inquiry.wanted]]
        if not words:
            return self._not_then(pool)
        fitting = _best(words, inquiry)
        if not fitting and (inquiry.quotes or (inquiry.topic and inquiry.stems)):
            return self._nothing()
        return [self._wording.say(moment) for moment in _few(fitting or words, _MOST_MOMENTS)]

    def _when(self, pool: Sequence[Moment]) -> list[str]:
        fitting = _best(pool, self._inquiry)
        if not fitting:
            return self._nothing()
        return [self._wording.say(moment) for moment in fitting[:_MOST_TIMES]]

    def _colours(self, pool: Sequence[Moment]) -> list[str]:
        seen = [moment for moment in pool if moment.kind is MomentKind.SEEN]
        about = _best(seen, self._inquiry)
        found: list[tuple[str, Moment]] = []
        for moment in about or seen:
            named = [word for word in re.findall(r"[a-z]+", moment.text.lower()) if word in COLOURS]
            found += [(name, moment) for name in dict.fromkeys(named) if not found or found[-1][0] != name]
        if not found:
            return self._not_then(pool)
        sentence = self._wording.colours(found[:_MOST_COLOURS])
        return [sentence] if about or not self._inquiry.stems else [self._wording.whole_picture, sentence]

    def _anything(self, pool: Sequence[Moment]) -> list[str]:
        if not pool:
            return self._not_then(pool)
        fitting = _best(pool, self._inquiry)
        if fitting:
            return [self._wording.say(moment) for moment in _few(fitting, _MOST_KNOWN)]
        if self._inquiry.window is not None or self._inquiry.during is not None:
            return self._summary(pool)
        return self._nothing()

    def _summary(self, pool: Sequence[Moment]) -> list[str]:
        if not pool:
            return self._not_then(pool)
        return [self._wording.say(moment) for moment in _telling(pool, _MOST_MOMENTS)]

    def _sound(self) -> list[str]:
        named = _best(self._timeline.of(MomentKind.SOUND), self._inquiry)
        if named:
            return [self._wording.say(moment) for moment in named[:_MOST_TIMES]]
        heard = self._timeline.of(MomentKind.HEARD)
        if heard:
            return [self._wording.speech, *(self._wording.say(moment) for moment in heard[:2])]
        if any(notice.code in _NO_SOUND for notice in self._timeline.notices):
            return [self._wording.no_sound]
        silences = "".join(f" {cite(silence)}" for silence in self._timeline.of(MomentKind.SILENCE)[:_MOST_TIMES])
        stop = "。" if self._wording.chinese else "."
        return [self._wording.no_speech, *([f"{self._wording.silence}{silences}{stop}"] if silences else [])]

    def _not_then(self, pool: Sequence[Moment]) -> list[str]:
        """Nothing of the wanted kind: what there is instead, then or at all."""
        narrowed = self._inquiry.window is not None or self._inquiry.during is not None
        first = self._wording.not_then if narrowed else self._wording.nothing
        return [first, *self._known(pool or self._moments)]

    def _nothing(self) -> list[str]:
        return [self._wording.nothing, *self._known(self._moments)]

    def _known(self, pool: Sequence[Moment]) -> list[str]:
        first, *rest = [self._wording.say(moment) for moment in _telling(pool, _MOST_KNOWN)]
        return [f"{self._wording.known}{'' if self._wording.chinese else ' '}{first}", *rest]


def _best(moments: Sequence[Moment], inquiry: Inquiry) -> list[Moment]:
    """Moments that hold a quoted phrase; else those that share the most content words; in order of time."""
    for quote in inquiry.quotes:
        wanted = _plain(quote)
        quoted = [moment for moment in moments if wanted and wanted in _plain(moment.text)]
        if quoted:
            return quoted
    if inquiry.quotes or not inquiry.stems:
        return []
    scores = [len(inquiry.stems & _stems(moment)) for moment in moments]
    best = max(scores, default=0)
    return [moment for moment, score in zip(moments, scores, strict=True) if best and score == best]


def _stems(moment: Moment) -> frozenset[str]:
    """The words a moment is found by."""
    own = stems(moment.text)
    return own | _ASKED_AS.get(moment.text, frozenset()) if moment.kind is MomentKind.SOUND else own


def _telling(moments: Sequence[Moment], most: int) -> list[Moment]:
    """The moments that tell most: words and sounds before looks, spread over time, in order; tones where there is
    nothing else."""
    moments = [moment for moment in moments if moment.kind is not MomentKind.TONE] or moments
    words = [moment for moment in moments if moment.kind is not MomentKind.SEEN]
    looks = [moment for moment in moments if moment.kind is MomentKind.SEEN]
    chosen = _few(words, most if len(looks) == 0 else max(most - 1, 1))
    chosen += _few(looks, most - len(chosen))
    return sorted(chosen, key=lambda moment: (moment.start_seconds, moment.kind))


def _few(moments: Sequence[Moment], most: int) -> list[Moment]:
    """At most so many of them, the first and the last included, evenly spread."""
    if len(moments) <= most:
        return list(moments)
    if most == 1:
        return [moments[0]]
    return [moments[round(index * (len(moments) - 1) / (most - 1))] for index in range(most)]


def _overlaps(moment: Moment, start: float, end: float) -> bool:
    if moment.end_seconds > moment.start_seconds:
        return moment.start_seconds < max(end, start + _BEFORE_SECONDS) and moment.end_seconds > start
    return start - _BEFORE_SECONDS <= moment.start_seconds <= end


def _is_question_itself(moment: Moment, question: Question) -> bool:
    return moment.kind is MomentKind.HEARD and _plain(question.text) in _plain(moment.text)


def _plain(text: str) -> str:
    """Letters and figures only, words parted by one space, for comparing."""
    return f" {_LETTERS.sub(' ', text.casefold()).strip()} " if text.isascii() else _LETTERS.sub("", text.casefold())
