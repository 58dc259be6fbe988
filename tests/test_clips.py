"""The generator keeps its promises, since so many tests stand on them."""

import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from tests import clips


def facts(path: Path, entries: str) -> list[str]:
    command = ["ffprobe", "-v", "error", "-show_entries", entries, "-of", "csv=p=0", path]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def seconds(path: Path) -> float:
    return float(facts(path, "format=duration")[0])


def test_scenes_follow_each_other(tmp_path):
    path = tmp_path / "clip.mp4"
    scenes = clips.colour_tone_clip(path, scenes=[("red", 440), ("blue", 660)], seconds=1.5)
    assert [(s.start_seconds, s.end_seconds, s.colour, s.hz) for s in scenes] == [
        (0, 1.5, "red", 440),
        (1.5, 3, "blue", 660),
    ]
    assert seconds(path) == pytest.approx(3, abs=0.05)


def test_the_same_arguments_make_the_same_content(tmp_path):
    for name in ("one.mkv", "other.mkv"):
        clips.colour_tone_clip(tmp_path / name, scenes=1, seconds=0.5, fps=10, sound=False)
    one, other = (facts(tmp_path / name, "packet=pts_time,size") for name in ("one.mkv", "other.mkv"))
    assert one == other


def test_irregular_frames_keep_the_first_of_each_scene(tmp_path):
    path = tmp_path / "clip.mp4"
    clips.colour_tone_clip(path, fps="vfr", scenes=2, seconds=1, sound=False)
    times = [float(line.strip(",")) for line in facts(path, "packet=pts_time")]
    gaps = {round(b - a, 3) for a, b in pairwise(times)}
    assert 1.0 in times
    assert len(gaps) > 1


def test_a_turned_clip_is_stored_lying(tmp_path):
    path = tmp_path / "clip.mp4"
    clips.colour_tone_clip(path, scenes=1, seconds=0.5, rotate=90, size=(320, 180))
    assert "180,320" in facts(path, "stream=width,height")[0]
    assert "-90" in " ".join(facts(path, "stream_side_data=rotation"))


def test_slides_last_as_long_as_their_speech(tmp_path):
    path = tmp_path / "clip.mp4"
    one, other = clips.slides_with_speech(path, [("One", "Good morning everybody."), ("Two", "Good night.")])
    assert other.start_seconds == one.end_seconds
    assert one.end_seconds - one.start_seconds > other.end_seconds - other.start_seconds > 1.6
    assert seconds(path) == pytest.approx(other.end_seconds, abs=0.15)


def test_a_long_clip(tmp_path):
    path = tmp_path / "clip.mp4"
    scenes = clips.long_clip(path, minutes=1, fps=2)
    assert len(scenes) == 3
    assert seconds(path) == pytest.approx(60, abs=0.2)


def test_speech_says_how_long_it_is(tmp_path):
    path = tmp_path / "speech.wav"
    told = clips.speech("Hello there.", path, pause_seconds=0.5)
    assert told > 1.3
    assert seconds(path) == pytest.approx(told, abs=0.01)


def test_nothing_but_the_clip_is_left(tmp_path):
    clips.static_slide_clip(tmp_path / "clip.mp4", seconds=2, change_at_seconds=1, size=(320, 180))
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]
