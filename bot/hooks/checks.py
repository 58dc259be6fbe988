"""Whether what a plugin returned can be used: of the right type to the last field, and making sense."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, cast

from pydantic import ConfigDict, TypeAdapter, ValidationError

from bot.domain.answer import Prompt
from bot.domain.media import AudioChunk, Frame
from bot.domain.records import ExportPart
from bot.domain.timeline import Caption, Moment, Timeline
from bot.domain.understanding import Heard
from bot.hooks.values import ModelTool, Received, SlashCommand
from bot.providers.base import CaptionRequest

_LONGEST_SENTENCE = 4_000
_MOST_LETTERS = 1_000_000
_MOST_ADDED_LETTERS = 100_000
_MOST_ITEMS = 50_000
_MOST_FOCUS_LETTERS = 5_000
_LOWEST_RATE_HZ, _HIGHEST_RATE_HZ = 8_000, 192_000
_LONGEST_SECONDS = 300.0
_MOST_HINTS = 50
_TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LONGEST_HINT = 100
_SLACK_SECONDS = 1.0
_SAME_SECONDS = 0.001

_STRICT = ConfigDict(
    strict=True,
    revalidate_instances="always",
    arbitrary_types_allowed=True,
    allow_inf_nan=False,
    str_max_length=_MOST_LETTERS,
)


class NonsenseError(Exception):
    """What a plugin returned cannot be used; the text says why, without any of its words."""


def check_edit(name: str, old: object, new: object) -> None:
    """`new` in place of `old` for the hook `name`. Raises NonsenseError."""
    if type(new) is not type(old):
        raise NonsenseError(f"returned {type(new).__name__} instead of {type(old).__name__}")
    try:
        _check_count(new)
        for item in _items(new):
            _check_fields(item)
        if (makes_sense := _SENSE.get(name)) is not None:
            makes_sense(old, new)
    except NonsenseError:
        raise
    except Exception as error:  # a value may have methods of the plugin's
        raise NonsenseError(f"returned a {type(new).__name__} that cannot be read") from error


def check_offered(item: object, kinds: type | tuple[type, ...]) -> None:
    """What an offer gave. Raises NonsenseError."""
    if not isinstance(item, kinds):
        wanted = " or ".join(kind.__name__ for kind in (kinds if isinstance(kinds, tuple) else (kinds,)))
        raise NonsenseError(f"gave {type(item).__name__} instead of {wanted}")
    check_edit(type(item).__name__, item, item)


def check_refusal(answer: object) -> str:
    """Raises NonsenseError."""
    if not isinstance(answer, str) or not answer.strip():
        raise NonsenseError(f"returned {type(answer).__name__} instead of a sentence or None")
    return " ".join(answer.encode(errors="replace").decode().split())[:300]


def check_part(part: object) -> None:
    """Raises NonsenseError."""
    if part is not None and not isinstance(part, ExportPart):
        raise NonsenseError(f"returned {type(part).__name__} instead of an ExportPart or None")
    if part is not None:
        _check_fields(part)


def check_offers(offered: object) -> Mapping[str, object]:
    """Raises NonsenseError."""
    by_name = cast("Mapping[object, object]", offered) if isinstance(offered, Mapping) else None
    if by_name is None or not all(isinstance(name, str) and name for name in by_name):
        raise NonsenseError("returned something else than offers by their names")
    return cast("Mapping[str, object]", offered)


def check_all(
    offered: object, kind: type[ModelTool] | type[SlashCommand] | type[ExportPart] | type[str]
) -> Sequence[Any]:
    """Raises NonsenseError."""
    if isinstance(offered, str) or not isinstance(offered, Sequence):
        raise NonsenseError(f"returned {type(offered).__name__} instead of a list")
    items = cast("Sequence[object]", offered)
    wrong = [item for item in items if not isinstance(item, kind)]
    if wrong:
        raise NonsenseError(f"returned {type(wrong[0]).__name__} among what should all be {kind.__name__}")
    for item in items:
        check_edit(kind.__name__, item, item)
    return items


def _items(value: Any) -> Sequence[Any]:
    return cast("tuple[Any, ...]", value) if isinstance(value, tuple) else (value,)


def _check_count(value: Any) -> None:
    """Before anything looks at each."""
    names = [one.name for one in fields(value)] if is_dataclass(value) else []
    if any(len(_items(part)) > _MOST_ITEMS for part in (value, *(getattr(value, name) for name in names))):
        raise NonsenseError(f"returned a {type(value).__name__} with too much in it")


def _check_fields(value: object) -> None:
    if isinstance(value, str):
        value.encode()  # fails for half a character
        return
    try:
        _adapter(type(value)).validate_python((value,))
    except ValidationError as refused:
        places = ", ".join(".".join(map(str, error["loc"][1:])) or "value" for error in refused.errors()[:3])
        raise NonsenseError(f"returned a {type(value).__name__} with a wrong {places}") from None


@cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    """In a tuple, because pydantic takes a configuration for a dataclass from around it only."""
    return TypeAdapter(cast(Any, tuple)[kind], config=_STRICT)


def _received(old: Received, new: Received) -> None:
    if new.sources != old.sources:
        raise NonsenseError("changed which clips are meant")
    if len(new.hints) > _MOST_HINTS or any(len(hint) > _LONGEST_HINT for hint in new.hints):
        raise NonsenseError("returned more hints than are taken")


def _request(old: CaptionRequest, new: CaptionRequest) -> None:
    _among(new.frames, old.frames)
    if sum(map(len, new.focus)) > _MOST_FOCUS_LETTERS:
        raise NonsenseError("named more to attend to than is taken")


def _captions(old: tuple[Caption, ...], new: tuple[Caption, ...]) -> None:
    times = {caption.at_seconds for caption in old}
    if len(new) > len(old) or any(caption.at_seconds not in times for caption in new):
        raise NonsenseError("returned a caption of no frame")
    if any(caption.since_seconds > caption.at_seconds for caption in new):
        raise NonsenseError("returned a caption with an impossible time")


def _among(frames: tuple[Frame, ...], known: tuple[Frame, ...]) -> None:
    times = [frame.at_seconds for frame in known]
    if not 0 < len(frames) <= len(known) or any(frame.at_seconds not in times for frame in frames):
        raise NonsenseError("returned frames that were not there, or none")


def _heard(old: Heard, new: Heard) -> None:
    end = max(old.end_seconds, *(segment.end_seconds for segment in old.segments), 0.0) + _SLACK_SECONDS
    spans = [*((s.start_seconds, s.end_seconds) for s in new.segments), *_spans(new.moments)]
    _inside(spans, end)
    if abs(new.end_seconds - old.end_seconds) > _SAME_SECONDS:
        raise NonsenseError("changed how long the clip is")


def _timeline(old: Timeline, new: Timeline) -> None:
    if abs(new.duration_seconds - old.duration_seconds) > _SAME_SECONDS:
        raise NonsenseError("changed how long the clip is")
    _inside(_spans(new.moments), max(old.duration_seconds, *(m.end_seconds for m in old.moments), 0.0) + _SLACK_SECONDS)


def _spans(moments: Iterable[Moment]) -> list[tuple[float, float]]:
    return [(moment.start_seconds, moment.end_seconds) for moment in moments]


def _inside(spans: Iterable[tuple[float, float]], end_seconds: float) -> None:
    for start, end in spans:
        if not 0 <= start <= end <= end_seconds:
            raise NonsenseError("returned a time outside of the clip")


def _prompt(old: Prompt, new: Prompt) -> None:
    if not new.rules.strip() or not new.question.text.strip():
        raise NonsenseError("returned a prompt without rules or question")
    if new.max_output_tokens > old.max_output_tokens or new.max_output_tokens < 1:
        raise NonsenseError("asked for a longer answer than is allowed")
    if _letters(new) > _letters(old) + _MOST_ADDED_LETTERS:
        raise NonsenseError("added more than a prompt can hold")


def _letters(prompt: Prompt) -> int:
    return len(prompt.rules) + len(prompt.evidence) + len(prompt.question.text) + len(prompt.quotable)


def _sentence(old: str, new: str) -> None:
    if len(new) > 4 * len(old) + _LONGEST_SENTENCE:
        raise NonsenseError("returned a text that is too long")


def _tool(_: ModelTool, tool: ModelTool) -> None:
    json.dumps(dict(tool.parameters), allow_nan=False)
    if not _TOOL_NAME.fullmatch(tool.name):
        raise NonsenseError("offered a tool with a name that models do not take")
    if not 0 < tool.seconds <= _LONGEST_SECONDS:
        raise NonsenseError("offered a tool that may take longer than is allowed")


def _offered_sound(_: AudioChunk, chunk: AudioChunk) -> None:
    if not _LOWEST_RATE_HZ <= chunk.rate_hz <= _HIGHEST_RATE_HZ or len(chunk.pcm) % 2:
        raise NonsenseError("gave sound of an impossible rate or length")


def _sound(old: AudioChunk, new: AudioChunk) -> None:
    if new.rate_hz != old.rate_hz or len(new.pcm) % 2 or len(new.pcm) > 4 * len(old.pcm) + 64_000:
        raise NonsenseError("returned sound of another rate or length")


_SENSE: Mapping[str, Callable[[Any, Any], None]] = {
    "edit_received": _received,
    "edit_frames": _request,
    "edit_captions": _captions,
    "edit_heard": _heard,
    "edit_timeline": _timeline,
    "edit_prompt": _prompt,
    "edit_answer": _sentence,
    "edit_sentence": _sentence,
    "edit_speech": _sound,
    "ModelTool": _tool,
    "AudioChunk": _offered_sound,
}
