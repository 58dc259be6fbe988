"""The template of a plugin: its tests pass at once, and the bot takes it from a folder as well."""

import subprocess
import sys
from pathlib import Path

import pytest

from bot.domain.errors import PluginError
from bot.testkit.kit import Kit
from bot.testkit.template import write_template

ROOT = Path(__file__).parents[2]


def test_its_tests_pass_as_it_is_written(tmp_path: Path) -> None:
    folder = write_template("my_rule", tmp_path)
    assert folder == tmp_path / "kibitz-my-rule"
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "2 passed" in ran.stdout


def test_it_runs_from_the_folder_of_plugins(kibitz: Kit, tmp_path: Path) -> None:
    write_template("from_folder", tmp_path / "plugins")
    kibitz.start("from_folder", directory=tmp_path / "plugins", settings={"rule": "Be kind."})
    assert kibitz.edit_prompt(kibitz.prompt()).rules.endswith("Be kind.")
    assert kibitz.command("from_folder") == "Every answer follows this rule: Be kind."


@pytest.mark.parametrize("name", ["", "a", "My_Plugin", "9lives", "a__b", "a-b", "enabled", "a" * 33])
def test_a_name_that_no_plugin_can_have_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="is no name of a plugin"):
        write_template(name, tmp_path)


def test_nothing_is_written_over(tmp_path: Path) -> None:
    write_template("twice", tmp_path)
    with pytest.raises(PluginError, match="is there already"):
        write_template("twice", tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(PluginError, match="could not be written"):
        write_template("twice", tmp_path / "file")
