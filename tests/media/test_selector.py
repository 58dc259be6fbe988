"""Which pictures are worth their price, decided while they come."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from bot.domain.media import FrameReason
from bot.media.selector import Candidate, Choice, FrameSelector, Pixels, candidate_step, frame_budget

SIZE = (1024, 576)


def plain(colour: tuple[int, int, int], size: tuple[int, int] = (64, 36)) -> Pixels:
    return np.asarray(Image.new("RGB", size, colour))


def slide(foot: str, *, px: int = 10, corner: int | None = None) -> Pixels:
    """A slide of 1280x720 scaled as for delivery; `corner` seeds a patch of noise."""
    image = Image.new("RGB", (1280, 720), (250, 250, 248))
    draw = ImageDraw.Draw(image)
    draw.text((80, 60), "Quarterly report", fill=(40, 40, 40), font=ImageFont.load_default(size=48))
    draw.text((80, 690), foot, fill=(70, 70, 70), font=ImageFont.load_default(size=px))
    if corner is not None:
        patch = np.random.default_rng(corner).integers(0, 255, (136, 240, 3), np.uint8)
        image.paste(Image.fromarray(patch), (1020, 20))
    return np.asarray(image.resize(SIZE, Image.Resampling.BICUBIC))


def run(
    pictures: Sequence[tuple[float, Pixels, float | None]], *, duration: float, most: int = 120
) -> tuple[list[Choice], FrameSelector]:
    selector = FrameSelector(duration_seconds=duration, most=most)
    chosen: list[Choice] = []
    for at, pixels, cut in pictures:
        chosen += selector.offer(Candidate(at_seconds=at, pixels=pixels, cut_seconds=cut, encode=lambda: b"jpeg"))
    return chosen + selector.finish(), selector


def seconds(duration: int, show: Callable[[int], Pixels], cuts: frozenset[int] = frozenset()):
    return [(float(n), show(n), float(n) if n in cuts else None) for n in range(duration)]


def reasons(chosen: Sequence[Choice]) -> list[FrameReason]:
    return [choice.reason for choice in chosen]


COLOURS = [(220, 20, 20), (20, 20, 220), (20, 160, 20), (235, 225, 20), (130, 20, 150)]


def test_a_minute_of_three_second_slides_is_twenty_one_frames():
    cuts = frozenset(range(3, 60, 3))
    chosen, _ = run(seconds(60, lambda n: plain(COLOURS[n // 3 % 5]), cuts), duration=60)
    assert [choice.at_seconds for choice in chosen] == [*range(0, 60, 3), 59]
    assert set(reasons(chosen)[1:-1]) == {FrameReason.CUT}


def test_slides_without_known_cuts_are_found_too():
    chosen, _ = run(seconds(30, lambda n: plain(COLOURS[n // 3 % 5])), duration=30)
    assert {3.0 * n for n in range(10)} <= {choice.at_seconds for choice in chosen}


def test_colours_of_equal_brightness_are_told_apart():
    same_luma = [plain((200, 40, 40)), plain((40, 117, 40))]
    chosen, _ = run(seconds(10, lambda n: same_luma[n // 5]), duration=10)
    assert 5.0 in [choice.at_seconds for choice in chosen]


def test_going_back_to_an_earlier_picture_is_kept():
    shown = [plain(COLOURS[0])] * 4 + [plain(COLOURS[1])] * 4 + [plain(COLOURS[0])] * 4
    chosen, _ = run(seconds(12, shown.__getitem__, frozenset({4, 8})), duration=12)
    assert [choice.at_seconds for choice in chosen] == [0, 4, 8, 11]


@pytest.mark.parametrize("px", [10, 11, 12])
def test_a_small_line_that_changes_on_a_still_slide_is_kept_at_its_time(px):
    before, after = slide("Status: waiting", px=px), slide("Status: finished", px=px)
    chosen, _ = run(seconds(60, lambda n: before if n < 40 else after), duration=60)
    assert [choice.at_seconds for choice in chosen if choice.reason is FrameReason.TEXT] == [40.0]


def test_the_same_beside_something_that_moves_all_the_time():
    def show(n: int) -> Pixels:
        return slide("Status: waiting" if n < 40 else "Status: finished", corner=n)

    chosen, _ = run(seconds(60, show), duration=60)
    assert 40.0 in [choice.at_seconds for choice in chosen if choice.reason is FrameReason.TEXT]


def test_compression_noise_is_no_text():
    random = np.random.default_rng(1)
    base = slide("Status").astype(np.int16)

    def show(_: int) -> Pixels:
        return np.clip(base + random.integers(-8, 9, base.shape), 0, 255).astype(np.uint8)

    chosen, _ = run(seconds(30, show), duration=30)
    assert FrameReason.TEXT not in reasons(chosen)


def test_a_still_minute_costs_ten_frames_at_most():
    chosen, selector = run(seconds(60, lambda _: plain(COLOURS[0])), duration=60)
    assert len(chosen) <= 10
    gaps = np.diff([choice.at_seconds for choice in chosen])
    assert gaps.max() <= 3 * 60 / selector.budget


def test_motion_stays_well_below_one_a_second():
    random = np.random.default_rng(2)
    chosen, _ = run(seconds(60, lambda _: random.integers(0, 255, (36, 64, 3), np.uint8)), duration=60)
    assert len(chosen) <= 25


def test_early_choices_do_not_wait_for_the_end():
    selector = FrameSelector(duration_seconds=600, most=120)
    first = selector.offer(Candidate(at_seconds=0.0, pixels=plain(COLOURS[0]), encode=lambda: b""))
    assert reasons(first) == [FrameReason.FIRST]
    early = [
        choice
        for at, pixels, _ in seconds(60, lambda n: plain(COLOURS[n // 5 % 5]))[1:]
        for choice in selector.offer(Candidate(at_seconds=at, pixels=pixels, encode=lambda: b""))
    ]
    assert len(early) >= 8


def test_a_frame_after_a_cut_knows_since_when_it_holds():
    shown = [(0.0, plain(COLOURS[0]), None), (1.0, plain(COLOURS[1]), 0.4), (2.0, plain(COLOURS[1]), None)]
    chosen, _ = run(shown, duration=3)
    assert (chosen[1].at_seconds, chosen[1].since_seconds, chosen[1].reason) == (1.0, 0.4, FrameReason.CUT)


def test_one_picture_is_one_frame():
    chosen, _ = run([(0.0, plain(COLOURS[0]), None)], duration=0.03)
    assert reasons(chosen) == [FrameReason.FIRST]


def test_the_last_picture_is_always_there():
    chosen, _ = run(seconds(45, lambda n: plain(COLOURS[n % 5])), duration=45)
    assert (chosen[-1].at_seconds, chosen[-1].reason) == (44.0, FrameReason.LAST)


@given(
    duration=st.floats(0.1, 4000),
    told=st.floats(0.1, 4000),
    most=st.integers(1, 130),
    seed=st.integers(0, 2**32 - 1),
    calm=st.floats(0, 1),
)
@settings(max_examples=30, deadline=None)
def test_never_over_budget_always_in_order_first_and_last(duration, told, most, seed, calm):
    random = np.random.default_rng(seed)
    count = min(400, max(1, int(duration / candidate_step(duration))))
    times = np.sort(random.uniform(0, duration, count))
    shown = [plain(COLOURS[0], (32, 18))]
    for _ in range(count - 1):
        fresh = random.integers(0, 255, (18, 32, 3), np.uint8)
        shown.append(shown[-1] if random.random() < calm else fresh)
    cuts = [float(at) if random.random() < 0.2 else None for at in times]
    chosen, selector = run(list(zip(times.tolist(), shown, cuts, strict=True)), duration=told, most=most)
    at = [choice.at_seconds for choice in chosen]
    assert at == sorted(set(at))
    assert 1 <= len(at) <= min(most, frame_budget(told, most))
    assert at[0] == times[0]
    assert at[-1] == times[-1] or most == 1
    assert selector.chosen == len(at)
    assert all(choice.since_seconds <= choice.at_seconds for choice in chosen)


@pytest.mark.parametrize(("duration", "budget"), [(0.1, 10), (10, 15), (60, 25), (120, 40), (600, 120), (3600, 120)])
def test_budget_by_length(duration, budget):
    assert frame_budget(duration, 120) == budget
    assert frame_budget(duration, 7) == 7


def test_density_by_length():
    assert candidate_step(10) == pytest.approx(1 / 3)
    assert candidate_step(60) == candidate_step(600) == 1
    assert candidate_step(3600) == 6
