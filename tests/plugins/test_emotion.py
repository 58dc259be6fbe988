"""The emotion plugin: sounds and tones of clips, how whoever asks aloud sounds, and what is dropped when."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from aiohttp import web

from bot.domain.events import Outcome, RunEnded
from bot.domain.fence import unfenced
from bot.domain.media import AudioChunk
from bot.domain.occasion import Occasion, Surface
from bot.domain.speech import Segment
from bot.domain.timeline import Moment, MomentKind
from bot.domain.understanding import Heard
from bot.hooks.registry import Plugins
from bot.hooks.specs import Specs
from bot.hooks.values import Forgetting, HeardUtterance, VoiceTurn
from tests.plugins.hosting import ALICE, BOB, HERE, THERE, ScriptedServices, hosting, occasion, prompt
from tests.plugins.sound_material import RATE_HZ, Sound, laughing, pcm, strings, talking

CALL = occasion(surface=Surface.VOICE)


def chunk(sound: Sound, offset_seconds: float = 0.0) -> AudioChunk:
    return AudioChunk(rate_hz=RATE_HZ, offset_seconds=offset_seconds, pcm=pcm(sound))


@cache
def laugh() -> AudioChunk:
    return chunk(np.concatenate([talking(2.0), laughing(2.0)]))


def clip(end_seconds: float, *segments: Segment) -> Heard:
    return Heard(segments=segments, has_sound=True, end_seconds=end_seconds)


def said(start: float, end: float, speaker: str | None = None) -> Segment:
    return Segment(start_seconds=start, end_seconds=end, text="words", speaker=speaker)


async def heard(plugins: Plugins, of: Heard, where: Occasion, *chunks: AudioChunk) -> list[tuple[MomentKind, str]]:
    for one in chunks:
        plugins.hooks.watch(Specs.on_sound, one, where)
    edited = await plugins.hooks.edit(Specs.edit_heard, of, where)
    assert replace(edited, moments=()) == of
    return [(moment.kind, moment.text) for moment in edited.moments]


async def test_sounds_of_a_clip_become_moments_once(tmp_path: Path) -> None:
    async with hosting(tmp_path, {"emotion": {}}) as plugins:
        one, other = occasion(clip="a" * 64), occasion(clip="b" * 64)
        for piece in (laugh(), chunk(strings(6.0))):
            plugins.hooks.watch(Specs.on_sound, piece, one if piece is laugh() else other)
        edited = await plugins.hooks.edit(Specs.edit_heard, clip(3.7), one)
        [moment] = edited.moments
        assert (moment.kind, moment.text) == (MomentKind.SOUND, "laughter")
        assert 1.0 <= moment.start_seconds < moment.end_seconds <= 3.7
        assert await heard(plugins, clip(6.0), other) == [(MomentKind.SOUND, "music")]
        assert await heard(plugins, clip(4.0), one) == []


async def test_settings_say_which_sounds_and_how_sure(tmp_path: Path) -> None:
    async with hosting(tmp_path, {"emotion": {"sounds": ["music"]}}) as plugins:
        assert await heard(plugins, clip(4.0), occasion(), laugh()) == []
    async with hosting(tmp_path, {"emotion": {"min_confidence": "1"}}) as plugins:
        assert await heard(plugins, clip(4.0), occasion(), laugh()) == []


async def test_the_tone_of_a_segment_is_told_against_the_others_of_the_same_speaker(tmp_path: Path) -> None:
    usual = [talking(2.0, seed=seed) for seed in range(4)]
    lively = talking(2.0, pitch_hz=190.0, dbfs=-17.0, tilt=1.1)
    sound = chunk(np.concatenate([*usual, lively]))
    segments = [said(start, start + 2.0, "A") for start in (0.0, 2.0, 4.0, 6.0, 8.0)]
    async with hosting(tmp_path, {"emotion": {}}) as plugins:
        plugins.hooks.watch(Specs.on_sound, sound, occasion())
        edited = await plugins.hooks.edit(Specs.edit_heard, clip(10.0, *segments), occasion())
        assert edited.moments == (
            Moment(kind=MomentKind.TONE, start_seconds=8.0, end_seconds=10.0, text="excited", speaker="A"),
        )
        alone = clip(10.0, *segments[:-1], replace(segments[-1], speaker="B"))
        assert await heard(plugins, alone, occasion(), sound) == []
    async with hosting(tmp_path, {"emotion": {"tones": "false"}}) as plugins:
        assert await heard(plugins, clip(10.0, *segments), occasion(), sound) == []


async def test_what_was_heard_for_a_job_that_ended_is_there_for_others_and_counts_once(tmp_path: Path) -> None:
    async with hosting(tmp_path, {"emotion": {}}) as plugins:
        here = occasion(clip="c" * 64)
        for _ in range(2):  # given up, and begun anew
            plugins.hooks.watch(Specs.on_sound, laugh(), here)
            ended = RunEnded(job_id=here.job_id, at_seconds=1.0, outcome=Outcome.CANCELLED)
            plugins.hooks.watch(Specs.on_job_event, ended, here)
        assert [text for _, text in await heard(plugins, clip(4.0), here)] == ["laughter"]
        for number in range(17):
            plugins.hooks.watch(Specs.on_sound, laugh(), occasion(clip=f"{number:064}"))
            if not number:
                plugins.hooks.watch(Specs.on_job_event, ended, here)
        assert await heard(plugins, clip(4.0), occasion(clip=f"{0:064}")) == []


async def test_what_belongs_to_forgotten_jobs_and_clips_is_dropped(tmp_path: Path) -> None:
    async with hosting(tmp_path, {"emotion": {}}) as plugins:
        here = occasion()
        for forgetting in (Forgetting(job_ids=frozenset({here.job_id})), Forgetting(clips=frozenset({"c" * 64}))):
            there = occasion(clip="c" * 64)
            plugins.hooks.watch(Specs.on_sound, laugh(), there)
            await plugins.hooks.gather(Specs.on_forget, forgetting)
            assert await heard(plugins, clip(4.0), there) == []


async def speak(plugins: Plugins, sound: Sound, person_id: int = ALICE, where: Occasion = CALL) -> None:
    utterance = HeardUtterance(
        person_id=person_id, name="Ann", text="words", start_seconds=0.0, end_seconds=2.0, sound=chunk(sound)
    )
    plugins.hooks.watch(Specs.on_utterance, utterance, where)


async def told(plugins: Plugins, where: Occasion = CALL) -> list[str]:
    edited = await plugins.hooks.edit(Specs.edit_prompt, prompt("PRESENT", question="So?"), where)
    lines = unfenced(edited.evidence)[1:]
    assert bool(lines) == ("TONE is how whoever asks sounds" in edited.rules)
    return lines


async def test_whoever_asks_aloud_is_told_of_as_they_sound(tmp_path: Path) -> None:
    async with hosting(tmp_path, {"emotion": {}}) as plugins:
        for seed in range(3):
            await speak(plugins, talking(2.0, seed=seed))
        assert await told(plugins) == []
        await speak(plugins, talking(2.0, pitch_hz=190.0, dbfs=-17.0, tilt=1.1))
        assert await told(plugins) == ['TONE "Ann sounds excited"']
        silent = HeardUtterance(person_id=ALICE, name="Ann", text="words", start_seconds=9.0, end_seconds=9.1)
        for where in (replace(CALL, asker_id=BOB), replace(CALL, key=THERE), replace(CALL, surface=Surface.CHAT)):
            assert await told(plugins, where) == []
        plugins.hooks.watch(Specs.on_utterance, silent, CALL)
        assert await told(plugins) == []


async def test_that_somebody_cut_the_bot_short_is_told_until_it_speaks_again(tmp_path: Path) -> None:
    async with hosting(tmp_path, {"emotion": {}}) as plugins:
        await speak(plugins, talking(2.0))
        turn = VoiceTurn(job_id="job-1", asker_ids=(BOB,))
        plugins.hooks.watch(Specs.on_turn_started, turn, CALL)
        plugins.hooks.watch(Specs.on_turn_interrupted, turn, CALL)
        assert await told(plugins) == []
        plugins.hooks.watch(Specs.on_turn_interrupted, replace(turn, interrupted_by=ALICE), CALL)
        assert await told(plugins) == ['TONE "Ann cut you short"']
        plugins.hooks.watch(Specs.on_turn_started, turn, CALL)
        assert await told(plugins) == []


@pytest.mark.parametrize(
    "forgetting", [Forgetting(person_id=ALICE), Forgetting(key=HERE), Forgetting(server_id=HERE.server_id)]
)
async def test_people_are_exported_and_forgotten(tmp_path: Path, forgetting: Forgetting) -> None:
    async with hosting(tmp_path, {"emotion": {}}) as plugins:
        for seed in range(2):
            await speak(plugins, talking(1.0, seed=seed))
        [line] = await exported(plugins, ALICE)
        assert "2 of your last utterances" in line
        assert await exported(plugins, BOB) == []
        await plugins.hooks.gather(Specs.on_forget, Forgetting(person_id=BOB, key=THERE))
        assert await exported(plugins, ALICE)
        await plugins.hooks.gather(Specs.on_forget, forgetting)
        assert await exported(plugins, ALICE) == []


async def exported(plugins: Plugins, person_id: int) -> list[str]:
    given = await plugins.hooks.gather(Specs.export_person, person_id)
    return [line for _, part in given if part is not None for line in part.lines]


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def server(handler: Handler) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


def reply(content: str) -> web.Response:
    return web.json_response({"choices": [{"message": {"role": "assistant", "content": content}}]})


async def test_a_model_that_hears_is_asked_instead(tmp_path: Path) -> None:
    asked: list[dict[str, object]] = []

    async def handler(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer sk-test"
        asked.append(await request.json())
        listed = [
            {"what": "applause", "start_seconds": 0.5, "end_seconds": 99.0, "confidence": 0.9},
            {"what": "excited", "start_seconds": 0.0, "end_seconds": 1.0, "confidence": 0.7},
            {"what": "music", "start_seconds": 0.0, "end_seconds": 1.0, "confidence": 0.2},
            {"what": "shouting", "start_seconds": 50.0, "end_seconds": 51.0, "confidence": 0.9},
        ]
        return reply(f"```json\n{json.dumps({'heard': listed})}\n```")

    async with server(handler) as base_url:
        table = {"model": "ears", "base_url": base_url, "api_key": "sk-test"}
        services = ScriptedServices()
        async with hosting(tmp_path, {"emotion": table}, services=services) as plugins:
            plugins.hooks.watch(Specs.on_sound, replace(laugh(), offset_seconds=10.0), occasion())
            edited = await plugins.hooks.edit(Specs.edit_heard, clip(14.0), occasion())
    assert [(m.kind, m.text, m.start_seconds, m.end_seconds) for m in edited.moments] == [
        (MomentKind.TONE, "excited", 10.0, 11.0),
        (MomentKind.SOUND, "applause", 10.5, 14.0),
    ]
    [(usage, job_id)] = services.paid
    assert (usage.model, usage.cost_usd, job_id) == ("ears", None, occasion().job_id)
    [body] = asked
    assert body["model"] == "ears"
    assert "input_audio" in json.dumps(body)


@pytest.mark.parametrize(
    "content",
    [
        "I hear laughter.",
        '{"heard": [{"what": "rain", "start_seconds": 0, "end_seconds": 1, "confidence": 1}]}',
        '{"heard": [{"what": "music", "start_seconds": 2.0, "end_seconds": 1.0, "confidence": 1.0}]}',
        '{"heard": [{"what": "music", "start_seconds": "0", "end_seconds": 1.0, "confidence": 1.0}]}',
        None,
    ],
    ids=["prose", "another sound", "backwards", "texts for numbers", "an error"],
)
async def test_a_model_that_fails_leaves_it_to_the_features(tmp_path: Path, content: str | None) -> None:
    async def handler(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=503) if content is None else reply(content)

    async with (
        server(handler) as base_url,
        hosting(tmp_path, {"emotion": {"model": "ears", "base_url": base_url}}) as plugins,
    ):
        assert await heard(plugins, clip(4.0), occasion(), laugh()) == [(MomentKind.SOUND, "laughter")]


async def test_a_model_without_an_address_keeps_the_plugin_off(tmp_path: Path) -> None:
    async with hosting(tmp_path, {"emotion": {"model": "ears"}}, may_fail=True) as plugins:
        [status] = [status for status in await plugins.statuses() if status.name == "emotion"]
        assert "a model needs the address of its server" in str(status.why)
