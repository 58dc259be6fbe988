"""What `doctor` says of the bot: its token, its database and the folder they need."""

from pathlib import Path

import pytest
from sqlalchemy import text

from bot.app import where_of
from bot.cli.doctor import Verdict, _database, _davey, _opus, _token
from bot.config import DataSettings, DiscordSettings, Settings
from bot.database.engine import open_database
from bot.database.where import Where
from bot.domain.errors import VoiceError
from tests.simulator.discord_server import DiscordServer


async def test_a_token_is_missing_good_or_wrong() -> None:
    async with DiscordServer() as server:
        for token, verdict in ((None, Verdict.WARN), (server.token, Verdict.OK), ("canary", Verdict.FAIL)):
            discord_settings = DiscordSettings.model_validate({"api_url": server.api_url, "token": token})
            check = await _token(Settings(discord=discord_settings))
            assert check.verdict is verdict
            assert "canary" not in check.what


def test_what_voice_channels_need_is_there_or_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [_opus().verdict, _davey().verdict] == [Verdict.OK, Verdict.OK]

    def missing() -> None:
        raise VoiceError("opus_missing", "canary")

    monkeypatch.setattr("bot.cli.doctor.ensure_opus", missing)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    for check, remedy in ((_opus(), "libopus0"), (_davey(), "packages of the lock")):
        assert check.verdict is Verdict.WARN
        assert remedy in check.what


async def test_a_database_is_made_ready_or_damaged(tmp_path: Path) -> None:
    where = where_of(Settings(data=DataSettings(directory=tmp_path / "data")))
    check = await _database(where)
    assert check.verdict is Verdict.OK
    assert "no database yet" in check.what
    assert not where.directory.exists(), "doctor changes nothing"
    async with open_database(where):
        pass
    assert (await _database(where)).what == f"database {where.file}"
    where.file.write_bytes(b"not a database " * 100)
    check = await _database(where)
    assert check.verdict is Verdict.FAIL
    assert "damaged" in check.what


@pytest.mark.parametrize(("revision", "verdict"), [("0000", Verdict.OK), ("9999", Verdict.FAIL)])
async def test_a_database_of_another_version(where: Where, revision: str, verdict: Verdict) -> None:
    change = text("UPDATE alembic_version SET version_num = :revision")
    async with open_database(where) as database:
        assert (await _database(where)).verdict is Verdict.OK
        await database.write(lambda session: session.execute(change, {"revision": revision}))
    check = await _database(where)
    assert check.verdict is verdict
    assert ("upgraded at the next start" in check.what) is (verdict is Verdict.OK)


async def test_a_server_is_told_without_its_address(where: Where, tmp_path: Path) -> None:
    assert str(where.url) not in (await _database(where)).what
    away = Where(directory=tmp_path, url="postgresql://kibitz:canary-password@127.0.0.1:1/kibitz")
    check = await _database(away)
    assert check.verdict is Verdict.FAIL
    assert "does not answer" in check.what
    assert "canary" not in check.what
