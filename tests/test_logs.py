"""Logging: one handler, two formats, and no secret in any line."""

import asyncio
import json
import logging
import math
import sys
import threading
import warnings
from collections.abc import Iterator

import pytest

from bot.config import LogSettings
from bot.domain.money import PAYING, Account
from bot.logs import cut_also, redactor, set_up_logging

CANARY = "CANARYcanary0123456789CANARYcanary"


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[None]:
    """The root logger, and where Python reports to, as they were, afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    hooks = (sys.excepthook, sys.unraisablehook, threading.excepthook)
    root.handlers[:] = []
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    sys.excepthook, sys.unraisablehook, threading.excepthook = hooks
    logging.captureWarnings(capture=False)


LEAKS = [
    f"key sk-{CANARY} refused",
    f"key sk-proj-{CANARY}",
    f"Authorization: Bearer {CANARY}",
    f"{{'authorization': 'Bearer {CANARY}'}}",
    f'{{"Authorization":"Bot {CANARY}"}}',
    f"api_key={CANARY}",
    f"x-api-key: {CANARY}",
    f"DISCORD_TOKEN={CANARY}",
    f'"token": "{CANARY}"',
    f"https://cdn.discordapp.com/a/b.mp4?ex={CANARY}&is={CANARY}&hm={CANARY}&",
    f"https://host/p?a=1&X-Amz-Signature={CANARY}",
    f'{{"url":"https://cdn.discordapp.com/a/b.mp4?ex={CANARY}\\u0026is={CANARY}\\u0026hm={CANARY}\\u0026"}}',
    f"proxied as u%3Fex%3D{CANARY}%26hm%3D{CANARY}",
    f"<MultiDict('ex': '{CANARY}', 'is': '{CANARY}', 'hm': '{CANARY}')>",
    f"postgresql://kibitz:{CANARY}@host/kibitz?sslmode=require",
    f"KIBITZ_STATUS__TOKEN={CANARY}",
    f"POST https://discord.com/api/v10/webhooks/123/{CANARY}?wait=true",
    f"https://discord.com/api/v10/interactions/123/{CANARY}/callback",
    f"https://user:{CANARY}@host/v1",
    f"MTIzNDU2Nzg5MDEyMzQ1Njc4.GabCde.{CANARY}",
    f"eyJhbGciOiJIUzI1NiJ9.{CANARY}.{CANARY}",
    f"gsk_{CANARY}",
]


@pytest.mark.parametrize("leak", LEAKS)
def test_secrets_are_cut(leak: str) -> None:
    cut = redactor()(leak)
    assert "canary" not in cut.casefold()
    assert "[secret]" in cut


@pytest.mark.parametrize(
    "line",
    [
        "answer of 700 tokens in 3.2 s",
        "first_token=0.5 input_tokens=12 max_output_tokens: 700",
        "ffmpeg ran 0.31 s, status 0",
        "captions: 4 of 24 frames missing, request id req_0123456789abcdef",
        "bot.pipeline.watching: batch 3 done",
        "https://api.openai.com/v1/chat/completions?limit=20",
        "a basic set-up; the bot connected; ask-kiosk-controller-listening",
    ],
)
def test_ordinary_lines_are_kept(line: str) -> None:
    assert redactor()(line) == line


def test_known_secrets_are_cut_however_they_look() -> None:
    assert redactor(["hunter2", "hunter22"])("hunter22 hunter2 hunter") == "[secret] [secret] hunter"


@pytest.mark.parametrize("form", ["plain", "json"])
def test_nothing_leaks_on_any_way_into_a_line(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging(LogSettings(level="debug", format="json" if form == "json" else "plain"), secrets=["hunter2"])
    log = logging.getLogger("bot.somewhere")
    log.debug("in the text sk-%s", CANARY)
    log.warning("as an argument: %s", {"authorization": f"Bearer {CANARY}"})
    log.warning("hunter2", extra={"url": f"https://host/?hm={CANARY}", "count": 3})
    try:
        float(f"in an exception: api_key={CANARY}")
    except ValueError:
        log.exception("failed")
    out, err = capsys.readouterr()
    assert out == ""
    assert "canary" not in err.casefold()
    assert "hunter2" not in err
    assert "ValueError" in err
    if form == "json":
        lines = [json.loads(line) for line in err.splitlines()]
        assert [line["level"] for line in lines] == ["debug", "warning", "warning", "error"]
        assert lines[2]["count"] == 3
        assert lines[2]["url"] == "https://host/?hm=[secret]"
        assert lines[3]["error"].startswith("Traceback")


@pytest.mark.parametrize(("level", "heard"), [("info", ["warning"]), ("debug", ["info", "warning"])])
def test_libraries_are_kept_quiet(level: str, heard: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging(LogSettings.model_validate({"level": level}))
    for name in ("openai._base_client", "httpx2", "PIL.Image"):
        library = logging.getLogger(name)
        library.setLevel(logging.DEBUG)  # as OPENAI_LOG=debug does
        library.debug("debug %s", name)
        library.info("info %s", name)
        library.warning("warning %s", name)
        said = [line.split(": ", 1)[1].split()[0] for line in capsys.readouterr().err.splitlines()]
        assert said == heard
        library.setLevel(logging.NOTSET)


def test_our_level_holds(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging(LogSettings(level="warning"))
    logging.getLogger("bot.x").info("no")
    logging.getLogger("bot.x").warning("yes")
    assert capsys.readouterr().err.endswith("WARNING bot.x: yes\n")


def test_setting_up_twice_writes_once(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging(LogSettings())
    set_up_logging(LogSettings())
    logging.getLogger("bot.x").info("once")
    assert capsys.readouterr().err.count("once") == 1


def test_secrets_that_come_later_are_cut_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging(LogSettings(), secrets=["the first word"])
    cut_also(["the second word"])
    logging.getLogger("bot.x").warning("the first word, the second word, the third word")
    line = capsys.readouterr().err
    assert "first" not in line
    assert "second" not in line
    assert "the third word" in line


def test_a_thread_that_ends_with_an_error_tells_no_words(capsys: pytest.CaptureFixture[str]) -> None:
    before = threading.excepthook
    try:
        set_up_logging(LogSettings())

        def work() -> None:
            raise ValueError("what somebody said")

        thread = threading.Thread(target=work, name="the-worker")
        thread.start()
        thread.join()
    finally:
        threading.excepthook = before
    said = capsys.readouterr().err
    assert "the-worker ended with ValueError" in said
    assert "test_logs.py:" in said
    assert "somebody" not in said


def test_a_malformed_call_is_named_without_its_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging(LogSettings())
    logging.getLogger("bot.x").info("%d", CANARY)
    err = capsys.readouterr().err
    assert CANARY not in err
    assert "test_logs.py" in err


async def test_each_line_of_a_job_names_it_and_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging(LogSettings(format="json"))
    log = logging.getLogger("bot.x")
    both = asyncio.Barrier(2)

    async def deeper() -> None:
        await both.wait()
        log.info("deeper")

    async def job(job_id: str) -> None:
        PAYING.set(Account(job_id=job_id, person_id=1, server_id=2))
        log.info("begun")
        await asyncio.create_task(deeper())
        log.info("told", extra={"job_id": "its own"})

    log.info("before")
    await asyncio.gather(asyncio.create_task(job("one")), asyncio.create_task(job("two")))
    log.info("after")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    told = [(line["message"], line.get("job_id")) for line in lines]
    assert sorted(told[1:-1]) == [
        *[("begun", name) for name in ("one", "two")],
        *[("deeper", name) for name in ("one", "two")],
        *[("told", "its own")] * 2,
    ]
    assert (told[0], told[-1]) == (("before", None), ("after", None))
    assert not {"person_id", "server_id"} & set().union(*lines)


def test_a_line_is_one_object_whatever_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging(LogSettings(format="json"))
    log = logging.getLogger("bot.x")
    log.info("two\nlines\u2028and more", extra={"ratio": math.nan, "odd": object(), "text": "a\nb"})
    try:
        raise ExceptionGroup("several", [ValueError("one\ntwo"), KeyError("three")])  # noqa: TRY301
    except ExceptionGroup:
        log.exception("failed")
    first, second = capsys.readouterr().err.rstrip("\n").split("\n")
    told = json.loads(first, parse_constant=pytest.fail)
    assert told["message"] == "two\nlines\u2028and more"
    assert told["ratio"] == "nan"
    assert "ValueError: one" in json.loads(second)["error"]


def test_a_process_that_ends_with_an_error_tells_no_words(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "unraisablehook", sys.__unraisablehook__)
    set_up_logging(LogSettings())
    words = "what somebody said"

    class Careless:
        def __del__(self) -> None:
            raise KeyError(words)

    Careless()
    try:
        float(words)
    except ValueError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    said = capsys.readouterr().err
    assert "CRITICAL bot.logs: ended with ValueError" in said
    assert "in test_a_process_that_ends" in said
    assert "KeyError at " in said
    assert "somebody" not in said


def test_warnings_go_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        set_up_logging(LogSettings(), secrets=["hunter2"])
        warnings.warn(f"careful with hunter2 and api_key={CANARY}", stacklevel=1)
    said = capsys.readouterr().err
    assert "WARNING py.warnings" in said
    assert "hunter2" not in said
    assert "api_key=[secret]" in said
