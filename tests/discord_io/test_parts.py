"""Long text is cut where a reader would, and nothing of it is lost."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.discord_io.parts import LIMIT, first, length, split
from bot.discord_io.safe_text import safe
from tests.discord_io.discord_markdown import read

PIECES = [
    *(
        "word ",
        "Sentence one. ",
        "一只猫跳上桌子。",
        "看见",
        "**bold** ",
        "<@1> ",
        "[0:42] ",
        "https://a.b/c_d ",
        "\n",
        "\n\n",
        "- item\n",
    ),
    *(
        "```py\n",
        "x = 1\n",
        "\n```\n",
        "    y = 2\n",
        "🙂",
        "👍🏽",
        "🇩🇪",
        "e\u0301",
        "\\",
        "`code` ",
        "a" * 70,
        "@everyone ",
        " " * 120,
        "\n" * 12,
    ),
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=60).map(lambda pieces: safe("".join(pieces)))
MARK = re.compile(r"\n-# \((\d+)/(\d+)\)\Z")


def words_of(text: str) -> str:
    """What is seen, without the space that cuts may take."""
    return re.sub(r"\s", "", read(text).seen)


@given(TEXTS, st.integers(min_value=200, max_value=500))
def test_parts_are_short_whole_and_complete(text: str, limit: int) -> None:
    parts = split(text, limit)
    assert all(length(part) <= limit for part in parts)
    assert all(part.strip() for part in parts)
    bodies = [MARK.sub("", part) for part in parts]
    seen = [words_of(body) for body in bodies]
    fences = [language for body in bodies for language, _code in read(body).blocks]
    assert "".join(seen).replace("py", "") == words_of(text).replace("py", "")
    assert all(read(body).active == [] for body in bodies)
    assert all(body.count("```") % 2 == 0 for body in bodies)
    assert set(fences) <= {language for language, _code in read(text).blocks}


@given(TEXTS, st.integers(min_value=200, max_value=500))
def test_marks_stand_from_three_parts_on(text: str, limit: int) -> None:
    parts = split(text, limit)
    marks = [mark.groups() for part in parts if (mark := MARK.search(part))]
    expected = [(str(number), str(len(parts))) for number in range(1, len(parts) + 1)] if len(parts) > 2 else []
    assert marks == expected


@given(TEXTS, st.integers(min_value=200, max_value=500))
def test_the_first_part_stays_as_more_is_written(text: str, limit: int) -> None:
    shown = first(text, limit)
    assert length(shown) <= limit
    assert bool(shown) == bool(text.strip())
    if length(text) <= limit:
        assert words_of(shown) == words_of(text)


def test_it_is_counted_as_the_stricter_side_counts() -> None:
    assert length("a猫🙂") == 4
    assert [length(part) for part in split("🙂" * 1500)] == [2000, 1000]


def test_a_short_text_is_one_part_and_a_blank_one_none() -> None:
    assert split("Hello.") == ["Hello."]
    assert split(" \n ") == []
    assert first("") == ""


def test_cuts_fall_between_paragraphs_then_lines_then_sentences_then_words() -> None:
    assert split(f"{'a' * 60}\nb\n\n{'c' * 60}", 100) == [f"{'a' * 60}\nb", "c" * 60]
    assert split(f"{'a ' * 30}\n{'c' * 60}", 100) == ["a " * 29 + "a", "c" * 60]
    assert split(f"{'a ' * 30}end. {'c ' * 30}".strip(), 100) == ["a " * 30 + "end.", "c " * 29 + "c"]
    assert split(f"{'a' * 60} {'c' * 60}", 100) == ["a" * 60, "c" * 60]
    assert split("猫" * 60 + "。" + "狗" * 60, 100) == ["猫" * 60 + "。", "狗" * 60]


def test_a_paragraph_break_too_early_is_passed_over() -> None:
    """A heading alone would make a sad first message."""
    assert split(f"Title\n\n{'word ' * 30}".strip(), 100)[0].startswith("Title\n\nword")


def test_a_fence_is_closed_and_opened_again_with_its_language() -> None:
    lines = "\n".join(f"line({number})" for number in range(20))
    parts = split(f"```py\n{lines}\n```", 120)
    assert [part[:6] for part in parts] == ["```py\n"] * len(parts)
    assert "\n".join(read(MARK.sub("", part)).blocks[0][1] for part in parts) == lines


@pytest.mark.parametrize("limit", range(40, 100))
def test_a_fence_is_cut_anywhere_without_an_empty_one(limit: int) -> None:
    """An empty fence would swallow the text up to the next."""
    text = "before\n```py\n" + "\n".join("x" * size for size in range(1, 35)) + "\n```\nafter"
    bodies = [MARK.sub("", part) for part in split(text, limit)]
    assert all(length(part) <= limit for part in split(text, limit))
    assert all(code.strip("`\n") == code for body in bodies for _language, code in read(body).blocks)
    assert "".join(words_of(body) for body in bodies).replace("py", "") == words_of(text).replace("py", "")


def test_what_belongs_together_is_not_torn() -> None:
    for piece in ("\\*", "👍🏽", "🇩🇪", "e\u0301", "👩\u200d👧"):
        parts = split("x" * 3 + piece * 400, 100)
        body = "".join(MARK.sub("", part) for part in parts)
        assert body == "x" * 3 + piece * 400
        assert all(len(MARK.sub("", part).removeprefix("xxx")) % len(piece) == 0 for part in parts), piece


def test_inline_code_is_not_torn() -> None:
    parts = split("`a b c` " * 100, 100)
    assert {span for part in parts for span in MARK.sub("", part).split("` ")} <= {"`a b c", "`a b c`"}


def test_inline_code_longer_than_a_part_is_closed_and_opened_again() -> None:
    link = "https://a.b/" + "c" * 300
    parts = [MARK.sub("", part) for part in split(f"See `{link}` now", 120)]
    assert "".join(read(part).seen for part in parts).replace(" ", "") == f"See{link}now"
    assert all(read(part).active == [] for part in parts)


@pytest.mark.parametrize(
    "text",
    [" " * 9000 + "x", "```\n" + " " * 9000 + "x\n```", "```\nx" + "\n" * 9000 + "y\n```", "x" + "\u0301" * 9000],
)
def test_absurd_text_is_cut_as_well(text: str) -> None:
    assert all(length(part) <= LIMIT for part in split(text))
    assert split(text)


def test_a_limit_without_room_is_an_error() -> None:
    with pytest.raises(ValueError, match="no room"):
        split("```py\nabc\n```", 8)
