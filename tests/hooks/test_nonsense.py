"""What plugins return is taken only where it makes sense and is no more than is wanted."""

from dataclasses import replace

import pytest

from bot.domain.media import Frame, FrameReason
from bot.domain.speech import Segment
from bot.domain.timeline import Caption
from bot.domain.understanding import Heard
from bot.hooks.checks import NonsenseError, check_edit, check_refusal
from bot.providers.base import CaptionRequest
from tests.plugins.hosting import prompt

FRAME = Frame(at_seconds=1.0, since_seconds=1.0, width=1, height=1, reason=FrameReason.FIRST, novelty=0.0, jpeg=b"jpeg")
REQUEST = CaptionRequest(frames=(FRAME,))
CAPTION = Caption(at_seconds=1.0, since_seconds=1.0, text="x")
SEGMENT = Segment(start_seconds=0.0, end_seconds=1.0, text="x")
HEARD = Heard(end_seconds=2.0)


class EvilText(str):
    __slots__ = ()

    def strip(self, _: str | None = None) -> str:
        raise ValueError("the secret word")


TOO_MUCH: list[tuple[str, object, object]] = [
    ("edit_frames", REQUEST, replace(REQUEST, frames=(FRAME, FRAME))),
    ("edit_frames", REQUEST, replace(REQUEST, frames=())),
    ("edit_frames", REQUEST, replace(REQUEST, focus=("x" * 5_001,))),
    ("edit_captions", (CAPTION,), (CAPTION, CAPTION)),
    ("edit_captions", (CAPTION,), (replace(CAPTION, since_seconds=1.5),)),
    ("edit_captions", (CAPTION,), (replace(CAPTION, since_seconds=float("nan")),)),
    ("edit_heard", HEARD, replace(HEARD, segments=(SEGMENT,) * 50_001)),
    ("edit_heard", HEARD, replace(HEARD, segments=(replace(SEGMENT, end_seconds=float("inf")),))),
    ("edit_prompt", prompt(), replace(prompt(), evidence="x" * 100_200)),
    ("edit_prompt", prompt(), replace(prompt(), evidence="x" * 1_000_001)),
    ("edit_prompt", prompt(), replace(prompt(), rules=EvilText("x"))),
    ("edit_prompt", prompt(), replace(prompt(), rules=chr(0xD800))),
    ("edit_answer", "x", "x" * 4_005),
    ("edit_answer", "x", chr(0xD800)),
    ("edit_sentence", "x", "x" * 4_005),
    ("edit_answer", "x", EvilText("x")),
]


@pytest.mark.parametrize("case", range(len(TOO_MUCH)))
def test_too_much_and_what_cannot_be_read_is_nonsense(case: int) -> None:
    with pytest.raises(NonsenseError) as refused:
        check_edit(*TOO_MUCH[case])
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("edit_frames", REQUEST, replace(REQUEST, focus=("x" * 5_000,))),
        ("edit_captions", (CAPTION,), (replace(CAPTION, since_seconds=0.5),)),
        ("edit_captions", (CAPTION, CAPTION), ()),
        ("edit_heard", HEARD, replace(HEARD, segments=(SEGMENT,) * 50_000)),
        ("edit_prompt", prompt(), replace(prompt(), evidence="x" * 99_000)),
        ("edit_answer", "x", "x" * 4_004),
        ("edit_answer", "x", ""),
    ],
)
def test_what_just_fits_is_taken(name: str, old: object, new: object) -> None:
    check_edit(name, old, new)


def test_half_a_character_in_a_refusal_can_be_shown() -> None:
    assert check_refusal(f"No {chr(0xD800)}\n thanks.") == "No ? thanks."
