"""A text as the words it is found by, the same for every database: folded, stemmed, scripts without spaces in pairs."""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Protocol, cast

import Stemmer  # pyright: ignore[reportMissingTypeStubs] - it has no types

from bot.domain.conversation import ConversationKey

_UNSPACED = (
    "\u2e80-\u2fdf\u3005-\u3007\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\U00020000-\U0003134f"
)
_PIECE = re.compile(rf"(?P<unspaced>(?:(?!\W)[{_UNSPACED}])+)|(?P<word>[^\W_{_UNSPACED}]+)")
_CONTRACTION = re.compile(r"[’'](?:s|t|re|ve|ll|d|m)\b")
_LONGEST_WORD = 64

_SAYS_NOTHING = """
    a about after again all also am an and any are as at be because been before being but by can could did do does doing
    don for from had has have having he her here hers him his how i if in into is isn it its just ll me mine more most
    my no nor not now of off on once one or other our ours out over own please re s same she should so some such t tell
    than that the their theirs them then there these they this those through to too under up us ve very was wasn we were
    what when where which while who whom whose why will with would you your yours
"""
_PAIRS_SAY_NOTHING = """
    什么 怎么 么样 这个 那个 哪个 一个 这里 那里 哪里 这是 那是 是什 是不 不是 有没 没有 可以 能不 我们 你们 他们
    她们 它们 的时 时候 之后 之前 以后 以前 然后 因为 所以 但是 如果 就是 还是 或者 为什 告诉 诉我 请问 了吗 了么
    的是 是的
"""
_STOP_WORDS = frozenset(_SAYS_NOTHING.split())
_STOP_PAIRS = frozenset(_PAIRS_SAY_NOTHING.split())
_STOP_CHARACTERS = frozenset("的了是在和与或吗呢吧啊么我你他她它们这那哪个有不就也都还很到说要会能把被给")


class _Stemmer(Protocol):
    def stemWord(self, word: str, /) -> str: ...  # noqa: N802 - the library's name


_STEMMER = cast("_Stemmer", Stemmer.Stemmer("english"))  # pyright: ignore[reportUnknownMemberType] - as above


def search_words(text: str) -> tuple[str, ...]:
    """In order, with repetitions, without words that say nothing. Each consists of letters and digits only, so that a
    full-text index splits nothing but at spaces. Runs of Han, kana and hangul become pairs of neighbours, a character
    that stands alone itself; English words become their stems (Porter 2, https://snowballstem.org)."""
    folded = _CONTRACTION.sub("", unicodedata.normalize("NFKC", text).casefold())
    return tuple(_words(folded))


def place_of(key: ConversationKey) -> str:
    """A place as one word."""
    return f"s{key.server_id or 0}c{key.channel_id}".replace("-", "n")


def clip_place(sha256: str) -> str:
    """A clip as one word."""
    return f"m{sha256}"


def _words(folded: str) -> Iterator[str]:
    for piece in _PIECE.finditer(folded):
        if run := piece["unspaced"]:
            yield from _pairs(run)
        elif (word := piece["word"][:_LONGEST_WORD]) not in _STOP_WORDS:
            yield _plain(word)


def _pairs(run: str) -> Iterator[str]:
    if len(run) == 1:
        if run not in _STOP_CHARACTERS:
            yield run
        return
    for first, second in pairwise(run):
        pair = first + second
        if pair not in _STOP_PAIRS and not (first in _STOP_CHARACTERS and second in _STOP_CHARACTERS):
            yield pair


@lru_cache(maxsize=20_000)
def _plain(word: str) -> str:
    """Without accents; the stem where the word is written in ASCII."""
    if not word.isascii():
        decomposed = unicodedata.normalize("NFD", word)
        word = "".join(character for character in decomposed if unicodedata.category(character)[0] != "M") or word
    return _STEMMER.stemWord(word) if word.isascii() and word.isalpha() else word
