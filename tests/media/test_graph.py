"""Command lines: the same guard before every input, and no file name that is anything but a file."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.media import VideoStream
from bot.media.graph import (
    ffmpeg_argv,
    ffprobe_argv,
    input_options,
    input_url,
    media_input,
    output,
    picture_input,
)
from bot.media.limits import MediaLimits

names = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40).filter(
    lambda name: name not in {".", ".."}
)


def lines(path: Path) -> list[list[str]]:
    limits = MediaLimits()
    return [ffprobe_argv(path, limits), ffmpeg_argv(output(media_input(path, limits)["0"], f="null"))]


@given(names)
def test_every_call_has_the_guard_and_one_plain_file(name: str):
    for argv in lines(Path("/tmp", name)):
        place = argv.index("-i")
        assert argv[place + 1] == f"file:/tmp/{name}"
        assert not any(part.startswith(("http:", "concat:")) for part in argv)
        for option, value in input_options(MediaLimits()).items():
            assert argv[argv.index(f"-{option}") + 1] == str(value)
            assert argv.index(f"-{option}") < place


def test_no_playlist_and_no_network_is_allowed():
    options = input_options(MediaLimits())
    assert not {"hls", "concat", "dash", "sdp", "tty"} & set(str(options["format_whitelist"]).split(","))
    assert options["protocol_whitelist"] == "file,pipe"


def test_ffmpeg_never_reads_the_terminal():
    assert "-nostdin" in lines(Path("/tmp/a"))[1]


@pytest.mark.parametrize("name", ["-i", "http://a", "pipe:0"])
def test_a_relative_name_becomes_a_path(name: str):
    assert input_url(Path(name)).startswith("file:/")


@pytest.mark.parametrize(("size", "threads"), [((3840, 2160), "2"), ((7680, 4320), "1")])
def test_very_large_pictures_are_decoded_by_one_thread(size: tuple[int, int], threads: str) -> None:
    video = VideoStream(index=0, codec="h264", width=size[0], height=size[1])
    line = ffmpeg_argv(output(picture_input(Path("/tmp/a"), MediaLimits(), video), f="null"))
    assert line[line.index("-threads") + 1] == threads
