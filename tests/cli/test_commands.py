"""The command line as a person or a script uses it: output, streams, files and exit codes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import clips
from tests.cli.forks import ROOT, Forks

SLIDES = [("Page one", "this is the first page"), ("Meeting at nine", "the meeting starts at nine in the morning")]


Kibitz = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def kibitz(forks: Forks) -> Kibitz:
    def run(*arguments: str | Path, **settings: str) -> subprocess.CompletedProcess[bytes]:
        return forks.run(*arguments, cwd=ROOT, env=environment(**settings))

    return run


def environment(**settings: str) -> dict[str, str]:
    """This environment without any key or setting of its own."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("KIBITZ_", "OPENAI_", "DISCORD_"))
    }
    return {**kept, "PYTHONPATH": str(ROOT), **settings}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    clips.slides_with_speech(path, SLIDES)
    return path


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip without any words, where it does not matter what is in it: what is read and heard takes seconds."""
    path = tmp_path_factory.mktemp("colours") / "colours.mp4"
    clips.colour_tone_clip(path, scenes=[("red", 440)], seconds=1.0, fps=10, size=(160, 90), sound=False)
    return path


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute, which takes a while to look through."""
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    clips.moving_clip(path, seconds=60)
    return path


def test_ask_streams_the_answer_writes_the_voice_and_logs_events(kibitz: Kibitz, clip: Path, tmp_path: Path) -> None:
    voice, events = tmp_path / "answer.ogg", tmp_path / "events.jsonl"
    events.write_text('{"event": "kept"}\n')
    done = kibitz("ask", clip, "What did the sign say when someone said nine?", "--voice", voice, "--events", events)
    assert done.returncode == 0, done.stderr
    assert "Meeting at nine" in done.stdout.decode()
    assert "Notice: " in done.stderr.decode()
    assert voice.read_bytes().startswith(b"OggS")
    lines = [json.loads(line) for line in events.read_text().splitlines()]
    assert lines[0] == {"event": "kept"}, "appended, not replaced"
    names = [line["event"] for line in lines[1:]]
    assert names[0] == "RunStarted"
    assert names[-1] == "RunEnded"
    times = [line["at_seconds"] for line in lines[1:]]
    assert times == sorted(times)
    assert names.count("StageStarted") == names.count("StageEnded") == 8
    said = events.read_text().casefold()
    assert "meeting" not in said
    assert "nine" not in said


def test_ask_json_is_one_object(kibitz: Kibitz, clip: Path) -> None:
    done = kibitz("ask", clip, "What happens?", "--json", "--preset", "offline")
    told = json.loads(done.stdout)
    for name in ("answer", "timeline", "notices", "models", "tokens", "cost", "timings"):
        assert name in told
    assert {"kind", "start_seconds", "end_seconds", "text"} <= set(told["timeline"][0])
    assert {moment["kind"] for moment in told["timeline"]} >= {"seen", "text", "heard", "cut"}
    assert told["cost"]["usd"] == 0
    assert [notice["code"] for notice in told["notices"]] == ["offline"]
    assert told["models"]["chat"]


def test_a_clip_may_come_through_a_pipe(colours: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bot", "timeline", "-"],
        cwd=ROOT,
        env=environment(KIBITZ_WORKSPACE__DIRECTORY=str(tmp_path / "jobs")),
        input=colours.read_bytes(),
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "red" in done.stdout.decode()
    assert list((tmp_path / "jobs").iterdir()) == []


def test_a_timeline_as_subtitles(kibitz: Kibitz, clip: Path) -> None:
    done = kibitz("timeline", clip, "--format", "vtt")
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().startswith("WEBVTT")
    assert "nine" in done.stdout.decode().casefold()


def test_a_timeline_as_json(kibitz: Kibitz, colours: Path) -> None:
    done = kibitz("timeline", colours, "--format", "json")
    assert done.returncode == 0, done.stderr
    assert "red" in json.dumps(json.loads(done.stdout))


def test_storyboard_and_estimate(kibitz: Kibitz, clip: Path, tmp_path: Path) -> None:
    assert kibitz("storyboard", clip, tmp_path / "board.png").returncode == 0
    assert (tmp_path / "board.png").read_bytes().startswith(b"\x89PNG")
    done = kibitz("estimate", clip, "--json", "--preset", "balanced", OPENAI_API_KEY="sk-never-used")
    told = json.loads(done.stdout)
    assert told["frames"] >= 2
    assert 0 < told["cost_usd"] < 0.1
    assert told["caption_requests"] == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["ask", "missing.mp4"], 3, "no such file"),
        (["ask", "README.md"], 3, "not a video"),
        (["ask", "docs"], 3, ""),
        (["ask"], 2, "Missing argument"),
        (["ask", "x.mp4", "--mode", "odd"], 2, "odd"),
        (["ask", "x.mp4", "--preset", "odd"], 2, "Choose one of auto, balanced"),
        (["ask", "x.mp4", "--frobnicate"], 2, "frobnicate"),
        (["ask", "x.mp4", "--voice", "/nowhere/a.ogg"], 2, "/nowhere"),
        (["ask", "x.mp4", "--voice", "docs"], 2, "folder"),
        (["ask", "x.mp4", "--voice", "/proc/x.ogg"], 2, "/proc/x.ogg"),
        (["ask", "x.mp4", "--events", "/proc/x.jsonl"], 2, "/proc/x.jsonl"),
        (["ask", "x.mp4", "--config", "missing.toml"], 2, "missing.toml"),
        (["timeline", "x.mp4", "--format", "odd"], 2, "odd"),
        (["odd"], 2, "odd"),
        (["run"], 2, "DISCORD_TOKEN"),
    ],
    ids=str,
)
def test_what_is_wrong_is_named_and_ends_with_a_code(
    kibitz: Kibitz, arguments: list[str], code: int, words: str
) -> None:
    done = kibitz(*arguments)
    said = done.stderr.decode()
    assert done.returncode == code, said
    assert words in said
    assert "Traceback" not in said
    assert done.stdout == b""


def test_a_misspelt_setting_is_refused_with_a_suggestion(kibitz: Kibitz, clip: Path) -> None:
    done = kibitz("ask", clip, KIBITZ_CAPTIONS__MODLES='["x"]', OPENAI_APIKEY="sk-secret-secret")
    said = done.stderr.decode()
    assert done.returncode == 2
    assert "KIBITZ_CAPTIONS__MODELS" in said
    assert "OPENAI_API_KEY" in said
    assert "sk-secret" not in said


def test_doctor_says_what_is_wrong_with_a_dead_server(kibitz: Kibitz) -> None:
    done = kibitz("doctor", OPENAI_BASE_URL="http://127.0.0.1:9/v1", OPENAI_API_KEY="sk-x")
    assert done.returncode == 1
    assert "FAIL" in done.stdout.decode()
    assert "127.0.0.1" in done.stdout.decode()


def test_doctor_is_content_offline(kibitz: Kibitz) -> None:
    done = kibitz("doctor", "--preset", "offline")
    assert done.returncode == 0, done.stdout
    assert "ffmpeg" in done.stdout.decode()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_stopping_leaves_no_process_and_no_file(
    kibitz: Kibitz, how: signal.Signals, long: Path, tmp_path: Path
) -> None:
    jobs = tmp_path / "jobs"
    mark = f"KIBITZ_TEST_MARK_{how.name}_{os.getpid()}"
    with long.open("rb") as media:
        process = subprocess.Popen(
            [sys.executable, "-m", "bot", "timeline", "-"],
            cwd=ROOT,
            env=environment(KIBITZ_WORKSPACE__DIRECTORY=str(jobs)),
            stdin=media,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        wait_until(lambda: any(descendants(process.pid)), mark)
        time.sleep(0.5)
        family = descendants(process.pid)
        process.send_signal(how)
        _, said = process.communicate(timeout=30)
    wait_until(lambda: not [pid for pid in family if is_alive(pid)], mark)
    if how is signal.SIGKILL:
        assert kibitz("timeline", long, KIBITZ_WORKSPACE__DIRECTORY=str(jobs), KIBITZ_MEDIA__MAX_SECONDS="1").returncode
    else:
        assert process.returncode == 130
        assert said.decode().strip().endswith("Stopped.")
    assert list(jobs.iterdir()) == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_waiting_for_a_pipe_can_be_stopped(how: signal.Signals, tmp_path: Path) -> None:
    jobs = tmp_path / "jobs"
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "timeline", "-"],
        cwd=ROOT,
        env=environment(KIBITZ_WORKSPACE__DIRECTORY=str(jobs)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    wait_until(lambda: jobs.is_dir() and any(jobs.glob("*/stdin")), "it never began to read")
    process.send_signal(how)
    assert process.wait(timeout=30) == 130
    process.communicate()
    assert list(jobs.iterdir()) == []


def test_a_file_name_that_is_not_utf8_is_refused(kibitz: Kibitz, tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/bad\xff.mp4"
    Path(os.fsdecode(path)).write_bytes(b"x")
    done = kibitz("timeline", os.fsdecode(path))
    assert done.returncode == 3
    assert "UTF-8" in done.stderr.decode()


def test_output_to_a_full_disk_is_one_sentence(colours: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "bot", "ask", str(colours), "What happens?"],
            cwd=ROOT,
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=120,
            check=False,
        )
    assert done.returncode == 1
    assert "could not be written" in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()


def wait_until(condition, what: str) -> None:
    """Poll for at most 30 seconds."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def descendants(pid: int) -> list[int]:
    """Children of a process and their children."""
    found: list[int] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            child = int(stat.parent.name)
            found += [child, *descendants(child)]
    return found


def is_alive(pid: int) -> bool:
    """Running, not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
