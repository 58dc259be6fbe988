"""The lists of word_lists.toml: what short remarks and endings of sentences mean, in many languages."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from bot.voice.plain_words import Phrases, words_of

_LISTS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def phrases(name: str) -> Phrases:
    """The list of this name."""
    return Phrases(*_entries(str(_LISTS[name])))


def single_words(name: str) -> frozenset[str]:
    """The words in the list of this name."""
    return frozenset(word for entry in _entries(str(_LISTS[name])) for word in words_of(entry))


def by_language(name: str) -> Mapping[str, Phrases]:
    """The table of this name, by ISO 639-1 codes."""
    return {language: Phrases(*_entries(text)) for language, text in cast("dict[str, str]", _LISTS[name]).items()}


def _entries(text: str) -> list[str]:
    return text.replace("\n", "|").split("|")
