"""The benchmark measures what it says: times, memory of children, delays that are added up, rows and verdicts."""

import json
import sys
from pathlib import Path

import pytest

from tests import clips
from tests.bench import sides
from tests.bench.process import SideFailedError, run_side
from tests.bench.report import Row, table, verdicts
from tests.simulator.openai_server import ChatCall, SpeechCall, TranscriptionCall

MEGABYTE = 1_000_000


def row(**changes: object) -> Row:
    return Row(**{"name": "a", "value": 3.0, "unit": "s", "reference": 6.0, "target": 0.5} | changes)


def test_a_row_holds_up_to_its_target() -> None:
    assert row().as_json() == {
        "name": "a", "value": 3.0, "unit": "s", "reference": 6.0, "ratio": 0.5, "target": 0.5, "holds": True,
    }  # fmt: skip
    assert row(value=3.1).holds is False
    assert row(target=None).holds is None
    assert row(reference=None).ratio is None
    assert row(reference=0.0).holds is False


def test_tables_are_aligned_and_verdicts_name_what_was_missed() -> None:
    assert table(("a", "b"), [("long name", "1"), ("x", "10")]).splitlines()[2:] == ["long name   1", "x          10"]
    text = verdicts([row(), row(name="b", value=4.0), row(name="c", target=None)])
    assert [line.split()[-1] for line in text.splitlines()[2:]] == ["holds", "MISSED"]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is measured through /proc")
async def test_the_memory_of_children_counts(tmp_path: Path) -> None:
    child = "import time; held = b'x' * 60_000_000; time.sleep(0.6)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    alone = await run_side([sys.executable, "-c", "import time; time.sleep(0.3)"], env={}, folder=tmp_path)
    both = await run_side([sys.executable, "-c", parent], env={}, folder=tmp_path)
    assert 2 * MEGABYTE < alone.peak_bytes < 60 * MEGABYTE
    assert both.peak_bytes > alone.peak_bytes + 55 * MEGABYTE


async def test_a_side_that_fails_says_so(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; sys.stderr.write('broken'); sys.exit(3)"]
    with pytest.raises(SideFailedError, match="exit code 3\nbroken"):
        await run_side(command, env={}, folder=tmp_path)


async def test_the_recipe_looks_once_a_second_and_its_delays_are_added_up(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clips.moving_clip(clip, seconds=3.0)
    measured = await sides.run_recipe(clip, tmp_path, in_real_time=False)
    chats = [call for call in measured.calls if isinstance(call, ChatCall)]
    sounds = [call for call in measured.calls if isinstance(call, TranscriptionCall)]
    assert [len(call.images) for call in chats] == [1, 1, 1, 0]
    assert {(image.width, image.height, image.detail) for call in chats for image in call.images} == {
        (320, 240, "high")
    }
    assert [(call.codec, call.rate_hz, call.channels) for call in sounds] == [("pcm_s16le", 44_100, 2)]
    assert sum(isinstance(call, SpeechCall) for call in measured.calls) == 1
    least = 3 * 1.2 + 0.6 + 0.02 * 3 + 0.5 + 0.015 * chats[-1].output_tokens
    assert measured.first_text_seconds > least
    assert measured.first_audio_seconds > measured.first_text_seconds + 0.35
    assert measured.total_seconds >= measured.first_audio_seconds
    assert (measured.caption_requests, measured.image_tokens) == (3, 3 * 96)
    assert (tmp_path / "recipe.mp3").stat().st_size > 1_000


def test_the_first_event_of_a_kind_counts(tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    lines = [{"event": "FirstToken", "at_seconds": 1.5}, {"event": "FirstToken", "at_seconds": 2.5}]
    events.write_text("\n".join(map(json.dumps, lines)))
    assert sides.first_times(events) == {"FirstToken": 1.5}


def test_the_environment_of_a_side_is_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-mine")
    monkeypatch.setenv("KIBITZ_CHAT__MODELS", "x")
    assert not {"OPENAI_API_KEY", "KIBITZ_CHAT__MODELS"} & sides.clean_environment().keys()
