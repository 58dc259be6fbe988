"""The start: what is told about the bot, the links that add it, and what servers withhold."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import discord
import pytest

from bot import __version__
from bot.config import load_settings
from bot.discord_io.permissions import NEEDED
from bot.discord_io.startup import invitations, opening_report, warn_of_missing
from tests.discord_io.test_permissions import SERVER, guild

KEY = "sk-canary0123456789abcdef"


def report(folder: Path, **environ: str) -> str:
    path = folder / "config.toml"
    path.touch()
    return "\n".join(opening_report(load_settings(path, environ=environ, secrets_folder=folder / "none")))


def test_the_report_says_what_runs_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = report(tmp_path, OPENAI_API_KEY=KEY, DISCORD_TOKEN="canary-token")
    assert f"kibitz {__version__}" in text
    assert str(tmp_path / "data") in text
    assert "preset    balanced: OPENAI_API_KEY (environment) is set" in text
    assert "gpt-6-luna, gpt-5.6-luna at https://api.openai.com/v1" in text
    assert "canary" not in text


def test_the_report_says_what_is_done_on_this_machine(tmp_path: Path) -> None:
    text = report(tmp_path)
    assert text.count("on this machine") == 4


def test_the_report_says_which_messages_are_read(tmp_path: Path) -> None:
    assert "only mentions, replies to the bot, direct messages and commands" in report(tmp_path)
    assert "all that the bot can see" in report(tmp_path, KIBITZ_DISCORD__MESSAGE_CONTENT="true")


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "as many as Discord advises"),
        ({"KIBITZ_DISCORD__SHARD_COUNT": "2"}, "0, 1 of 2"),
        ({"KIBITZ_DISCORD__SHARD_COUNT": "4", "KIBITZ_DISCORD__SHARD_IDS": "1,3"}, "1, 3 of 4"),
    ],
)
def test_the_report_says_which_shards(tmp_path: Path, environ: dict[str, str], said: str) -> None:
    assert report(tmp_path, **environ).endswith(said)


def test_one_link_adds_the_bot_to_a_server_the_other_to_a_person() -> None:
    server, person = (parse_qs(urlsplit(line.split()[-1]).query) for line in invitations(77))
    assert server == {
        "client_id": ["77"],
        "scope": ["bot applications.commands"],
        "permissions": [str(NEEDED.value)],
        "integration_type": ["0"],
    }
    assert person == {"client_id": ["77"], "scope": ["applications.commands"], "integration_type": ["1"]}


def test_what_a_server_withholds_is_a_warning_without_its_name(caplog: pytest.LogCaptureFixture) -> None:
    strict, open_handed = (
        guild(NEEDED & ~discord.Permissions(attach_files=True, send_voice_messages=True)),
        guild(NEEDED),
    )
    caplog.clear()
    warn_of_missing(strict)
    warn_of_missing(open_handed)
    assert caplog.messages == [f"server {SERVER} withholds: Attach Files, Send Voice Messages"]
