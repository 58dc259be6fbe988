"""Another voice: who speaks where, how names are said, how loud, and who steps in."""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.domain.errors import ProviderCategory, ProviderError
from bot.domain.media import AudioChunk
from bot.domain.timeline import Notice, NoticeCode
from bot.hooks.offers import CONFIGURED, OfferedSynthesizer, Work
from bot.hooks.registry import Plugins
from bot.hooks.specs import Specs
from bot.hooks.web_failures import request_failed
from bot.plugins.web_voice.sound import SoundReader, UnplayableError, amplified
from bot.providers.base import SpeechEnd, SpeechRequest
from tests.fakes.providers import ToneSynthesizer
from tests.plugins.hosting import hosting, occasion

RATE_HZ = 22_050
TONE = (np.sin(np.arange(RATE_HZ) / 20) * 9_000).astype("<i2").tobytes()
PERSONAS = {
    "Pirate": {"voice": "onyx", "speed": 1.25, "instructions": "Growl.", "gain_db": 6, "say": {"HMS Lea": "Lee"}},
    "default": {"voice": "nova", "say": {"Kyrie": "Ki-ri-eh", "Kyrie Eleison": "the song", "小明": "ming"}},
}


def wav(pcm: bytes, *, channels: int = 1, bits: int = 16, kind: int = 1, size: int = 0xFFFFFFFF) -> bytes:
    """As servers stream it: without knowing how long it gets."""
    layout = struct.pack("<HHIIHH", kind, channels, RATE_HZ, RATE_HZ * 2 * channels, 2 * channels, bits)
    notes = b"LIST" + struct.pack("<I", 5) + b"hello\0"
    head = b"WAVE" + notes + b"fmt " + struct.pack("<I", len(layout)) + layout + b"data" + struct.pack("<I", size)
    return b"RIFF" + struct.pack("<I", size) + head + pcm


@pytest.mark.parametrize("step", [1, 3, 1_000, 100_000])
def test_a_wave_comes_in_pieces_of_any_size(step: int) -> None:
    reader, stream = SoundReader(24_000), wav(TONE)
    assert b"".join(reader.feed(stream[at : at + step]) for at in range(0, len(stream), step)) == TONE
    assert reader.rate_hz == RATE_HZ


def test_of_two_channels_the_first_is_heard_and_bare_samples_are_taken_as_they_are() -> None:
    left = np.arange(10, dtype="<i2")
    both = np.stack([left, -left], axis=1).tobytes()
    assert SoundReader(24_000).feed(wav(both, channels=2, size=0)) == left.tobytes()
    bare = SoundReader(16_000)
    assert bare.feed(TONE[:5]) + bare.feed(TONE[5:]) == TONE
    assert bare.rate_hz == 16_000


@pytest.mark.parametrize(
    "stream", [b"ID3\x04rest", b"OggS....", wav(TONE, bits=24), wav(TONE, kind=3), b"RIFF" + bytes(70_000)]
)
def test_what_cannot_be_played_is_no_sound(stream: bytes) -> None:
    with pytest.raises(UnplayableError):
        SoundReader(24_000).feed(stream)


def test_louder_is_louder_and_never_beyond_full_scale() -> None:
    samples = np.array([0, 100, -100, 20_000, -20_000, 32_767, -32_768], dtype="<i2")
    louder = np.frombuffer(amplified(samples.tobytes(), 6.0206), "<i2")
    assert louder[:3].tolist() == [0, 200, -200]
    assert 26_000 < louder[3] < louder[5] <= 32_767
    assert -32_768 <= louder[6] < louder[4] < -26_000
    assert np.frombuffer(amplified(samples.tobytes(), -6.0206), "<i2")[:4].tolist() == [0, 50, -50, 10_000]


@pytest.mark.parametrize(
    ("status", "category"),
    [
        (None, ProviderCategory.NETWORK),
        (200, ProviderCategory.SERVER),
        (302, ProviderCategory.WRONG_ADDRESS),
        (401, ProviderCategory.AUTH),
        (404, ProviderCategory.WRONG_ADDRESS),
        (413, ProviderCategory.TOO_LARGE),
        (422, ProviderCategory.BAD_REQUEST),
        (429, ProviderCategory.RATE),
        (503, ProviderCategory.SERVER),
    ],
)
def test_a_status_says_whose_fault_it_is(status: int | None, category: ProviderCategory) -> None:
    assert request_failed("web_voice", status).category is category


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Studio:
    """A speech server. `answer` None: it speaks."""

    answer: Answer | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)

    async def speech(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(await request.json())
        self.keys.append(request.headers.get("Authorization"))
        if self.answer is not None:
            return await self.answer(request)
        return await in_pieces(request, [wav(TONE)[at : at + 999] for at in range(0, len(wav(TONE)), 999)])


async def in_pieces(request: web.Request, pieces: Sequence[bytes]) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for piece in pieces:
        await response.write(piece)
    return response


@pytest.fixture
async def studio() -> AsyncIterator[tuple[Studio, str]]:
    studio, app = Studio(), web.Application()
    app.router.add_post("/v1/audio/speech", studio.speech)
    async with TestServer(app) as server:
        yield studio, str(server.make_url("/v1"))


@asynccontextmanager
async def voicing(folder: Path, url: str, own: ToneSynthesizer, **more: object) -> AsyncIterator[Plugins]:
    settings = {"base_url": url, "model": "kokoro", "personas": PERSONAS, **more}
    key = {"KIBITZ_PLUGINS__WEB_VOICE__API_KEY": "for-the-studio"}
    async with hosting(folder, {"web_voice": settings}, **key) as plugins:
        plugins.hooks.offers.add(Work.SPEECH, {CONFIGURED: own})
        yield plugins


async def spoken(plugins: Plugins, text: str, voice: str | None = None) -> list[AudioChunk | SpeechEnd | Notice]:
    speaking = OfferedSynthesizer(plugins.hooks.offers).speak(SpeechRequest(text=text, voice=voice))
    return [item async for item in speaking]


async def test_a_place_is_spoken_to_by_its_persona(tmp_path: Path, studio: tuple[Studio, str]) -> None:
    room, url = studio
    async with voicing(tmp_path, url, ToneSynthesizer(), usd_per_million_characters=15) as plugins:
        *chunks, end = await spoken(plugins, "Ahoy there.", "pirate")
        await spoken(plugins, "Hello.")
    assert room.asked == [
        {
            "model": "kokoro",
            "input": "Ahoy there.",
            "voice": "onyx",
            "response_format": "wav",
            "speed": 1.25,
            "instructions": "Growl.",
        },
        {"model": "kokoro", "input": "Hello.", "voice": "nova", "response_format": "wav"},
    ]
    assert set(room.keys) == {"Bearer for-the-studio"}
    sound = [chunk for chunk in chunks if isinstance(chunk, AudioChunk)]
    assert b"".join(chunk.pcm for chunk in sound) == TONE
    assert all(chunk.rate_hz == RATE_HZ and chunk.duration_seconds >= 0.1 for chunk in sound[:-1])
    assert isinstance(end, SpeechEnd)
    assert (end.usage.characters, end.usage.cost_usd) == (11, pytest.approx(11 * 15e-6))


async def test_the_sound_is_passed_on_while_it_is_made(tmp_path: Path, studio: tuple[Studio, str]) -> None:
    room, url = studio
    is_heard = asyncio.Event()

    async def waits(request: web.Request) -> web.StreamResponse:
        response = await in_pieces(request, [wav(TONE)])
        await is_heard.wait()
        await response.write(TONE[:1_000])
        return response

    room.answer = waits
    heard: list[AudioChunk] = []
    async with voicing(tmp_path, url, ToneSynthesizer()) as plugins, asyncio.timeout(30):
        async for item in OfferedSynthesizer(plugins.hooks.offers).speak(SpeechRequest(text="Ahoy.")):
            if isinstance(item, AudioChunk):
                heard.append(item)
                is_heard.set()
    assert b"".join(chunk.pcm for chunk in heard) == TONE + TONE[:1_000]
    assert heard[-1].offset_seconds + heard[-1].duration_seconds == pytest.approx(1 + 500 / RATE_HZ)


async def status(_: web.Request) -> web.StreamResponse:
    return web.Response(status=503)


async def elsewhere(request: web.Request) -> web.StreamResponse:
    return web.Response(status=307, headers={"Location": str(request.url)})


async def compressed(request: web.Request) -> web.StreamResponse:
    return await in_pieces(request, [b"ID3", bytes(5_000)])


async def nothing(request: web.Request) -> web.StreamResponse:
    return await in_pieces(request, [wav(b"")])


@dataclass
class Own(ToneSynthesizer):
    """Remembers in which voices it was to speak."""

    voices: list[str | None] = field(default_factory=list)

    def speak(self, request: SpeechRequest) -> AsyncIterator[AudioChunk | SpeechEnd]:
        self.voices.append(request.voice)
        return super().speak(request)


@pytest.mark.parametrize("answer", [status, elsewhere, compressed, nothing])
async def test_the_configured_voice_steps_in(tmp_path: Path, studio: tuple[Studio, str], answer: Answer) -> None:
    room, url = studio
    room.answer = answer
    own = Own()
    async with voicing(tmp_path, url, own) as plugins:
        first, *rest = await spoken(plugins, "Ahoy there.", "pirate")
    assert isinstance(first, Notice)
    assert first.code is NoticeCode.FALLBACK_USED
    assert isinstance(rest[-1], SpeechEnd)
    assert (len(room.asked), own.voices) == (1, [None]), "it does not know the plugin's personas"


async def test_a_sentence_that_breaks_off_is_not_begun_anew(tmp_path: Path, studio: tuple[Studio, str]) -> None:
    room, url = studio

    async def breaks_off(request: web.Request) -> web.StreamResponse:
        response = await in_pieces(request, [wav(TONE)])
        assert request.transport is not None
        request.transport.close()
        return response

    room.answer = breaks_off
    async with voicing(tmp_path, url, ToneSynthesizer()) as plugins:
        with pytest.raises(ProviderError) as broken:
            await spoken(plugins, "Ahoy there.")
    assert broken.value.category is ProviderCategory.INTERRUPTED


@pytest.mark.parametrize(
    ("voice", "written", "said"),
    [
        (None, "KYRIE sang Kyrie eleison, not Kyries.", "Ki-ri-eh sang the song, not Kyries."),
        (None, "我问小明和Kyrie。", "我问ming和Ki-ri-eh。"),
        ("pirate", "Kyrie on the hms lea!", "Kyrie on the Lee!"),
        ("unknown", "Kyrie.", "Ki-ri-eh."),
    ],
)
async def test_names_are_said_as_the_persona_says_them(
    tmp_path: Path, studio: tuple[Studio, str], voice: str | None, written: str, said: str
) -> None:
    async with voicing(tmp_path, studio[1], ToneSynthesizer()) as plugins:
        assert await plugins.hooks.edit(Specs.edit_sentence, written, occasion(voice=voice)) == said


async def test_only_the_persona_with_a_gain_is_louder(tmp_path: Path, studio: tuple[Studio, str]) -> None:
    chunk = AudioChunk(rate_hz=RATE_HZ, pcm=TONE)
    async with voicing(tmp_path, studio[1], ToneSynthesizer()) as plugins:
        louder = await plugins.hooks.edit(Specs.edit_speech, chunk, occasion(voice="pirate"))
        assert await plugins.hooks.edit(Specs.edit_speech, chunk, occasion()) == chunk
    ratio = np.abs(np.frombuffer(louder.pcm, "<i2")).max() / np.abs(np.frombuffer(TONE, "<i2")).max()
    assert 1.9 < ratio < 2.05
    assert (louder.rate_hz, len(louder.pcm)) == (RATE_HZ, len(TONE))
