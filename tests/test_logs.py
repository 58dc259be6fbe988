"""Logging: one handler, two formats, and no secret in any line."""

import json
import logging
import threading
from collections.abc import Iterator

import pytest

from bot.config import LogSettings
from bot.logs import cut_also, redactor, set_up_logging

CANARY = "CANARYcanary0123456789CANARYcanary"


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[None]:
    """The root logger as it was, afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


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
