"""`python -m bot plugins`: what it lists, shows, switches and writes, without starting any plugin."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from bot.cli.doctor import Verdict, _plugins
from bot.cli.exits import EXIT_FAILED, EXIT_USAGE
from bot.cli.main import cli
from bot.domain.sentence import sentence
from bot.hooks.switches import Switches

CHIME = """
from pathlib import Path

from pydantic import Field

from bot.hooks import Permission, Plugin, PluginSettings, hookimpl


class ChimeSettings(PluginSettings):
    times: int = Field(default=1, ge=1, le=3, description="How often it chimes, 1 to 3")


class Chime(Plugin):
    name = "chime"
    version = "1.0"
    summary = "Chimes."
    permissions = frozenset({Permission.WORDS})
    keeps = "How often."
    settings_model = ChimeSettings

    def __init__(self, kibitz, settings):
        raise AssertionError("it was started")

    @hookimpl
    def edit_answer(self, sentence):
        return None
"""


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log of the test stays as it is."""
    monkeypatch.setattr("bot.cli.opening.set_up_logging", lambda *_, **__: None)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Settings, a data folder to come, and a folder with plugins of which only the first can run."""
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "chime.py").write_text(CHIME)
    (folder / "fast.py").write_text(CHIME.replace("{Permission.WORDS}", "()").replace('"chime"', '"fast"'))
    (folder / "later.py").write_text(
        CHIME.replace("    version", '    requires = ">=99"\n    version').replace('"chime"', '"later"')
    )
    (folder / "torn.py").write_text("import no_such_package")
    (folder / "slip.py").write_text(CHIME.replace("edit_answer", "edit_anwser").replace('"chime"', '"slip"'))
    (folder / "mute.py").write_text(
        CHIME.replace("    version", '    catalogue = Path("/no/such/folder")\n    version')
        .replace('"chime"', '"mute"')
        .replace("from", "from pathlib import Path\nfrom", 1)
    )
    (folder / "test_chime.py").write_text("raise AssertionError('tests are no plugins')")
    set_up(tmp_path, "chime")
    return tmp_path


def set_up(home: Path, enabled: str, more: str = "") -> None:
    names = ", ".join(f'"{name}"' for name in enabled.split())
    (home / "config.toml").write_text(
        f'[data]\ndirectory = "{home / "data"}"\n[plugins]\nenabled = [{names}]\ndirectory = "{home / "own"}"\n{more}'
    )


def kibitz(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["plugins", *arguments, "--config", str(home / "config.toml")])


def table(home: Path) -> dict[str, list[str]]:
    """Rows of the list by name."""
    done = kibitz(home, "list")
    assert done.exit_code == 0, done.output
    rows = [line.split(maxsplit=5) for line in done.stdout.splitlines()]
    assert rows[0] == ["NAME", "STATE", "SOURCE", "VERSION", "SUMMARY", "WHY"]
    return {row[0]: row[1:] for row in rows}


def test_the_list_has_all_and_says_why_one_cannot_run(home: Path) -> None:
    set_up(home, "chime fast later torn nowhere")
    rows = table(home)
    assert rows["chime"] == ["on", "directory", "1.0", "Chimes."]
    assert rows["focus"] == ["off", "shipped", "-", "-"]
    whys = {
        "fast": "uses hooks that need words",
        "later": "needs Kibitz >=99",
        "torn": "needs the Python package no_such_package",
        "nowhere": "There is no plugin of this name.",
    }
    for name, why in whys.items():
        assert rows[name][0] == "FAIL"
        assert why in " ".join(rows[name])
    assert kibitz(home).stdout == kibitz(home, "list").stdout
    assert not (home / "data").exists(), "a look changes nothing"


def test_show_tells_what_it_declares(home: Path) -> None:
    set_up(home, "", "[plugins.chime]\ntimes = 4\n")
    done = kibitz(home, "show", "chime")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        f"chime 1.0, directory: {home / 'own' / 'chime.py'}",
        "state  off",
        "does   Chimes.",
        "may    reads and changes what is asked, seen, heard and answered",
        "keeps  How often.",
        "sends  -",
        "hooks  edit_answer",
        f"It cannot run. {home / 'config.toml'}, line 7: [plugins.chime] times is above 3, the most allowed. "
        "Wanted: How often it chimes, 1 to 3.",
    ]


def test_switching_is_for_the_next_start(home: Path) -> None:
    done = kibitz(home, "disable", "chime")
    assert done.exit_code == 0
    assert "follows at its next start" in done.stdout
    assert table(home)["chime"][0] == "off"
    done = kibitz(home, "enable", "chime")
    assert done.exit_code == 0
    assert done.stdout.startswith("does   Chimes.\n")
    assert table(home)["chime"][0] == "on"
    assert Switches(home / "data" / "plugins.json").read() == {"chime": True}


@pytest.mark.parametrize(
    ("command", "code", "why"),
    [
        ("enable chimes", EXIT_USAGE, "There is no plugin chimes. There are: chime, "),
        ("disable chimes", EXIT_USAGE, "There is no plugin chimes. There are: chime, "),
        ("show chimes", EXIT_USAGE, "There is no plugin chimes. There are: chime, "),
        ("enable chime", EXIT_USAGE, "[plugins.chime] times is above 3"),
        ("enable torn", EXIT_FAILED, "needs the Python package no_such_package"),
        ("enable fast", EXIT_FAILED, "uses hooks that need words"),
        ("enable slip", EXIT_FAILED, "edit_anwser, which does not exist. Did you mean edit_answer?"),
        ("enable mute", EXIT_FAILED, "translations"),
        ("show later", EXIT_FAILED, "needs Kibitz >=99"),
    ],
)
def test_what_cannot_be_is_named_and_ends_with_a_code(home: Path, command: str, code: int, why: str) -> None:
    set_up(home, "", "[plugins.chime]\ntimes = 4\n")
    done = kibitz(home, *command.split())
    assert done.exit_code == code
    assert why in done.stderr
    assert done.stdout == ""
    assert not (home / "data" / "plugins.json").exists()


def test_one_that_is_gone_can_still_be_switched_off(home: Path) -> None:
    set_up(home, "gone")
    assert kibitz(home, "disable", "gone").exit_code == 0
    assert "gone" not in table(home)


def test_a_new_one_is_written(home: Path) -> None:
    runner = CliRunner()
    done = runner.invoke(cli, ["plugins", "new", "bell", "--in", str(home)])
    assert done.exit_code == 0
    assert (Path(done.stdout.strip()) / "pyproject.toml").is_file()
    taken = runner.invoke(cli, ["plugins", "new", "focus", "--in", str(home)])
    assert taken.exit_code == EXIT_USAGE
    assert "focus is a plugin that comes with Kibitz" in taken.stderr
    assert runner.invoke(cli, ["plugins", "new", "Bell!", "--in", str(home)]).exit_code == EXIT_USAGE
    assert runner.invoke(cli, ["plugins", "new", "bell", "--in", str(home)]).exit_code == EXIT_FAILED


def test_doctor_names_each_that_should_run() -> None:
    plugins: Any = SimpleNamespace(
        kinds=lambda: [SimpleNamespace(name="chime", version="1.0")],
        failed=lambda: {"fast": sentence("one\ntwo")},
    )
    assert [(check.verdict, check.what) for check in _plugins(plugins)] == [
        (Verdict.OK, "plugin chime 1.0"),
        (Verdict.FAIL, "plugin fast: one; two"),
    ]
