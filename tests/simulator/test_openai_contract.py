"""The emulated OpenAI's answers have the shapes of the published API description, and it takes what that allows."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import jsonschema
import pytest
import yaml
from referencing import Registry, Resource

from tests.simulator.openai_material import caption_request, sdk, sound
from tests.simulator.openai_server import CuriousMind, Made, OpenAIEmulator, faults

DESCRIPTION = Path(__file__).parents[2].parent / "shared" / "specs" / "openai-openapi.yaml"
_ROOT = "urn:openai"


class Contract:
    """The schemas of the API description as validators."""

    def __init__(self, description: dict[str, Any]) -> None:
        resource = Resource.from_contents(
            {"$schema": "https://json-schema.org/draft/2020-12/schema", **_relax(description)}
        )
        self._registry: Registry[Any] = Registry().with_resource(_ROOT, resource)

    def check(self, schema: str, value: Any) -> None:
        """Raises jsonschema.ValidationError unless `value` is a `schema`."""
        reference = {"$ref": f"{_ROOT}#/components/schemas/{schema}"}
        jsonschema.Draft202012Validator(reference, registry=self._registry).validate(value)


def _relax(node: Any) -> Any:
    """`nullable: true` of older descriptions as an `anyOf` with null; `oneOf` as `anyOf`, because the options of
    the description overlap."""
    if isinstance(node, list):
        return [_relax(item) for item in node]
    if not isinstance(node, dict):
        return node
    changed = {"anyOf" if key == "oneOf" else key: _relax(value) for key, value in node.items()}
    if changed.pop("nullable", False) is True:
        return {"anyOf": [changed, {"type": "null"}]}
    return changed


@pytest.fixture(scope="module")
def contract() -> Contract:
    if not DESCRIPTION.exists():
        pytest.skip("the API description is not here")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    with DESCRIPTION.open(encoding="utf-8") as file:
        return Contract(yaml.load(file, loader))


def events_of(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        if line.startswith("data: ") and line != "data: [DONE]":
            yield json.loads(line.removeprefix("data: "))


def plain(emulator: OpenAIEmulator) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        base_url=emulator.base_url, headers={"authorization": f"Bearer {emulator.api_key}"}, timeout=30
    )


def test_the_contract_can_be_broken(contract: Contract) -> None:
    contract.check("Error", {"type": "a", "message": "b", "param": None, "code": None})
    with pytest.raises(jsonschema.ValidationError):
        contract.check("Error", {"type": "a", "message": None, "param": None, "code": None})


async def test_models(contract: Contract) -> None:
    async with OpenAIEmulator() as emulator, plain(emulator) as client:
        contract.check("ListModelsResponse", (await client.get("/models")).json())
        contract.check("Model", (await client.get("/models/whisper-1")).json())


async def test_chat(contract: Contract) -> None:
    request = caption_request(("t=0:01", "red"))
    contract.check("CreateChatCompletionRequest", request)
    hello = {"model": "gpt-6-luna", "messages": [{"role": "user", "content": "hello"}]}
    streamed = {**hello, "stream": True, "stream_options": {"include_usage": True}}
    async with OpenAIEmulator() as emulator, plain(emulator) as client:
        for body in (request, hello):
            reply = await client.post("/chat/completions", json=body)
            contract.check("CreateChatCompletionResponse", reply.json())
        for options in ({"include_usage": True}, {"include_usage": True, "include_obfuscation": False}):
            stream = await client.post("/chat/completions", json={**streamed, "stream_options": options})
            chunks = list(events_of(stream.text))
            assert len(chunks) > 3
            for chunk in chunks:
                contract.check("CreateChatCompletionStreamResponse", chunk)
            assert ("obfuscation" in chunks[0]) is ("include_obfuscation" not in options)


async def test_tools(contract: Contract) -> None:
    schema = {
        "type": "object",
        "additionalProperties": False,
        "required": ["start"],
        "properties": {"start": {"type": "number"}},
    }
    tool = {"type": "function", "function": {"name": "look", "parameters": schema, "strict": True}}
    user = {"role": "user", "content": "hello"}
    request: dict[str, Any] = {"model": "gpt-6-luna", "messages": [user], "tools": [tool]}
    contract.check("CreateChatCompletionRequest", request)
    calls = [Made("look", json.dumps({"start": 2.5})), Made("look", "{}")]
    async with OpenAIEmulator(mind=CuriousMind(calls=[calls, calls])) as emulator, plain(emulator) as client:
        reply = (await client.post("/chat/completions", json=request)).json()
        contract.check("CreateChatCompletionResponse", reply)
        stream = await client.post("/chat/completions", json={**request, "stream": True})
        chunks = list(events_of(stream.text))
        for chunk in chunks:
            contract.check("CreateChatCompletionStreamResponse", chunk)
        pieces = [each for chunk in chunks for each in chunk["choices"][0]["delta"].get("tool_calls", ())]
        assert [piece["index"] for piece in pieces if "id" in piece] == [0, 1]
        first = "".join(piece["function"]["arguments"] for piece in pieces if piece["index"] == 0)
        assert first == calls[0].arguments
        assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"
        asked = reply["choices"][0]["message"]
        results = [{"role": "tool", "tool_call_id": call["id"], "content": "blue"} for call in asked["tool_calls"]]
        told = {**request, "messages": [user, asked, *results], "tool_choice": "none"}
        contract.check("CreateChatCompletionRequest", told)
        assert (await client.post("/chat/completions", json=told)).status_code == 200
        open_schema = {**tool, "function": {**tool["function"], "parameters": {**schema, "required": []}}}  # type: ignore[dict-item]
        for wrong in (
            {**told, "messages": [user, asked, results[0]]},
            {**told, "messages": [user, asked, results[0], user]},
            {**told, "messages": [user, *results]},
            {**request, "messages": [user, {"role": "assistant", "content": None}]},
            {**request, "tools": []},
            {**request, "tools": [{"type": "function"}]},
            {**request, "tools": [open_schema]},
            {**request, "tool_choice": "sometimes"},
            {"model": "gpt-6-luna", "messages": [user], "tool_choice": "none"},
        ):
            refused = await client.post("/chat/completions", json=wrong)
            assert refused.status_code == 400, wrong
            contract.check("ErrorResponse", refused.json())


async def test_transcripts(contract: Contract) -> None:
    files = {"file": ("a.ogg", sound((440, 1.0)), "audio/ogg")}
    cases = [
        ("gpt-transcribe", "json", "CreateTranscriptionResponseJson"),
        ("whisper-1", "json", "CreateTranscriptionResponseJson"),
        ("whisper-1", "verbose_json", "CreateTranscriptionResponseVerboseJson"),
        ("gpt-4o-transcribe-diarize", "diarized_json", "CreateTranscriptionResponseDiarizedJson"),
    ]
    async with OpenAIEmulator() as emulator, plain(emulator) as client:
        for model, form, schema in cases:
            data: dict[str, Any] = {"model": model, "response_format": form}
            if form == "verbose_json":
                data["timestamp_granularities[]"] = ["word", "segment"]
            reply = await client.post("/audio/transcriptions", data=data, files=files)
            contract.check(schema, reply.json())
        stream = await client.post(
            "/audio/transcriptions", data={"model": "gpt-transcribe", "stream": "true"}, files=files
        )
        for event in events_of(stream.text):
            contract.check("CreateTranscriptionResponseStreamEvent", event)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/chat/completions", {"model": "gpt-9", "messages": [{"role": "user", "content": "hi"}]}),
        ("/chat/completions", {"model": "gpt-6-luna"}),
        ("/audio/speech", {"model": "tts-1", "input": "x" * 5_000, "voice": "alloy"}),
        ("/nothing", {}),
    ],
)
async def test_refusals(contract: Contract, path: str, body: dict[str, Any]) -> None:
    async with OpenAIEmulator() as emulator, plain(emulator) as client:
        reply = await client.post(path, json=body)
        assert reply.status_code >= 400
        contract.check("ErrorResponse", reply.json())


@pytest.mark.parametrize(
    "fault",
    [
        faults.rate_limited(), faults.insufficient_quota(), faults.server_error(), faults.overloaded(),
        faults.bad_key(), faults.forbidden(), faults.policy_violation(), faults.model_gone(),
    ],
    ids=lambda fault: str(fault.status),
)  # fmt: skip
async def test_planned_refusals(contract: Contract, fault: faults.Status) -> None:
    contract.check("ErrorResponse", json.loads(fault.body))


async def test_realtime_events(contract: Contract) -> None:
    schemas = {
        "session.created": "RealtimeServerEventSessionCreated",
        "session.updated": "RealtimeServerEventSessionUpdated",
        "error": "RealtimeServerEventError",
        "response.created": "RealtimeServerEventResponseCreated",
        "response.output_item.added": "RealtimeServerEventResponseOutputItemAdded",
        "response.content_part.added": "RealtimeServerEventResponseContentPartAdded",
        "response.output_audio_transcript.delta": "RealtimeServerEventResponseAudioTranscriptDelta",
        "response.output_audio.delta": "RealtimeServerEventResponseAudioDelta",
        "response.output_audio.done": "RealtimeServerEventResponseAudioDone",
        "response.output_audio_transcript.done": "RealtimeServerEventResponseAudioTranscriptDone",
        "response.content_part.done": "RealtimeServerEventResponseContentPartDone",
        "response.output_item.done": "RealtimeServerEventResponseOutputItemDone",
        "response.done": "RealtimeServerEventResponseDone",
    }
    session = {
        "type": "realtime",
        "audio": {"output": {"voice": "marin", "format": {"type": "audio/pcm", "rate": 24_000}}},
    }
    message = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello."}]}
    sent: list[dict[str, Any]] = [
        {"type": "nonsense"},
        {"type": "session.update", "session": session},
        {"type": "response.create", "response": {"conversation": "none", "input": [message], "instructions": "Read."}},
    ]
    contract.check("RealtimeClientEventSessionUpdate", sent[1])
    contract.check("RealtimeClientEventResponseCreate", sent[2])
    seen: set[str] = set()
    async with (
        OpenAIEmulator() as emulator,
        sdk(emulator) as client,
        client.realtime.connect(model="gpt-realtime-2.1-mini") as connection,
    ):
        for event in sent:
            await connection.send(event)
        while "response.done" not in seen:
            event = json.loads(await connection.recv_bytes())
            contract.check(schemas[event["type"]], event)
            seen.add(event["type"])
    assert seen == schemas.keys()


@pytest.mark.parametrize("form", ["float", "base64"])
async def test_embeddings(contract: Contract, form: str) -> None:
    body = {"model": "text-embedding-3-small", "input": ["a car", "汽车"], "encoding_format": form, "dimensions": 256}
    contract.check("CreateEmbeddingRequest", body)
    async with OpenAIEmulator() as emulator, httpx2.AsyncClient() as client:
        headers = {"Authorization": f"Bearer {emulator.api_key}"}
        reply = (await client.post(f"{emulator.base_url}/embeddings", json=body, headers=headers)).json()
        refused = await client.post(f"{emulator.base_url}/embeddings", json={**body, "dimensions": 0}, headers=headers)
    if form == "float":
        contract.check("CreateEmbeddingResponse", reply)
    assert [item["index"] for item in reply["data"]] == [0, 1]
    assert all(isinstance(item["embedding"], str) is (form == "base64") for item in reply["data"])
    contract.check("ErrorResponse", refused.json())
    assert refused.status_code == 400
