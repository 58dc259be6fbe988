"""Translations of plugins: found after ours, gone with their plugin, refused whole where one is wrong."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from discord import Locale
from discord.app_commands import TranslationContext, TranslationContextLocation, locale_str

from bot.discord_io.translator import CommandTranslator
from bot.domain.errors import BotError
from bot.domain.sentence import counted, sentence
from bot.locales import catalogue, contribute, withdraw

NO_SOUND = "The clip has no sound."
ATTENDS = "{name} attends to {what}."
ONE, MANY = "{n} thing", "{n} things"
POLISH = r"""
msgid ""
msgstr "Plural-Forms: nplurals=3; plural=(n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);\n"
"""


def said(english: str, translation: str) -> str:
    return f'\nmsgid "{english}"\nmsgstr "{translation}"\n'


def counts(*forms: str) -> str:
    lines = [f'msgstr[{number}] "{form}"' for number, form in enumerate(forms)]
    return "\n".join([f'\nmsgid "{ONE}"', f'msgid_plural "{MANY}"', *lines, ""])


@pytest.fixture(autouse=True)
def withdrawn() -> Iterator[None]:
    yield
    withdraw("focus")
    withdraw("labels")


def put(folder: Path, **catalogues: str) -> Path:
    for name, text in catalogues.items():
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.po").write_text(text, "utf-8")
    return folder


async def shown(text: str, locale: Locale) -> str | None:
    context = TranslationContext(TranslationContextLocation.other, None)
    return await CommandTranslator().translate(locale_str(text), locale, context)


async def test_a_catalogue_that_was_handed_out_before_finds_them_and_loses_them_again(tmp_path: Path) -> None:
    chinese, german = catalogue("zh-CN"), catalogue("de")
    contribute("focus", put(tmp_path, zh_CN=said(ATTENDS, "{name} 关注 {what}。"), de=said(ATTENDS, "{name}: {what}.")))
    text = sentence(ATTENDS, name="Kibitz", what=sentence(NO_SOUND))
    assert chinese.of(text) == catalogue("zh-TW").of(text) == "Kibitz 关注 片段没有声音。。"
    assert german.of(text) == catalogue("de-AT")(ATTENDS, name="Kibitz", what=NO_SOUND) == f"Kibitz: {NO_SOUND}."
    assert catalogue("en").of(text) == catalogue("fr").of(text) == text
    assert await shown(ATTENDS, Locale.taiwan_chinese) == "{name} 关注 {what}。"
    assert await shown(ATTENDS, Locale.german) == "{name}: {what}."
    withdraw("focus")
    withdraw("focus")
    assert german.of(text) == text
    assert await shown(ATTENDS, Locale.chinese) is None


def test_ours_win_and_then_what_came_first(tmp_path: Path) -> None:
    contribute("focus", put(tmp_path / "one", zh=said(NO_SOUND, "无") + said("Focus", "一"), de=said("Focus", "Focus")))
    contribute("labels", put(tmp_path / "two", zh=said("Focus", "二") + counts("{n} 件"), de=said("Focus", "Fokus")))
    words = catalogue("zh")
    assert (words.of(NO_SOUND), words.of("Focus")) == ("片段没有声音。", "一")
    assert words.of(counted(ONE, MANY, 2)) == "2 件"
    assert catalogue("de").of("Focus") == "Fokus"


@pytest.mark.parametrize(("n", "text"), [(1, "1 rzecz"), (3, "3 rzeczy"), (5, "5 rzeczy (wiele)"), (22, "22 rzeczy")])
@pytest.mark.parametrize("header", ["", POLISH])
def test_a_language_of_a_plugin_alone_counts_in_its_own_way(tmp_path: Path, header: str, n: int, text: str) -> None:
    contribute("focus", put(tmp_path, pl=header + counts("{n} rzecz", "{n} rzeczy", "{n} rzeczy (wiele)")))
    words = catalogue("pl")
    assert words.plural(ONE, MANY, n) == words.of(counted(ONE, MANY, n)) == text
    assert words.plural("{n} clip", "{n} clips", n) == f"{n} clip{'s' if n > 1 else ''}"


def test_a_form_that_needs_no_number_may_leave_it_out_and_one_without_translation_is_english(tmp_path: Path) -> None:
    contribute("focus", put(tmp_path, de=counts("ein Ding", "")))
    assert [catalogue("de").plural(ONE, MANY, n) for n in (1, 2)] == ["ein Ding", "2 things"]


def test_catalogues_in_the_folders_of_gettext_are_found_and_brought_again_they_are_others(tmp_path: Path) -> None:
    deep = tmp_path / "pt-BR" / "LC_MESSAGES"
    deep.mkdir(parents=True)
    put(deep, focus=said("Focus", "Foco"), commands=said("objects", "objetos"))
    contribute("focus", tmp_path)
    assert [catalogue("pt-PT").of(text) for text in ("Focus", "objects")] == ["Foco", "objetos"]
    contribute("focus", put(tmp_path / "other", de=said("Focus", "Fokus")))
    assert [catalogue(locale).of("Focus") for locale in ("pt", "de")] == ["Focus", "Fokus"]


def test_what_is_doubtful_or_no_template_is_left_alone(tmp_path: Path) -> None:
    doubtful = "\n#, fuzzy" + said("a {name}", "ein {nam}")
    contribute("focus", put(tmp_path, de=doubtful + said("a { brace", "eine { Klammer") + said("no {name}", "")))
    assert [catalogue("de").of(text) for text in ("a {name}", "a { brace", "no {name}", "")] == [
        "a {name}",
        "eine { Klammer",
        "no {name}",
        "",
    ]


@pytest.mark.parametrize(
    ("catalogues", "told"),
    [
        ({"zh_CN": "msgid nonsense"}, "The catalogue zh_CN.po of the plugin labels cannot be used. It is damaged."),
        ({"de": 'msgid "no translation"'}, "damaged"),
        ({"de": r'msgid ""' "\n" r'msgstr "Content-Type: text/plain; charset=nonsense\n"' + said("a", "b")}, "damaged"),
        ({"de": r'msgid ""' "\n" r'msgstr "Plural-Forms: nplurals=2; plural=1/(n-7);\n"' + said("a", "b")}, "damaged"),
        ({"de": r'msgid ""' "\n" r'msgstr "Plural-Forms: nplurals=2; plural=exit();\n"' + said("a", "b")}, "damaged"),
        ({"de": counts("{n}", "{n}", "{n}")}, "damaged"),
        ({"de": said(ATTENDS, "{name} beachtet {was}.")}, "line 2 has other names"),
        ({"de": said(ATTENDS, "{name}.")}, "line 2 has other names in {braces}. Keep them"),
        ({"de": said(ATTENDS, "{name} {what!r}")}, "other names"),
        ({"de": said(ATTENDS, "{name.__class__} {what}")}, "other names"),
        ({"de": said(ATTENDS, "{name} {what")}, "other names"),
        ({"de": counts("{n} Ding", "{m} Dinge")}, "other names"),
        ({"de": said("no names", "{n}")}, "other names"),
        ({"zh_CN": "", "zh_TW": ""}, "The catalogue zh_TW.po of the plugin labels cannot be used. Another one is of"),
        ({"kibitz": ""}, "Name it after its language"),
        ({"not a name": ""}, "Name it after its language"),
        ({"de": "#" * 2**20 + "\n"}, "larger than 1 MiB"),
    ],
)
def test_one_that_is_wrong_is_refused_and_nothing_is_half_done(
    tmp_path: Path, catalogues: dict[str, str], told: str
) -> None:
    contribute("labels", put(tmp_path / "before", da=said("Focus", "Fokus")))
    with pytest.raises(BotError) as raised:
        contribute("labels", put(tmp_path / "after", bg=said("Focus", "фокус"), **catalogues))
    assert raised.value.code == "plugin_catalogue"
    assert told in raised.value.public
    assert [catalogue(locale).of("Focus") for locale in ("da", "bg")] == ["Fokus", "Focus"]


def test_a_file_that_is_no_text_or_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "de.po").write_bytes(b'msgid "\xff\xfe"\nmsgstr "x"\n')
    with pytest.raises(BotError, match="damaged"):
        contribute("focus", tmp_path)
    (tmp_path / "de.po").unlink()
    (tmp_path / "de.po").mkdir()
    with pytest.raises(BotError, match="Let the account this program runs as read it"):
        contribute("focus", tmp_path)


@pytest.mark.parametrize("name", ["nowhere", "", "nowhere.po"])
def test_a_folder_without_catalogues_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BotError, match=r"no translations in .*, which the plugin focus names for them\. Put a file"):
        contribute("focus", tmp_path / name)
