"""A clip goes in; what was seen and heard reaches the model with its times, and nothing is paid for what is missing."""

import re
from pathlib import Path

import pytest

from bot.domain.answer import AnswerMode, QuestionSource
from bot.domain.events import Outcome, RunEnded, StageEnded, StageStarted
from bot.domain.timeline import MomentKind, NoticeCode
from tests import clips
from tests.fakes.providers import KeepingListener
from tests.journeys.conftest import OpenKibitz
from tests.simulator.openai_server import OpenAIEmulator

_LINE = re.compile(r"^\[(?:(\d+):)?(\d+):(\d+\.\d)(?:–[\d:.]+)?\] (SEEN|HEARD) (.*)$", re.MULTILINE)


def lines_of(prompt: str, kind: str) -> list[tuple[float, str]]:
    """(start in seconds, words) of every line of a kind in the evidence."""
    return [
        (int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds), words)
        for hours, minutes, seconds, found, words in _LINE.findall(prompt)
        if found == kind
    ]


@pytest.mark.parametrize(
    "options", [{"fps": 30}, {"fps": "30000/1001"}, {"fps": 12.5}, {"fps": "vfr"}, {"rotate": 90}], ids=str
)
async def test_every_colour_and_tone_stands_once_per_scene_at_its_time(
    options: dict, tmp_path: Path, kibitz: OpenKibitz, cloud: OpenAIEmulator
) -> None:
    scenes = clips.colour_tone_clip(tmp_path / "clip.mp4", scenes=5, **options)
    async with kibitz() as app:
        await app.video.ask(tmp_path / "clip.mp4", "What happens?", KeepingListener())
    prompt = cloud.answers[-1].text
    seen = lines_of(prompt, "SEEN")
    assert len(seen) == len(scenes)
    for (at, words), scene in zip(seen, scenes, strict=True):
        assert at == pytest.approx(scene.start_seconds, abs=0.5)
        assert scene.colour in words
    heard = lines_of(prompt, "HEARD")
    assert len(heard) == len(scenes)
    for (at, words), scene in zip(heard, scenes, strict=True):
        assert at == pytest.approx(scene.start_seconds, abs=0.5)
        assert str(scene.hz) in words


async def test_the_whole_run_is_told_in_events(tmp_path: Path, kibitz: OpenKibitz) -> None:
    clips.colour_tone_clip(tmp_path / "clip.mp4", scenes=2)
    listener = KeepingListener()
    async with kibitz() as app:
        answer = await app.video.ask(tmp_path / "clip.mp4", "What?", listener, speak=True)
    started = [event.stage for event in listener.events if isinstance(event, StageStarted)]
    ended = [event.stage for event in listener.events if isinstance(event, StageEnded)]
    assert sorted(started) == sorted(ended)
    assert set(started) == {"probe", "frames", "audio", "captions", "transcript", "fusion", "answer", "speech"}
    names = listener.names()
    firsts = [name for name in names if name.startswith("First")]
    assert firsts[:2] == ["FirstToken", "FirstSentence"]
    assert firsts.count("FirstAudio") == 1
    assert names[0] == "RunStarted"
    assert listener.events[-1] == RunEnded(
        job_id=answer.job_id, at_seconds=listener.events[-1].at_seconds, outcome=Outcome.DONE
    )
    for name in ("MediaProbed", "CostEstimated", "ModeChosen", "UsageRecorded"):
        assert name in names
    assert answer.voice is not None
    assert answer.voice.duration_seconds > 1
    assert listener.words.strip() == answer.text


async def test_a_long_clip_needs_few_requests(tmp_path: Path, kibitz: OpenKibitz, cloud: OpenAIEmulator) -> None:
    clips.long_clip(tmp_path / "clip.mp4", minutes=5)
    async with kibitz() as app:
        await app.video.ask(tmp_path / "clip.mp4", "What happens?", KeepingListener())
    assert 1 <= len(cloud.captions) <= 15
    heard = [call.duration_seconds for call in cloud.transcriptions]
    assert all(call.status == 200 for call in cloud.transcriptions), "one transcript per piece"
    assert max(heard) <= 30
    assert sum(heard) <= 302


@pytest.mark.parametrize(
    ("make", "code", "unpaid"),
    [
        (clips.no_sound_clip, NoticeCode.NO_SOUND, "transcriptions"),
        (clips.silent_sound_clip, NoticeCode.SILENT_SOUND, "transcriptions"),
        (clips.tone, NoticeCode.NO_PICTURE, "captions"),
        (clips.cover_art, NoticeCode.NO_PICTURE, "captions"),
    ],
    ids=["no sound", "silence", "only sound", "cover art"],
)
async def test_what_is_missing_is_said_and_not_paid(
    make, code: NoticeCode, unpaid: str, tmp_path: Path, kibitz: OpenKibitz, cloud: OpenAIEmulator
) -> None:
    path = tmp_path / ("clip.mp4" if unpaid == "transcriptions" else "clip.mp3")
    make(path)
    async with kibitz() as app:
        answer = await app.video.ask(path, "What?", KeepingListener())
    assert code in [notice.code for notice in answer.notices]
    assert getattr(cloud, unpaid) == []
    assert answer.text
    public = next(notice.public for notice in answer.notices if notice.code is code)
    assert f"NOTICE {public}" in cloud.answers[-1].text


async def test_a_still_picture_is_shown_to_a_model_that_sees(
    tmp_path: Path, kibitz: OpenKibitz, cloud: OpenAIEmulator
) -> None:
    clips.picture(tmp_path / "picture.jpg")
    async with kibitz() as app:
        answer = await app.video.ask(tmp_path / "picture.jpg", "What is it?", KeepingListener())
    assert answer.mode is AnswerMode.DIRECT
    assert [len(call.images) for call in cloud.chats] == [1]
    assert cloud.transcriptions == []
    assert [notice.code for notice in answer.notices] == [NoticeCode.STILL_PICTURE]


async def test_direct_mode_shows_all_frames_in_one_call(
    tmp_path: Path, kibitz: OpenKibitz, cloud: OpenAIEmulator
) -> None:
    clips.colour_tone_clip(tmp_path / "clip.mp4", scenes=3)
    async with kibitz() as app:
        answer = await app.video.ask(tmp_path / "clip.mp4", "What?", KeepingListener(), mode=AnswerMode.DIRECT)
    assert answer.mode is AnswerMode.DIRECT
    (call,) = cloud.chats
    assert len(call.images) >= 3
    assert re.findall(r"t=(\d\d:\d\d\.\d)", call.text)[0] == "00:00.0"


async def test_map_mode_reads_in_parts_and_answers_from_notes(
    tmp_path: Path, kibitz: OpenKibitz, cloud: OpenAIEmulator
) -> None:
    clips.colour_tone_clip(tmp_path / "clip.mp4", scenes=8)
    async with kibitz(KIBITZ_ANSWER__EVIDENCE_TOKENS="500") as app:
        answer = await app.video.ask(tmp_path / "clip.mp4", "What?", KeepingListener(), mode=AnswerMode.MAP)
    assert answer.mode is AnswerMode.MAP
    assert len(cloud.answers) >= 3
    assert "NOTE " in cloud.answers[-1].text


async def test_the_typed_question_is_answered_and_else_the_default_one(
    tmp_path: Path, kibitz: OpenKibitz, cloud: OpenAIEmulator
) -> None:
    clips.colour_tone_clip(tmp_path / "clip.mp4", scenes=1)
    async with kibitz() as app:
        typed = await app.video.ask(tmp_path / "clip.mp4", "Which colour?", KeepingListener())
        default = await app.video.ask(tmp_path / "clip.mp4", None, KeepingListener())
    assert typed.question.source is QuestionSource.TYPED
    assert "Which colour?" in cloud.answers[0].text
    assert default.question.source is QuestionSource.DEFAULT
    assert next(m.kind for m in default.timeline.moments) in (MomentKind.SEEN, MomentKind.HEARD)
