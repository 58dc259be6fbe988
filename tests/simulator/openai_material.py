"""Pictures, sounds and clients for tests against the emulated OpenAI."""

import base64
import io
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from openai import AsyncOpenAI
from PIL import Image

from tests import clips
from tests.simulator.openai_server import OpenAIEmulator

CAPTION_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["captions"],
    "additionalProperties": False,
    "properties": {
        "captions": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["at_seconds", "caption", "text_on_screen"],
                "properties": {
                    "at_seconds": {"type": "number"},
                    "caption": {"type": "string"},
                    "text_on_screen": {"type": ["string", "null"]},
                },
            },
        }
    },
}


def sdk(emulator: OpenAIEmulator, **options: Any) -> AsyncOpenAI:
    """The SDK as it is, pointed at the emulator, without retries of its own."""
    return AsyncOpenAI(**{"base_url": emulator.base_url, "api_key": emulator.api_key, "max_retries": 0, **options})


def picture(colour: str, size: tuple[int, int] = (320, 180), form: str = "JPEG") -> bytes:
    """A picture of one colour."""
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, form)
    return file.getvalue()


def image_part(data: bytes, *, media_type: str = "image/jpeg", detail: str | None = "high") -> dict[str, Any]:
    """A content part with a picture as a data URL."""
    url = f"data:{media_type};base64,{base64.b64encode(data).decode()}"
    return {"type": "image_url", "image_url": {"url": url} | ({"detail": detail} if detail else {})}


def caption_request(*frames: tuple[str, str], schema: dict[str, Any] | None = CAPTION_SCHEMA) -> dict[str, Any]:
    """Arguments for a caption call: frames as (text before it, colour)."""
    content: list[dict[str, Any]] = []
    for text, colour in frames:
        content += [{"type": "text", "text": text}, image_part(picture(colour))]
    request: dict[str, Any] = {
        "model": "gpt-6-luna",
        "reasoning_effort": "none",
        "messages": [{"role": "user", "content": content}],
    }
    if schema is not None:
        form = {"name": "captions", "strict": True, "schema": schema}
        request["response_format"] = {"type": "json_schema", "json_schema": form}
    return request


def sound(
    *parts: tuple[int, float], encoder: tuple[str, ...] = ("-c:a", "libopus", "-b:a", "24k", "-f", "ogg")
) -> bytes:
    """Tones one after another as (hertz, seconds); 0 hertz is silence."""
    pcm = np.concatenate(
        [np.sin(2 * np.pi * hertz * np.arange(int(seconds * 16_000)) / 16_000) for hertz, seconds in parts]
    )
    return encode((pcm * 0.4).astype(np.float32), encoder)


def encode(
    samples: NDArray[np.float32], encoder: tuple[str, ...] = ("-c:a", "libopus", "-b:a", "24k", "-f", "ogg")
) -> bytes:
    """Mono samples at 16 kHz as a file."""
    command = ("ffmpeg", "-v", "error", "-f", "f32le", "-ar", "16000", "-ac", "1", "-i", "-", *encoder, "-")
    return subprocess.run(command, input=samples.tobytes(), capture_output=True, check=True).stdout


def spoken(text: str) -> NDArray[np.float32]:
    """Words spoken by flite as mono samples at 16 kHz."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "speech.wav")
        clips.speech(text, path)
        pcm = path.read_bytes()[44:]
    return np.frombuffer(pcm, dtype="<i2").astype(np.float32) / 32_768
