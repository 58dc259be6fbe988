"""`ask --conversation` goes on from what was kept under a name; `conversations` lists, `forget` leaves nothing."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from sqlite3 import connect

import pytest

from tests import clips
from tests.cli.forks import ROOT, Forks
from tests.cli.test_commands import environment
from tests.simulator.openai_server import HonestMind, OpenAIEmulator

Kibitz = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    clips.colour_tone_clip(path, scenes=[("red", 440), ("blue", 660)], seconds=2.0, size=(320, 180))
    return path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder of its own, with the settings as they are shipped."""
    shutil.copy(ROOT / "config.toml", tmp_path / "config.toml")
    return tmp_path


@pytest.fixture
def kibitz(forks: Forks, home: Path) -> Kibitz:
    def run(
        *arguments: str | Path, stdin: Path = Path(os.devnull), **settings: str
    ) -> subprocess.CompletedProcess[str]:
        done = forks.run(*arguments, cwd=home, env=environment(**settings), stdin=stdin)
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


@pytest.fixture(scope="module")
def begun(forks: Forks, clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a conversation named trip with one question; to be copied."""
    home = tmp_path_factory.mktemp("begun")
    shutil.copy(ROOT / "config.toml", home / "config.toml")
    question = ("ask", clip, "What colour comes first?", "--conversation", "trip")
    done = forks.run(*question, cwd=home, env=environment())
    assert done.returncode == 0, done.stderr
    assert "red" in done.stdout.decode().lower()
    return home / "data"


@pytest.fixture
def talked(kibitz: Kibitz, home: Path, begun: Path) -> Kibitz:
    """A conversation named trip with one question."""
    shutil.copytree(begun, home / "data")
    return kibitz


def words_on_disk(home: Path, word: str) -> bool:
    return any(word.encode() in path.read_bytes() for path in (home / "data").rglob("*") if path.is_file())


def test_a_further_question_needs_no_clip_and_forgetting_leaves_nothing(talked: Kibitz, home: Path) -> None:
    voice, events = home / "answer.ogg", home / "events.jsonl"
    further = talked(
        "ask",
        "And what colour is it at 0:03?",
        "--conversation",
        "trip",
        "--json",
        "--voice",
        voice,
        "--events",
        events,
    )
    assert further.returncode == 0, further.stderr
    assert voice.read_bytes().startswith(b"OggS")
    told = [json.loads(line)["event"] for line in events.read_text().splitlines()]
    assert (told[0], told[-1]) == ("RunStarted", "RunEnded")
    said = json.loads(further.stdout)
    assert "blue" in said["answer"].lower()
    assert (said["mode"], said["question"]["source"]) == ("caption", "typed")
    assert {moment["kind"] for moment in said["timeline"]} >= {"seen", "cut"}
    assert "fetch" not in said["timings"]
    assert "looking" not in further.stderr
    listed = talked("conversations")
    assert listed.stdout.split()[-2:] == ["2", "trip"]
    assert words_on_disk(home, "colour")
    assert talked("forget", "trip").stdout == "Forgotten.\n"
    assert talked("conversations").stdout == ""
    assert not words_on_disk(home, "colour")
    assert not words_on_disk(home, "trip")
    assert list((home / "data" / "cache").iterdir()) == []


def test_without_a_name_nothing_is_kept(kibitz: Kibitz, home: Path, clip: Path) -> None:
    assert kibitz("ask", clip, "What colour comes first?").returncode == 0
    assert not (home / "data").exists()


def test_the_clip_is_known_by_its_content_even_when_it_is_gone(talked: Kibitz, home: Path, clip: Path) -> None:
    other = home / "other name.mp4"
    shutil.copy(clip, other)
    again = talked("ask", other, "Which colours are there?", "--conversation", "trip")
    assert again.returncode == 0
    assert "looking" not in again.stderr
    other.unlink()
    piped = talked("ask", "-", "Which colours are there?", "--conversation", "trip", stdin=clip)
    assert piped.returncode == 0
    assert "looking" not in piped.stderr
    later = talked("ask", "Which colours were there?", "--conversation", "trip")
    assert later.returncode == 0
    assert "blue" in later.stdout.lower()


def test_one_conversation_knows_nothing_of_another(talked: Kibitz) -> None:
    other = talked("ask", "What colour comes first?", "--conversation", "Trip")
    assert other.returncode == 0
    assert "red" not in other.stdout.lower()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("ask", "my holiday.MKV", "--conversation", "trip"), 3, "no such file"),
        (("ask", "missing.mp4", "What?", "--conversation", "trip"), 3, "no such file"),
        (("ask", ".", "--conversation", "trip"), 3, "folder"),
        (("ask", "What?", "--conversation", ""), 1, "needs a name"),
        (("ask", "What is it?"), 3, "no such file"),
        (("forget", "nobody"), 1, "no conversation of that name"),
    ],
)
def test_what_cannot_be_is_said(kibitz: Kibitz, arguments: tuple[str, ...], code: int, said: str) -> None:
    done = kibitz(*arguments)
    assert done.returncode == code, done.stderr
    assert said in done.stderr


@pytest.mark.parametrize("name", ["--", "旅行 🎬"])
def test_any_name_that_can_be_printed_will_do(kibitz: Kibitz, name: str) -> None:
    assert kibitz("ask", "What is it?", f"--conversation={name}").returncode == 0
    assert kibitz("conversations").stdout.rstrip("\n").endswith(f"   1  {name}")


def test_a_question_is_kept_as_it_was_typed(kibitz: Kibitz, home: Path) -> None:
    question = "Was it ./here or https://example.org//a/./b/ in node.js"
    assert kibitz("ask", question, "--conversation", "trip").returncode == 0
    with closing(connect(home / "data" / "kibitz.db")) as database:
        assert database.execute("SELECT question FROM turns").fetchall() == [(question,)]


def test_a_database_that_is_damaged_is_an_error(kibitz: Kibitz, home: Path) -> None:
    (home / "data").mkdir()
    (home / "data" / "kibitz.db").write_bytes(b"nonsense" * 1000)
    done = kibitz("ask", "What?", "--conversation", "trip")
    assert done.returncode == 1
    assert "database is damaged" in done.stderr


def test_a_database_that_is_newer_is_an_error(kibitz: Kibitz, home: Path, migrated: Path) -> None:
    (home / "data").mkdir()
    shutil.copy(migrated, home / "data" / "kibitz.db")
    with closing(connect(home / "data" / "kibitz.db")) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.commit()
    done = kibitz("ask", "What?", "--conversation", "trip")
    assert done.returncode == 1
    assert "newer version" in done.stderr


def test_a_folder_that_cannot_be_written_is_an_error_for_a_conversation_only(kibitz: Kibitz, clip: Path) -> None:
    done = kibitz("ask", clip, "What?", "--conversation", "trip", KIBITZ_DATA__DIRECTORY="/proc")
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert done.stdout == ""
    assert kibitz("ask", clip, "What?", KIBITZ_DATA__DIRECTORY="/proc").returncode == 0


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_what_was_stopped_can_be_forgotten(kibitz: Kibitz, home: Path, clip: Path, how: signal.Signals) -> None:
    command = [sys.executable, "-m", "bot", "ask", str(clip), "What?", "--conversation", "trip"]
    with subprocess.Popen(
        command, cwd=home, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("reading the file"):
                process.send_signal(how)
                break
        said, errors = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, "")
    assert errors.endswith("Stopped.\n")
    assert kibitz("conversations").stdout.split()[-2:] == ["0", "trip"]
    assert kibitz("forget", "trip").returncode == 0
    assert not words_on_disk(home, "trip")
    assert not any((home / "data").glob("cache/*"))


def test_killed_in_the_middle_it_goes_on_as_before(talked: Kibitz, home: Path, clip: Path) -> None:
    command = [sys.executable, "-m", "bot", "ask", str(clip), "What is at the end?", "--conversation", "trip"]
    for seconds in (1.2, 2.0):
        process = subprocess.Popen(
            command, cwd=home, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert talked("db", "check").returncode == 0
    assert talked("ask", "And now?", "--conversation", "trip").returncode == 0


def test_two_at_once_both_keep_theirs(talked: Kibitz, home: Path) -> None:
    command = [sys.executable, "-m", "bot", "ask", "Which colours?", "--conversation", "trip"]
    both = [
        subprocess.Popen(command, cwd=home, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for process in both:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    with closing(connect(home / "data" / "kibitz.db")) as database:
        assert database.execute("SELECT count(*) FROM turns").fetchone() == (3,)


async def test_a_further_question_pays_for_its_answer_only(kibitz: Kibitz, home: Path, clip: Path) -> None:
    green = home / "green.mp4"
    clips.colour_tone_clip(green, scenes=[("green", 550)], seconds=2.0, size=(320, 180))

    async def ask(cloud: OpenAIEmulator, *arguments: str) -> str:
        settings = {
            "OPENAI_BASE_URL": cloud.base_url,
            "OPENAI_API_KEY": cloud.api_key,
            "KIBITZ_TRANSCRIPTS__MODELS": "whisper-1",
            "KIBITZ_OFFLINE__FALLBACK": "false",
        }
        done = await asyncio.to_thread(kibitz, "ask", *arguments, "--conversation", "trip", **settings)
        assert done.returncode == 0, done.stderr
        return done.stdout

    async with OpenAIEmulator(mind=HonestMind()) as cloud:
        await ask(cloud, os.fspath(clip), "What is it?")
        paid = len(cloud.captions), len(cloud.transcriptions)
        assert min(paid) > 0
        assert "blue" in await ask(cloud, "And what comes then?")
        assert (len(cloud.captions), len(cloud.transcriptions)) == paid
        assert 'EARLIER asked "What is it?"' in cloud.answers[-1].text
        await ask(cloud, os.fspath(green), "And what is this?")
        assert len(cloud.captions) > paid[0]
        paid = len(cloud.captions), len(cloud.transcriptions)
        await ask(cloud, "Which of both was blue at the end?")
        assert (len(cloud.captions), len(cloud.transcriptions)) == paid
        evidence = cloud.answers[-1].text
        assert "green" in evidence
        assert "blue" in evidence.replace("Which of both was blue at the end?", "")
