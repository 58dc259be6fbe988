"""Offline speech: one rate for all sentences, any text survives, nothing of it becomes an option."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from bot.domain.errors import ProviderCategory, ProviderError
from bot.domain.media import AudioChunk
from bot.providers.base import SpeechEnd, SpeechRequest
from bot.providers.offline import process
from bot.providers.offline.process import Tool, run_tool
from bot.providers.offline.synthesizer import RATE_HZ, OfflineSynthesizer, language_of, resample, speakable
from bot.providers.offline.tools import offline_tools


async def spoken(text: str, *, language: str | None = None) -> tuple[np.ndarray, SpeechEnd]:
    items = [item async for item in OfflineSynthesizer().speak(SpeechRequest(text=text, language=language))]
    *chunks, end = items
    assert isinstance(end, SpeechEnd)
    assert all(isinstance(chunk, AudioChunk) and chunk.rate_hz == RATE_HZ for chunk in chunks)
    pcm = b"".join(chunk.pcm for chunk in chunks if isinstance(chunk, AudioChunk))
    return np.frombuffer(pcm, dtype="<i2"), end


@pytest.mark.parametrize(
    ("text", "language", "model"),
    [
        ("Hello, this is a test.", None, "flite"),
        ("大家好，今天我们来看一下。", None, "espeak-ng"),
        ("Guten Morgen zusammen.", "de-DE", "espeak-ng"),
        ("Only English letters.", "zh-CN", "flite"),
    ],
)
async def test_sentences_are_spoken_in_their_language_at_one_rate(text: str, language: str | None, model: str) -> None:
    samples, end = await spoken(text, language=language)
    assert 0.5 < len(samples) / RATE_HZ < 8
    assert np.abs(samples.astype(np.int32)).max() > 2000
    assert (end.usage.model, end.usage.cost_usd, end.usage.provider) == (model, 0.0, "offline")


@pytest.mark.parametrize("text", ["", "   ", "😀🎉", "\x00\x1b", "...", "$&%"])
async def test_nothing_to_say_is_silence_with_an_end(text: str) -> None:
    samples, end = await spoken(text)
    assert len(samples) == 0
    assert end.usage.characters == 0


@pytest.mark.parametrize("text", ["-h", "--version", "-o /tmp/owned", "/etc/passwd", "\x1b[31mred\x07", "yes 😀 no"])
async def test_odd_text_is_only_text(text: str) -> None:
    samples, _ = await spoken(text)
    assert 0.2 < len(samples) / RATE_HZ < 8


async def test_a_word_without_end_is_cut() -> None:
    samples, _ = await spoken("a" * 5000)
    assert 0.2 < len(samples) / RATE_HZ < 10
    assert len(speakable("word " * 5000)) <= 4000


def test_the_script_tells_the_language() -> None:
    assert language_of("你好", None) == "cmn"
    assert language_of("你好", "yue-HK") == "yue"
    assert language_of("日本語です", None) == "ja"
    assert language_of("Привет", "en") == "ru"
    assert language_of("Hola", "es-MX") == "es"
    assert language_of("Hello", "zh") == "en"
    assert language_of("Hello", "--help") == "en"


def test_resampling_keeps_pitch_length_and_level() -> None:
    for rate in (16_000, 22_050):
        tone = (10_000 * np.sin(2 * np.pi * 1000 * np.arange(rate) / rate)).astype("<i2")
        out = resample(tone, from_hz=rate, to_hz=24_000)
        spectrum = np.abs(np.fft.rfft(out.astype(float)))
        assert abs(len(out) - 24_000) <= 1
        assert abs(int(spectrum.argmax()) - 1000) <= 1
        assert out[1000:-1000].max() == pytest.approx(10_000, rel=0.02)
        others = np.delete(spectrum, slice(950, 1050))
        assert others.max() < spectrum.max() / 200, "no images of the tone"


async def test_a_missing_program_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    for text, package in (("Hello", "flite"), ("你好", "espeak-ng")):
        with pytest.raises(ProviderError) as caught:
            await spoken(text)
        assert caught.value.category is ProviderCategory.MISSING_TOOL
        assert package in caught.value.public


async def test_doctor_sees_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    tools = {tool.name: tool for tool in await offline_tools(("eng", "tlh"))}
    assert tools["tesseract"].present
    assert tools["tesseract: eng"].present
    assert not tools["tesseract: tlh"].present
    assert tools["tesseract: tlh"].package == "tesseract-ocr-tlh"
    monkeypatch.setenv("PATH", "/nonexistent")
    assert not any(tool.present for tool in await offline_tools())


SHELL = Tool(program="sh", package="dash", brew="dash")


async def test_a_tool_sees_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIBITZ_TOKEN", "hidden")
    output = await run_tool(SHELL, ["-c", "/usr/bin/env"], environment={"ONE": "1"})
    assert b"ONE=1" in output
    assert b"hidden" not in output


async def test_a_tool_that_fails_hangs_or_floods_is_an_error_and_gone(tmp_path: Path) -> None:
    for script, code in (
        ("echo secret >&2; exit 4", "tool_failed"),
        ("sleep 60 & sleep 60", "tool_timeout"),
        ("while :; do echo full; done", "tool_failed"),
    ):
        with pytest.raises(ProviderError) as caught:
            await run_tool(SHELL, ["-c", script], wall_seconds=1.0, max_output_bytes=10_000)
        assert caught.value.code == code
        assert "secret" not in str(caught.value)


async def test_cancelling_a_tool_kills_its_children(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    begun = asyncio.Event()
    real = process.start_process

    async def recorded(*args, **keywords):
        started = await real(*args, **keywords)
        begun.set()
        return started

    monkeypatch.setattr(process, "start_process", recorded)
    late = tmp_path / "late"
    task = asyncio.create_task(run_tool(SHELL, ["-c", f"(sleep 0.6; echo x > {late}) & wait"]))
    await begun.wait()
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(1.0)
    assert not late.exists()
