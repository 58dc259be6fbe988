"""The page about plugins: its examples run as they stand there, and what is made from the code is up to date."""

import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import bot.hooks
from bot.hooks import Plugin
from bot.hooks.loader import SHIPPED
from bot.testkit.kit import Kit
from tests.plugin_docs import GROUPS, PAGES, spliced, untranslated

CODE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def block(opening: str) -> str:
    """The example that opens with this line."""
    [found] = [text for text in CODE.findall(PAGES[""].read_text(encoding="utf-8")) if text.startswith(opening)]
    return found


@pytest.fixture
def colours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Callable[..., None]]]:
    """The tests of the whole example, by name."""
    package = tmp_path / "kibitz_colours"
    package.mkdir()
    (package / "__init__.py").write_text(block("# kibitz-colours/kibitz_colours/"), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    tests: dict[str, Callable[..., None]] = {}
    exec(compile(block("# kibitz-colours/tests/"), "test_colours.py", "exec"), tests)  # our own page
    yield {name: test for name, test in tests.items() if name.startswith("test_") and inspect.isfunction(test)}
    sys.modules.pop("kibitz_colours", None)


@pytest.mark.parametrize("name", re.findall(r"^def (test_\w+)", block("# kibitz-colours/tests/"), re.MULTILINE))
def test_the_whole_example_does_what_its_tests_say(
    colours: dict[str, Callable[..., None]], kibitz: Kit, name: str
) -> None:
    colours[name](kibitz)


def test_the_first_example_runs_from_a_folder(kibitz: Kit, tmp_path: Path) -> None:
    (tmp_path / "shout.py").write_text(block("from bot.hooks import Permission, Plugin, hookimpl"), encoding="utf-8")
    kibitz.start("shout", directory=tmp_path)
    assert kibitz.edit_answer("Well.") == "WELL."


def test_the_made_parts_are_up_to_date() -> None:
    texts = {language: path.read_text(encoding="utf-8") for language, path in PAGES.items()}
    stale = [language for language, text in texts.items() if spliced(text, language) != text]
    assert stale == [], "run python -m tests.plugin_docs"
    assert untranslated() == []


def test_every_name_that_authors_import_is_on_the_page() -> None:
    named = " ".join(GROUPS.values()).split()
    assert sorted(named) == sorted(bot.hooks.__all__)


def test_every_example_is_python() -> None:
    for text in CODE.findall(PAGES[""].read_text(encoding="utf-8")):
        compile(text, "example", "exec")


def test_every_method_of_the_kit_is_on_both_pages() -> None:
    public = [name for name in dir(Kit) if not name.startswith("_")]
    apart = {"check", "close"}  # for the fixture itself
    for path in PAGES.values():
        text = path.read_text(encoding="utf-8")
        assert [name for name in public if name not in apart and f"`{name}" not in text] == []


@pytest.mark.parametrize("name", SHIPPED)
def test_every_setting_of_a_shipped_plugin_is_described_in_both_languages(name: str) -> None:
    module = importlib.import_module(f"bot.plugins.{name}")
    kinds = [kind for kind in vars(module).values() if inspect.isclass(kind) and issubclass(kind, Plugin)]
    [kind] = [kind for kind in kinds if kind.name == name]
    for path in PAGES.values():
        [section] = re.findall(rf"^### {name}[:：].*?(?=^##)", path.read_text(encoding="utf-8"), re.M | re.DOTALL)
        assert [field for field in kind.settings_model.model_fields if f"`{field}" not in section] == []
