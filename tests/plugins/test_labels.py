"""Labels of frames: which fit, when nothing does, when nothing changed, and beside another's captions."""

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from PIL import Image

from bot.domain.errors import ProviderCategory, ProviderError
from bot.domain.media import Frame, FrameReason, MediaKind, MediaProbe, VideoStream
from bot.domain.timeline import Caption, NoticeCode
from bot.hooks.offers import CONFIGURED, OfferedCaptioner, Work
from bot.hooks.registry import Plugins
from bot.hooks.specs import Specs
from bot.providers.base import CaptionRequest
from tests.fakes.providers import ScriptedCaptioner
from tests.plugins.hosting import hosting, occasion

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "grey": (128, 128, 128)}
MEANINGS = {**COLOURS, "teal": (0, 255, 255), "crimson": COLOURS["red"], "a photo": COLOURS["grey"]}


@dataclass
class Eye:
    """An embeddings server to which a picture is its mean colour, and so is a text that names one."""

    status: int = 200
    reply: bytes | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)

    async def embeddings(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append(body)
        if self.status != 200 or self.reply is not None:
            return web.Response(status=self.status, body=self.reply)
        embed = _of_picture if body["modality"] == "image" else _of_text
        data = [{"index": place, "embedding": embed(one)} for place, one in enumerate(body["input"])]
        return web.json_response({"object": "list", "data": data[::-1], "model": body["model"]})

    def texts(self) -> list[str]:
        return [text for body in self.asked if body["modality"] == "text" for text in body["input"]]

    def pictures(self) -> int:
        return sum(len(body["input"]) for body in self.asked if body["modality"] == "image")


def _of_picture(address: str) -> list[float]:
    jpeg = base64.b64decode(address.removeprefix("data:image/jpeg;base64,"))
    with Image.open(BytesIO(jpeg)) as image:
        return [float(value) for value in np.asarray(image.convert("RGB")).mean(axis=(0, 1))]


def _of_text(text: str) -> list[float]:
    name = text.removeprefix("a photo of ")
    return [float(value) for value in MEANINGS[name]]


def frame(at_seconds: float, *colours: str) -> Frame:
    """Stripes of these colours."""
    pixels = np.concatenate([np.full((8, 16, 3), COLOURS[colour], dtype=np.uint8) for colour in colours])
    jpeg = BytesIO()
    Image.fromarray(pixels).save(jpeg, "JPEG", quality=95)
    height, width, _ = pixels.shape
    return Frame(
        at_seconds=at_seconds,
        since_seconds=at_seconds - 0.5,
        width=width,
        height=height,
        reason=FrameReason.CHANGE,
        novelty=1.0,
        jpeg=jpeg.getvalue(),
    )


@pytest.fixture
async def eye() -> AsyncIterator[tuple[Eye, str]]:
    eye, app = Eye(), web.Application(client_max_size=2**24)
    app.router.add_post("/v1/embeddings", eye.embeddings)
    async with TestServer(app) as server:
        yield eye, str(server.make_url("/v1"))


@asynccontextmanager
async def looking(folder: Path, url: str, **more: object) -> AsyncIterator[Plugins]:
    settings = {"base_url": url, "model": "clip", "labels": ["red", "green", "blue"], **more}
    async with hosting(folder, {"labels": settings}) as plugins:
        plugins.hooks.offers.add(Work.CAPTIONS, {CONFIGURED: ScriptedCaptioner()})
        yield plugins


async def captions(plugins: Plugins, frames: Sequence[Frame], focus: tuple[str, ...] = ()) -> list[str]:
    batch = await OfferedCaptioner(plugins.hooks.offers).caption(CaptionRequest(frames=tuple(frames), focus=focus))
    assert batch.notices == ()
    assert [(one.at_seconds, one.since_seconds) for one in batch.captions] == [
        (one.at_seconds, one.since_seconds) for one in frames
    ]
    return [one.text for one in batch.captions]


async def test_each_frame_has_the_labels_that_fit_it(tmp_path: Path, eye: tuple[Eye, str]) -> None:
    server, url = eye
    async with looking(tmp_path, url, labels=["red", "crimson", "green", "teal"]) as plugins:
        frames = [frame(0, "red"), frame(1, "red"), frame(2, "blue", "green"), frame(3, "grey"), frame(4, "red")]
        assert await captions(plugins, frames) == ["red, crimson", "", "teal", "none of the labels", "red, crimson"]
        await captions(plugins, frames[:1])
    wanted = [f"a photo of {label}" for label in ("red", "crimson", "green", "teal")]
    assert server.texts() == [*wanted, "a photo"], "embedded once"
    assert server.pictures() == 6
    assert all(body["model"] == "clip" for body in server.asked)


async def test_labels_are_put_into_numbers_while_the_file_is_still_read(tmp_path: Path, eye: tuple[Eye, str]) -> None:
    server, url = eye
    sound = MediaProbe(kind=MediaKind.VIDEO, container="mp4", size_bytes=1, duration_seconds=1.0)
    picture = replace(sound, video=VideoStream(index=0, codec="h264", width=16, height=16))
    async with looking(tmp_path, url, labels=["red"]) as plugins:
        for probe, known in ((sound, 0), (picture, 2)):
            plugins.hooks.watch(Specs.on_probed, probe, occasion())
            async with asyncio.timeout(10):
                while len(server.texts()) < known:  # noqa: ASYNC110  # nothing tells that a watcher has come so far
                    await asyncio.sleep(0.01)
            assert len(server.texts()) == known
        assert await captions(plugins, [frame(0, "red")]) == ["red"]
        assert len(server.texts()) == 2


async def test_what_to_attend_to_is_a_label_as_well(tmp_path: Path, eye: tuple[Eye, str]) -> None:
    async with looking(tmp_path, eye[1], labels=["red"], most=1) as plugins:
        assert await captions(plugins, [frame(0, "green")]) == ["none of the labels"]
        assert await captions(plugins, [frame(0, "green")], focus=("green", "red")) == ["green"]
        assert await captions(plugins, [frame(0, "red")], focus=("crimson",)) == ["red"], "one label is the most"


async def test_beside_another_captioner_labels_are_added_where_there_are_words(
    tmp_path: Path, eye: tuple[Eye, str]
) -> None:
    server, url = eye
    frames = (frame(0, "red"), frame(1, "red"), frame(2, "grey"))
    before = tuple(
        Caption(at_seconds=one.at_seconds, since_seconds=one.since_seconds, text=text)
        for one, text in zip(frames, ("A barn.", "", "Fog."), strict=True)
    )
    async with looking(tmp_path, url, beside=True) as plugins:
        assert plugins.hooks.offers.chosen(Work.CAPTIONS) is None
        after = await plugins.hooks.edit(Specs.edit_captions, before, frames, occasion())
        assert [one.text for one in after] == ["A barn. (labels: red)", "", "Fog."]
        assert server.pictures() == 2
        server.status = 500
        assert await plugins.hooks.edit(Specs.edit_captions, before, frames, occasion()) == before


@pytest.mark.parametrize(
    ("status", "reply", "category"),
    [
        (503, None, ProviderCategory.SERVER),
        (404, None, ProviderCategory.WRONG_ADDRESS),
        (200, b"<html>", ProviderCategory.SERVER),
        (200, b'{"data": []}', ProviderCategory.SERVER),
        (200, b'{"data": [{"index": 0, "embedding": [0, 0, 0]}]}', ProviderCategory.SERVER),
    ],
)
async def test_the_configured_captioner_steps_in(
    tmp_path: Path, eye: tuple[Eye, str], status: int, reply: bytes | None, category: ProviderCategory
) -> None:
    server, url = eye
    request = CaptionRequest(frames=(frame(0, "red"),))
    async with looking(tmp_path, url) as plugins:
        await captions(plugins, request.frames)
        server.status, server.reply = status, reply
        offer = plugins.hooks.offers.chosen(Work.CAPTIONS)
        assert offer is not None
        with pytest.raises(ProviderError) as failed:
            await plugins.hooks.offers.call(offer, Work.CAPTIONS, lambda: offer.provider.caption(request), object)
        assert failed.value.category is category
        batch = await OfferedCaptioner(plugins.hooks.offers).caption(request)
    assert [notice.code for notice in batch.notices] == [NoticeCode.FALLBACK_USED]
    assert batch.captions
