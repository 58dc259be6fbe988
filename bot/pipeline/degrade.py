"""How much of a clip is looked at for the money there is: all, fewer frames, contact sheets, or the sound alone."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.domain.media import MediaProbe
from bot.domain.role import Role
from bot.domain.sentence import counted, sentence
from bot.domain.timeline import Notice, NoticeCode
from bot.media.sheet import SHEET_FRAMES
from bot.pipeline.crew import Crew
from bot.pipeline.estimate import Estimate, Load, frames_of, load_ahead, priced

LEAST_FRAMES = 8
"""With fewer single frames than these a clip is seen worse than on contact sheets."""


class Step(StrEnum):
    """From the most to the least that is looked at."""

    FULL = "full"
    FEWER = "fewer"
    SHEETS = "sheets"
    TRANSCRIPT = "transcript"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is done with one clip. `frames`: no more of them are chosen; None: as the settings say."""

    step: Step = Step.FULL
    frames: int | None = None

    @property
    def sees(self) -> bool:
        """Whether the pictures are looked at."""
        return self.step is not Step.TRANSCRIPT

    @property
    def pictures(self) -> int | None:
        """How many pictures are sent, at the most."""
        if self.frames is None or self.step is not Step.SHEETS:
            return self.frames
        return math.ceil(self.frames / SHEET_FRAMES)

    @property
    def notice(self) -> Notice | None:
        """What people and the model are told of what is missing."""
        if self.step is Step.FULL:
            return None
        return Notice(code=NoticeCode.DEGRADED, role=Role.CAPTIONS, public=self._told())

    def _told(self) -> str:
        match self.step:
            case Step.FEWER:
                return counted(
                    "To save money only {n} frame of the clip was looked at.",
                    "To save money only {n} frames of the clip were looked at.",
                    self.frames or 0,
                )
            case Step.SHEETS:
                return sentence(
                    "To save money up to {n} frames of the clip were looked at small, several on one picture: writing "
                    "and small things may be missed.",
                    n=self.frames or 0,
                )
            case _:
                return sentence("To save money the pictures of the clip were not looked at, only its sound was heard.")


FULL = Plan()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """A clip of which something is still to be put into words. `watches`, `listens`: whether that half is; up to `hold`
    frames go to the chat model itself; `known` are the steps whose words are there already, so that they cost
    nothing."""

    facts: MediaProbe
    watches: bool = True
    listens: bool = True
    hold: int = 0
    known: frozenset[Step] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A plan for each clip and what all cost together; `fits` False: even this, the least, is too dear."""

    plans: tuple[Plan, ...]
    estimate: Estimate
    fits: bool = True


def choose(
    crew: Crew,
    clips: Sequence[Unseen],
    *,
    room_usd: float | None,
    answers: bool = True,
    speaks: bool = False,
) -> Choice:
    """The most of the clips that can be paid from `room_usd` (None: no bound), all by the same step. A price that is
    not known counts as nothing: who may use such a model is not decided here."""
    choice: Choice | None = None
    for plans in _steps(crew, clips):
        loads = [_load(crew, clip, plan) for clip, plan in zip(clips, plans, strict=True)]
        estimate = priced(crew, loads, answers=answers, speaks=speaks)
        if room_usd is None or estimate.known_usd <= room_usd:
            return Choice(plans=plans, estimate=estimate)
        if choice is None or estimate.known_usd < choice.estimate.known_usd:
            choice = Choice(plans=plans, estimate=estimate, fits=False)
    if choice is None:
        raise ValueError("there is nothing to choose for")
    return choice


def _steps(crew: Crew, clips: Sequence[Unseen]) -> Iterator[tuple[Plan, ...]]:
    """From the most to the least; a clip that needs no pictures, or is one, is as it is in each of them."""
    yield (FULL,) * len(clips)
    most = [frames_of(crew, clip.facts) if clip.watches else 0 for clip in clips]
    top = max(most, default=0)
    if top <= 1:
        return
    for count in range(top - 1, LEAST_FRAMES - 1, -1):
        yield tuple(_fewer(own, count, top) for own in most)
    for sheets in range(math.ceil(top / SHEET_FRAMES), 0, -1):
        yield tuple(_sheets(own, sheets, top) for own in most)
    if all(clip.facts.has_audio for clip, own in zip(clips, most, strict=True) if own > 1):
        yield tuple(Plan(step=Step.TRANSCRIPT) if own > 1 else FULL for own in most)


def _fewer(own: int, count: int, top: int) -> Plan:
    """As many of a clip's own frames as `count` is of the longest clip's."""
    frames = max(min(own, LEAST_FRAMES), own * count // top)
    return FULL if frames >= own else Plan(step=Step.FEWER, frames=frames)


def _sheets(own: int, sheets: int, top: int) -> Plan:
    if own <= 1:
        return FULL
    share = max(1, math.ceil(own / SHEET_FRAMES) * sheets // math.ceil(top / SHEET_FRAMES))
    return Plan(step=Step.SHEETS, frames=min(own, share * SHEET_FRAMES))


def _load(crew: Crew, clip: Unseen, plan: Plan) -> Load:
    return load_ahead(
        crew,
        clip.facts,
        pictures=plan.pictures,
        sheets=plan.step is Step.SHEETS,
        hold=0 if plan.step is Step.SHEETS else clip.hold,
        watches=clip.watches and plan.sees and plan.step not in clip.known,
        listens=clip.listens,
    )
