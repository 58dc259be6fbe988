"""Catalogues: which one a reader gets, and what becomes of a sentence in it."""

import pytest

from bot.domain.errors import ProviderCategory, ProviderError
from bot.domain.sentence import Sentence, counted, sentence
from bot.locales import catalogue, language_name
from bot.locales.catalogue import TRANSLATED
from bot.pipeline.notices import captions_missing
from tests.catalogue import ROOT

NO_SOUND = "The clip has no sound."
ENGLISH = catalogue("en-US")
CHINESE = catalogue("zh-CN")


@pytest.mark.parametrize("locale", ["zh-CN", "zh-TW", "zh", "zh_Hant_HK", "ZH-cn"])
def test_chinese_of_every_country_reads_the_one_chinese(locale: str) -> None:
    assert catalogue(locale) is CHINESE
    assert CHINESE.of(NO_SOUND) == "片段没有声音。"
    assert CHINESE.locale.language == "zh"


@pytest.mark.parametrize("locale", ["en-GB", "de", "", "zhuang", "not a locale", None])
def test_everybody_else_reads_english(locale: str | None) -> None:
    words = catalogue(locale)
    assert words.of(NO_SOUND) == NO_SOUND
    assert words.locale.language == "en"


def test_every_translation_there_is_can_be_chosen() -> None:
    assert sorted(TRANSLATED.values()) == sorted(path.parent.parent.name for path in ROOT.glob("bot/locales/**/*.po"))


def test_a_template_is_filled_in() -> None:
    words = CHINESE
    assert (
        words("{who} declined to read this aloud.", who="speech: a.example") == "speech: a.example 拒绝朗读这些内容。"
    )
    words = ENGLISH
    assert words("{total:.1f} s", total=1.25) == "1.2 s"


def test_what_has_no_translation_is_said_in_english() -> None:
    words = CHINESE
    unknown = "{n} words that nobody translates"
    assert words(unknown, n=2) == CHINESE.of(sentence(unknown, n=2)) == "2 words that nobody translates"
    assert words.plural("{n} x{y}", "{n} xs{y}", 2, y="!") == "2 xs!"
    assert CHINESE.of("") == ""


@pytest.mark.parametrize(("n", "english"), [(1, "1 short scene was not"), (3, "3 short scenes were not")])
def test_each_language_counts_in_its_own_way(n: int, english: str) -> None:
    one, many = "{n} short scene was not looked at.", "{n} short scenes were not looked at."
    assert ENGLISH.plural(one, many, n) == ENGLISH.of(counted(one, many, n)) == f"{english} looked at."
    assert CHINESE.plural(one, many, n) == CHINESE.of(counted(one, many, n)) == f"有 {n} 个短镜头没有查看。"


@pytest.mark.parametrize(
    ("public", "reason"),
    [
        (
            sentence("{who} did not answer in time. Try again later.", who="captions: a.example"),
            "captions: a.example 没有",
        ),
        ("The reply broke off before its end; ask again to get the rest.", "回复中途断开"),
    ],
)
def test_a_sentence_within_a_sentence_is_translated(public: str, reason: str) -> None:
    notice = captions_missing(2, 8, ProviderError("timeout", public, category=ProviderCategory.NETWORK))
    assert notice.public == f"2 of 8 frames could not be described. {public}"
    assert CHINESE.of(notice.public).startswith(f"8 帧中有 2 帧未能描述。{reason}")
    words = CHINESE
    assert words("{gap} {reason}", gap="", reason=Sentence.of(NO_SOUND)) == "片段没有声音。"


def test_what_a_person_wrote_is_neither_translated_nor_filled_in() -> None:
    words = CHINESE
    assert words("{gap} {reason}", gap=NO_SOUND, reason="{gap}") == f"{NO_SOUND}{{gap}}"


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("de", "Deutsch · 德语"),
        ("zh-CN", "中文 (简体)"),
        ("zh-TW", "中文 (繁體) · 中文 (繁体)"),
        ("pt-BR", "português (Brasil) · 葡萄牙语 (巴西)"),
        ("tlh-x", "tlh-x"),
        ("nonsense at all", "nonsense at all"),
        ("", ""),
    ],
)
def test_languages_are_named_in_their_own_words_and_in_the_readers(tag: str, name: str) -> None:
    assert language_name(tag, CHINESE) == name


def test_a_language_is_not_named_twice() -> None:
    assert language_name("en", ENGLISH) == "English"
