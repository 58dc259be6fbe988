"""Shipped plugins in the whole bot: a question names what captions attend to, and the transcript is read in German."""

import re
from pathlib import Path

from bot.domain.events import UsageRecorded
from bot.domain.role import Role
from bot.domain.timeline import MomentKind
from tests import clips
from tests.fakes.providers import KeepingListener
from tests.journeys.conftest import OpenKibitz
from tests.simulator.openai_server import ChatCall, HonestMind, OpenAIEmulator

_TONE = re.compile(r"(\d+)\. tone (\d+) hertz")


class _Translating(HonestMind):
    """Translates what it is given in numbered lines, and answers all else as ever."""

    def answer(self, call: ChatCall) -> str:
        lines = [f"{number}. Ton mit {hertz} Hertz" for number, hertz in _TONE.findall(call.text)]
        return "\n".join(lines) if "You translate what was said" in call.text else super().answer(call)


async def test_focus_and_translate_work_together_on_a_clip(
    tmp_path: Path, kibitz: OpenKibitz, cloud: OpenAIEmulator
) -> None:
    cloud.mind = _Translating()
    clips.colour_tone_clip(tmp_path / "clip.mp4", scenes=3, seconds=1.5, fps=10, size=(160, 90))
    listener = KeepingListener()
    async with kibitz(
        KIBITZ_PLUGINS__ENABLED="focus,translate",
        KIBITZ_PLUGINS__FOCUS__OBJECTS='["blue wall"]',
        KIBITZ_PLUGINS__TRANSLATE__LANGUAGE="de",
    ) as app:
        answer = await app.video.ask(tmp_path / "clip.mp4", "Watch the red light: when is it seen?", listener)

    for call in cloud.captions:
        assert "To attend to" in call.text
        assert "red light\nblue wall" in call.text
    heard = answer.timeline.of(MomentKind.HEARD)
    assert len(heard) == 3
    for moment in heard:
        assert re.fullmatch(r"Ton mit (\d+) Hertz \(tone \1 hertz\)", moment.text)

    told = cloud.answers[-1].text
    assert 'FOCUS "red light"' in told
    assert "language with the tag de" in told
    assert "Ton mit" in told
    spent = [event.usage.role for event in listener.events if isinstance(event, UsageRecorded)]
    assert spent.count(Role.CHAT) == 2, "the translation and the answer"
