"""Invented transcripts go, spoken ones stay."""

import math
from array import array

import pytest

from bot.providers.openai.hallucinations import Quality, Surroundings, is_invented, loudness_dbfs

LOUD = Surroundings(duration_seconds=4.0, loudness_dbfs=-20.0, is_whole=True)
QUIET = Surroundings(duration_seconds=4.0, loudness_dbfs=-60.0, is_whole=True)
LONG = Surroundings(duration_seconds=20.0, loudness_dbfs=-20.0, is_whole=True)
AMONG_OTHERS = Surroundings(duration_seconds=20.0, loudness_dbfs=-20.0, is_whole=False)


@pytest.mark.parametrize(
    "text",
    [
        "Thanks for watching!",
        "Thank you very much for watching.",
        "Subtitles by the Amara.org community",
        "Untertitel der Amara.org-Community",
        "Untertitelung des ZDF, 2020",
        "Vielen Dank fürs Zuschauen!",
        "Sous-titrage Société Radio-Canada",
        "Sous-titres réalisés par la communauté d'Amara.org",
        "Subtítulos realizados por la comunidad de Amara.org",
        "ご視聴ありがとうございました。",
        "시청해 주셔서 감사합니다.",
        "请不吝点赞 订阅 转发 打赏支持明镜与点点栏目",
        "感谢观看",
        "Субтитры сделал DimaTorzok",
        "Продолжение следует...",
    ],
)
def test_credits_alone_are_invented(text: str) -> None:
    assert is_invented(text, Quality(), LOUD)
    assert not is_invented(text, Quality(), AMONG_OTHERS)


@pytest.mark.parametrize(
    "text", ["Thank you.", "Bye-bye.", "谢谢。", "ありがとうございました", "Merci !", "Vielen Dank."]
)
def test_courtesies_are_invented_only_where_nothing_is_heard(text: str) -> None:
    text = text.replace("-", " ")
    assert is_invented(text, Quality(), QUIET)
    assert is_invented(text, Quality(), LONG)
    assert not is_invented(text, Quality(), LOUD)


@pytest.mark.parametrize(
    "text",
    [
        "So the blue line is last year, and thank you for asking.",
        "这个字幕写的是什么？",
        "I made a subtitle file for the film, and then the whole family came and we watched it together until late.",
        "No, no, no, wait.",
        "The quick brown fox jumps over the lazy dog.",
        "我们现在去北京看朋友。",
        "Run! Run! Run!",
        "1 2 3 4 5 6 7 8 9 10",
    ],
)
def test_speech_stays(text: str) -> None:
    for around in (LOUD, LONG, QUIET, AMONG_OTHERS):
        assert not is_invented(text, Quality(), around)


@pytest.mark.parametrize(
    "text", ["I'm going to the shop. " * 5, "la la la la la la la la", "好的，好的，好的，好的，好的，好的，好的，好的"]
)
def test_loops_are_invented(text: str) -> None:
    assert is_invented(text, Quality(), LOUD)


@pytest.mark.parametrize(
    ("quality", "invented"),
    [
        (Quality(no_speech_probability=0.9, mean_log_probability=-1.2), True),
        (Quality(no_speech_probability=0.9, mean_log_probability=-0.3), False),
        (Quality(no_speech_probability=0.2, mean_log_probability=-1.2), False),
        (Quality(no_speech_probability=0.9), False),
        (Quality(compression_ratio=2.5), True),
        (Quality(compression_ratio=1.4), False),
    ],
)
def test_quality_fields(quality: Quality, invented: bool) -> None:
    assert is_invented("A plain sentence.", quality, LOUD) is invented


def test_an_echo_of_the_prompt_is_invented() -> None:
    around = Surroundings(
        duration_seconds=4.0, loudness_dbfs=-20.0, is_whole=True, prompt="we saw the blue line rise, Ada"
    )
    assert is_invented("We saw the blue line rise.", Quality(), around)
    assert not is_invented("The blue line.", Quality(), around)


def test_loudness() -> None:
    assert loudness_dbfs(b"") == -math.inf
    assert loudness_dbfs(bytes(320)) == -math.inf
    assert loudness_dbfs(array("h", [16384, -16384] * 100).tobytes()) == pytest.approx(-6.02, abs=0.01)
