"""POST /v1/audio/transcriptions: what the API checks, and transcripts in every shape."""

import re
from pathlib import PurePath
from typing import Any

from aiohttp import web

from tests.simulator.openai_server.catalog import Kind, ModelCard
from tests.simulator.openai_server.flavours import Flavour
from tests.simulator.openai_server.minds import HeardSegment
from tests.simulator.openai_server.records import TranscriptionCall
from tests.simulator.openai_server.refusals import (
    Refusal,
    invalid_value,
    missing_parameter,
    model_not_found,
    unknown_parameter,
    unsupported_parameter,
    unsupported_value,
)

_SUFFIXES = ("flac", "m4a", "mp3", "mp4", "mpeg", "mpga", "oga", "ogg", "wav", "webm")
_FIELDS = frozenset(
    (
        "file", "model", "language", "languages", "keywords", "prompt", "response_format", "temperature", "include",
        "timestamp_granularities", "stream", "chunking_strategy", "known_speaker_names", "known_speaker_references",
    )
)  # fmt: skip
_FORMATS = ("json", "text", "srt", "verbose_json", "vtt", "diarized_json")
_BY_MODEL = {
    "whisper-1": ("json", "text", "srt", "verbose_json", "vtt"),
    "gpt-4o-transcribe-diarize": ("json", "text", "diarized_json"),
    "gpt-transcribe": ("json", "text"),
    "gpt-4o-transcribe": ("json", "text"),
    "gpt-4o-mini-transcribe": ("json", "text"),
}


async def read_upload(request: web.Request, call: TranscriptionCall) -> bytes:
    """The uploaded file; fills `call` with the form. Raises Refusal when it is no form."""
    if request.content_type != "multipart/form-data":
        raise Refusal(
            400,
            f"Unsupported content type: '{request.content_type}'. This API method only accepts "
            "'multipart/form-data' requests.",
            code="unsupported_content_type",
        )
    data = b""
    fields: dict[str, Any] = {}
    for name, value in (await request.post()).items():
        if isinstance(value, web.FileField):
            if name == "file":
                data = value.file.read()
                call.filename, call.content_type = value.filename, value.content_type
                fields["file"] = value.filename
        elif isinstance(value, str):
            key = re.sub(r"\[.*\]$", "", name)
            if name.endswith("[]"):
                fields.setdefault(key, []).append(value)
            else:
                fields[key] = value
    call.body = fields
    call.file_bytes = len(data)
    call.model = fields.get("model", "")
    call.response_format = fields.get("response_format")
    call.granularities = tuple(fields.get("timestamp_granularities", ()))
    call.keywords = tuple(fields.get("keywords", ()))
    call.languages = tuple(fields.get("languages", ()))
    call.prompt = fields.get("prompt", "")
    call.stream = fields.get("stream") == "true"
    return data


def check_upload(call: TranscriptionCall, flavour: Flavour, card: ModelCard | None) -> str:
    """The response format to use. Raises Refusal where the API does."""
    habits = flavour.hearing
    if "file" not in call.body:
        raise missing_parameter("file")
    if not call.model:
        raise missing_parameter("model")
    if card is None and not flavour.any_model:
        raise model_not_found(call.model)
    if card is not None and flavour.models is None and card.kind is not Kind.TRANSCRIPTION:
        raise Refusal(400, f"Invalid model {call.model}. The model is not supported for this endpoint.", param="model")
    if habits.max_file_bytes is not None and call.file_bytes > habits.max_file_bytes:
        raise Refusal(
            413,
            f"413: Maximum content size limit ({habits.max_file_bytes}) exceeded ({call.file_bytes} bytes read)",
            kind="server_error",
        )
    suffix = PurePath(call.filename).suffix.lstrip(".").lower()
    if habits.by_model and suffix not in _SUFFIXES:
        raise unreadable_file()
    asked = call.response_format or habits.default_format
    if asked not in _FORMATS:
        raise invalid_value("response_format", asked, _FORMATS)
    if habits.text_only:
        return "json"
    if habits.by_model:
        _check_for_model(call, asked)
        return asked
    if asked in habits.formats:
        return asked
    if habits.unknown_format == "json":
        return "json"
    raise Refusal(400, f"response_format '{asked}' is not supported by this model.", param="response_format")


def _check_for_model(call: TranscriptionCall, asked: str) -> None:
    for name in call.body:
        if name not in _FIELDS:
            raise unknown_parameter(name)
    allowed = _BY_MODEL.get(call.model, ("json", "text"))
    if asked not in allowed:
        listed = " or ".join(f"'{item}'" for item in allowed)
        raise Refusal(
            400,
            f"response_format '{asked}' is not compatible with model '{call.model}'. Use {listed} instead.",
            param="response_format",
            code="unsupported_value",
        )
    if call.granularities and call.model != "whisper-1":
        raise unsupported_parameter("timestamp_granularities")
    if call.granularities and asked != "verbose_json":
        raise Refusal(
            400,
            "timestamp_granularities is only supported with response_format 'verbose_json'.",
            param="timestamp_granularities",
        )
    for item in call.granularities:
        if item not in ("word", "segment"):
            raise invalid_value("timestamp_granularities[0]", item, ("word", "segment"))
    if call.model != "gpt-transcribe":
        for name in ("keywords", "languages"):
            if name in call.body:
                raise unsupported_parameter(name)
    if call.model == "gpt-4o-transcribe-diarize" and call.prompt:
        raise unsupported_parameter("prompt")
    if "logprobs" in call.body.get("include", ()) and not call.model.startswith("gpt-4o"):
        raise unsupported_value("include", "logprobs", "It needs a gpt-4o transcription model.")


def check_heard(call: TranscriptionCall) -> None:
    """Checks that need the sound itself. Raises Refusal."""
    if call.duration_seconds < 0.1:
        raise Refusal(
            400,
            "Audio file is too short. Minimum audio length is 0.1 seconds.",
            param="file",
            code="audio_too_short",
        )
    if call.model.startswith("gpt-4o") and call.duration_seconds > 1_500:
        raise Refusal(
            400,
            f"audio duration {call.duration_seconds:.3f} seconds is longer than 1500 seconds which is the maximum "
            "for this model",
            param="file",
            code="invalid_value",
        )
    if (
        call.model == "gpt-4o-transcribe-diarize"
        and call.duration_seconds > 30
        and "chunking_strategy" not in call.body
    ):
        raise Refusal(
            400, "chunking_strategy is required for diarization models", param="chunking_strategy",
            code="missing_required_parameter",
        )  # fmt: skip


def unreadable_file() -> Refusal:
    return Refusal(400, f"Invalid file format. Supported formats: {list(_SUFFIXES)}")


def corrupted_file() -> Refusal:
    return Refusal(400, "Audio file might be corrupted or unsupported", param="file", code="invalid_value")


def shape(
    call: TranscriptionCall, flavour: Flavour, form: str, heard: list[HeardSegment], text: str
) -> dict[str, Any] | str:
    """The transcript as `form` wants it. `text` is what the segments say together."""
    match form:
        case "text":
            return f"{text}\n"
        case "srt" | "vtt":
            return _subtitles(heard, form)
        case "verbose_json":
            return _verbose(call, flavour, heard, text)
        case "diarized_json":
            return {
                "task": "transcribe",
                "duration": call.duration_seconds,
                "text": text,
                "segments": [
                    {
                        "type": "transcript.text.segment",
                        "id": f"seg_{index}",
                        "start": segment.start_seconds,
                        "end": segment.end_seconds,
                        "text": segment.text,
                        "speaker": segment.speaker,
                    }
                    for index, segment in enumerate(heard)
                ],
                "usage": _duration_usage(call),
            }
    if flavour.hearing.text_only or not flavour.hearing.by_model:
        return {"text": text}
    if call.model == "whisper-1":
        return {"text": text, "usage": _duration_usage(call)}
    answer: dict[str, Any] = {"text": text, "usage": _token_usage(call, text)}
    if call.model == "gpt-transcribe":
        answer["languages"] = [{"code": "en"}] if text else []
    return answer


def _verbose(call: TranscriptionCall, flavour: Flavour, heard: list[HeardSegment], text: str) -> dict[str, Any]:
    habits = flavour.hearing
    duration: float | str = round(call.duration_seconds, 3)
    answer: dict[str, Any] = {
        "task": "transcribe",
        "language": "english",
        "duration": str(duration) if habits.duration_as_string else duration,
        "text": text,
    }
    granularities = call.granularities or ("segment",)
    if "segment" in granularities or not habits.by_model:
        answer["segments"] = [_segment(index, item, flavour) for index, item in enumerate(heard)]
    if habits.words == "null":
        answer["words"] = None
    elif "word" in granularities:
        answer["words"] = [
            {habits.word_key: word, "start": start, "end": end} for item in heard for word, start, end in _words(item)
        ]
    if habits.by_model:
        answer["usage"] = _duration_usage(call)
    return answer


def _segment(index: int, item: HeardSegment, flavour: Flavour) -> dict[str, Any]:
    segment: dict[str, Any] = {
        "id": index,
        "seek": 0,
        "start": item.start_seconds,
        "end": item.end_seconds,
        "text": f" {item.text}",
        "tokens": [50_364, 50_365],
        "temperature": 0.0,
    }
    quality = {"avg_logprob": -0.25, "compression_ratio": 1.1, "no_speech_prob": 0.01}
    if flavour.hearing.quality == "given":
        segment |= quality
    elif flavour.hearing.quality == "null":
        segment |= dict.fromkeys(quality)
    if flavour.hearing.speaker:
        segment["speaker"] = "0"
    if flavour.hearing.emotion:
        segment |= {"emotion": "neutral", "event": "Speech"}
    return segment


def _words(item: HeardSegment) -> list[tuple[str, float, float]]:
    words = item.text.split()
    step = (item.end_seconds - item.start_seconds) / max(1, len(words))
    return [
        (word, item.start_seconds + index * step, item.start_seconds + (index + 1) * step)
        for index, word in enumerate(words)
    ]


def _subtitles(heard: list[HeardSegment], form: str) -> str:
    mark = "," if form == "srt" else "."
    blocks = [
        f"{_stamp(item.start_seconds, mark)} --> {_stamp(item.end_seconds, mark)}\n{item.text}\n" for item in heard
    ]
    if form == "srt":
        return "\n".join(f"{index}\n{block}" for index, block in enumerate(blocks, 1))
    return "WEBVTT\n\n" + "\n".join(blocks)


def _stamp(seconds: float, mark: str) -> str:
    whole, thousandths = divmod(round(seconds * 1_000), 1_000)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}{mark}{thousandths:03d}"


def _duration_usage(call: TranscriptionCall) -> dict[str, Any]:
    return {"type": "duration", "seconds": -int(-call.duration_seconds // 1)}


def _token_usage(call: TranscriptionCall, text: str) -> dict[str, Any]:
    heard, said = round(call.duration_seconds * 10), -(-len(text) // 4)
    asked = -(-len(call.prompt) // 4)
    return {
        "type": "tokens",
        "input_tokens": heard + asked,
        "input_token_details": {"text_tokens": asked, "audio_tokens": heard},
        "output_tokens": said,
        "total_tokens": heard + asked + said,
    }
