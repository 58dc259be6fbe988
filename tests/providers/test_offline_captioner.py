"""Offline captions: text that is there is read, text that is not there is not, and looks are measured."""

import asyncio
import io
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from bot.domain.errors import ProviderCategory, ProviderError
from bot.domain.media import Frame, FrameReason
from bot.providers.base import CaptionRequest
from bot.providers.offline import captioner as captioner_module
from bot.providers.offline import process
from bot.providers.offline.captioner import OfflineCaptioner

MEDIA = Path(__file__).parents[3] / "shared" / "media"
Line = tuple[int, int, int, str]


def picture(colour: object, lines: tuple[Line, ...] = (), *, ink: object = "black", size=(640, 360)) -> Image.Image:
    image = Image.new("RGB", size, colour)  # type: ignore[arg-type]
    draw = ImageDraw.Draw(image)
    for x, y, height, text in lines:
        draw.text((x, y), text, font=ImageFont.load_default(height), fill=ink)
    return image


def frames(*images: Image.Image) -> tuple[Frame, ...]:
    made: list[Frame] = []
    for index, image in enumerate(images):
        encoded = io.BytesIO()
        image.save(encoded, "JPEG", quality=85)
        made.append(
            Frame(
                at_seconds=index + 0.5,
                since_seconds=float(index),
                width=image.width,
                height=image.height,
                reason=FrameReason.FLOOR,
                novelty=0.0,
                jpeg=encoded.getvalue(),
            )
        )
    return tuple(made)


async def captions(*images: Image.Image):
    return (await OfflineCaptioner().caption(CaptionRequest(frames=frames(*images)))).captions


async def read(image: Image.Image) -> str | None:
    return (await captions(image))[0].text_on_screen


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (picture("white", ((120, 140, 40, "Results 2025"),)), "Results 2025"),
        (picture("white", ((20, 320, 12, "footnote: do not share"),)), "footnote: do not share"),
        (picture("black", ((60, 300, 14, "press any key to start"),), ink="white"), "press any key to start"),
        (picture((200, 30, 30), ((100, 150, 44, "STOP HERE"),), ink=(240, 240, 60)), "STOP HERE"),
        (picture((128, 128, 128), ((90, 150, 30, "low contrast words"),), ink=(80, 80, 80)), "low contrast words"),
        (picture("white", ((250, 150, 48, "42"),)), "42"),
        (
            picture("white", ((40, 40, 36, "A bigger slide"), (40, 500, 12, "twelve pixels high")), size=(1024, 576)),
            "A bigger slide\ntwelve pixels high",
        ),
    ],
)
async def test_text_on_slides_is_read(image: Image.Image, expected: str) -> None:
    assert await read(image) == expected


async def test_a_subtitle_over_a_picture_is_read() -> None:
    noise = np.random.default_rng(1).integers(40, 150, (45, 80, 3), dtype=np.uint8)
    image = Image.fromarray(noise).resize((640, 360), Image.Resampling.BICUBIC)
    ImageDraw.Draw(image).text(
        (320, 320), "Where have you been?", font=ImageFont.load_default(26), fill="white", anchor="mm",
        stroke_width=2, stroke_fill="black",
    )  # fmt: skip
    assert await read(image) == "Where have you been?"


async def test_textures_have_no_text() -> None:
    random = np.random.default_rng(7)
    images = [
        Image.fromarray(random.integers(0, 256, (360 // grain, 640 // grain, 3), dtype=np.uint8)).resize((640, 360))
        for grain in (1, 3, 8, 20)
    ]
    stripes = picture("white")
    for x in range(0, 640, 16):
        ImageDraw.Draw(stripes).rectangle((x, 0, x + 7, 360), fill="black")
    found = await captions(*images, stripes)
    assert [caption.text_on_screen for caption in found] == [None] * 5


@pytest.mark.parametrize(
    ("colour", "name"),
    [
        ("red", "red"),
        ("#00c000", "green"),
        ("blue", "blue"),
        ("yellow", "yellow"),
        ("orange", "orange"),
        ("cyan", "cyan"),
        ("purple", "purple"),
        ("pink", "pink"),
        ("#8b4513", "brown"),
        ("black", "black"),
        ("#808080", "grey"),
        ("white", "white"),
    ],
)
async def test_a_plain_picture_is_called_by_its_colour(colour: str, name: str) -> None:
    assert [caption.text for caption in await captions(picture(colour))] == [f"A plain {name} picture."]


async def test_brightness_and_dominant_colours_are_named() -> None:
    image = picture("white")
    ImageDraw.Draw(image).rectangle((0, 0, 640, 100), fill="blue")
    assert (await captions(image))[0].text == "A bright picture, mostly white with blue."
    dark = picture((10, 10, 10))
    ImageDraw.Draw(dark).rectangle((0, 0, 300, 360), fill=(0, 0, 120))
    assert (await captions(dark))[0].text == "A dark picture, black and blue."


async def test_what_stays_is_said_once() -> None:
    red, blue = picture("red"), picture("blue")
    found = await captions(red, red, blue, blue, red)
    plain = ["A plain red picture.", "", "A plain blue picture.", "", "A plain red picture."]
    assert [caption.text for caption in found] == plain


async def test_movement_is_told_by_its_amount() -> None:
    def ball(x: int, size: int) -> Image.Image:
        image = picture("white")
        ImageDraw.Draw(image).ellipse((x, 100, x + size, 100 + size), fill="black")
        return image

    little = await captions(ball(50, 60), ball(200, 60))
    much = await captions(ball(20, 110), ball(400, 110))
    assert little[1].text.endswith(" A little movement.")
    assert much[1].text.endswith(" Much movement.")


async def test_a_small_caption_that_changes_is_read_again() -> None:
    def slide(text: str) -> Image.Image:
        return picture("white", ((40, 40, 30, "Quarterly report"), (40, 320, 12, text)))

    found = await captions(slide("page one of nine"), slide("page one of nine"), slide("page two of nine"))
    read_lines = [(caption.text_on_screen or "").splitlines()[-1] for caption in found]
    assert read_lines == ["page one of nine", "page one of nine", "page two of nine"]
    assert [caption.text for caption in found][1:] == ["", ""]


async def test_frames_keep_their_times_and_a_broken_one_is_left_out() -> None:
    good = frames(picture("red"), picture("green"))
    broken = Frame(
        at_seconds=0.7, since_seconds=0.7, width=1, height=1, reason=FrameReason.FLOOR, novelty=0.0, jpeg=b"no"
    )
    batch = await OfflineCaptioner().caption(CaptionRequest(frames=(good[0], broken, good[1])))
    assert [(caption.at_seconds, caption.since_seconds) for caption in batch.captions] == [(0.5, 0.0), (1.5, 1.0)]
    (usage,) = batch.usages
    assert (usage.cost_usd, usage.provider) == (0.0, "offline")


async def test_equal_and_plain_frames_need_no_tesseract_each(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    real = captioner_module.read_text

    async def counted(grey, languages):
        calls.append(grey)
        return await real(grey, languages)

    monkeypatch.setattr(captioner_module, "read_text", counted)
    slide = picture("white", ((40, 40, 30, "The same words"),))
    found = await captions(*[slide] * 12)
    assert len(calls) == 1
    assert {caption.text_on_screen for caption in found} == {"The same words"}


async def test_no_more_frames_at_a_time_than_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    running, most = 0, 0

    async def slow(grey, languages):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        return ""

    monkeypatch.setattr(captioner_module, "read_text", slow)
    model = OfflineCaptioner(workers=2)
    images = [picture((40 * n, 255 - 40 * n, 90)) for n in range(6)]
    await asyncio.gather(*(model.caption(CaptionRequest(frames=frames(*images))) for _ in range(3)))
    assert most == 2


async def test_a_missing_tool_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ProviderError) as caught:
        await captions(picture("red"))
    assert caught.value.category is ProviderCategory.MISSING_TOOL
    assert "tesseract-ocr" in caught.value.public


async def test_a_missing_language_names_its_package() -> None:
    with pytest.raises(ProviderError) as caught:
        await OfflineCaptioner(languages=("tlh_pol",)).caption(CaptionRequest(frames=frames(picture("red"))))
    assert caught.value.category is ProviderCategory.MISSING_TOOL
    assert "tesseract-ocr-tlh-pol" in caught.value.public


async def test_cancelling_leaves_no_process() -> None:
    slides = [picture("white", ((40, 40, 30, f"Slide number {n}"),)) for n in range(8)]
    started: list[process.RunningProcess] = []
    begun = asyncio.Event()
    real = process.start_process

    async def recorded(*args, **keywords):
        started.append(await real(*args, **keywords))
        if "tsv" in args[0]:
            begun.set()
        return started[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "start_process", recorded)
        task = asyncio.create_task(captions(*slides))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    for one in started:
        async with asyncio.timeout(10):
            await one.wait()


@pytest.mark.skipif(not MEDIA.is_dir(), reason="the folder of real media is not there")
@pytest.mark.parametrize("name", ["friday.mp4", "bottle-detection.mp4", "flower.mp4", "stream-of-water.mp4"])
async def test_real_clips_without_text_give_none(name: str, tmp_path: Path) -> None:
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(MEDIA / name), "-vf", "fps=1", "-frames:v", "6"]
    subprocess.run([*command, str(tmp_path / "%02d.png")], check=True)
    images = [Image.open(path).convert("RGB") for path in sorted(tmp_path.iterdir())]
    assert len(images) > 1
    assert [caption.text_on_screen for caption in await captions(*images)] == [None] * len(images)
