"""The emulated OpenAI refuses what the API refuses, sees and hears what is there, and fails as planned."""

import asyncio
import base64
import io
import json
from datetime import date
from typing import Any

import httpx2
import numpy as np
import openai
import pytest
from PIL import Image

from tests import clips
from tests.simulator.openai_material import (
    CAPTION_SCHEMA,
    caption_request,
    encode,
    image_part,
    picture,
    sdk,
    sound,
    spoken,
)
from tests.simulator.openai_server import (
    Cut,
    Delays,
    HeardSegment,
    HonestMind,
    OpenAIEmulator,
    Reset,
    Stall,
    StreamError,
    TruncatedJson,
    faults,
    flavours,
    image_tokens,
)

HELLO: dict[str, Any] = {"model": "gpt-6-luna", "messages": [{"role": "user", "content": "hello"}]}
SPEAK: dict[str, Any] = {
    "model": "gpt-4o-mini-tts",
    "voice": "marin",
    "input": "Hello there.",
    "response_format": "pcm",
}
OGG = ("a.ogg", "audio/ogg")


async def read_stream(client: openai.AsyncOpenAI, **request: Any) -> str:
    stream = await client.chat.completions.create(**HELLO | request, stream=True)
    return "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])


async def speak(client: openai.AsyncOpenAI, **request: Any) -> bytes:
    async with client.audio.speech.with_streaming_response.create(**SPEAK | request) as response:
        return b"".join([piece async for piece in response.iter_bytes(4_800)])


async def transcribe(client: openai.AsyncOpenAI, data: bytes, **request: Any) -> Any:
    name, media_type = OGG
    request = {"model": "gpt-transcribe", **request}
    return await client.audio.transcriptions.create(file=(name, data, media_type), **request)


# --- models ---------------------------------------------------------------------------------------------------------


async def test_models_tell_when_they_end_and_leave_on_the_day() -> None:
    async with OpenAIEmulator(today=date(2026, 11, 21)) as emulator, sdk(emulator) as client:
        ends = {model.id: model.shutdown_date async for model in client.models.list()}
        assert ends["whisper-1"] == "2027-02-26"
        assert ends["gpt-6-luna"] is None
        assert "gpt-4-turbo" not in ends
    async with OpenAIEmulator(today=date(2027, 1, 6)) as emulator, sdk(emulator) as client:
        assert "tts-1" not in {model.id async for model in client.models.list()}
        with pytest.raises(openai.NotFoundError) as caught:
            await speak(client)
        assert caught.value.code == "model_not_found"


# --- chat: what is refused -------------------------------------------------------------------------------------------


async def test_wrong_and_missing_keys_are_refused() -> None:
    async with OpenAIEmulator() as emulator, sdk(emulator, api_key="sk-other") as client:
        with pytest.raises(openai.AuthenticationError) as caught:
            await client.chat.completions.create(**HELLO)
        assert caught.value.code == "invalid_api_key"
        assert "sk-other" not in str(caught.value)
        async with httpx2.AsyncClient() as plain:
            assert (await plain.get(f"{emulator.base_url}/models")).status_code == 401


@pytest.mark.parametrize(
    ("change", "status", "code", "param"),
    [
        ({"model": "gpt-9"}, 404, "model_not_found", None),
        ({"model": "gpt-4-turbo"}, 404, "model_not_found", None),
        ({"model": "tts-1"}, 404, None, "model"),
        ({"max_tokens": 5}, 400, "unsupported_parameter", "max_tokens"),
        ({"model": "gpt-5", "max_tokens": 5}, 400, "unsupported_parameter", "max_tokens"),
        ({"reasoning_effort": "low", "temperature": 0.2}, 400, "unsupported_value", "temperature"),
        ({"temperature": 0.2}, 400, "unsupported_value", "temperature"),
        ({"model": "gpt-6-astra", "reasoning_effort": "none"}, 400, "unsupported_value", "reasoning_effort"),
        ({"model": "gpt-4o", "reasoning_effort": "none"}, 400, None, "reasoning_effort"),
        ({"temperature": 3, "reasoning_effort": "none"}, 400, "decimal_above_max_value", "temperature"),
        ({"max_completion_tokens": 0}, 400, "integer_below_min_value", "max_completion_tokens"),
        ({"stream_options": {"include_usage": True}}, 400, None, "stream_options"),
        ({"extra_body": {"frames": 1}}, 400, "unknown_parameter", "frames"),
        ({"messages": []}, 400, "empty_array", "messages"),
        ({"messages": [{"role": "robot", "content": "hi"}]}, 400, "invalid_value", "messages[0].role"),
        ({"safety_identifier": "x" * 65}, 400, "string_above_max_length", "safety_identifier"),
    ],
)
async def test_chat_refuses_as_the_api_does(
    change: dict[str, Any], status: int, code: str | None, param: str | None
) -> None:
    async with OpenAIEmulator() as emulator, sdk(emulator) as client:
        with pytest.raises(openai.APIStatusError) as caught:
            await client.chat.completions.create(**HELLO | change)
        assert (caught.value.status_code, caught.value.code, caught.value.param) == (status, code, param)
        assert emulator.requests[-1].status == status


@pytest.mark.parametrize("change", [{"max_completion_tokens": 5}, {"reasoning_effort": "none", "temperature": 0.2}])
async def test_chat_accepts_what_the_api_accepts(change: dict[str, Any]) -> None:
    async with OpenAIEmulator() as emulator, sdk(emulator) as client:
        assert (await client.chat.completions.create(**HELLO | change)).choices[0].message.content


@pytest.mark.parametrize(
    ("part", "code"),
    [
        (image_part(b"no picture"), "invalid_image_format"),
        (image_part(picture("red")[:200]), "invalid_image_format"),
        (image_part(picture("red"), media_type="image/png"), "invalid_image_format"),
        (image_part(picture("red", form="BMP"), media_type="image/bmp"), "invalid_image_format"),
        (image_part(picture("red"), detail="ultra"), "invalid_value"),
        (image_part(picture("red", (6_000, 6_000)), detail=None), "image_too_large"),
        ({"type": "image_url", "image_url": {"url": "https://example.com/a.jpg"}}, "invalid_image_url"),
        ({"type": "image_url", "image_url": {"url": "a.jpg"}}, "invalid_value"),
        ({"type": "image_url", "image_url": {}}, "missing_required_parameter"),
        ({"type": "picture"}, "invalid_value"),
    ],
)
async def test_pictures_must_be_real(part: dict[str, Any], code: str) -> None:
    async with OpenAIEmulator() as emulator, sdk(emulator) as client:
        with pytest.raises(openai.BadRequestError) as caught:
            await client.chat.completions.create(**HELLO | {"messages": [{"role": "user", "content": [part]}]})
        assert caught.value.code == code


async def test_animated_pictures_and_pictures_from_the_system_are_refused() -> None:
    file = io.BytesIO()
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    animated = image_part(file.getvalue(), media_type="image/gif")
    async with OpenAIEmulator() as emulator, sdk(emulator) as client:
        for role, part in (("user", animated), ("system", image_part(picture("red")))):
            with pytest.raises(openai.BadRequestError):
                await client.chat.completions.create(**HELLO | {"messages": [{"role": role, "content": [part]}]})


@pytest.mark.parametrize(
    "spoil",
    [
        lambda schema: schema.pop("additionalProperties"),
        lambda schema: schema["properties"]["captions"]["items"]["required"].remove("text_on_screen"),
        lambda schema: schema["properties"]["captions"]["items"].update(additionalProperties=True),
        lambda schema: schema["properties"]["captions"].pop("items"),
        lambda schema: schema["properties"]["captions"]["items"]["properties"]["caption"].update(default=""),
        lambda schema: schema.update(type="array"),
    ],
)
async def test_strict_schemas_must_be_closed_and_complete(spoil: Any) -> None:
    schema = json.loads(json.dumps(CAPTION_SCHEMA))
    spoil(schema)
    async with OpenAIEmulator() as emulator, sdk(emulator) as client:
        with pytest.raises(openai.BadRequestError) as caught:
            await client.chat.completions.create(**caption_request(("t=00:00", "red"), schema=schema))
        assert caught.value.param == "response_format"


async def test_only_json_is_read() -> None:
    async with OpenAIEmulator() as emulator, httpx2.AsyncClient() as plain:
        headers = {"authorization": f"Bearer {emulator.api_key}"}
        text = await plain.post(f"{emulator.base_url}/chat/completions", content="hi", headers=headers)
        broken = await plain.post(
            f"{emulator.base_url}/chat/completions",
            content="{",
            headers={**headers, "content-type": "application/json"},
        )
        lost = await plain.get(f"{emulator.base_url}/nothing", headers=headers)
    assert text.json()["error"]["code"] == "unsupported_content_type"
    assert broken.status_code == 400
    assert lost.status_code == 404


# --- chat: what is answered ------------------------------------------------------------------------------------------


async def test_captions_name_the_colour_of_each_picture_at_its_time() -> None:
    frames = [("t=00:00.0", "red"), ("t=00:07.5", "blue"), ("t=01:03.0", "#00c000"), ("at_seconds: 3700.5", "white")]
    async with OpenAIEmulator() as emulator, sdk(emulator) as client:
        reply = await client.chat.completions.create(**caption_request(*frames))
        captions = json.loads(reply.choices[0].message.content or "")["captions"]
    assert [caption["at_seconds"] for caption in captions] == [0.0, 7.5, 63.0, 3700.5]
    for caption, colour in zip(captions, ("red", "blue", "green", "white"), strict=True):
        assert f"is {colour}," in caption["caption"]


HUES = {
    "#ff0000": "red", "#ff8000": "orange", "#ffff00": "yellow", "#008000": "green", "#00ffff": "cyan",
    "#0000ff": "blue", "#800080": "purple", "#ff60a0": "pink", "#000000": "black", "#ffffff": "white",
    "#808080": "grey", "#7a4a20": "brown",
}  # fmt: skip
IN_CLIPS = {f"#{bytes(rgb).hex()}": name for name, rgb in clips.COLOURS.items()}


@pytest.mark.parametrize(("colour", "name"), (HUES | IN_CLIPS).items())
async def test_colours_have_their_names(colour: str, name: str) -> None:
    async with OpenAIEmulator() as emulator, sdk(emulator) as client:
        reply = await client.chat.completions.create(**caption_request(("", colour), schema=None))
    assert f"The picture is {name}" in (reply.choices[0].message.content or "")


async def test_a_picture_of_two_colours_has_both() -> None:
    image = Image.new("RGB", (200, 100), "red")
    image.paste("blue", (0, 0, 70, 100))
    file = io.BytesIO()
    image.save(file, "PNG")
    part = image_part(file.getvalue(), media_type="image/png")
    async with OpenAIEmulator() as emulator, sdk(emulator) as client:
        reply = await client.chat.completions.create(**HELLO | {"messages": [{"role": "user", "content": [part]}]})
    assert "red with blue" in (reply.choices[0].message.content or "")


async def test_requests_are_recorded_with_pictures_and_their_tokens() -> None:
    async with OpenAIEmulator() as emulator, sdk(emulator) as client:
        await client.chat.completions.create(**caption_request(("t=00:01", "red"), ("t=00:02", "blue")))
        (call,) = emulator.captions
    assert [(image.width, image.height, image.detail) for image in call.images] == [(320, 180, "high")] * 2
    assert call.images[1].before == "t=00:02"
    assert call.image_tokens == 2 * 72
    assert call.size_bytes > 1_000
    assert call.status == 200
    assert not emulator.answers


async def test_a_streamed_answer_is_made_of_the_evidence_and_ends_with_its_usage() -> None:
    evidence = '[00:03-00:11] SEEN "a red wall."\n[00:12] HEARD hello\nIgnore [this].'
    request = HELLO | {"messages": [{"role": "user", "content": evidence}]}
    async with OpenAIEmulator() as emulator, sdk(emulator) as client:
        stream = await client.chat.completions.create(**request, stream=True, stream_options={"include_usage": True})
        chunks = [chunk async for chunk in stream]
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        assert text == "a red wall [00:03]. hello [00:12]."
        assert chunks[-1].choices == []
        assert chunks[-1].usage is not None
        assert chunks[-1].usage.completion_tokens == emulator.answers[0].output_tokens > 5
        assert chunks[-2].choices[0].finish_reason == "stop"


async def test_an_answer_stops_at_its_limit() -> None:
    async with OpenAIEmulator(mind=HonestMind(answers="one two three four")) as emulator, sdk(emulator) as client:
        reply = await client.chat.completions.create(**HELLO, max_completion_tokens=2)
        assert reply.choices[0].finish_reason == "length"
        assert reply.choices[0].message.content == "one two"


async def test_answers_can_be_scripted_in_turn_or_computed() -> None:
    async with OpenAIEmulator(mind=HonestMind(answers=["one", "two"])) as emulator, sdk(emulator) as client:
        assert [await read_stream(client) for _ in range(3)] == ["one", "two", "two"]
    mind = HonestMind(answers=lambda call: call.text[::-1])
    async with OpenAIEmulator(mind=mind) as emulator, sdk(emulator) as client:
        assert await read_stream(client) == "olleh"


@pytest.mark.parametrize(
    ("model", "size", "detail", "tokens"),
    [
        ("gpt-6-luna", (512, 288), "high", 173),
        ("gpt-6-luna", (640, 360), "high", 288),
        ("gpt-5.6-luna", (768, 432), "high", 404),
        ("gpt-6-luna", (1024, 576), "high", 692),
        ("gpt-6-luna", (1280, 720), "high", 1_104),
        ("gpt-6-luna", (1920, 1080), "high", 2_448),
        ("gpt-6-luna", (1024, 1024), "high", 1_229),
        ("gpt-6-luna", (1920, 1080), "low", 173),
        ("gpt-4o", (512, 288), "high", 255),
        ("gpt-4-turbo", (640, 360), "high", 425),
        ("gpt-4o", (1024, 576), "high", 765),
        ("gpt-4o", (1920, 1080), "high", 1_105),
        ("gpt-4o", (1920, 1080), "low", 85),
        ("gpt-4o-mini", (1024, 576), "high", 25_501),
        ("gpt-5.1", (1024, 576), "high", 630),
    ],
)
def test_image_tokens_follow_the_published_formulas(
    model: str, size: tuple[int, int], detail: str, tokens: int
) -> None:
    assert image_tokens(model, *size, detail) == tokens


# --- transcripts -----------------------------------------------------------------------------------------------------


async def test_tones_are_heard_with_their_times_and_silence_is_not() -> None:
    data = sound((440, 2.0), (0, 1.0), (880, 1.5), (1_320, 1.5))
    async with OpenAIEmulator() as emulator, sdk(emulator) as client:
        heard = await transcribe(client, data, model="whisper-1", response_format="verbose_json")
        silent = await transcribe(client, sound((0, 2.0)))
        call = emulator.transcriptions[0]
    said = [(item.text.strip(), item.start, item.end) for item in heard.segments]
    assert [text for text, _, _ in said] == ["tone 440 hertz", "tone 880 hertz", "tone 1320 hertz"]
    for (_, start, end), (true_start, true_end) in zip(said, ((0, 2), (3, 4.5), (4.5, 6)), strict=True):
        assert start == pytest.approx(true_start, abs=0.2)
        assert end == pytest.approx(true_end, abs=0.2)
    assert silent.text == ""
    assert (call.codec, call.channels) == ("opus", 1)
    assert call.duration_seconds == pytest.approx(6.0, abs=0.05)


async def test_media_can_be_skimmed() -> None:
    wav = sound((440, 1.5), encoder=("-ar", "44100", "-ac", "2", "-f", "wav"))
    async with OpenAIEmulator(skims=True) as emulator, sdk(emulator) as client:
        for data in (sound((440, 1.5)), wav):
            await transcribe(client, data)
        await client.chat.completions.create(**caption_request(("t=0:01", "red")))
        with pytest.raises(openai.BadRequestError):
            await transcribe(client, b"no sound")
        opus, pcm = emulator.transcriptions[:2]
    assert (opus.codec, opus.channels, pcm.codec, pcm.rate_hz, pcm.channels) == ("opus", 1, "pcm_s16le", 44_100, 2)
    assert [opus.duration_seconds, pcm.duration_seconds] == pytest.approx([1.5, 1.5], abs=0.02)
    assert emulator.captions[0].image_tokens == 72


async def test_learnt_speech_is_recognised_after_encoding_and_at_its_place() -> None:
    mind = HonestMind()
    hello, other = spoken("the quick brown fox jumps over the lazy dog"), spoken("seven silver swans swam south")
    mind.learn_speech(hello, "the quick brown fox")
    mind.learn_speech(other, "seven silver swans")
    gap = np.zeros(16_000, dtype=np.float32)
    data = encode(np.concatenate((gap, other, gap, hello)))
    async with OpenAIEmulator(mind=mind) as emulator, sdk(emulator) as client:
        heard = await transcribe(client, data, model="whisper-1", response_format="verbose_json")
    assert [item.text.strip() for item in heard.segments] == ["seven silver swans", "the quick brown fox"]
    assert heard.segments[0].start == pytest.approx(1.0, abs=0.4)
    assert heard.segments[1].start == pytest.approx(2.0 + len(other) / 16_000, abs=0.4)


async def test_what_is_heard_can_be_computed() -> None:
    def hears(audio: Any, call: Any) -> list[HeardSegment]:
        return [HeardSegment(start_seconds=0.5, end_seconds=1.0, text=f"{audio.rate_hz} {call.keywords[0]}")]

    async with OpenAIEmulator(mind=HonestMind(hears=hears)) as emulator, sdk(emulator) as client:
        heard = await transcribe(client, sound((440, 1.0)), keywords=["Ada", "Grace"])
    assert heard.text == "48000 Ada"


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"response_format": "verbose_json"}, "unsupported_value"),
        ({"response_format": "srt"}, "unsupported_value"),
        ({"model": "gpt-4o-transcribe", "response_format": "verbose_json"}, "unsupported_value"),
        ({"timestamp_granularities": ["word"]}, "unsupported_parameter"),
        ({"model": "whisper-1", "timestamp_granularities": ["word"]}, None),
        ({"model": "whisper-1", "keywords": ["Ada"]}, "unsupported_parameter"),
        ({"response_format": "xml"}, "invalid_value"),
        ({"model": "gpt-6-luna"}, None),
    ],
)
async def test_transcripts_refuse_as_the_api_does(request_: dict[str, Any], code: str | None) -> None:
    async with OpenAIEmulator() as emulator, sdk(emulator) as client:
        with pytest.raises(openai.BadRequestError) as caught:
            await transcribe(client, sound((440, 1.0)), **request_)
        assert caught.value.code == code


async def test_uploads_must_be_small_named_and_real() -> None:
    async with OpenAIEmulator() as emulator, sdk(emulator) as client:
        with pytest.raises(openai.APIStatusError) as large:
            await transcribe(client, bytes(26_214_401))
        with pytest.raises(openai.BadRequestError) as nameless:
            await client.audio.transcriptions.create(model="gpt-transcribe", file=io.BytesIO(sound((440, 1.0))))
        with pytest.raises(openai.BadRequestError) as broken:
            await transcribe(client, b"OggS" + bytes(300))
        with pytest.raises(openai.BadRequestError) as short:
            await transcribe(client, encode(np.full(800, 0.1, dtype=np.float32), ("-f", "wav")))
    assert large.value.status_code == 413
    assert "Invalid file format" in nameless.value.message
    assert broken.value.code == "invalid_value"
    assert short.value.code == "audio_too_short"


async def test_transcripts_stream() -> None:
    async with OpenAIEmulator() as emulator, sdk(emulator) as client:
        stream = await transcribe(client, sound((440, 1.0)), stream=True)
        events = [event async for event in stream]
    assert events[-1].type == "transcript.text.done"
    assert "".join(event.delta for event in events[:-1]) == events[-1].text == "tone 440 hertz"


# --- speech ----------------------------------------------------------------------------------------------------------


async def test_speech_is_as_long_as_its_text_and_in_the_format_asked_for() -> None:
    async with OpenAIEmulator() as emulator, sdk(emulator) as client:
        short, long = await speak(client), await speak(client, input="Hello there. " * 10)
        magic = {form: (await speak(client, response_format=form))[:4] for form in ("wav", "opus", "flac")}
        assert emulator.speeches[0].text == "Hello there."
    assert 0.4 < len(short) / 48_000 < 2.0
    assert len(long) > 8 * len(short)
    assert magic == {"wav": b"RIFF", "opus": b"OggS", "flac": b"fLaC"}


@pytest.mark.parametrize(
    ("change", "status", "param"),
    [
        ({"input": "x" * 4_097}, 400, "input"),
        ({"input": ""}, 400, "input"),
        ({"voice": "nobody"}, 400, "voice"),
        ({"speed": 5}, 400, "speed"),
        ({"response_format": "ogg"}, 400, "response_format"),
        ({"model": "tts-1", "instructions": "softly"}, 400, "instructions"),
        ({"model": "gpt-6-luna"}, 400, "model"),
        ({"extra_body": {"pitch": 2}}, 400, "pitch"),
        ({"model": "tts-9"}, 404, None),
    ],
)
async def test_speech_refuses_as_the_api_does(change: dict[str, Any], status: int, param: str | None) -> None:
    async with OpenAIEmulator() as emulator, sdk(emulator) as client:
        with pytest.raises(openai.APIStatusError) as caught:
            await speak(client, **change)
        assert (caught.value.status_code, caught.value.param) == (status, param)


# --- realtime --------------------------------------------------------------------------------------------------------

SESSION: dict[str, Any] = {
    "type": "realtime",
    "output_modalities": ["audio"],
    "audio": {"output": {"voice": "marin", "format": {"type": "audio/pcm", "rate": 24_000}}},
}


def say(text: str) -> dict[str, Any]:
    message = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    return {
        "conversation": "none",
        "input": [message],
        "instructions": "Read the text verbatim.",
        "tools": [],
        "reasoning": {"effort": "minimal"},
    }


async def until(connection: Any, kind: str) -> list[Any]:
    events = []
    async for event in connection:
        events.append(event)
        if event.type == kind:
            break
    return events


async def test_the_websocket_says_what_stands_in_the_input() -> None:
    async with OpenAIEmulator() as emulator, sdk(emulator) as client:
        async with client.realtime.connect(model="gpt-realtime-2.1-mini") as connection:
            await connection.session.update(session=SESSION)
            assert [event.type for event in await until(connection, "session.updated")] == [
                "session.created",
                "session.updated",
            ]
            for text in ("Hello you.", "And you too."):
                await connection.response.create(response=say(text))
                events = await until(connection, "response.done")
                pcm = b"".join(base64.b64decode(event.delta) for event in events if event.type.endswith("audio.delta"))
                (said,) = [event.transcript for event in events if event.type.endswith("transcript.done")]
                assert said == text
                assert len(pcm) == emulator.speeches[-1].audio_seconds * 48_000 > 10_000
                assert events[-1].response.status == "completed"
                assert events[-1].response.usage.output_token_details.audio_tokens > 0
        assert [(call.endpoint, call.text, call.voice) for call in emulator.speeches] == [
            ("realtime", "Hello you.", "marin"),
            ("realtime", "And you too.", "marin"),
        ]


async def test_a_voice_model_may_reword() -> None:
    mind = HonestMind(rewords=lambda text: text.replace("I'm", "I am"))
    async with (
        OpenAIEmulator(mind=mind) as emulator,
        sdk(emulator) as client,
        client.realtime.connect(model="gpt-realtime-2.1-mini") as connection,
    ):
        await connection.response.create(response=say("I'm here."))
        events = await until(connection, "response.done")
    assert [event.transcript for event in events if event.type.endswith("transcript.done")] == ["I am here."]


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"type": "session.update", "session": {"voice": "marin"}}, "missing_required_parameter"),
        ({"type": "session.update", "session": {"type": "realtime", "voice": "marin"}}, "unknown_parameter"),
        ({"type": "session.update", "session": {**SESSION, "audio": {"output": {"voice": "nova"}}}}, "invalid_value"),
        ({"type": "response.create", "response": {"modalities": ["audio"]}}, "unknown_parameter"),
        ({"type": "response.cancel"}, "response_cancel_not_active"),
        ({"type": "speak"}, "invalid_value"),
    ],
)
async def test_the_websocket_refuses_with_events(event: dict[str, Any], code: str) -> None:
    async with (
        OpenAIEmulator() as emulator,
        sdk(emulator) as client,
        client.realtime.connect(model="gpt-realtime-2.1-mini") as connection,
    ):
        await connection.recv()
        await connection.send({**event, "event_id": "mine"})
        answer = await connection.recv()
    assert answer.type == "error"
    assert (answer.error.code, answer.error.event_id) == (code, "mine")


async def test_a_wrong_key_or_model_closes_the_websocket() -> None:
    async with OpenAIEmulator() as emulator:
        for key, model, code in (
            ("sk-x", "gpt-realtime-2.1", "invalid_api_key"),
            (None, "gpt-6-luna", "model_not_found"),
        ):
            async with (
                sdk(emulator, api_key=key or emulator.api_key) as client,
                client.realtime.connect(model=model) as connection,
            ):
                answer = await connection.recv()
                assert answer.type == "error"
                assert answer.error.code == code


@pytest.mark.parametrize(
    ("fault", "last", "status"),
    [
        (StreamError(after=1), "response.done", "failed"),
        (faults.insufficient_quota(), "response.done", "failed"),
    ],
)
async def test_a_websocket_response_can_fail(fault: faults.Fault, last: str, status: str) -> None:
    async with OpenAIEmulator() as emulator, sdk(emulator) as client:
        emulator.fail("realtime", fault)
        async with client.realtime.connect(model="gpt-realtime-2.1-mini") as connection:
            await connection.response.create(response=say("Hello, all of you."))
            events = await until(connection, last)
            assert events[-1].response.status == status


async def test_a_websocket_can_break_off() -> None:
    async with OpenAIEmulator() as emulator, sdk(emulator) as client:
        emulator.fail("realtime", Cut(after=1))
        async with client.realtime.connect(model="gpt-realtime-2.1-mini") as connection:
            await connection.response.create(response=say("Hello, all of you."))
            with pytest.raises(Exception, match="close frame"):
                await until(connection, "response.done")


# --- faults ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "error", "code"),
    [
        (faults.rate_limited(1), openai.RateLimitError, "rate_limit_exceeded"),
        (faults.insufficient_quota(), openai.RateLimitError, "insufficient_quota"),
        (faults.server_error(), openai.InternalServerError, None),
        (faults.bad_gateway(), openai.InternalServerError, None),
        (faults.overloaded(), openai.InternalServerError, "server_is_overloaded"),
        (faults.bad_key(), openai.AuthenticationError, "invalid_api_key"),
        (faults.policy_violation(), openai.PermissionDeniedError, "misalignment_policy_violation"),
        (faults.model_gone(), openai.NotFoundError, "model_not_found"),
        (faults.unprocessable(), openai.UnprocessableEntityError, None),
        (Reset(), openai.APIConnectionError, None),
    ],
)
async def test_planned_statuses_arrive_on_every_endpoint(
    fault: faults.Fault, error: type[openai.APIError], code: str | None
) -> None:
    async with OpenAIEmulator() as emulator, sdk(emulator) as client:
        emulator.fail("any", fault, always=True)
        calls = (read_stream(client), client.chat.completions.create(**HELLO), speak(client), client.models.list())
        for call in (*calls, transcribe(client, sound((440, 0.5)))):
            with pytest.raises(error) as caught:
                await call
            assert caught.value.code == code
        emulator.heal()
        assert await read_stream(client)


async def test_retry_after_is_sent() -> None:
    async with OpenAIEmulator() as emulator, sdk(emulator) as client:
        emulator.fail("chat", faults.rate_limited(7))
        with pytest.raises(openai.RateLimitError) as caught:
            await read_stream(client)
    assert caught.value.response.headers["retry-after"] == "7"


async def test_faults_come_in_their_turn_and_only_where_planned() -> None:
    async with OpenAIEmulator() as emulator, sdk(emulator) as client:
        emulator.fail("answers", faults.overloaded(), at=2)
        assert await read_stream(client)
        await client.chat.completions.create(**caption_request(("t=0:01", "red")))
        with pytest.raises(openai.InternalServerError):
            await read_stream(client)
        assert await read_stream(client)
        assert [call.fault for call in emulator.requests] == [None, None, "Status", None]


async def test_html_with_status_200_is_a_plain_string_to_the_sdk() -> None:
    async with OpenAIEmulator() as emulator, sdk(emulator) as client:
        emulator.fail("chat", faults.captive_portal())
        assert isinstance(await client.chat.completions.create(**HELLO), str)


async def test_streams_break_off_after_some_pieces() -> None:
    async with OpenAIEmulator(mind=HonestMind(answers="one two three four")) as emulator, sdk(emulator) as client:
        for fault, error in ((Cut(after=3), openai.APIConnectionError), (StreamError(after=3), openai.APIError)):
            emulator.fail("chat", fault)
            got = ""
            stream = await client.chat.completions.create(**HELLO, stream=True)
            with pytest.raises(error):  # noqa: PT012 - the stream breaks off in the middle
                async for chunk in stream:
                    got += chunk.choices[0].delta.content or ""
            assert got == "one two"
        emulator.fail("speech", Cut(after=2))
        heard = b""
        with pytest.raises(httpx2.RemoteProtocolError):  # noqa: PT012 - as above
            async with client.audio.speech.with_streaming_response.create(**SPEAK) as response:
                async for piece in response.iter_bytes(4_800):
                    heard += piece
        assert len(heard) == 9_600
        emulator.fail("chat", Cut())
        with pytest.raises(openai.APIConnectionError):
            await client.chat.completions.create(**HELLO)


async def test_a_stall_meets_the_read_timeout_and_does_not_hold_up_the_end() -> None:
    async with OpenAIEmulator() as emulator, sdk(emulator, timeout=httpx2.Timeout(5, read=0.2)) as client:
        emulator.fail("chat", Stall(), Stall(after=2))
        for _ in range(2):
            with pytest.raises(openai.APITimeoutError):
                await read_stream(client)


async def test_json_can_stop_in_the_middle() -> None:
    async with OpenAIEmulator() as emulator, sdk(emulator) as client:
        emulator.fail("chat", TruncatedJson())
        with pytest.raises(json.JSONDecodeError):
            await client.chat.completions.create(**HELLO)


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        (faults.shifted_times(0.7), lambda text: [c["at_seconds"] for c in json.loads(text)["captions"]] == [1.7, 2.7]),
        (faults.missing_caption(), lambda text: [c["at_seconds"] for c in json.loads(text)["captions"]] == [1.0]),
        (faults.extra_caption(9.0), lambda text: [c["at_seconds"] for c in json.loads(text)["captions"]] == [1, 2, 9]),
        (faults.reversed_captions(), lambda text: [c["at_seconds"] for c in json.loads(text)["captions"]] == [2, 1]),
        (faults.string_times(), lambda text: json.loads(text)["captions"][0]["at_seconds"] == "1.0"),
        (faults.fenced_json(), lambda text: "```json\n{" in text),
        (faults.prose("A wall."), lambda text: text == "A wall."),
        (faults.broken_json(), lambda text: text.startswith("{") and not text.endswith("}")),
        (faults.empty_reply(), lambda text: text == ""),
    ],
)
async def test_captions_can_be_spoilt(fault: faults.Fault, check: Any) -> None:
    async with OpenAIEmulator() as emulator, sdk(emulator) as client:
        emulator.fail("captions", fault)
        reply = await client.chat.completions.create(**caption_request(("t=0:01", "red"), ("t=0:02", "blue")))
    assert check(reply.choices[0].message.content)


async def test_an_answer_can_be_filtered() -> None:
    async with OpenAIEmulator() as emulator, sdk(emulator) as client:
        emulator.fail("answers", faults.filtered())
        assert (await client.chat.completions.create(**HELLO)).choices[0].finish_reason == "content_filter"


async def test_delays_hold() -> None:
    delays = Delays(caption=0.3, transcript=0.1, transcript_per_second=0.1, first_token=0.2, first_speech_byte=0.2)
    async with OpenAIEmulator(delays=delays) as emulator, sdk(emulator) as client:
        async with asyncio.TaskGroup() as group:
            for _ in range(2):
                group.create_task(client.chat.completions.create(**caption_request(("t=0:01", "red"))))
            group.create_task(transcribe(client, sound((440, 1.0))))
            group.create_task(read_stream(client))
            group.create_task(speak(client))
        took = {call.endpoint: (call.ended_seconds or 0) - call.at_seconds for call in emulator.requests}
        assert took["transcriptions"] >= 0.2
        assert took["speech"] >= 0.2
        assert all((call.ended_seconds or 0) - call.at_seconds >= 0.3 for call in emulator.captions)
        assert all((call.ended_seconds or 0) - call.at_seconds >= 0.2 for call in emulator.answers)
        assert emulator.most_at_once(emulator.captions) == 2


# --- flavours --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flavour", flavours.FLAVOURS, ids=lambda flavour: flavour.name)
async def test_every_flavour_lists_models_and_does_what_it_offers(flavour: flavours.Flavour) -> None:
    async with OpenAIEmulator(flavour=flavour) as emulator, sdk(emulator) as client:
        known = [model.id async for model in client.models.list()]
        model = flavour.models[0] if flavour.models else None
        assert known
        if flavour.chat.offered:
            reply = await client.chat.completions.create(**HELLO | {"model": model or "gpt-6-luna"})
            assert reply.choices[0].message.content
        else:
            with pytest.raises(openai.NotFoundError):
                await client.chat.completions.create(**HELLO)
        if flavour.hearing.offered:
            heard = await transcribe(client, sound((440, 0.5)), model=model or "whisper-1", response_format="json")
            assert heard.text == "tone 440 hertz"
        else:
            with pytest.raises(openai.NotFoundError):
                await transcribe(client, sound((440, 0.5)))
        if flavour.speaking.offered:
            assert await speak(client, model=model or "tts-1", voice="alloy")
        else:
            with pytest.raises(openai.NotFoundError):
                await speak(client)


async def test_one_picture_per_request() -> None:
    request = caption_request(("t=0:01", "red"), ("t=0:02", "blue")) | {"model": flavours.VLLM.models[0]}
    async with OpenAIEmulator(flavour=flavours.VLLM) as emulator, sdk(emulator) as client:
        with pytest.raises(openai.BadRequestError, match=r"At most 1 image\(s\)") as caught:
            await client.chat.completions.create(**request)
        assert caught.value.response.json()["error"]["code"] == 400


async def test_json_is_given_where_the_text_alone_asks_for_it() -> None:
    asked = 'Answer as {"captions": [{"at_seconds": 1.0, "caption": "", "text_on_screen": null}]}. t=0:01'
    async with OpenAIEmulator(flavour=flavours.SCHEMALESS) as emulator, sdk(emulator) as client:
        reply = await client.chat.completions.create(**caption_request((asked, "red"), schema=None))
        assert json.loads(reply.choices[0].message.content or "")["captions"][0]["at_seconds"] == 1.0


async def test_ignored_and_refused_schemas() -> None:
    async with OpenAIEmulator(flavour=flavours.PLAIN) as emulator, sdk(emulator) as client:
        reply = await client.chat.completions.create(**caption_request(("t=0:01", "red")))
        assert (reply.choices[0].message.content or "").startswith("<think>")
        assert "The picture is red" in (reply.choices[0].message.content or "")
    async with OpenAIEmulator(flavour=flavours.SCHEMALESS) as emulator, sdk(emulator) as client:
        with pytest.raises(openai.BadRequestError) as caught:
            await client.chat.completions.create(**caption_request(("t=0:01", "red")))
        assert caught.value.param == "response_format"


async def test_ollama_has_no_limit_it_does_not_know_thinks_aside_and_forgets_pictures() -> None:
    model = "qwen3-vl:8b"
    mind = HonestMind(answers="one two three four")
    async with OpenAIEmulator(flavour=flavours.OLLAMA, mind=mind) as emulator, sdk(emulator) as client:
        free = await client.chat.completions.create(**HELLO | {"model": model, "max_completion_tokens": 2})
        bound = await client.chat.completions.create(**HELLO | {"model": model, "max_tokens": 2})
        assert free.choices[0].message.content == "one two three four"
        assert bound.choices[0].message.content == "one two"
        stream = await client.chat.completions.create(**HELLO | {"model": model}, stream=True)
        deltas = [chunk.choices[0].delta async for chunk in stream]
        assert any(getattr(delta, "reasoning", None) for delta in deltas)
        large = [{"type": "text", "text": "t=0:01"}, image_part(picture("red", (1280, 720)))] * 5
        request = caption_request(("", "red")) | {"model": model, "messages": [{"role": "user", "content": large}]}
        reply = await client.chat.completions.create(**request)
        assert len(json.loads(reply.choices[0].message.content or "")["captions"]) == 3


async def test_transcripts_of_other_servers_have_other_shapes() -> None:
    data = sound((440, 1.0))
    request: dict[str, Any] = {"response_format": "verbose_json", "timestamp_granularities": ["word", "segment"]}
    async with OpenAIEmulator(flavour=flavours.VLLM) as emulator, sdk(emulator) as client:
        heard = await transcribe(client, data, **request, model="openai/whisper-large-v3")
        assert isinstance(heard.duration, str)
        assert heard.words is None
        assert heard.segments[0].no_speech_prob is None
        stream = await transcribe(client, data, model="openai/whisper-large-v3", stream=True)
        assert {getattr(event, "type", None) for event in [event async for event in stream]} == {None}
    async with OpenAIEmulator(flavour=flavours.LOCAL_AI) as emulator, sdk(emulator) as client:
        heard = await transcribe(client, data, **request)
        assert heard.words[0].text == "tone"
        assert not hasattr(heard.segments[0], "word")
    async with OpenAIEmulator(flavour=flavours.LLAMA_CPP) as emulator, sdk(emulator) as client:
        events = [event async for event in await transcribe(client, data, stream=True)]
        assert events[-1].text == ""
        assert "".join(event.delta for event in events[:-1]) == "tone 440 hertz"
    async with OpenAIEmulator(flavour=flavours.PARAKEET) as emulator, sdk(emulator) as client:
        with pytest.raises(openai.BadRequestError):
            await transcribe(client, data, **request, model=flavours.PARAKEET.models[0])
    async with OpenAIEmulator(flavour=flavours.OPENROUTER) as emulator, sdk(emulator) as client:
        heard = await transcribe(client, data, **request, model="openai/whisper-1")
        assert getattr(heard, "segments", None) is None


async def test_voices_speeds_and_error_bodies_of_other_servers() -> None:
    async with OpenAIEmulator(flavour=flavours.KOKORO) as emulator, sdk(emulator) as client:
        with pytest.raises(openai.BadRequestError):
            await speak(client, model="kokoro", voice="marin")
        assert await speak(client, model="kokoro", voice="af_heart+af_bella")
    async with OpenAIEmulator(flavour=flavours.SPEACHES) as emulator, sdk(emulator) as client:
        model = "speaches-ai/Kokoro-82M-v1.0-ONNX"
        assert await speak(client, model=model, voice="marin")
        with pytest.raises(openai.UnprocessableEntityError) as caught:
            await speak(client, model=model, speed=3)
        assert "detail" in caught.value.response.json()
        with pytest.raises(openai.NotFoundError) as missing:
            await speak(client, model="not/downloaded")
        assert isinstance(missing.value.response.json()["detail"], str)


async def test_only_the_websocket_speaks_once_rest_speech_has_ended() -> None:
    async with OpenAIEmulator(flavour=flavours.AFTER_SPEECH) as emulator, sdk(emulator) as client:
        with pytest.raises(openai.NotFoundError):
            await speak(client)
        async with client.realtime.connect(model="gpt-realtime-2.1-mini") as connection:
            assert (await connection.recv()).type == "session.created"
