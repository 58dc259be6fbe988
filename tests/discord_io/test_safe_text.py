"""Strangers' words are shown and do nothing."""

import re
import sys
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.discord_io.safe_text import safe, visible
from tests.discord_io.discord_markdown import read

PIECES = [
    *"\\`*_~|[]()<>#:@/-!.\n ",
    *(
        "``",
        "```",
        "```py\n",
        "\n```\n",
        "\n```",
        "```c# 1\n",
        "**",
        "__",
        "~~",
        "||",
        "\n# ",
        "\n-# ",
        "\n> ",
        "\n>>> ",
    ),
    *("<@1>", "<@!1>", "<@&1>", "<#1>", "@everyone", "@here", "</cmd:1>", "<:e:1>", "<a:e:1>", "<t:1:R>", "<t:1>"),
    *(
        "<id:customize>",
        "<sound:0:1>",
        ":joy:",
        "<mailto:a@b.c>",
        "<foo:/bar>",
        "[see](https://a.b)",
        "\n- ",
        "\n* ",
        "\n1. ",
    ),
    *("https://a.b/c_d?e=*f*", "http://a", "discord://-/x", "steam://run/1", "ftp://a.b", "www.a.b", "discord.gg/abc"),
    *(
        "discord.com/invite/abc",
        "HTTPS://A.B",
        "word",
        "0:42",
        "[0:42]",
        "看见一只猫。",
        "\u200b",
        "\u202e",
        "\U000e0041",
    ),
]
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=14).map("".join)


def squeezed(text: str) -> str:
    """Without space and backticks (and their double): fences and inline code come and go with them."""
    return re.sub(r"[\s`\u02cb]", "", text)


@given(TEXTS)
@example("```\n```\n<@1>\n```\n@everyone\n```")
@example("- a\n ```\nb <@1>\n ```")
@example("http://a@everyonehttp://b @herewww.c@everyonehttp://d")
@example("```x``` <@1> ```\n@everyone")
def test_nothing_is_active_and_every_visible_character_is_seen(text: str) -> None:
    reading = read(safe(text))
    assert reading.active == []
    assert squeezed(reading.seen) == squeezed(visible(text))


@given(TEXTS)
@example("\n```\x1f`")
def test_words_outside_of_fences_keep_their_spaces_and_lines(text: str) -> None:
    text = re.sub("`{3,}", "``", visible(text))  # what nobody sees may stand between two backticks
    expected = re.sub(r"\n(?:[ \t]*\n){2,}", "\n\n", text).strip()
    assert read(safe(text)).seen == expected


@pytest.mark.parametrize(
    "word", ["**b**", "_i_", "__u__", "~~s~~", "||s||", "# h", "-# s", "> q", "[a](https://b.c)", "`c`"]
)
def test_the_reader_of_markdown_knows_what_is_active(word: str) -> None:
    assert read(word).active or word == "`c`"


def test_times_citations_and_chinese_stay_readable() -> None:
    assert safe("[0:42] 一只猫跳上桌子。") == "[0:42] 一只猫跳上桌子。"
    assert safe("[0:42](x) and [0:42–1:02:03]") == r"\[0:42\](x) and [0:42–1:02:03]"
    assert safe("At 0:42 and 1:02:03 it jumps.") == "At 0:42 and 1:02:03 it jumps."


def test_links_are_inline_code_and_end_where_the_sentence_goes_on() -> None:
    assert safe("See https://a.b/c_d. Then (http://x.y/z).") == "See `https://a.b/c_d`. Then (`http://x.y/z`)."
    assert safe("看https://a.b/c。好") == "看`https://a.b/c`。好"
    assert safe("https://en.wikipedia.org/wiki/A_(b)") == "`https://en.wikipedia.org/wiki/A_(b)`"
    assert safe("join discord.gg/abc now") == "join `discord.gg/abc` now"
    assert safe("@everyonehttps://a.b") == "@`everyonehttps://a.b`"
    assert safe("[free](https://evil.example)") == r"\[free\](`https://evil.example`)"


def test_lists_stay_lists() -> None:
    assert safe("- one\n* two\n  - three\n1. four") == "- one\n* two\n  - three\n1. four"


def test_a_fence_keeps_language_and_code() -> None:
    assert read(safe("Look:\n```py\nx = a * b  # <@1>\n```\nDone.")).blocks == [("py", "x = a * b  # <@1>")]


def test_a_fence_cannot_be_broken_out_of() -> None:
    reading = read(safe("```py\nx = '''```''' <@1> @everyone\n```\nafter"))
    assert reading.blocks == [("py", "x = '''\u02cb\u02cb\u02cb''' <@1> @everyone")]
    assert reading.active == []


@pytest.mark.parametrize("text", ["```py\nprint(1)", "```py\nprint(1)\n", "```py\nprint(1)\n``"])
def test_a_fence_that_is_still_being_written_is_closed(text: str) -> None:
    shown = safe(text)
    assert shown.startswith("```py\nprint(1)")
    assert shown.endswith("\n```")


def test_a_fence_in_a_list_loses_its_indent_so_that_the_list_cannot_tear_it() -> None:
    assert safe("- a\n  ```py\n  if x:\n    y\n  ```") == "- a\n```py\nif x:\n  y\n```"


def test_a_flood_of_blank_lines_is_one() -> None:
    assert safe("a\n\n \n\t\n\nb") == "a\n\nb"


def test_what_nobody_sees_is_gone() -> None:
    may_be_seen = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD, *range(0x13430, 0x13440)}
    hidden = [
        number
        for number in range(sys.maxunicode + 1)
        if unicodedata.category(chr(number)) in {"Cc", "Cf", "Cs"}
        and number not in {*map(ord, "\t\n\r\v\f\x85"), *may_be_seen}
    ]
    hidden += [
        *range(0xFE00, 0xFE10),
        *range(0xE0000, 0xE0080),
        *range(0xE0100, 0xE01F0),
        0x34F,
        0x115F,
        0x3164,
        0xFFA0,
    ]
    assert visible("".join(map(chr, hidden))) == ""
    assert visible("a\r\nb\rc\u2028d\u2029e\x85f") == "a\nb\nc\nd\ne\nf"
    assert visible("é\u0301 \u0600 👩 猫") == "é\u0301 \u0600 👩 猫"


def test_growing_text_never_shows_more_than_it_says() -> None:
    """Each edit while the words come is as harmless as the whole."""
    whole = "Look [here](https://evil.example) <@123> @everyone\n```py\nx = 1\n```\n||boo|| **x**"
    for end in range(len(whole) + 1):
        assert read(safe(whole[:end])).active == [], whole[:end]
