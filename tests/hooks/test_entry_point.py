"""A plugin that is installed as a package is found by its entry point and runs."""

from pathlib import Path

import pytest

from bot.hooks.loader import Source, find_plugins
from bot.testkit.failures import RefusedError
from bot.testkit.kit import Kit

CODE = """\
from bot.hooks import Permission, Plugin, hookimpl

class Packed(Plugin):
    name = "packed"
    version = "2.5"
    permissions = frozenset({Permission.WORDS})

    @hookimpl
    def edit_answer(self, sentence):
        return f"{sentence} Packed."
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that Python looks for packages in."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return folder


def install(site: Path, target: str) -> None:
    """As pip leaves a package behind."""
    (site / "kibitz_packed.py").write_text(CODE)
    facts = site / "kibitz_packed-2.5.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: kibitz-packed\nVersion: 2.5\n")
    (facts / "entry_points.txt").write_text(f"[kibitz.plugins]\npacked = {target}\n")


def test_it_is_found_with_the_name_of_its_package_and_runs(kibitz: Kit, site: Path) -> None:
    install(site, "kibitz_packed:Packed")
    found = find_plugins(None)["packed"]
    assert (found.source, found.where) == (Source.PACKAGE, "kibitz-packed")
    plugin = kibitz.start("packed")
    assert plugin.version == "2.5"
    assert kibitz.edit_answer("Well.") == "Well. Packed."


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("kibitz_packed:Nobody", "not exactly one class"),
        ("kibitz_packed", "not exactly one class"),
        ("kibitz_packed_gone:Packed", "needs the Python package kibitz_packed_gone"),
    ],
)
def test_an_entry_point_that_leads_nowhere_is_refused_in_words(kibitz: Kit, site: Path, target: str, why: str) -> None:
    install(site, target)
    with pytest.raises(RefusedError, match=why):
        kibitz.start("packed")
