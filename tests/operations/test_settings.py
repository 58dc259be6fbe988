"""The settings of the status page: what is refused, in which words."""

from pathlib import Path

import pytest

from bot.config import load_settings
from bot.domain.errors import SettingsError

TOKEN = "canary-0123456789"


def load(tmp_path: Path, **environ: str) -> tuple[str, ...]:
    (tmp_path / "config.toml").touch()
    try:
        load_settings(tmp_path / "config.toml", environ=environ, secrets_folder=tmp_path / "none")
    except SettingsError as error:
        return tuple(str(problem) for problem in error.problems)
    return ()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.2", "bot.example", "128.0.0.1"])
def test_what_others_can_reach_needs_a_token(tmp_path: Path, host: str) -> None:
    (problem,) = load(tmp_path, KIBITZ_STATUS__HOST=host)
    assert "there is no token" in problem
    assert "KIBITZ_STATUS__TOKEN" in problem
    assert load(tmp_path, KIBITZ_STATUS__HOST=host, KIBITZ_STATUS__TOKEN=TOKEN) == ()
    assert load(tmp_path, KIBITZ_STATUS__HOST=host, KIBITZ_STATUS__PORT="0") == ()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.1.1", "::1", "localhost", "LocalHost"])
def test_this_machine_needs_none(tmp_path: Path, host: str) -> None:
    assert load(tmp_path, KIBITZ_STATUS__HOST=host) == ()


def test_a_token_that_can_be_guessed_is_refused(tmp_path: Path) -> None:
    (problem,) = load(tmp_path, KIBITZ_STATUS__TOKEN="canary")
    assert "shorter than 16" in problem
    assert "canary" not in problem


@pytest.mark.parametrize("host", ["http://127.0.0.1", "a b", "127.0.0.1/x", "[::1]"])
def test_a_host_that_is_none_is_refused(tmp_path: Path, host: str) -> None:
    assert len(load(tmp_path, KIBITZ_STATUS__HOST=host)) == 1


def test_the_token_is_refused_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(f'[status]\ntoken = "{TOKEN}"\n')
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path / "config.toml", environ={}, secrets_folder=tmp_path / "none")
    assert "canary" not in str(caught.value)
