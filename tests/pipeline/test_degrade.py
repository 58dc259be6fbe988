"""How much of a clip is looked at for the money there is."""

import math
import random
from dataclasses import replace

import pytest

from bot.domain.media import AudioStream, MediaKind, MediaProbe, VideoStream
from bot.domain.role import Role
from bot.domain.timeline import NoticeCode
from bot.pipeline.crew import Crew, ModelRef
from bot.pipeline.degrade import LEAST_FRAMES, Choice, Plan, Step, Unseen, choose
from bot.pipeline.estimate import frames_of, load_ahead, priced
from tests.fakes.providers import crew_of

BALANCED = {
    Role.CAPTIONS: "gpt-6-luna",
    Role.TRANSCRIPTS: "gpt-transcribe",
    Role.CHAT: "gpt-6-luna",
    Role.SPEECH: "gpt-4o-mini-tts",
    Role.EMBEDDINGS: "text-embedding-3-small",
}
RANKS = {Step.FULL: 3, Step.FEWER: 2, Step.SHEETS: 1, Step.TRANSCRIPT: 0}


def crew(**models: str) -> Crew:
    names = {**BALANCED, **{Role(role): model for role, model in models.items()}}
    return crew_of(models={role: (ModelRef(provider="openai", model=name),) for role, name in names.items()})


def clip_of(
    seconds: float, *, video: bool = True, audio: bool = True, size: tuple[int, int] = (1280, 720)
) -> MediaProbe:
    return MediaProbe(
        kind=MediaKind.VIDEO if video else MediaKind.AUDIO,
        container="mp4",
        size_bytes=1_000_000,
        duration_seconds=seconds,
        video=VideoStream(index=0, codec="h264", width=size[0], height=size[1], frame_rate_hz=30.0, end_seconds=seconds)
        if video
        else None,
        audio=AudioStream(index=1, codec="aac", rate_hz=48_000, channels=2) if audio else None,
    )


def rank(choice: Choice) -> tuple[int, int]:
    """The more of the clips is looked at, the higher."""
    if not choice.fits:
        return (-1, 0)
    steps = [RANKS[plan.step] for plan in choice.plans]
    return (min(steps), sum(plan.frames or 1_000 for plan in choice.plans))


def cost(choice: Choice) -> float:
    return choice.estimate.known_usd


def test_with_no_bound_or_enough_all_is_looked_at() -> None:
    unseen = [Unseen(facts=clip_of(120))]
    free = choose(crew(), unseen, room_usd=None)
    assert free.plans == (Plan(),)
    assert choose(crew(), unseen, room_usd=cost(free)).plans == (Plan(),), "what it costs is enough"
    assert free.plans[0].notice is None


def test_the_steps_come_in_their_order_as_money_runs_out() -> None:
    unseen, dear = [Unseen(facts=clip_of(300))], crew(captions="gpt-4o")
    full = choose(dear, unseen, room_usd=None)
    steps: list[Step] = []
    for share in range(100, -1, -2):
        choice = choose(dear, unseen, room_usd=cost(full) * share / 100)
        if choice.fits and choice.plans[0].step not in steps:
            steps.append(choice.plans[0].step)
    assert steps == [Step.FULL, Step.FEWER, Step.SHEETS, Step.TRANSCRIPT]
    assert not choose(dear, unseen, room_usd=0.0).fits


@pytest.mark.parametrize("seed", range(4))
def test_a_plan_never_costs_more_than_there_is_and_more_money_never_shows_less(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(3):
        eyes = chance.choice(["gpt-6-luna", "gpt-4o", "gpt-5.6-luna"])
        clips = [
            Unseen(
                facts=clip_of(
                    chance.choice([0.5, 4.0, 20.0, 90.0, 400.0, 3_000.0]),
                    video=chance.random() < 0.8,
                    audio=chance.random() < 0.8,
                    size=chance.choice([(320, 180), (1080, 1920), (1920, 1080)]),
                ),
                hold=chance.choice([0, 0, 12]),
                listens=chance.random() < 0.8,
            )
            for _ in range(chance.randint(1, 3))
        ]
        someone = crew(captions=eyes, chat=eyes)
        full = cost(choose(someone, clips, room_usd=None))
        before: Choice | None = None
        for room in sorted(chance.uniform(0, 1.1 * full) for _ in range(10)):
            choice = choose(someone, clips, room_usd=room)
            if choice.fits:
                assert cost(choice) <= room
                for plan, one in zip(choice.plans, clips, strict=True):
                    most = frames_of(someone, one.facts)
                    assert plan.frames is None or plan.frames <= most
                    assert plan.step is not Step.FEWER or min(LEAST_FRAMES, most) <= (plan.frames or 0) < most
                    assert plan.step is not Step.TRANSCRIPT or one.facts.has_audio
            assert before is None or rank(before) <= rank(choice), room
            before = choice


def test_fewer_frames_are_as_many_as_can_be_paid() -> None:
    facts, dear = clip_of(300), crew(captions="gpt-4o")
    room = cost(choose(dear, [Unseen(facts=facts)], room_usd=None)) * 0.8
    choice = choose(dear, [Unseen(facts=facts)], room_usd=room)
    assert choice.plans[0].step is Step.FEWER
    one_more = load_ahead(dear, facts, pictures=(choice.plans[0].frames or 0) + 1, hold=0)
    assert cost(choice) <= room < priced(dear, [one_more], speaks=False).known_usd


def test_nine_frames_on_a_sheet_cost_what_one_costs() -> None:
    unseen, dear = [Unseen(facts=clip_of(300), listens=False)], crew(captions="gpt-4o")
    tokens: dict[Step, int] = {}
    for share in range(90, 0, -5):
        choice = choose(dear, unseen, room_usd=cost(choose(dear, unseen, room_usd=None)) * share / 100)
        plan = choice.plans[0]
        if plan.step in (Step.FEWER, Step.SHEETS) and plan.pictures:
            tokens[plan.step] = choice.estimate.image_tokens // plan.pictures
    assert tokens[Step.FEWER] == tokens[Step.SHEETS]
    assert Plan(step=Step.SHEETS, frames=27).pictures == math.ceil(27 / 9)


def test_a_clip_without_sound_is_never_left_unseen() -> None:
    for unseen in (Unseen(facts=clip_of(60, audio=False)), Unseen(facts=clip_of(60, video=False))):
        assert not choose(crew(), [unseen], room_usd=0.000_01).fits


def test_what_is_known_costs_nothing() -> None:
    facts, dear = clip_of(300), crew(captions="gpt-4o")
    both = cost(choose(dear, [Unseen(facts=facts)], room_usd=None))
    heard = cost(choose(dear, [Unseen(facts=facts, listens=False)], room_usd=None))
    assert heard == pytest.approx(both - 5 * 0.0045, rel=0.05)
    room = cost(choose(dear, [Unseen(facts=facts, watches=False)], room_usd=None)) * 1.5
    kept = Unseen(facts=facts, known=frozenset({Step.SHEETS}))
    assert choose(dear, [replace(kept, known=frozenset())], room_usd=room).plans[0].step is not Step.FULL
    assert choose(dear, [kept], room_usd=room).plans[0].step is Step.SHEETS


def test_a_model_without_a_price_is_not_decided_about_here() -> None:
    choice = choose(crew(captions="nobody-knows"), [Unseen(facts=clip_of(60))], room_usd=1.0)
    assert choice.plans == (Plan(),)
    assert choice.estimate.cost_usd is None


@pytest.mark.parametrize("step", [Step.FEWER, Step.SHEETS, Step.TRANSCRIPT])
def test_each_step_is_a_known_gap(step: Step) -> None:
    notice = Plan(step=step, frames=18).notice
    assert notice is not None
    assert notice.code is NoticeCode.DEGRADED
    assert notice.public.startswith("To save money")


def test_nothing_to_choose_for_is_a_mistake() -> None:
    assert choose(crew(), [], room_usd=None).plans == ()
