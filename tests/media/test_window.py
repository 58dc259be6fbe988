"""A stretch opened again: the right pictures and sounds at the right times, whatever holds them."""

import io
from pathlib import Path

import pytest
from PIL import Image

from bot.domain.errors import MediaError
from bot.domain.media import Frame
from bot.media.intake import open_media
from bot.media.limits import MediaLimits
from bot.media.probe import probe
from bot.media.window import window_frames, window_sound
from tests import clips


def colour(frame: Frame) -> str:
    pixel = Image.open(io.BytesIO(frame.jpeg)).convert("RGB").resize((1, 1)).getpixel((0, 0))
    return min(clips.COLOURS, key=lambda name: sum(abs(a - b) for a, b in zip(clips.COLOURS[name], pixel, strict=True)))


async def frames_of(path: Path, limits: MediaLimits, start: float, end: float, **options: int) -> tuple[Frame, ...]:
    file = await open_media(path, limits)
    return await window_frames(
        file,
        await probe(file, limits),
        limits,
        start_seconds=start,
        end_seconds=end,
        **{"most": 8, "edge_px": 1536, **options},
    )


@pytest.mark.parametrize(
    ("name", "options"),
    [("a.mp4", {}), ("a.mp4", {"fps": "vfr"}), ("a.webm", {}), ("a.mp4", {"rotate": 90}), ("a.mov", {"fps": 1})],
    ids=["mp4", "uneven", "webm", "turned", "one-a-second"],
)
async def test_the_pictures_are_those_of_their_times(
    tmp_path: Path, limits: MediaLimits, name: str, options: dict[str, object]
) -> None:
    path = tmp_path / name
    clips.colour_tone_clip(path, scenes=4, seconds=3.0, size=(320, 180), **options)  # type: ignore[arg-type]
    around_a_cut = await frames_of(path, limits, 5.5, 6.5)
    assert [colour(frame) for frame in around_a_cut] == ["blue", "green"]
    assert 5.9 < around_a_cut[1].at_seconds <= 6.3
    whole = [colour(frame) for frame in await frames_of(path, limits, 0.0, 12.0)]
    assert list(dict.fromkeys(whole)) == ["red", "blue", "green", "yellow"]
    for start, end in ((11.5, 12.0), (12.0, 12.0)):
        [last] = await frames_of(path, limits, start, end)
        assert (colour(last), last.at_seconds) == ("yellow", start)
    [instant] = await frames_of(path, limits, 7.5, 7.5)
    assert colour(instant) == "green"


async def test_no_more_pictures_than_asked_for_and_no_larger(tmp_path: Path, limits: MediaLimits) -> None:
    clips.moving_clip(tmp_path / "a.mp4", seconds=4.0, size=(640, 480), sound=False)
    found = await frames_of(tmp_path / "a.mp4", limits, 0.0, 4.0, most=5, edge_px=320)
    assert [frame.at_seconds for frame in found] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert {(frame.width, frame.height) for frame in found} == {(320, 240)}


async def test_a_still_picture_is_the_one_there_is(tmp_path: Path, limits: MediaLimits) -> None:
    clips.picture(tmp_path / "a.png", size=(2000, 1000))
    [frame] = await frames_of(tmp_path / "a.png", limits, 0.0, 0.0)
    assert (frame.width, frame.height) == (1536, 768)


async def test_what_is_not_there_is_an_error(tmp_path: Path, limits: MediaLimits) -> None:
    clips.tone(tmp_path / "a.mp3")
    clips.no_sound_clip(tmp_path / "a.mp4")
    with pytest.raises(MediaError, match="only sound"):
        await frames_of(tmp_path / "a.mp3", limits, 0.0, 1.0)
    file = await open_media(tmp_path / "a.mp4", limits)
    with pytest.raises(MediaError, match="no sound"):
        async for _ in window_sound(file, await probe(file, limits), limits, start_seconds=0.0, end_seconds=1.0):
            pass


async def test_the_sound_keeps_its_place(tmp_path: Path, limits: MediaLimits) -> None:
    clips.colour_tone_clip(tmp_path / "a.mp4", scenes=[("red", 440), ("blue", 880)], seconds=3.0, size=(320, 180))
    file = await open_media(tmp_path / "a.mp4", limits)
    facts = await probe(file, limits)
    sound = window_sound(file, facts, limits, start_seconds=3.5, end_seconds=5.0)
    [chunk] = [item async for item in sound]
    assert chunk.offset_seconds == 3.5
    assert chunk.duration_seconds == pytest.approx(1.5, abs=0.05)
