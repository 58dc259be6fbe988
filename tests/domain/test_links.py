"""Links in words: where they begin and end, and what is left without them."""

import pytest

from bot.domain.links import coded_links, split_links, without_links


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("See https://a.b/c_d. Then (http://x.y/z).", ["https://a.b/c_d", "http://x.y/z"]),
        ("看https://a.b/c。好", ["https://a.b/c"]),
        ("join discord.gg/abc or www.a.b, not a.b", ["discord.gg/abc", "www.a.b"]),
        ("none at all: a.b/c", []),
    ],
)
def test_links_are_found_as_a_reader_would(text: str, links: list[str]) -> None:
    pieces = split_links(text)
    assert pieces[1::2] == links
    assert "".join(pieces) == text


def test_what_is_left_without_links() -> None:
    assert without_links("看https://a.b/c。好").split() == ["看", "。好"]


def test_code_around_links_does_not_pair_up_with_theirs() -> None:
    assert coded_links("no `link` here") == "no `link` here"
    assert coded_links("`a https://a.b `b \\`c") == "\\`a `https://a.b` \\`b \\`c"
