"""Which language something should be in, and whether it is already, as far as its letters tell."""

import unicodedata
from collections import Counter

_TRADITIONAL = frozenset({"hant", "tw", "hk", "mo"})
_LATIN = "LATIN"
# Of languages that share their letters with no other that is widely spoken.
_SCRIPTS = {"el": "GREEK", "he": "HEBREW", "ja": "KANA", "ko": "HANGUL", "th": "THAI", "zh": "CJK"}
_MOSTLY = 0.6
_SOME = 0.1


def language_of(tag: str) -> str:
    """The language of a tag, without country: "en-GB" and "en-US" are read by the same people. Chinese is two."""
    first, *others = tag.lower().split("-")
    if first == "zh":
        return "zh-Hant" if _TRADITIONAL.intersection(others) else "zh-Hans"
    return first


def is_same(one: str, other: str) -> bool:
    """Whether who reads one of these languages reads the other."""
    return one.partition("-")[0].lower() == other.partition("-")[0].lower()


def has_letters(text: str) -> bool:
    """Whether there is anything to translate."""
    return any(character.isalpha() for character in text)


def is_surely_in(text: str, language: str) -> bool:
    """Whether the letters leave no doubt. Where many languages share them, as the Latin ones, they never do."""
    script = _SCRIPTS.get(language.partition("-")[0])
    return script is not None and _script_of(text) == script


def _script_of(text: str) -> str:
    """Of most letters. Japanese is known by its kana among Chinese characters."""
    counts = Counter(unicodedata.name(character, _LATIN).partition(" ")[0] for character in text if character.isalpha())
    kana = counts.pop("HIRAGANA", 0) + counts.pop("KATAKANA", 0)
    total = counts.total() + kana
    if not total:
        return ""
    if kana >= _SOME * total:
        return "KANA"
    script, most = counts.most_common(1)[0]
    return script if most >= _MOSTLY * total else ""
