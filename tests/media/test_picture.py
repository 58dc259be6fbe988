"""Stills: four kinds, upright, opaque, and no bombs."""

import io

import pytest
from PIL import Image

from bot.domain.errors import MediaError
from bot.media.intake import open_media
from bot.media.picture import jpeg_size, looks_like_picture, probe_picture, read_picture
from tests import clips


async def test_alpha_is_laid_on_what_shows_it(tmp_path, limits):
    for ink, ground in (((255, 255, 255), (24, 24, 24)), ((0, 0, 0), (255, 255, 255))):
        path = tmp_path / "still.png"
        image = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
        image.paste((*ink, 255), (40, 40, 60, 60))
        image.save(path)
        frame = await read_picture(await open_media(path, limits), limits)
        shown = Image.open(io.BytesIO(frame.jpeg))
        for at, colour in (((5, 5), ground), ((50, 50), ink)):
            assert all(abs(a - b) < 8 for a, b in zip(shown.getpixel(at), colour, strict=True))


@pytest.mark.parametrize("side", [7000, 10000])
async def test_bombs_are_refused(tmp_path, limits, side):
    path = tmp_path / "bomb.png"
    Image.new("1", (side, side)).save(path)
    file = await open_media(path, limits)
    for opening in (probe_picture, read_picture):
        with pytest.raises(MediaError) as caught:
            await opening(file, limits)
        assert caught.value.code == "media_too_many_pixels"


async def test_a_truncated_picture_is_refused_when_read(tmp_path, limits):
    clips.picture(tmp_path / "still.jpg")
    path = tmp_path / "half.jpg"
    data = (tmp_path / "still.jpg").read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(MediaError) as caught:
        await read_picture(await open_media(path, limits), limits)
    assert caught.value.code == "media_broken"


async def test_other_kinds_are_not_opened(tmp_path, limits):
    path = tmp_path / "still.bmp"
    Image.new("RGB", (10, 10)).save(path)
    assert not looks_like_picture(path.read_bytes()[:64])
    with pytest.raises(MediaError) as caught:
        await probe_picture(await open_media(path, limits), limits)
    assert caught.value.code == "media_unknown_kind"


@pytest.mark.parametrize("mode", ["L", "P", "1", "CMYK", "I;16", "RGBA", "LA"])
async def test_every_mode_becomes_colour(tmp_path, limits, mode):
    path = tmp_path / ("still.jpg" if mode == "CMYK" else "still.png")
    Image.new(mode, (30, 20)).save(path)
    frame = await read_picture(await open_media(path, limits), limits)
    assert Image.open(io.BytesIO(frame.jpeg)).mode == "RGB"
    assert (frame.width, frame.height) == (30, 20)


def test_the_size_in_a_jpeg():
    written = io.BytesIO()
    Image.new("RGB", (31, 17)).save(written, "JPEG")
    assert jpeg_size(written.getvalue()) == (31, 17)
    with pytest.raises(MediaError):
        jpeg_size(b"\xff\xd8\xff")
