"""Nothing configured: everything is read, heard and answered on this machine."""

from pathlib import Path

import pytest

from bot.app import open_app
from bot.config import load_settings
from bot.domain.timeline import MomentKind
from tests import clips
from tests.fakes.providers import KeepingListener
from tests.journeys.conftest import CONFIG


async def test_a_small_caption_that_changes_is_in_the_timeline(tmp_path: Path) -> None:
    clips.static_slide_clip(tmp_path / "slide.mp4", before="Status: waiting", after="Status: finished", text_px=16)
    async with open_app(load_settings(CONFIG, environ={})) as app:
        woven = await app.video.timeline(tmp_path / "slide.mp4", KeepingListener())
    texts = woven.of(MomentKind.TEXT)
    changed = next(moment for moment in texts if "finished" in moment.text.casefold())
    assert changed.start_seconds == pytest.approx(40.0, abs=1.0)
    assert all("finished" not in moment.text.casefold() for moment in texts if moment.start_seconds < 39)


async def test_an_answer_is_true_and_spoken(tmp_path: Path) -> None:
    slides = [("Page one", "this is the first page"), ("Meeting at nine", "the meeting starts at nine in the morning")]
    clips.slides_with_speech(tmp_path / "clip.mp4", slides)
    async with open_app(load_settings(CONFIG, environ={})) as app:
        answer = await app.video.ask(
            tmp_path / "clip.mp4", "What did the sign say when someone said nine?", KeepingListener(), speak=True
        )
    assert "Meeting at nine" in answer.text
    assert "Page one" not in answer.text
    assert answer.voice is not None
    assert answer.voice.duration_seconds > 1
    assert sum(usage.cost_usd or 0 for usage in answer.usages) == 0
