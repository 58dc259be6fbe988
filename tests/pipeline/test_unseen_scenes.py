"""More scenes than frames: what was seen ends where a scene begins that nobody looked at."""

from pathlib import Path

from bot.domain.timeline import MomentKind, NoticeCode
from bot.services.video import VideoService
from tests import clips
from tests.fakes.providers import KeepingListener, ScriptedCaptioner, crew_of


async def test_a_caption_does_not_reach_over_a_scene_without_a_frame(tmp_path: Path) -> None:
    scenes = clips.colour_tone_clip(tmp_path / "clip.mp4", scenes=40, seconds=0.5, size=(160, 120), sound=False)
    captioner = ScriptedCaptioner(describe=lambda at: f"scene {int(at / 0.5 + 0.02)}")
    woven = await VideoService(crew_of(captioner=captioner)).timeline(tmp_path / "clip.mp4", KeepingListener())
    for moment in woven.of(MomentKind.SEEN):
        scene = scenes[int(moment.text.removeprefix("scene "))]
        assert moment.start_seconds >= scene.start_seconds - 0.05
        assert moment.end_seconds <= scene.end_seconds + 0.05
    assert NoticeCode.FRAMES_DROPPED in [notice.code for notice in woven.notices]
