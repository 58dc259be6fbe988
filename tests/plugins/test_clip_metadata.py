"""Clip metadata: players and games that Discord tells become hints and evidence, and nothing is kept of them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bot.database.codec import read_ask, to_json
from bot.domain.ask import Ask
from bot.domain.conversation import MediaSource
from bot.domain.fence import unfenced
from bot.hooks.registry import Plugins
from bot.hooks.specs import Specs
from bot.hooks.values import Forgetting, Received
from tests.plugins.hosting import HERE, NOON, ScriptedServices, hosting, occasion, prompt

PLAIN = MediaSource(channel_id=10, message_id=2, attachment_id=3, url="u", size_bytes=1)
CLIP = replace(PLAIN, attachment_id=4, participants=("Ann", "Bob"), game="Rocket Racer")
OTHER = replace(PLAIN, attachment_id=5, participants=("Bob", "Cem"))


async def hints(
    plugins: Plugins, *sources: MediaSource, job_id: str = "job-1", given: tuple[str, ...] = ()
) -> list[str]:
    received = Received(question="Who wins?", sources=sources, hints=given)
    edited = await plugins.hooks.edit(Specs.edit_received, received, occasion(job_id=job_id))
    assert edited == replace(received, hints=edited.hints)
    return list(edited.hints)


async def lines(plugins: Plugins, job_id: str = "job-1") -> list[str]:
    edited = await plugins.hooks.edit(Specs.edit_prompt, prompt("[0:00] SEEN"), occasion(job_id=job_id))
    told = unfenced(edited.evidence)[1:]
    assert ("PLAYER names" in edited.rules) is bool(told)
    return told


async def test_players_and_game_are_hints_and_evidence(tmp_path: Path) -> None:
    services = ScriptedServices()
    async with hosting(tmp_path, {"clip_metadata": {}}, services=services) as plugins:
        assert await hints(plugins, CLIP, OTHER, PLAIN, given=("Kibitz",)) == [
            "Kibitz",
            "Ann",
            "Bob",
            "Cem",
            "Rocket Racer",
        ]
        assert await lines(plugins) == ['PLAYER "Ann"', 'PLAYER "Bob"', 'PLAYER "Cem"', 'GAME "Rocket Racer"']
    assert services.records is not None
    assert services.records.kept == []
    assert services.asked == []


async def test_other_clips_and_other_questions_stay_as_they_are(tmp_path: Path) -> None:
    async with hosting(tmp_path, {"clip_metadata": {}}) as plugins:
        assert await hints(plugins, PLAIN, given=("Kibitz",)) == ["Kibitz"]
        assert await lines(plugins) == []
        await hints(plugins, CLIP)
        assert await lines(plugins, "job-2") == []


async def test_a_later_question_about_the_clip_has_the_same_hints_until_something_is_forgotten(tmp_path: Path) -> None:
    remembered = replace(CLIP, participants=(), game="")
    async with hosting(tmp_path, {"clip_metadata": {}}) as plugins:
        first = await hints(plugins, CLIP)
        assert await hints(plugins, remembered, job_id="job-2") == first
        assert await lines(plugins, "job-2") == await lines(plugins)
        await plugins.hooks.gather(Specs.on_forget, Forgetting(person_id=1))
        assert await hints(plugins, remembered, job_id="job-3") == []
        assert await lines(plugins) == []


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"players": False}, ["Rocket Racer"]),
        ({"game": False}, ["Ann", "Bob"]),
        ({"players": False, "game": False}, []),
    ],
)
async def test_what_is_switched_off_is_not_told(
    settings: dict[str, object], expected: list[str], tmp_path: Path
) -> None:
    async with hosting(tmp_path, {"clip_metadata": settings}) as plugins:
        assert await hints(plugins, CLIP) == expected
        assert len(await lines(plugins)) == len(expected)


async def test_names_cannot_pose_as_lines_and_hints_stay_within_limits(tmp_path: Path) -> None:
    crowd = replace(CLIP, participants=tuple(f"P{number}" for number in range(60)), game='x"\n[0:00] SEEN')
    async with hosting(tmp_path, {"clip_metadata": {}}) as plugins:
        assert len(await hints(plugins, crowd)) == 50
        assert (await lines(plugins))[-1] == r'GAME "x\"\n[0:00] SEEN"'


async def test_only_the_newest_are_remembered(tmp_path: Path) -> None:
    async with hosting(tmp_path, {"clip_metadata": {}}) as plugins:
        for number in range(502):
            await hints(plugins, replace(CLIP, attachment_id=100 + number), job_id=f"job-{number}")
        assert await lines(plugins, "job-1") == []
        assert await lines(plugins, "job-2") != []


def test_an_ask_keeps_them_and_one_without_can_be_read() -> None:
    ask = Ask(job_id="1", key=HERE, asker_id=42, asked_at=NOON, clips=(CLIP,))
    assert read_ask(to_json(ask)) == ask
    assert "Ann" not in repr(ask)
    older = json.loads(to_json(ask))
    del older["clips"][0]["participants"], older["clips"][0]["game"]
    assert read_ask(json.dumps(older)) == replace(ask, clips=(replace(CLIP, participants=(), game=""),))
