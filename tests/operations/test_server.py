"""The server over real sockets: what it answers, to whom, with which headers; a port that is taken."""

import asyncio
import json
import os
import re
import socket
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.cli.health import report_health
from bot.config import DataSettings, Settings, StatusSettings
from bot.operations import brief, opening, vitals
from bot.operations.beacon import beacons
from bot.operations.opening import Status, open_status
from bot.operations.page import CSP
from bot.operations.snapshot import Sources
from tests.operations.material import CAPS, free_port

TOKEN = "0123456789abcdef-canary"


def settings(folder: Path, **status: Any) -> Settings:
    chosen = StatusSettings.model_validate({"port": free_port()} | status)
    return Settings(data=DataSettings(directory=folder), status=chosen)


@asynccontextmanager
async def served(chosen: Settings, sources: Sources | None = None, *, name: str = "bot") -> AsyncGenerator[Status]:
    """A status that is served."""
    async with open_status(chosen, name=name) as status:
        status.begin(sources or Sources())
        await asyncio.wait_for(status.settled.wait(), 20)
        yield status


async def get(
    status: Status, path: str = "/", headers: Mapping[str, str] | None = None, **more: Any
) -> tuple[int, str, Mapping[str, str]]:
    address = (status.address or "").replace("0.0.0.0", "127.0.0.1")
    method = more.pop("method", "GET")
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
        session.request(method, address + path[1:], headers=headers, allow_redirects=False, **more) as answer,
    ):
        return answer.status, await answer.text(), answer.headers


async def connected(status: Status) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    port = int((status.address or "").rstrip("/").rpartition(":")[2])
    return await asyncio.open_connection("127.0.0.1", port)


async def test_this_machine_sees_everything(tmp_path: Path) -> None:
    async def caps() -> tuple[Any, ...]:
        return CAPS

    async with served(settings(tmp_path), Sources(caps=caps, in_flight=lambda: 5)) as status:
        code, page, headers = await get(status)
        assert code == 200
        assert 'id="in-flight">5' in page
        assert "$6.42" in page
        assert headers["Content-Security-Policy"] == CSP
        assert headers["Content-Type"] == "text/html; charset=utf-8"
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        code, metrics, headers = await get(status, "/metrics")
        assert code == 200
        assert "kibitz_jobs_in_flight 5.0" in metrics
        assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
        code, told, _ = await get(status, "/healthz")
        assert code == 200
        assert {check["name"] for check in json.loads(told)["checks"]} == {"loop", "database", "jobs", "disk"}
        assert (await get(status, "/readyz"))[0] == 200
        assert (await get(status, "/", method="HEAD"))[:2] == (200, "")


async def test_it_can_only_be_read(tmp_path: Path) -> None:
    async with served(settings(tmp_path)) as status:
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
            assert (await get(status, "/", method=method))[0] == 405
        assert (await get(status, "/metrics", method="POST"))[0] == 405
        for path in ("/x", "/healthz/", "/..%2f..%2fetc/passwd", "/favicon.ico"):
            assert (await get(status, path))[0] == 404


async def test_a_foreign_name_that_leads_here_is_turned_away_everywhere(tmp_path: Path) -> None:
    async with served(settings(tmp_path)) as status:
        for path in ("/", "/metrics", "/healthz", "/readyz"):
            code, text, _ = await get(status, path, {"Host": "evil.example"})
            assert code == 421
            assert "kibitz" not in text


async def test_others_need_the_token_for_all_but_whether_it_is_well(tmp_path: Path) -> None:
    async with served(settings(tmp_path, host="0.0.0.0", token=TOKEN)) as status:
        for path in ("/", "/metrics"):
            code, text, headers = await get(status, path)
            assert code == 401
            assert "Bearer" in headers["WWW-Authenticate"]
            assert "kibitz_" not in text.replace("KIBITZ_", "")
            assert (await get(status, path, {"Authorization": "Bearer wrong"}))[0] == 401
            assert (await get(status, path, {"Authorization": f"Bearer {TOKEN}"}))[0] == 200
        code, told, _ = await get(status, "/healthz")
        assert (code, json.loads(told)) == (200, {"is_alive": True, "is_ready": True})
        code, told, _ = await get(status, "/healthz", {"Authorization": f"Bearer {TOKEN}"})
        assert "checks" in json.loads(told)


async def test_the_form_takes_the_token_once_and_a_cookie_is_enough_from_then_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with served(settings(tmp_path, token=TOKEN)) as status:
        code, text, _ = await get(status, "/", method="POST", data={"token": "wrong-canary"})
        assert code == 401
        assert "That is not the token." in text
        assert "canary" not in text
        assert (await get(status, "/", method="POST", data={"token": "wrong-canary"}))[0] == 401
        assert caplog.messages.count("a wrong token was given to the status page") == 1, "nobody fills the log with it"
        code, _, headers = await get(status, "/", method="POST", data={"token": f" {TOKEN} "})
        assert (code, headers["Location"]) == (303, "/")
        cookie = headers["Set-Cookie"]
        assert TOKEN not in cookie
        assert all(part in cookie for part in ("HttpOnly", "SameSite=Strict", "Path=/"))
        assert "Secure" not in cookie
        assert (await get(status, "/", {"Cookie": cookie.partition(";")[0]}))[0] == 200
        _, _, headers = await get(status, "/", {"X-Forwarded-Proto": "https"}, method="POST", data={"token": TOKEN})
        assert "Secure" in headers["Set-Cookie"]
        assert (await get(status, "/", method="POST", data={"token": "x" * 5000}))[0] == 413
    assert "canary" not in caplog.text


@pytest.mark.parametrize(
    ("kind", "body", "wanted"),
    [
        ("Content-Type: application/x-www-form-urlencoded; charset=none-such", b"token=a", 401),
        ("Content-Type: application/x-www-form-urlencoded", b"token=\xff\xfe%ff", 401),
        ("Content-Type: multipart/form-data", b"token=a", 401),
        ("Content-Encoding: gzip", b"token=a", 401),
        ("Expect: nothing", b"", 401),
        ("Transfer-Encoding: chunked", b"", 413),
        ("Content-Length: -1", b"", 400),
        ("Cookie: " + "a" * 10_000, b"", 400),
        ("no header", b"", 400),
    ],
)
async def test_what_strangers_send_is_refused_without_a_word_of_it_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str, body: bytes, wanted: int
) -> None:
    length = f"Content-Length: {len(body)}\r\n" if "Transfer" not in kind and "Length" not in kind else ""
    async with served(settings(tmp_path, host="0.0.0.0", token=TOKEN)) as status:
        caplog.clear()
        reader, writer = await connected(status)
        writer.write(f"POST / HTTP/1.1\r\nHost: a\r\n{kind}\r\n{length}\r\n".encode() + body)
        answer = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        assert answer.split()[1] == str(wanted).encode()
        assert caplog.messages in ([], ["a wrong token was given to the status page"])


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HTT",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: ",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\ntok",
    ],
)
async def test_whoever_is_slow_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(brief, "LONGEST_SECONDS", 0.05)
    async with served(settings(tmp_path, host="0.0.0.0", token=TOKEN)) as status:
        reader, writer = await connected(status)
        writer.write(sent)
        with suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 20) == b""
        writer.close()


async def test_a_crowd_does_not_keep_others_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brief, "MOST_CONNECTIONS", 3)
    async with served(settings(tmp_path)) as status:
        crowd = [await connected(status) for _ in range(5)]
        assert (await get(status, "/healthz"))[0] == 200
        for reader, _ in crowd[:3]:
            with suppress(ConnectionError):
                assert await asyncio.wait_for(reader.read(), 20) == b""
        for _, writer in crowd:
            writer.close()


async def test_an_answer_that_fails_is_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def caps() -> tuple[Any, ...]:
        raise LookupError

    async with served(settings(tmp_path), Sources(caps=caps)) as status:
        assert (await get(status))[0] == 500
        assert "a request could not be answered" in caplog.messages


async def test_what_cannot_be_read_is_said_on_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def caps() -> tuple[Any, ...]:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(opening, "CAPS_SECONDS", 0.05)
    async with served(settings(tmp_path), Sources(caps=caps)) as status:
        assert "The ledger could not be read." in (await get(status))[1]


async def test_a_port_that_is_taken_is_told_and_the_bot_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chosen = settings(tmp_path / "one")
    chosen.data.directory.mkdir()
    other = Settings(data=DataSettings(directory=tmp_path / "two"), status=chosen.status)
    other.data.directory.mkdir()
    async with served(chosen), open_status(other) as second:
        second.begin(Sources())
        await asyncio.wait_for(second.settled.wait(), 20)
        assert "is taken" in caplog.text
        assert second.address is None
        assert beacons(other.data.directory) == ()
        assert await asyncio.to_thread(report_health, chosen) == 0
        assert await asyncio.to_thread(report_health, other) == 1, "the other bot on that port is not taken for it"


async def test_port_zero_serves_nothing(tmp_path: Path) -> None:
    async with open_status(settings(tmp_path, port=0)) as status:
        status.begin(Sources())
        await asyncio.wait_for(status.settled.wait(), 20)
        assert status.address is None
    assert list(tmp_path.iterdir()) == []


async def test_the_command_line_asks_every_process_and_sees_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vitals, "_FRESH_SECONDS", 0.0)
    overdue = [0]
    sources = Sources(overdue=lambda: overdue[0], ready={"Discord is not connected": lambda: False})
    bot = settings(tmp_path, token=TOKEN)
    async with served(bot, sources), served(settings(tmp_path, host="0.0.0.0", token=TOKEN), name="worker"):
        assert [one.name for one in beacons(tmp_path)] == ["bot", "worker"]
        assert (tmp_path / "status-bot.json").stat().st_mode & 0o777 == 0o600
        assert TOKEN not in (tmp_path / "status-bot.json").read_text()
        assert await asyncio.to_thread(report_health, bot) == 0
        said = capsys.readouterr().out
        assert "The process bot is well and does not take questions at the moment." in said
        assert "The process worker is well and takes questions." in said
        overdue[0] = 2
        assert await asyncio.to_thread(report_health, bot) == 1
        assert "The process bot is not well: jobs: 2 cannot be ended" in capsys.readouterr().err
    assert beacons(tmp_path) == ()


async def test_a_process_that_was_killed_is_told_from_one_that_was_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = settings(tmp_path)
    async with served(chosen):
        kept = (tmp_path / "status-bot.json").read_text()
    assert report_health(chosen) == 1
    assert "No bot is connected" in capsys.readouterr().err
    (tmp_path / "status-bot.json").write_text(kept)
    assert report_health(chosen) == 1
    assert "does not answer" in capsys.readouterr().err
    (tmp_path / "status-bot.json").write_text(kept.replace(socket.gethostname(), "another-machine"))
    assert report_health(chosen) == 1
    assert "No bot is connected" in capsys.readouterr().err
    dead = kept.replace(f'"pid": {os.getpid()}', f'"pid": {2**22 + 1}')
    (tmp_path / "status-worker-9.json").write_text(dead)
    async with served(chosen):
        assert [one.name for one in beacons(tmp_path)] == ["bot"], "a new start clears up after those that were killed"
    (tmp_path / "other").mkdir()
    async with served(settings(tmp_path / "other")) as other:
        port = (other.address or "").rstrip("/").rpartition(":")[2]
        (tmp_path / "status-bot.json").write_text(re.sub(r'"port": \d+', f'"port": {port}', kept))
        assert await asyncio.to_thread(report_health, chosen) == 1
        assert "does not answer" in capsys.readouterr().err, "another bot on its port is not taken for it"
    for damaged in ("", "{}", "[1]", '{"host": 1}'):
        (tmp_path / "status-bot.json").write_text(damaged)
        assert beacons(tmp_path) == ()
