"""Speech over REST, and the choice between the two ways, over a socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import date
from typing import Literal

import pytest
from aiohttp import web

from bot.domain.errors import ProviderCategory, ProviderError
from bot.domain.media import AudioChunk
from bot.domain.role import Role
from bot.providers.base import SpeechEnd, SpeechRequest, Synthesizer
from bot.providers.openai.connection import Connection
from bot.providers.openai.endpoint import Flavour
from bot.providers.openai.realtime import RealtimeSynthesizer
from bot.providers.openai.speech import RestSynthesizer, Voice
from bot.providers.openai.speech_choice import choose_synthesizer
from tests.providers.material import QUICK, connected, endpoint, until_it_breaks
from tests.simulator.openai_server import Cut, OpenAIEmulator, Reset, Stall, Status, flavours
from tests.simulator.openai_server import faults as make

SENTENCE = SpeechRequest(text="The square is red.")


@pytest.fixture
async def emulator() -> AsyncIterator[OpenAIEmulator]:
    async with OpenAIEmulator() as server:
        yield server


@pytest.fixture
async def connection(emulator: OpenAIEmulator) -> AsyncIterator[Connection]:
    async with connected(emulator, Role.SPEECH) as link:
        yield link


async def say(synthesizer: Synthesizer, request: SpeechRequest = SENTENCE) -> tuple[bytes, int, SpeechEnd]:
    """All samples, their rate, and the end."""
    items = [item async for item in synthesizer.speak(request)]
    chunks = [item for item in items if isinstance(item, AudioChunk)]
    assert isinstance(items[-1], SpeechEnd)
    assert len({chunk.rate_hz for chunk in chunks}) == 1
    assert all(len(chunk.pcm) % 2 == 0 for chunk in chunks)
    return b"".join(chunk.pcm for chunk in chunks), chunks[0].rate_hz, items[-1]


async def test_pcm_streams_as_it_arrives(emulator: OpenAIEmulator, connection: Connection) -> None:
    emulator.fail("speech", None, Stall(seconds=30.0, after=2))
    synthesizer = RestSynthesizer(connection, model="gpt-4o-mini-tts", voice=Voice(name="coral"), retry=QUICK)
    pcm, rate_hz, end = await say(synthesizer)
    assert rate_hz == 24_000
    assert pcm == emulator.mind.speak(SENTENCE.text, "coral", 1.0)
    assert end.usage.audio_seconds == pytest.approx(len(pcm) / 48_000)
    assert end.usage.characters == len(SENTENCE.text)
    assert end.usage.cost_usd is not None
    (call,) = emulator.speeches
    assert (call.response_format, call.voice) == ("pcm", "coral")
    assert "speed" not in call.body

    stream = synthesizer.speak(SENTENCE)
    async with asyncio.timeout(10):
        assert isinstance(await anext(stream), AudioChunk)
    await stream.aclose()  # type: ignore[attr-defined]


@pytest.mark.parametrize(("model", "sent"), [("gpt-4o-mini-tts", "calmly"), ("tts-1", None), ("tts-1-hd", None)])
async def test_instructions_go_where_they_are_heeded(
    emulator: OpenAIEmulator, connection: Connection, model: str, sent: str | None
) -> None:
    await say(RestSynthesizer(connection, model=model, voice=Voice(instructions="calmly"), retry=QUICK))
    assert [call.body.get("instructions") for call in emulator.speeches] == [sent]


@pytest.mark.parametrize(
    ("kind", "asked", "sent"),
    [(Flavour.OPENAI, 9.0, 4.0), (Flavour.KOKORO, 9.0, 2.0), (Flavour.KOKORO, 0.1, 0.5), (Flavour.SPEACHES, 1.2, 1.2)],
)
async def test_speed_is_clamped(kind: Flavour, asked: float, sent: float) -> None:
    flavour = {Flavour.KOKORO: flavours.KOKORO, Flavour.SPEACHES: flavours.SPEACHES}.get(kind, flavours.OPENAI)
    model = "tts-1" if kind is not Flavour.SPEACHES else "speaches-ai/Kokoro-82M-v1.0-ONNX"
    async with OpenAIEmulator(flavour=flavour) as server, connected(server, Role.SPEECH, flavour=kind) as link:
        await say(RestSynthesizer(link, model=model, voice=Voice(speed=asked), retry=QUICK))
        assert [call.body["speed"] for call in server.speeches] == [sent]


@pytest.mark.parametrize(
    ("request_", "voice", "sent"),
    [
        (SENTENCE, Voice(name="marin"), "af_heart"),
        (SENTENCE, Voice(name="alloy"), "alloy"),
        (SENTENCE, Voice(name="nova", voices={"nova": "bf_emma"}), "bf_emma"),
        (SpeechRequest(text="Hallo.", voice="cedar"), Voice(), "am_michael"),
        (SpeechRequest(text="你好。", language="zh-CN"), Voice(), "zf_xiaobei"),
        (SpeechRequest(text="Bonjour.", language="fr"), Voice(voices={"fr": "af_bella"}), "af_bella"),
        (SpeechRequest(text="Hi.", language="en"), Voice(name="af_bella+am_adam"), "af_bella+am_adam"),
    ],
)  # fmt: skip
async def test_voices_are_mapped(request_: SpeechRequest, voice: Voice, sent: str) -> None:
    known = flavours.replace(flavours.KOKORO.speaking, unknown_voice="replaced")
    kokoro = flavours.replace(flavours.KOKORO, speaking=known)
    async with OpenAIEmulator(flavour=kokoro) as server, connected(server, Role.SPEECH, flavour=Flavour.KOKORO) as link:
        await say(RestSynthesizer(link, model="kokoro", voice=voice, retry=QUICK), request_)
        assert [call.voice for call in server.speeches] == [sent]


@pytest.mark.parametrize("errors", ["openai", "detail"])
async def test_wav_where_pcm_is_refused(errors: Literal["openai", "detail"]) -> None:
    no_pcm = flavours.replace(flavours.KOKORO.speaking, formats=frozenset(("wav", "mp3")), per_sentence=False)
    async with (
        OpenAIEmulator(flavour=flavours.replace(flavours.KOKORO, speaking=no_pcm, errors=errors)) as server,
        connected(server, Role.SPEECH) as link,
    ):
        synthesizer = RestSynthesizer(link, model="kokoro", retry=QUICK)
        for _ in range(2):
            pcm, rate_hz, _ = await say(synthesizer)
            assert rate_hz == 24_000
            assert pcm == server.mind.speak(SENTENCE.text, "alloy", 1.0)
        assert [call.status for call in server.speeches] == [400, 200, 200]


async def test_localai_is_asked_for_wav() -> None:
    async with (
        OpenAIEmulator(flavour=flavours.LOCAL_AI) as server,
        connected(server, Role.SPEECH, flavour=Flavour.LOCALAI) as link,
    ):
        pcm, _, end = await say(RestSynthesizer(link, model="voice-en", retry=QUICK))
        assert pcm == server.mind.speak(SENTENCE.text, "alloy", 1.0)
        assert [call.response_format for call in server.speeches] == ["wav"]
        assert end.usage.cost_usd is None


@pytest.mark.parametrize("fault", [Reset(), Cut(after=0), make.server_error(), make.rate_limited(0.01)], ids=str)
async def test_nothing_is_lost_before_the_first_sound(
    emulator: OpenAIEmulator, connection: Connection, fault: make.Fault
) -> None:
    emulator.fail("speech", fault)
    await say(RestSynthesizer(connection, model="tts-1", retry=QUICK))
    assert len(emulator.speeches) == 2


@pytest.mark.parametrize("fault", [Cut(after=3), Stall(seconds=30, after=3)], ids=["cut", "stall"])
async def test_broken_off_after_sound(emulator: OpenAIEmulator, fault: make.Fault) -> None:
    async with connected(emulator, Role.SPEECH, idle_seconds=0.4) as link:
        emulator.fail("speech", fault)
        heard, error = await until_it_breaks(RestSynthesizer(link, model="tts-1", retry=QUICK).speak(SENTENCE))
    assert heard
    assert error.category is ProviderCategory.INTERRUPTED
    assert len(emulator.speeches) == 1


@pytest.mark.parametrize(
    "fault", [make.captive_portal(), Status(status=200, body='{"error": {"message": "no"}}')], ids=["html", "json"]
)
async def test_what_is_no_sound_is_a_wrong_address(
    emulator: OpenAIEmulator, connection: Connection, fault: Status
) -> None:
    emulator.fail("speech", fault)
    with pytest.raises(ProviderError) as raised:
        await say(RestSynthesizer(connection, model="tts-1", retry=QUICK))
    assert raised.value.category is ProviderCategory.WRONG_ADDRESS


async def test_a_server_that_sends_ogg_anyway() -> None:
    async def speak(request: web.Request) -> web.Response:
        formats.append(json.loads(await request.text())["response_format"])
        return web.Response(body=b"OggS" + bytes(400), content_type="audio/ogg")

    formats: list[str] = []
    app = web.Application()
    app.router.add_post("/v1/audio/speech", speak)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    link = Connection(endpoint(f"http://127.0.0.1:{runner.addresses[0][1]}/v1", Role.SPEECH))
    with pytest.raises(ProviderError) as raised:
        await say(RestSynthesizer(link, model="voice", retry=QUICK))
    await link.aclose()
    await runner.cleanup()
    assert (raised.value.code, formats) == ("wrong_sound_format", ["pcm", "wav"])


def both(connection: Connection) -> tuple[RestSynthesizer, RealtimeSynthesizer]:
    return (
        RestSynthesizer(connection, model="gpt-4o-mini-tts", retry=QUICK),
        RealtimeSynthesizer(connection, model="gpt-realtime-2.1-mini", retry=QUICK),
    )


async def test_rest_is_chosen_while_it_is_there(emulator: OpenAIEmulator, connection: Connection) -> None:
    rest, realtime = both(connection)
    await say(choose_synthesizer(connection.endpoint, rest=rest, realtime=realtime))
    assert [call.endpoint for call in emulator.speeches] == ["speech"]


@pytest.mark.parametrize("ended", [True, False], ids=["path gone", "model gone"])
async def test_realtime_takes_over_and_that_is_remembered(ended: bool) -> None:
    flavour = flavours.AFTER_SPEECH if ended else flavours.OPENAI
    async with (
        OpenAIEmulator(flavour=flavour, today=date(2027, 1, 7)) as server,
        connected(server, Role.SPEECH) as link,
    ):
        rest, realtime = both(link)
        synthesizer = choose_synthesizer(link.endpoint, rest=rest, realtime=realtime)
        for _ in range(2):
            await say(synthesizer)
        assert [call.endpoint for call in server.speeches] == ["speech", "realtime", "realtime"]


async def test_at_openai_the_date_decides(emulator: OpenAIEmulator) -> None:
    day = date(2027, 1, 5)
    async with connected(emulator, Role.SPEECH, flavour=Flavour.OPENAI) as link:
        rest, realtime = both(link)
        synthesizer = choose_synthesizer(link.endpoint, rest=rest, realtime=realtime, today=lambda: day)
        await say(synthesizer)
        day = date(2027, 1, 6)
        await say(synthesizer)
    assert [call.endpoint for call in emulator.speeches] == ["speech", "realtime"]


async def test_without_either_the_first_error_is_told() -> None:
    async with OpenAIEmulator(flavour=flavours.OLLAMA) as server, connected(server, Role.SPEECH) as link:
        rest, realtime = both(link)
        with pytest.raises(ProviderError) as raised:
            await say(choose_synthesizer(link.endpoint, rest=rest, realtime=realtime))
    assert raised.value.code == "not_offered"


async def test_a_broken_server_is_not_taken_for_a_missing_one(emulator: OpenAIEmulator, connection: Connection) -> None:
    emulator.fail("speech", make.server_error(), always=True)
    rest, realtime = both(connection)
    with pytest.raises(ProviderError) as raised:
        await say(choose_synthesizer(connection.endpoint, rest=rest, realtime=realtime))
    assert raised.value.category is ProviderCategory.SERVER
