"""Translate: transcripts and answers in the reader's language; what does not come back right stays as it was."""

import asyncio
import logging
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.errors import ProviderCategory, ProviderError
from bot.domain.occasion import Occasion, Surface
from bot.domain.speech import Segment
from bot.domain.understanding import Heard
from bot.hooks.registry import Plugins
from bot.hooks.specs import Specs
from bot.plugins.translate.languages import is_surely_in, language_of
from bot.plugins.translate.numbered import MOST_LETTERS, MOST_LINES, batches, numbered, read_numbered
from tests.plugins.hosting import ScriptedServices, hosting, no_model, occasion, prompt

GERMAN = {"translate": {"language": "de"}}


def marked(rules: str, text: str) -> str:
    """A translator into capitals with a mark; what is in capitals already it repeats."""
    return "\n".join(
        line if line.isupper() else re.sub(r"^(\d+\.)", r"\1 §", line.upper()) for line in text.splitlines()
    )


def heard(*texts: str, language: str | None = "en") -> Heard:
    segments = tuple(
        Segment(start_seconds=float(at), end_seconds=at + 0.5, text=text, speaker="Ann")
        for at, text in enumerate(texts)
    )
    return Heard(segments=segments, language=language, has_sound=True, end_seconds=float(len(texts)))


def texts(one: Heard) -> list[str]:
    return [segment.text for segment in one.segments]


async def translated(plugins: Plugins, one: Heard, **where: object) -> Heard:
    return await plugins.hooks.edit(Specs.edit_heard, one, occasion(**where))


@pytest.mark.parametrize(
    ("tag", "language"),
    [("en-GB", "en"), ("zh-CN", "zh-Hans"), ("zh", "zh-Hans"), ("zh-TW", "zh-Hant"), ("pt-BR", "pt"), ("es-419", "es")],
)
def test_readers_of_one_language_share_a_transcript(tag: str, language: str) -> None:
    assert language_of(tag) == language


@pytest.mark.parametrize(
    ("text", "language", "is_sure"),
    [
        ("会议九点开始。", "zh-Hans", True),
        ("会议九点开始。", "ja", False),
        ("会議は九時に始まります。", "ja", True),
        ("会議は九時に始まります。", "zh-Hans", False),
        ("회의는 아홉 시에", "ko", True),
        ("Это начало", "ru", False),
        ("It begins", "en", False),
        ("把 API 的 token 换成 new credentials here", "zh-Hans", False),
        ("123", "zh-Hans", False),
    ],
)
def test_letters_tell_a_language_only_where_no_other_has_them(text: str, language: str, is_sure: bool) -> None:
    assert is_surely_in(text, language) is is_sure


def test_lines_go_in_batches_that_come_back_whole() -> None:
    many = [(place, "x" * 10) for place in range(95)]
    assert [len(batch) for batch in batches(many)] == [40, 40, 15]
    assert [line for batch in batches(many) for line in batch] == many
    long = [(place, "x" * 1400) for place in range(4)]
    assert [len(batch) for batch in batches(long)] == [2, 2]
    assert [len(batch) for batch in batches([(0, "x" * 9000), (1, "y")])] == [1, 1]
    assert list(batches([])) == []
    assert (MOST_LINES, MOST_LETTERS) == (40, 3000)


def test_only_lines_that_are_surely_meant_are_taken() -> None:
    given = ["one", "two", "three", "four", "five"]
    assert numbered(given).splitlines()[1] == "2. two"
    answer = "Here you are:\n1. eins\n 2) zwei \n3. drei\n3. nein\n4. " + "x" * 500 + "\n6. sechs\n0. null\n5.\n"
    assert read_numbered(answer, given) == {0: "eins", 1: "zwei"}
    assert read_numbered("", given) == {}
    assert read_numbered("１. eins\n2、zwei", given) == {0: "eins", 1: "zwei"}


async def test_a_transcript_is_translated_and_times_and_speakers_stay(tmp_path: Path) -> None:
    services = ScriptedServices(marked)
    before = heard("good morning", "12", "see\n you", "BYE")
    async with hosting(tmp_path, GERMAN, services=services) as plugins:
        after = await translated(plugins, before)
    assert texts(after) == ["§ GOOD MORNING (good morning)", "12", "§ SEE YOU (see you)", "BYE"]
    assert after == replace(before, segments=after.segments)
    assert [replace(one, text="") for one in after.segments] == [replace(one, text="") for one in before.segments]
    ((rules, text, where),) = services.asked
    assert text == "1. good morning\n2. see you\n3. BYE"
    assert "tag de" in rules
    assert where == occasion()


async def test_without_the_original_the_translation_stands_alone(tmp_path: Path) -> None:
    settings = {"translate": {"language": "de", "keep_original": False}}
    async with hosting(tmp_path, settings, services=ScriptedServices(marked)) as plugins:
        assert texts(await translated(plugins, heard("good morning"))) == ["§ GOOD MORNING"]


@pytest.mark.parametrize(
    ("settings", "where", "one"),
    [
        ({"language": "en"}, {}, heard("good morning")),
        ({"language": "en-GB"}, {}, heard("good morning", language="en-US")),
        ({"language": "zh-TW"}, {}, heard("早上好", language="zh")),
        ({"language": "zh-CN"}, {}, heard("早上好", language=None)),
        ({}, {"locale": "en-US"}, heard("good morning")),
        ({}, {"locale": "de", "language": "en"}, heard("good morning")),
        ({"language": "de", "transcripts": False}, {}, heard("good morning")),
        ({"language": "de"}, {}, heard()),
        ({"language": "de"}, {}, heard("...", "12", language=None)),
    ],
    ids=str,
)
async def test_nothing_is_asked_where_nothing_is_to_be_translated(
    settings: dict[str, object], where: dict[str, object], one: Heard, tmp_path: Path
) -> None:
    services = ScriptedServices(marked)
    async with hosting(tmp_path, {"translate": settings}, services=services) as plugins:
        assert await translated(plugins, one, **where) == one
    assert services.asked == []


async def test_the_reader_decides_where_nobody_set_a_language(tmp_path: Path) -> None:
    services = ScriptedServices(marked)
    async with hosting(tmp_path, {"translate": {}}, services=services) as plugins:
        for where in ({"locale": "de"}, {"locale": "de", "language": "fr"}, {"locale": "zh-TW"}):
            assert texts(await translated(plugins, heard("hi"), **where)) == ["§ HI (hi)"]
        assert [re.findall("tag ([^.]+)\\.", rules)[0] for rules, _, _ in services.asked] == ["de", "fr", "zh-Hant"]
        recipes = [
            await plugins.hooks.recipe(occasion(**where), Specs.edit_heard)
            for where in (
                {"locale": "en-US"},
                {"locale": "en-GB"},
                {"locale": "de"},
                {"locale": "fr", "language": "de"},
            )
        ]
    assert recipes[0] == recipes[1] != recipes[2] == recipes[3]


async def test_a_long_transcript_goes_in_pieces_and_what_does_not_come_back_stays(tmp_path: Path) -> None:
    def patchy(rules: str, text: str) -> str:
        if "line 50" in text:
            raise ProviderError("busy", "Try again.", category=ProviderCategory.SERVER)
        return marked(rules, "\n".join(line for line in text.splitlines() if not line.endswith(" 7")))

    services = ScriptedServices(patchy)
    before = heard(*(f"line {number}" for number in range(100)))
    async with hosting(tmp_path, GERMAN, services=services) as plugins:
        after = texts(await translated(plugins, before))
    assert len(services.asked) == 3
    untouched = {number for number in range(100) if after[number] == f"line {number}"}
    assert untouched == {7, *range(40, 80)}
    assert after[80] == "§ LINE 80 (line 80)"


async def test_what_takes_too_long_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(ScriptedServices):
        async def complete(self, rules: str, text: str, occasion: Occasion) -> str:
            if "line 50" in text:
                await asyncio.Event().wait()
            return await super().complete(rules, text, occasion)

    before = heard(*(f"line {number}" for number in range(100)))
    async with hosting(tmp_path, GERMAN, services=Slow(marked)) as plugins:
        monkeypatch.setattr("bot.plugins.translate.plugin._TRANSCRIPT_SECONDS", 0.1)
        after = texts(await translated(plugins, before))
    assert after[40:80] == texts(before)[40:80]


@pytest.mark.parametrize("answer", [no_model, lambda *_: "", lambda *_: "I cannot do that."])
async def test_without_a_model_all_stays_as_it_is_and_one_line_is_logged(
    answer: Callable[[str, str], str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = {"translate": {"language": "de", "answers": "sentences"}}
    one = heard("good morning secretly")
    async with hosting(tmp_path, settings, services=ScriptedServices(answer)) as plugins:
        for _ in range(3):
            assert await translated(plugins, one) == one
        assert await plugins.hooks.edit(Specs.edit_answer, "It is late.", occasion()) in (
            "It is late.",
            "I cannot do that.",
        )
    warned = [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert len(warned) == (answer is no_model)
    assert "secretly" not in caplog.text


async def rules(plugins: Plugins, **where: object) -> str:
    before = prompt("[0:00] HEARD")
    after = await plugins.hooks.edit(Specs.edit_prompt, before, occasion(**where))
    assert after == replace(before, rules=after.rules)
    assert after.rules.startswith(before.rules)
    return after.rules


async def test_the_model_is_told_the_language_strictly_where_somebody_set_it(tmp_path: Path) -> None:
    services = ScriptedServices(marked)
    async with hosting(tmp_path, {"translate": {}}, services=services) as plugins:
        assert "unclear" in await rules(plugins, locale="pt-BR")
        assert "with the tag pt-BR" in await rules(plugins, locale="pt-BR", surface=Surface.VOICE)
        assert "answer in the language with the tag fr" in await rules(plugins, language="fr")
        assert await plugins.hooks.edit(Specs.edit_answer, "It is late.", occasion(language="fr")) == "It is late."
    async with hosting(tmp_path, GERMAN, services=services) as plugins:
        assert "answer in the language with the tag de" in await rules(plugins, language="fr")
    assert services.asked == []


async def test_answers_are_left_alone_where_that_is_wanted(tmp_path: Path) -> None:
    services = ScriptedServices(marked)
    async with hosting(tmp_path, {"translate": {"language": "de", "answers": "off"}}, services=services) as plugins:
        assert await plugins.hooks.edit(Specs.edit_prompt, prompt("a"), occasion()) == prompt("a")
        assert await plugins.hooks.edit(Specs.edit_answer, "It is late.", occasion()) == "It is late."
    assert services.asked == []


@pytest.mark.parametrize(
    ("sentence", "answer", "expected"),
    [
        ("It stops [1:05].", "Es hält [1:05].", "Es hält [1:05]."),
        ("It stops [1:05].", "Es hält.", None),
        ("It stops.", "Es hält [1:05].", None),
        ("It stops [1:05], then [0:01:07].", "Es hält [0:01:07], dann [1:05].", "Es hält [0:01:07], dann [1:05]."),
        ("It stops.", " Es hält.\n", "Es hält."),
        ("It stops.", "", None),
        ("It stops.", "x" * 1000, None),
    ],
)
async def test_sentences_are_translated_with_their_times_or_not_at_all(
    sentence: str, answer: str, expected: str | None, tmp_path: Path
) -> None:
    settings = {"translate": {"language": "de", "answers": "sentences"}}
    async with hosting(tmp_path, settings, services=ScriptedServices(lambda *_: answer)) as plugins:
        assert await plugins.hooks.edit(Specs.edit_answer, sentence, occasion()) == (expected or sentence)
        assert await plugins.hooks.edit(Specs.edit_prompt, prompt("a"), occasion()) == prompt("a")


async def test_sentences_are_not_asked_about_where_that_helps_nobody(tmp_path: Path) -> None:
    services = ScriptedServices(marked)
    async with hosting(tmp_path, {"translate": {"answers": "sentences"}}, services=services) as plugins:
        for sentence, where in (
            ("车停了。", {"language": "zh-CN"}),
            ("[1:05]", {"language": "zh-CN"}),
            ("It stops.", {"language": "zh-CN", "surface": Surface.VOICE}),
            ("It stops.", {"locale": "zh-CN"}),
        ):
            assert await plugins.hooks.edit(Specs.edit_answer, sentence, occasion(**where)) == sentence
        assert services.asked == []
        assert await plugins.hooks.edit(Specs.edit_answer, "It stops.", occasion(language="de")) == "IT STOPS."
