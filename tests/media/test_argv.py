"""Every command line of every media child: guarded, from one plain file, and without a word of anybody else's."""

import random
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from bot.domain.errors import MediaError
from bot.domain.media import AudioStream, MediaFile, MediaKind, MediaProbe, VideoStream
from bot.media import audio, frames, picture, probe, walk, window
from bot.media.child import ChildFailed, ChildFault
from bot.media.graph import input_options
from bot.media.limits import MediaLimits

NAMES = 1000
ROOMS = (audio, frames, picture, probe, walk, window)
LIMITS = MediaLimits()
GUARD = ("protocol_whitelist", "format_whitelist", "codec_whitelist", "max_streams", "max_pixels", "probesize")
NASTY = (
    *("-i", "-", "--", "-f", "http:", "https:a", "concat:", "file:", "pipe:0", "data:,", "crypto:", "subfile,,:"),
    *("%03d", "%d", "*", "?", "[in]", "[out]", ";", "|", "&", "$(touch pwn)", "`id`", "'", '"', "\\", "\n", "\r", "\t"),
    *(
        "..",
        "~",
        " ",
        "=",
        ":",
        ",",
        "@",
        "#",
        "\u202e",
        "\u200b",
        "\ufeff",
        "é",
        "中文",
        "🦜",
        ".mp4",
        ".m3u8",
        "a",
        "Z9",
    ),
)
MOVING = MediaProbe(
    kind=MediaKind.VIDEO,
    container="mov",
    size_bytes=4,
    duration_seconds=10,
    video=VideoStream(index=0, codec="h264", width=64, height=48),
    audio=AudioStream(index=1, codec="aac", rate_hz=8000, channels=1),
)


def hostile_names(count: int) -> list[str]:
    dice = random.Random(2026)
    made = ("".join(dice.choices(NASTY, k=dice.randint(1, 6))) for _ in range(count))
    return [name if name not in {".", ".."} else "..." for name in made]


class Recorder:
    """Stands where children are started, and starts none."""

    def __init__(self) -> None:
        self.lines: list[list[str]] = []

    def __call__(self, argv: Sequence[str], **_: object) -> "Recorder":
        self.lines.append(list(argv))
        return self

    async def __aenter__(self) -> None:
        raise ChildFailed(ChildFault.MISSING)

    async def __aexit__(self, *_: object) -> None:
        raise AssertionError("never entered")


async def probing_lines(path: Path, recorder: Recorder) -> list[list[str]]:
    """What would be run to learn what a file is."""
    recorder.lines.clear()
    with suppress(MediaError):
        await probe.probe(MediaFile(path=path, size_bytes=4, sha256="0" * 64), LIMITS)
    return recorder.lines


async def lines_of(path: Path, recorder: Recorder) -> list[list[str]]:
    """What would be run for a file of this name, by every way there is."""
    recorder.lines.clear()
    file = MediaFile(path=path, size_bytes=4, sha256="0" * 64)
    for ways in (
        lambda: probe.probe(file, LIMITS),
        lambda: walk.walk(file, walk.FIRST_STREAMS, LIMITS),
        lambda: picture.read_picture(file, LIMITS),
        lambda: window.window_frames(file, MOVING, LIMITS, start_seconds=1, end_seconds=2, most=3, edge_px=64),
    ):
        with suppress(MediaError):
            await ways()
    for stream in (
        frames.sample_frames(file, MOVING, LIMITS),
        audio.cut_audio(file, MOVING, LIMITS),
        window.window_sound(file, MOVING, LIMITS, start_seconds=1, end_seconds=2),
    ):
        with suppress(MediaError):
            await anext(stream)
    return recorder.lines


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    for room in ROOMS:
        monkeypatch.setattr(room, "open_child", recorder)
    return recorder


async def test_no_command_line_carries_a_word_of_anybody_else(tmp_path: Path, recorder: Recorder) -> None:
    def without_path(lines: list[list[str]], path: Path) -> list[list[str]]:
        known = {str(path): "PATH", f"file:{path}": "file:PATH"}
        return sorted([known.get(word, word) for word in line] for line in lines)

    plain = tmp_path / "clip"
    plain.write_bytes(b"clip")
    expected = without_path(await lines_of(plain, recorder), plain)
    assert len(expected) >= 7
    probing = without_path(await probing_lines(plain, recorder), plain)
    for number, name in enumerate(hostile_names(NAMES)):
        path = tmp_path / name
        path.write_bytes(b"clip")
        if number % 10:
            assert without_path(await probing_lines(path, recorder), path) == probing
        else:
            assert without_path(await lines_of(path, recorder), path) == expected
        path.unlink()


async def test_every_input_is_guarded_and_one_plain_file(tmp_path: Path, recorder: Recorder) -> None:
    plain = tmp_path / "clip"
    plain.write_bytes(b"clip")
    lines = [line for line in await lines_of(plain, recorder) if line[0] in {"ffmpeg", "ffprobe"}]
    assert len(lines) >= 6
    for line in lines:
        place = line.index("-i")
        assert line.count("-i") == 1
        assert line[place + 1] == f"file:{plain}"
        for name in GUARD:
            assert line[line.index(f"-{name}") + 1] == str(input_options(LIMITS)[name])
            assert line.index(f"-{name}") < place
        if line[0] == "ffmpeg":
            assert "-nostdin" in line
            assert check_outputs(line)


def check_outputs(line: list[str]) -> bool:
    """Only into pipes, only as raw pictures, raw sound or a listing: nothing encodes what a stranger sent."""
    outputs = [word for word in line if word.startswith("pipe:") or word == "-"]
    forms = [line[place + 1] for place, word in enumerate(line) if word == "-f"]
    return bool(outputs) and set(forms) <= {"rawvideo", "s16le", "null", "framecrc"}
