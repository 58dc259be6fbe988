"""What `doctor` says of the bot: its token, its database and the folder they need."""

from pathlib import Path

import pytest
from sqlalchemy import text

from bot.app import where_of
from bot.cli.doctor import Verdict, _at_rest, _database, _davey, _media, _opus, _sandbox, _token
from bot.config import DataSettings, DiscordSettings, MediaSettings, Settings
from bot.database.engine import open_database
from bot.database.where import Where
from bot.domain.errors import VoiceError
from bot.domain.media import MediaFamily
from bot.media.tools import MediaTools
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


def test_an_old_ffmpeg_is_a_warning_or_where_it_is_forbidden_a_failure() -> None:
    old, new = MediaTools(version="5.1.9"), MediaTools(version="7.1.5")
    strict = Settings(media=MediaSettings(require_patched_ffmpeg=True))
    for tools, settings, verdict in (
        (old, Settings(), Verdict.WARN),
        (old, strict, Verdict.FAIL),
        (new, strict, Verdict.OK),
    ):
        checks = list(_media(tools, settings))
        assert tools.version in checks[0].what
        assert (verdict in {check.verdict for check in checks}) is True
        assert any("CVE-2026-8461" in check.what for check in checks) is (verdict is not Verdict.OK)


def test_old_formats_that_are_opened_are_named() -> None:
    settings = Settings(media=MediaSettings(extra_formats=(MediaFamily.AVI, MediaFamily.WMV)))
    said = [check for check in _media(MediaTools(version="7.1.5"), settings) if check.verdict is Verdict.WARN]
    assert [check.what for check in said] == ["old formats are opened besides everyday ones: avi, wmv"]


@pytest.mark.parametrize(
    ("layers", "lacks"), [((7, True), ""), ((0, True), "Landlock"), ((7, False), "seccomp"), ((0, False), " and ")]
)
def test_layers_of_the_sandbox_are_told(monkeypatch: pytest.MonkeyPatch, layers: tuple[int, bool], lacks: str) -> None:
    monkeypatch.setattr("bot.cli.doctor.available_layers", lambda: layers)
    for mode, verdict in (("best-effort", Verdict.WARN), ("required", Verdict.FAIL)):
        check = _sandbox(Settings(media=MediaSettings(sandbox=mode)))
        assert check.verdict is (verdict if lacks else Verdict.OK)
        assert lacks in check.what.rpartition("lacks")[2]
        assert ("Landlock 7" in check.what) is bool(layers[0])


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


def test_it_says_that_the_disk_must_be_encrypted() -> None:
    assert "encrypted disk" in _at_rest(Settings()).what
    elsewhere = DataSettings.model_validate({"url": "postgresql://kibitz:canary@host/kibitz"})
    said = _at_rest(Settings(data=elsewhere)).what
    assert "its server" in said
    assert "canary" not in said
