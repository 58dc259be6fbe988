"""POST /v1/chat/completions: what the API checks, and answers as JSON or as a stream."""

import asyncio
import json
import re
from datetime import date
from typing import Any

from tests.simulator.openai_server.catalog import Kind, ModelCard
from tests.simulator.openai_server.flavours import Flavour
from tests.simulator.openai_server.images import PATCH_LIMIT, SeenImage, decode_image, image_tokens, patch_count
from tests.simulator.openai_server.minds import Mind, times_of
from tests.simulator.openai_server.records import ChatCall
from tests.simulator.openai_server.refusals import (
    Refusal,
    invalid_type,
    invalid_value,
    missing_parameter,
    model_not_found,
    unknown_parameter,
    unsupported_parameter,
    unsupported_value,
)
from tests.simulator.openai_server.schemas import check_strict, fill_schema
from tests.simulator.openai_server.tools import check_order, check_tools

_PARAMETERS = frozenset(
    (
        "messages", "model", "service_tier", "modalities", "verbosity", "reasoning_effort", "max_completion_tokens",
        "frequency_penalty", "presence_penalty", "web_search_options", "top_logprobs", "response_format", "audio",
        "store", "moderation", "stream", "stop", "logit_bias", "logprobs", "max_tokens", "n", "prediction", "seed",
        "stream_options", "tools", "tool_choice", "parallel_tool_calls", "function_call", "functions", "metadata",
        "temperature", "top_p", "user", "safety_identifier", "prompt_cache_key", "prompt_cache_retention",
        "prompt_cache_options",
    )
)  # fmt: skip
_ROLES = ("system", "developer", "user", "assistant", "tool")
_DETAILS = ("low", "high", "auto", "original")
_MAX_IMAGES = 1_500
_TOKEN = re.compile(r"\s*(?:[A-Za-z]{1,6}|\d{1,3}|[^\sA-Za-z\d])|\s+")


def split_tokens(text: str) -> list[str]:
    """A text in pieces about as long as tokens; joined they are the text again."""
    return _TOKEN.findall(text)


def read_chat(call: ChatCall, flavour: Flavour, card: ModelCard | None, *, skim: bool = False) -> None:
    """Fills `call` from its body and raises Refusal where the API does. `card` None: the model is not known.
    `skim`: pictures are not decoded."""
    body = call.body
    call.stream = body.get("stream") is True
    problem: Refusal | None = None
    try:
        _read_messages(call, flavour, skim)
    except Refusal as refusal:
        problem = refusal
    _check_model(call, flavour, card)
    if problem is not None:
        raise problem
    if flavour.chat.strict:
        _check_parameters(body)
        if card is not None:
            _check_reasoning(body, card, flavour)
        check_tools(body)
        check_order(call.messages)
    if flavour.chat.tools_refusal is not None and body.get("tools"):
        raise Refusal(400, flavour.chat.tools_refusal, kind="BadRequestError")
    for name in flavour.chat.refused & body.keys():
        raise unsupported_parameter(name)
    if call.images and card is not None and not card.sees:
        raise Refusal(
            400,
            "Invalid content type. image_url is only supported by certain models.",
            param="messages.[0].content.[0].type",
        )
    limit = flavour.chat.max_images
    if limit is not None and len(call.images) > limit:
        raise Refusal(400, f"At most {limit} image(s) may be provided in one prompt.", kind="BadRequestError")
    _check_format(body, flavour, card)


def _check_model(call: ChatCall, flavour: Flavour, card: ModelCard | None) -> None:
    if not call.model:
        raise Refusal(400, "you must provide a model parameter")
    if card is None and not flavour.any_model:
        raise model_not_found(call.model)
    if card is not None and card.kind is not Kind.CHAT and flavour.models is None:
        raise Refusal(
            404,
            "This is not a chat model and thus not supported in the v1/chat/completions endpoint. "
            "Did you mean to use v1/completions?",
            param="model",
        )


def _read_messages(call: ChatCall, flavour: Flavour, skim: bool) -> None:
    messages = call.body.get("messages")
    if messages is None:
        raise missing_parameter("messages")
    if not isinstance(messages, list):
        raise invalid_type("messages", "an array of objects", messages)
    if not messages:
        raise Refusal(
            400,
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
            param="messages",
            code="empty_array",
        )
    texts: list[str] = []
    images: list[SeenImage] = []
    for index, message in enumerate(messages):
        _read_message(call, flavour, message, f"messages[{index}]", texts, images, skim)
    call.messages = messages
    call.text = "\n".join(texts)
    call.images = tuple(images)
    if len(images) > _MAX_IMAGES:
        raise Refusal(400, f"Too many images in request: at most {_MAX_IMAGES} are allowed.", code="too_many_images")


def _read_message(
    call: ChatCall, flavour: Flavour, message: Any, where: str, texts: list[str], images: list[SeenImage], skim: bool
) -> None:
    if not isinstance(message, dict):
        raise invalid_type(where, "an object", message)
    role, content = message.get("role"), message.get("content")
    if role not in _ROLES:
        raise invalid_value(f"{where}.role", role, _ROLES)
    if content is None and role == "assistant":
        return
    if isinstance(content, str):
        texts.append(content)
        return
    if not isinstance(content, list):
        raise invalid_type(f"{where}.content", "one of a string or array of objects", content)
    before = ""
    for index, part in enumerate(content):
        place = f"{where}.content[{index}]"
        if not isinstance(part, dict) or "type" not in part:
            raise missing_parameter(f"{place}.type")
        match part["type"]:
            case "text":
                if not isinstance(part.get("text"), str):
                    raise missing_parameter(f"{place}.text")
                before = part["text"]
                texts.append(before)
            case "image_url":
                if role != "user":
                    raise Refusal(
                        400,
                        f"Image URLs are only allowed for messages with role 'user', but this message with role "
                        f"'{role}' contains an image URL.",
                        param=where,
                        code="invalid_value",
                    )
                images.append(_read_image(call, flavour, part, place, before, skim))
                before = ""
            case "input_audio" | "file" | "refusal":
                before = ""
            case other:
                raise invalid_value(f"{place}.type", other, ("text", "image_url", "input_audio", "refusal", "file"))


def _read_image(
    call: ChatCall, flavour: Flavour, part: dict[str, Any], place: str, before: str, skim: bool
) -> SeenImage:
    value = part.get("image_url")
    if not isinstance(value, dict):
        raise invalid_type(f"{place}.image_url", "an object", value)
    if not isinstance(value.get("url"), str):
        raise missing_parameter(f"{place}.image_url.url")
    detail = value.get("detail")
    if detail is not None and detail not in _DETAILS:
        raise invalid_value(f"{place}.image_url.detail", detail, _DETAILS)
    media_type, width, height, data = decode_image(value["url"], param=f"{place}.image_url.url", skim=skim)
    if media_type not in flavour.chat.image_types:
        raise Refusal(400, "invalid image input", kind="invalid_request_error")
    if detail in (None, "auto", "original") and patch_count(width, height) > PATCH_LIMIT:
        raise Refusal(
            400,
            f"Image exceeds the limit of {PATCH_LIMIT} 32x32 patches.",
            param=f"{place}.image_url",
            code="image_too_large",
        )
    return SeenImage(
        media_type=media_type,
        width=width,
        height=height,
        size_bytes=len(data),
        detail=detail,
        tokens=image_tokens(call.model, width, height, detail),
        before=before,
        data=data,
    )


def _check_parameters(body: dict[str, Any]) -> None:
    for name in body:
        if name not in _PARAMETERS:
            raise unknown_parameter(name)
    for name, low, high in (("temperature", 0, 2), ("top_p", 0, 1)):
        value = body.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise invalid_type(name, "a decimal", value)
        if value is not None and not low <= value <= high:
            edge = "decimal_above_max_value" if value > high else "decimal_below_min_value"
            raise Refusal(400, f"Invalid '{name}': must be between {low} and {high}.", param=name, code=edge)
    for name in ("max_tokens", "max_completion_tokens"):
        value = body.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise invalid_type(name, "an integer", value)
        if value is not None and value < 1:
            raise Refusal(
                400,
                f"Invalid '{name}': integer below minimum value. Expected a value >= 1, but got {value} instead.",
                param=name,
                code="integer_below_min_value",
            )
    if body.get("stream_options") is not None and body.get("stream") is not True:
        raise Refusal(
            400,
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            param="stream_options",
        )
    identifier = body.get("safety_identifier")
    if isinstance(identifier, str) and len(identifier) > 64:
        raise Refusal(
            400,
            "Invalid 'safety_identifier': string too long. Expected a string with maximum length 64.",
            param="safety_identifier",
            code="string_above_max_length",
        )


def _check_reasoning(body: dict[str, Any], card: ModelCard, flavour: Flavour) -> None:
    effort = body.get("reasoning_effort")
    if not card.efforts:
        if effort is not None:
            raise Refusal(400, "Unrecognized request argument supplied: reasoning_effort", param="reasoning_effort")
        return
    if body.get("max_tokens") is not None:
        raise unsupported_parameter("max_tokens", instead="max_completion_tokens")
    if effort is not None and effort not in card.efforts:
        listed = ", ".join(f"'{item}'" for item in card.efforts)
        raise unsupported_value("reasoning_effort", effort, f"Supported values are: {listed}.")
    if effort == "none" and flavour.chat.temperature_at_no_effort:
        return
    for name in ("temperature", "top_p"):
        if body.get(name) is not None and body[name] != 1:
            raise unsupported_value(name, body[name], "Only the default (1) value is supported.")
    for name in ("logprobs", "top_logprobs"):
        if body.get(name):
            raise unsupported_parameter(name)


def _check_format(body: dict[str, Any], flavour: Flavour, card: ModelCard | None) -> None:
    form = body.get("response_format")
    if form is None:
        return
    if not isinstance(form, dict):
        raise invalid_type("response_format", "an object", form)
    kind = form.get("type")
    if kind not in ("text", "json_object", "json_schema"):
        raise invalid_value("response_format.type", kind, ("json_object", "json_schema", "text"))
    if kind != "json_schema":
        return
    if flavour.chat.schema == "refused" or (flavour.chat.strict and card is not None and not card.schemas):
        raise Refusal(
            400,
            "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.",
            param="response_format",
        )
    if flavour.chat.schema == "ignored":
        return
    asked = form.get("json_schema")
    if not isinstance(asked, dict):
        raise missing_parameter("response_format.json_schema")
    name = asked.get("name")
    if not isinstance(name, str) or not re.fullmatch(r"[\w-]{1,64}", name):
        raise missing_parameter("response_format.json_schema.name")
    if "schema" not in asked:
        raise missing_parameter("response_format.json_schema.schema")
    if asked.get("strict") is True:
        check_strict(name, asked["schema"])


def card_for(cards: tuple[ModelCard, ...], flavour: Flavour, model: str, today: date) -> ModelCard | None:
    """The catalogue's card, None for models that do not exist or have ended; a flavour's own ids have no limits."""
    if flavour.models is not None:
        return ModelCard(id=model, kind=Kind.CHAT, efforts=()) if model in flavour.models else None
    for card in cards:
        if card.id == model and not card.is_gone(today):
            return card
    return None


async def think(call: ChatCall, mind: Mind, flavour: Flavour) -> str:
    """The words of the reply: JSON where a schema is obeyed or the text asks for it, captions for pictures without
    a stream, else an answer. Pictures beyond a small context are forgotten first."""
    if flavour.chat.context_tokens is not None:
        room = flavour.chat.context_tokens - call.text_tokens
        kept: list[SeenImage] = []
        for image in reversed(call.images):
            room -= image.tokens
            if room < 0:
                break
            kept.insert(0, image)
        call.images = tuple(kept)
    return await asyncio.to_thread(_think, call, mind, flavour)


def _think(call: ChatCall, mind: Mind, flavour: Flavour) -> str:
    obeyed = flavour.chat.schema == "obeyed"
    schema = call.schema if obeyed else None
    if schema is not None:
        pictures = mind.look(call.images, call)
        timed = bool(pictures) and '"array"' in json.dumps(schema)
        answer = "" if timed else mind.answer(call)
        return json.dumps(fill_schema(schema, answer=answer, times=times_of(call), pictures=pictures))
    if not call.is_caption:
        return mind.answer(call)
    pictures = mind.look(call.images, call)
    if flavour.chat.schema != "ignored" and "at_seconds" in call.text and '"captions"' in call.text:
        items = [
            {"at_seconds": at, "caption": seen.caption, "text_on_screen": seen.text_on_screen}
            for at, seen in zip(times_of(call), pictures, strict=True)
        ]
        return json.dumps({"captions": items})
    return " ".join(
        seen.caption + (f" Text: {seen.text_on_screen}" if seen.text_on_screen else "") for seen in pictures
    )


def cut_to_limit(call: ChatCall, flavour: Flavour, tokens: list[str]) -> tuple[list[str], str]:
    """The tokens that fit the request's limit, and the finish reason."""
    limit = None
    for name in ("max_completion_tokens", "max_tokens"):
        if name not in flavour.chat.ignored and isinstance(call.body.get(name), int):
            limit = call.body[name]
    if limit is not None and len(tokens) > limit:
        return tokens[:limit], "length"
    return tokens, "stop"


def usage_of(call: ChatCall) -> dict[str, Any]:
    prompt = call.text_tokens + call.image_tokens
    return {
        "prompt_tokens": prompt,
        "completion_tokens": call.output_tokens,
        "total_tokens": prompt + call.output_tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0, "image_tokens": call.image_tokens},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
