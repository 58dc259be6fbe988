"""Every text for people has its Chinese, and every Chinese text has its place in the code."""

import re
import string
from functools import cache

import pytest

from bot.locales.catalogue import TRANSLATED
from tests.catalogue import Said, Text, collect, has_translation, our_sources, read

CATALOGUES = sorted(TRANSLATED.values())
HAN = "\u4e00-\u9fff"


@cache
def said() -> Said:
    return collect(our_sources())


@cache
def translations(name: str) -> dict[Text, str]:
    """What stands there; the last form where several are counted."""
    return {
        message.id if isinstance(message.id, str) else (message.id[0], message.id[1]): message.string
        if isinstance(message.string, str)
        else message.string[-1]
        for message in read(name)
        if message.id and has_translation(message)
    }


def placeholders(text: str) -> list[tuple[str, str | None, str | None]]:
    return sorted(
        (name, conversion, form) for _, name, form, conversion in string.Formatter().parse(text) if name is not None
    )


def test_every_text_can_be_found() -> None:
    assert len(said().texts) > 80
    assert said().unreadable == []


@pytest.mark.parametrize("name", CATALOGUES)
def test_nothing_is_missing_and_nothing_left_over(name: str) -> None:
    """`python -m tests.catalogue` brings a catalogue up to the code."""
    assert [text for text in said().texts if text not in translations(name)] == []
    assert [message.id for message in read(name) if message.id and message.id not in said().texts] == []


@pytest.mark.parametrize("name", CATALOGUES)
def test_a_translation_fills_in_the_same_values(name: str) -> None:
    english = {text: text if isinstance(text, str) else text[-1] for text in translations(name)}
    assert [
        text for text, said in translations(name).items() if placeholders(said) != placeholders(english[text])
    ] == []


def test_chinese_is_set_as_chinese() -> None:
    """Full-width punctuation, and a space between Chinese and anything Latin, except whole sentences filled in."""
    sentences = re.compile(r"\{(gap|reason|what|field)\}")
    unlike = re.compile(rf"[{HAN}] ?[,;:!?]|[{HAN}]\.(?!\w)|[{HAN}][A-Za-z0-9{{]|[A-Za-z0-9}}][{HAN}]|[，。；：！？] ")
    assert [said for said in translations("zh_CN").values() if unlike.search(sentences.sub("", said))] == []


MODULE = """
from bot.locales import Catalogue
class ClipError(BotError): ...
def refuse(code: str, public: str): ...
def show(self, words: Catalogue, name, error):
    words("Hello {name}", name=name)
    self._words.plural("{n} frame", "{n} frames", 2)
    counted("{n} clip", "{n} clips", 2)
    locale_str("ask"); app_commands.locale_str("Ask about a clip")
    raise ClipError("gone", "Gone." if name else "Lost.")
    refuse("late", "Late.")
    Notice(code=1, public="A gap.")
    super().__init__("parent", "Of a parent.")
    BotError("again", error.public); words.of(name); logging.getLogger("no text")
"""


def test_texts_are_found_wherever_they_are_said() -> None:
    found = collect({"bot/x.py": MODULE})
    assert set(found.texts) == {
        "Hello {name}",
        ("{n} frame", "{n} frames"),
        ("{n} clip", "{n} clips"),
        "ask",
        "Ask about a clip",
        "Gone.",
        "Lost.",
        "Late.",
        "A gap.",
        "Of a parent.",
    }
    assert found.unreadable == []


@pytest.mark.parametrize(
    "call",
    ['sentence(f"{n} frames")', 'words("a" + b)', 'BotError("code", f"{n}")', 'Notice(public="a" + b)', "words(text)"],
)
def test_a_text_that_cannot_be_read_is_told(call: str) -> None:
    found = collect({"bot/x.py": f"from bot.locales import catalogue\n{call}"})
    assert found.unreadable == ["bot/x.py, line 2"]
    assert found.texts == {}
