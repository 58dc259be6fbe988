"""Frames, sound, prompts and endpoints for tests, made on the spot."""

import io
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

import numpy as np
from PIL import Image

from bot.domain.answer import Prompt, Question, QuestionSource
from bot.domain.errors import ProviderError
from bot.domain.media import AudioChunk, EncodedAudio, Frame, FrameReason
from bot.domain.role import Role
from bot.domain.timeline import Timeline
from bot.providers.openai.connection import Connection
from bot.providers.openai.endpoint import Endpoint, Flavour, Timeouts
from bot.providers.retry import Retry
from tests.simulator.openai_server import OpenAIEmulator

Item = TypeVar("Item")

QUICK = Retry(attempts=3, first_wait_seconds=0.001, longest_wait_seconds=0.01, jitter_seconds=0.0)
COLOURS = ("red", "green", "blue", "yellow", "white", "black")


def frame(colour: str, at_seconds: float, *, size: tuple[int, int] = (320, 180)) -> Frame:
    encoded = io.BytesIO()
    Image.new("RGB", size, {"green": "#00c000"}.get(colour, colour)).save(encoded, "JPEG")
    return Frame(
        at_seconds=at_seconds,
        since_seconds=max(0.0, at_seconds - 0.5),
        width=size[0],
        height=size[1],
        reason=FrameReason.FLOOR,
        novelty=0.5,
        jpeg=encoded.getvalue(),
    )


def frames(count: int, *, step_seconds: float = 1.5) -> tuple[Frame, ...]:
    return tuple(frame(COLOURS[index % len(COLOURS)], index * step_seconds) for index in range(count))


def tone(seconds: float = 2.0, *, hertz: float = 440.0, offset_seconds: float = 0.0, level: float = 0.3) -> AudioChunk:
    at = np.arange(int(seconds * 16_000)) / 16_000
    samples = (np.sin(2 * np.pi * hertz * at) * level * 32_767).astype("<i2")
    return AudioChunk(rate_hz=16_000, offset_seconds=offset_seconds, pcm=samples.tobytes())


async def as_wav(chunk: AudioChunk) -> EncodedAudio:
    packed = io.BytesIO()
    with wave.open(packed, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(chunk.rate_hz)
        writer.writeframes(chunk.pcm)
    return EncodedAudio(name="piece.wav", media_type="audio/wav", data=packed.getvalue())


def prompt(text: str = "What is in the picture?", *, frames: tuple[Frame, ...] = (), limit: int = 700) -> Prompt:
    return Prompt(
        rules="Answer from the evidence alone.",
        evidence="[00:00-00:02] VISUAL a red square\n[00:03] SPEECH hello",
        question=Question(source=QuestionSource.TYPED, text=text),
        timeline=Timeline(duration_seconds=5.0),
        frames=frames,
        max_output_tokens=limit,
    )


def endpoint(
    base_url: str,
    role: Role,
    *,
    flavour: Flavour = Flavour.AUTO,
    api_key: str | None = "sk-emulator",
    idle_seconds: float = 20.0,
) -> Endpoint:
    return Endpoint(
        role=role,
        base_url=base_url,
        api_key=api_key,
        flavour=flavour,
        timeouts=Timeouts(connect_seconds=2.0, idle_seconds=idle_seconds),
    )


async def until_it_breaks(stream: AsyncIterator[Item]) -> tuple[list[Item], ProviderError]:
    """What a stream delivers before its ProviderError, and that error."""
    delivered: list[Item] = []
    try:
        async for item in stream:
            delivered.append(item)
    except ProviderError as error:
        return delivered, error
    raise AssertionError("it did not break")


@asynccontextmanager
async def connected(
    emulator: OpenAIEmulator, role: Role, *, flavour: Flavour = Flavour.AUTO, idle_seconds: float = 20.0
) -> AsyncIterator[Connection]:
    connection = Connection(endpoint(emulator.base_url, role, flavour=flavour, idle_seconds=idle_seconds))
    try:
        yield connection
    finally:
        await connection.aclose()
