"""Speech over the Realtime websocket."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from bot.domain.errors import ProviderCategory, ProviderError
from bot.domain.media import AudioChunk
from bot.domain.role import Role
from bot.providers.base import SpeechRequest
from bot.providers.openai.connection import Connection
from bot.providers.openai.realtime import RealtimeSynthesizer
from bot.providers.openai.speech import Voice
from tests.providers.material import QUICK, connected, endpoint, until_it_breaks
from tests.providers.test_speech import say
from tests.simulator.openai_server import Cut, HonestMind, OpenAIEmulator, Stall, StreamError

MODEL = "gpt-realtime-2.1-mini"
SENTENCE = SpeechRequest(text="I'm sure the square is red.")


@pytest.fixture
async def emulator() -> AsyncIterator[OpenAIEmulator]:
    async with OpenAIEmulator() as server:
        yield server


@pytest.fixture
async def connection(emulator: OpenAIEmulator) -> AsyncIterator[Connection]:
    async with connected(emulator, Role.SPEECH) as link:
        yield link


async def test_a_sentence_is_read_outside_any_conversation(emulator: OpenAIEmulator, connection: Connection) -> None:
    synthesizer = RealtimeSynthesizer(connection, model=MODEL, voice=Voice(name="cedar"), retry=QUICK)
    pcm, rate_hz, end = await say(synthesizer, SENTENCE)
    assert rate_hz == 24_000
    assert pcm == emulator.mind.speak(SENTENCE.text, "cedar", 1.0)
    (call,) = emulator.speeches
    assert (call.endpoint, call.model, call.text, call.voice) == ("realtime", MODEL, SENTENCE.text, "cedar")
    asked = call.body["response"]
    assert (asked["conversation"], asked["tools"]) == ("none", [])
    assert "word for word" in asked["instructions"]
    assert synthesizer.mismatches == 0
    assert end.usage.audio_seconds == pytest.approx(len(pcm) / 48_000)
    assert end.usage.cost_usd == pytest.approx(end.usage.audio_seconds / 60 * 0.024)
    assert end.usage.output_tokens > 0


@pytest.mark.parametrize(
    ("name", "sent"), [("fable", "ballad"), ("onyx", "ash"), ("nova", "coral"), ("af_heart", "marin"), ("sage", "sage")]
)
async def test_voices_it_does_not_have(emulator: OpenAIEmulator, connection: Connection, name: str, sent: str) -> None:
    await say(RealtimeSynthesizer(connection, model=MODEL, voice=Voice(name=name, speed=3.0), retry=QUICK), SENTENCE)
    assert [call.voice for call in emulator.speeches] == [sent]


async def test_rewording_is_counted_not_quoted(caplog: pytest.LogCaptureFixture) -> None:
    mind = HonestMind(rewords=lambda text: text.replace("I'm", "I am"))
    async with OpenAIEmulator(mind=mind) as server, connected(server, Role.SPEECH) as link:
        synthesizer = RealtimeSynthesizer(link, model=MODEL, retry=QUICK)
        with caplog.at_level(logging.DEBUG, logger="bot"):
            await say(synthesizer, SENTENCE)
    assert synthesizer.mismatches == 1
    assert "square" not in caplog.text


async def test_an_error_event_before_sound_is_retried(emulator: OpenAIEmulator, connection: Connection) -> None:
    emulator.fail("realtime", StreamError(after=0))
    await say(RealtimeSynthesizer(connection, model=MODEL, retry=QUICK), SENTENCE)
    assert len(emulator.speeches) == 2


@pytest.mark.parametrize(
    "fault", [StreamError(after=1), Cut(after=1), Stall(seconds=30, after=1)], ids=["error event", "cut", "stall"]
)
async def test_broken_off_after_sound(emulator: OpenAIEmulator, fault: StreamError) -> None:
    async with connected(emulator, Role.SPEECH, idle_seconds=0.4) as link:
        emulator.fail("realtime", fault)
        heard, error = await until_it_breaks(RealtimeSynthesizer(link, model=MODEL, retry=QUICK).speak(SENTENCE))
    assert [type(item) for item in heard] == [AudioChunk]
    assert error.category is ProviderCategory.INTERRUPTED
    assert len(emulator.speeches) == 1


async def test_a_wrong_key(emulator: OpenAIEmulator) -> None:
    link = Connection(endpoint(emulator.base_url, Role.SPEECH, api_key="sk-other"))
    with pytest.raises(ProviderError) as raised:
        await say(RealtimeSynthesizer(link, model=MODEL, retry=QUICK), SENTENCE)
    await link.aclose()
    assert raised.value.category is ProviderCategory.AUTH


async def test_a_model_that_is_not_there(connection: Connection) -> None:
    with pytest.raises(ProviderError) as raised:
        await say(RealtimeSynthesizer(connection, model="gpt-realtime-9", retry=QUICK), SENTENCE)
    assert raised.value.category is ProviderCategory.GONE


async def test_nobody_answers() -> None:
    link = Connection(endpoint("http://127.0.0.1:9/v1", Role.SPEECH))
    with pytest.raises(ProviderError) as raised:
        await say(RealtimeSynthesizer(link, model=MODEL, retry=QUICK), SENTENCE)
    await link.aclose()
    assert raised.value.category is ProviderCategory.NETWORK


async def test_walking_away_closes_the_socket(emulator: OpenAIEmulator, connection: Connection) -> None:
    emulator.fail("realtime", Stall(seconds=30, after=1))
    stream = RealtimeSynthesizer(connection, model=MODEL, retry=QUICK).speak(SENTENCE)
    async with asyncio.timeout(10):
        assert isinstance(await anext(stream), AudioChunk)
        await stream.aclose()  # type: ignore[attr-defined]


class Script:
    """A websocket that answers each response.create with the next list of events."""

    def __init__(self, *replies: list[dict[str, object]]) -> None:
        self.replies = list(replies)
        self.asked: list[dict[str, object]] = []

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"type": "session.created"})
        async for message in socket:
            event = json.loads(message.data)
            if event["type"] == "response.create":
                self.asked.append(event["response"])
                for reply in self.replies.pop(0):
                    await socket.send_json(reply)
        return socket


async def scripted(script: Script) -> tuple[web.AppRunner, Connection]:
    app = web.Application()
    app.router.add_get("/v1/realtime", script.serve)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, Connection(endpoint(f"http://127.0.0.1:{runner.addresses[0][1]}/v1", Role.SPEECH))


def delta(data: str) -> dict[str, object]:
    return {"type": "response.output_audio.delta", "delta": data}


def done(status: str, **details: object) -> dict[str, object]:
    return {"type": "response.done", "response": {"status": status, "status_details": details}}


DONE = done("completed")


async def test_a_model_that_cannot_reason_is_asked_without() -> None:
    refused = {
        "type": "error",
        "error": {"type": "invalid_request_error", "param": "response.reasoning", "message": "no"},
    }
    script = Script([refused], [delta("AAAA"), DONE], [delta("AAAA"), DONE])
    runner, link = await scripted(script)
    synthesizer = RealtimeSynthesizer(link, model=MODEL, retry=QUICK)
    for _ in range(2):
        await say(synthesizer, SENTENCE)
    await link.aclose()
    await runner.cleanup()
    assert ["reasoning" in asked for asked in script.asked] == [True, False, False]


async def test_odd_bytes_are_joined_across_events() -> None:
    script = Script([delta("AQID"), delta("BAUG"), DONE])  # 1 2 3 | 4 5 6
    runner, link = await scripted(script)
    pcm, _, _ = await say(RealtimeSynthesizer(link, model=MODEL, retry=QUICK), SENTENCE)
    await link.aclose()
    await runner.cleanup()
    assert pcm == bytes([1, 2, 3, 4, 5, 6])


@pytest.mark.parametrize(
    ("events", "category"),
    [
        ([done("incomplete", reason="content_filter")], ProviderCategory.REFUSED),
        ([done("failed", error={"code": "insufficient_quota"})], ProviderCategory.QUOTA),
        ([DONE], ProviderCategory.SERVER),
        ([delta("AAAA"), done("incomplete")], ProviderCategory.INTERRUPTED),
        ([delta("not base64!")], ProviderCategory.SERVER),
    ],
    ids=["filtered", "failed", "silent", "cut short", "garbled"],
)  # fmt: skip
async def test_bad_ends(events: list[dict[str, object]], category: ProviderCategory) -> None:
    runner, link = await scripted(Script(events, events, events))
    with pytest.raises(ProviderError) as raised:
        await say(RealtimeSynthesizer(link, model=MODEL, retry=QUICK), SENTENCE)
    await link.aclose()
    await runner.cleanup()
    assert raised.value.category is category
