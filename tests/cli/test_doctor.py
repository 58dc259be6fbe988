"""What `doctor` says of the bot: its token, its database and the folder they need."""

import sqlite3
from pathlib import Path

import pytest

from bot.app import database_path
from bot.cli.doctor import Verdict, _database, _token
from bot.config import DataSettings, DiscordSettings, Settings
from bot.database.engine import open_database
from tests.simulator.discord_server import DiscordServer


def settings(folder: Path) -> Settings:
    return Settings(data=DataSettings(directory=folder))


async def test_a_token_is_missing_good_or_wrong() -> None:
    async with DiscordServer() as server:
        for token, verdict in ((None, Verdict.WARN), (server.token, Verdict.OK), ("canary", Verdict.FAIL)):
            discord_settings = DiscordSettings.model_validate({"api_url": server.api_url, "token": token})
            check = await _token(Settings(discord=discord_settings))
            assert check.verdict is verdict
            assert "canary" not in check.what


async def test_a_database_is_made_ready_or_damaged(tmp_path: Path) -> None:
    path = database_path(settings(tmp_path / "data"))
    check = _database(path)
    assert check.verdict is Verdict.OK
    assert "no database yet" in check.what
    assert not path.parent.exists(), "doctor changes nothing"
    async with open_database(path):
        pass
    assert _database(path).what == f"database {path}"
    path.write_bytes(b"not a database " * 100)
    check = _database(path)
    assert check.verdict is Verdict.FAIL
    assert "damaged" in check.what


@pytest.mark.parametrize(("revision", "verdict"), [("0000", Verdict.OK), ("9999", Verdict.FAIL)])
async def test_a_database_of_another_version(tmp_path: Path, revision: str, verdict: Verdict) -> None:
    path = tmp_path / "kibitz.db"
    async with open_database(path):
        pass
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    connection.close()
    check = _database(path)
    assert check.verdict is verdict
    assert ("upgraded at the next start" if verdict is Verdict.OK else "newer version") in check.what
