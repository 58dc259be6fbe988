"""POST /v1/audio/speech: what the API checks before it speaks."""

import re
from typing import Any

from tests.simulator.openai_server.catalog import Kind, ModelCard
from tests.simulator.openai_server.flavours import SPEECH_FORMATS, Flavour
from tests.simulator.openai_server.records import SpeechCall
from tests.simulator.openai_server.refusals import (
    Refusal,
    invalid_type,
    invalid_value,
    missing_parameter,
    model_not_found,
    unknown_parameter,
    unsupported_parameter,
)

_FIELDS = frozenset(("model", "input", "voice", "instructions", "response_format", "speed", "stream_format"))
_SENTENCE = re.compile(r"[^.!?\u3002\uff01\uff1f]+[.!?\u3002\uff01\uff1f]*\s*")


def read_speech(call: SpeechCall, flavour: Flavour, card: ModelCard | None) -> None:
    """Fills `call` from its body and raises Refusal where the API does."""
    body, habits = call.body, flavour.speaking
    voice = body.get("voice")
    call.text = body["input"] if isinstance(body.get("input"), str) else ""
    call.voice = voice.get("id", "") if isinstance(voice, dict) else voice or ""
    call.response_format = body.get("response_format", "mp3")
    call.instructions = body.get("instructions", "")
    for name in ("model", "input", "voice"):
        if name not in body:
            raise missing_parameter(name)
    if card is None and not flavour.any_model:
        raise model_not_found(call.model)
    if card is not None and flavour.models is None and card.kind is not Kind.SPEECH:
        raise Refusal(400, f"Invalid model {call.model}. The model is not supported for this endpoint.", param="model")
    if not isinstance(body["input"], str):
        raise invalid_type("input", "a string", body["input"])
    if not call.text.strip():
        raise _bound("input", "should have at least 1 character")
    for name in ("input", "instructions"):
        value = body.get(name)
        if habits.max_characters is not None and isinstance(value, str) and len(value) > habits.max_characters:
            raise _bound(name, f"should have at most {habits.max_characters} characters")
    if call.response_format not in habits.formats:
        raise invalid_value("response_format", call.response_format, tuple(sorted(habits.formats & SPEECH_FORMATS)))
    _check_speed(call, flavour)
    _check_voice(call, flavour)
    if flavour.models is None and not flavour.any_model:
        _check_strictly(body)


def _check_speed(call: SpeechCall, flavour: Flavour) -> None:
    speed: Any = call.body.get("speed", 1.0)
    low, high = flavour.speaking.speed
    if isinstance(speed, bool) or not isinstance(speed, int | float) or not low <= speed <= high:
        status = 422 if flavour.errors in ("detail", "detail_object") else 400
        raise Refusal(status, f"Input should be between {low} and {high}", param="speed", code="invalid_value")
    call.speed = float(speed)


def _check_voice(call: SpeechCall, flavour: Flavour) -> None:
    habits = flavour.speaking
    names = re.split(r"\+", call.voice) if habits.mixed_voices else [call.voice]
    if all(name in habits.voices for name in names) or isinstance(call.body["voice"], dict):
        return
    if habits.unknown_voice == "refused":
        raise invalid_value("voice", call.voice, tuple(sorted(habits.voices)))


def _check_strictly(body: dict[str, Any]) -> None:
    for name in body:
        if name not in _FIELDS:
            raise unknown_parameter(name)
    if body["model"].startswith("tts-1"):
        if body.get("instructions"):
            raise unsupported_parameter("instructions")
        if body.get("stream_format") == "sse":
            raise unsupported_parameter("stream_format")


def _bound(name: str, what: str) -> Refusal:
    return Refusal(400, f"Invalid '{name}': string {what}.", param=name, code="invalid_value")


def split_sentences(text: str) -> list[str]:
    """Sentences with their ends; joined they are the text again."""
    return _SENTENCE.findall(text) or [text]


def strip_markdown(text: str) -> str:
    """What a server that cleans its input itself would say."""
    return re.sub(r"[*_`#]|[\U0001f300-\U0001faff]", "", text)
