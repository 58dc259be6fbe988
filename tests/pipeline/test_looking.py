"""The model looks again: what it asks for is checked, what comes back is evidence, what fails is a notice."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.domain.answer import AnswerMode, Prompt, Question, QuestionSource, ToolCall
from bot.domain.errors import MediaError, ProviderCategory
from bot.domain.events import Stage, StageEnded, StageProgress, StageStarted
from bot.domain.role import Role
from bot.domain.timeline import Caption, MomentKind, NoticeCode, Timeline
from bot.domain.understanding import LookKind
from bot.media.intake import open_media
from bot.media.limits import MediaLimits
from bot.media.probe import probe
from bot.pipeline.looking import OpenClip
from bot.pipeline.replying import Reply, reply
from bot.pipeline.run import Run
from bot.pipeline.video import Known, Understanding
from bot.providers.base import AnswerDelta, AnswerEnd, FinishReason
from tests import clips
from tests.fakes.providers import (
    KeepingListener,
    ScriptedCaptioner,
    ScriptedChat,
    ScriptedTranscriber,
    broken,
    crew_of,
    usage,
)

ASKED = Question(source=QuestionSource.TYPED, text="What is on the cup?")


@dataclass
class CallingChat(ScriptedChat):
    """Calls as `rounds` say, each with words before it; then answers `text`, or fails."""

    rounds: list[tuple[str, Sequence[tuple[str, object]]]] = field(default_factory=list)
    fails_after: bool = False

    async def answer(self, prompt: Prompt) -> AsyncIterator[AnswerDelta | ToolCall | AnswerEnd]:
        place = len(self.prompts)
        if place >= len(self.rounds) or not prompt.may_call:
            if self.fails_after:
                self.prompts.append(prompt)
                raise broken(ProviderCategory.SERVER)
            async for item in super().answer(prompt):
                yield item
            return
        self.prompts.append(prompt)
        words, calls = self.rounds[place]
        if words:
            yield AnswerDelta(text=words)
        for number, (name, arguments) in enumerate(calls):
            text = arguments if isinstance(arguments, str) else json.dumps(arguments)
            yield ToolCall(call_id=f"{place}-{number}", name=name, arguments=text)
        yield AnswerEnd(reason=FinishReason.TOOLS, usage=usage(Role.CHAT))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    clips.colour_tone_clip(path, scenes=[("red", 440), ("blue", 660), ("green", 880)], seconds=2.0, size=(320, 180))
    return path


async def opened(path: Path) -> OpenClip:
    limits = MediaLimits()
    file = await open_media(path, limits)
    return OpenClip(file, await probe(file, limits))


def understood(seconds: float = 6.0) -> Understanding:
    caption = Caption(at_seconds=0.0, since_seconds=0.0, text="a table")
    return Understanding(timeline=Timeline.weave(duration_seconds=seconds, captions=[caption]), known=Known())


async def answered(chat: CallingChat, clip: OpenClip, **crew: object) -> tuple[Reply, Run, KeepingListener]:
    listener = KeepingListener()
    run = Run(listener)
    async with run.whole():
        said = await reply(
            run,
            crew_of(chat=chat, **crew),  # type: ignore[arg-type]
            ASKED,
            [understood()],
            mode=AnswerMode.CAPTION,
            speak=False,
            again=[clip],
        )
    return said, run, listener


async def test_a_look_comes_back_as_evidence_that_may_be_cited(clip: Path) -> None:
    call = ("look", {"clip": 1, "start": 1.5, "end": 2.5, "question": "What colour?\u200b"})
    chat = CallingChat("It is blue [0:02].", rounds=[("Let me see.", [call])])
    captioner, again = ScriptedCaptioner(), await opened(clip)
    said, run, listener = await answered(chat, again, captioner=captioner)
    assert said.text == listener.words == "Let me see. It is blue [0:02]."
    [request] = captioner.requests
    assert request.question == "What colour?"
    assert 1 < len(request.frames) <= 8
    first, second = chat.prompts
    assert [tool.name for tool in first.tools] == ["look", "listen"]
    [result] = second.results
    assert result.said == "Let me see."
    assert "<evidence " in result.text
    assert 'SEEN "frame at 1.5"' in result.text
    [look] = again.looks
    assert (look.kind, look.start_seconds, look.end_seconds) == (LookKind.LOOK, 1.5, 2.5)
    assert run.notices == []
    stages = [event for event in listener.events if getattr(event, "stage", None) is Stage.LOOK]
    assert [type(event) for event in stages] == [StageStarted, StageProgress, StageEnded]
    assert (stages[1].done, stages[1].total) == (1.5, 2.5)
    assert {item.role for item in run.usages} == {Role.CAPTIONS, Role.CHAT}


async def test_listening_hears_the_stretch_at_its_place(clip: Path) -> None:
    chat = CallingChat("He said hello.", rounds=[("", [("listen", {"clip": 1, "start": "0:02", "end": 4})])])
    transcriber, again = ScriptedTranscriber(), await opened(clip)
    await answered(chat, again, transcriber=transcriber)
    [request] = transcriber.requests
    assert (request.chunk.offset_seconds, round(request.chunk.duration_seconds, 1)) == (2.0, 2.0)
    [moment] = again.looks[0].moments
    assert (moment.kind, moment.text, moment.start_seconds) == (MomentKind.HEARD, "hello there", 2.0)


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("look", "{", "not JSON"),
        ("look", "[1]", "one JSON object"),
        ("look", "[" * 100_000, "not JSON"),
        ("look", {"clip": 1, "start": True, "end": None, "question": "x"}, "seconds from the start"),
        ("look", {"clip": 1, "start": "NaN", "end": "soon", "question": "x"}, "seconds from the start"),
        ("look", {"clip": 2, "start": 1, "end": 2, "question": "x"}, "no such clip"),
        ("look", {"clip": 10**400, "start": 1, "end": 2, "question": "x"}, "no such clip"),
        ("look", {"clip": 1, "start": 600, "end": 700, "question": "x"}, "ends at 0:06"),
        ("run", {"command": "rm"}, "no such tool"),
    ],
)
async def test_nonsense_is_told_and_counts(clip: Path, name: str, arguments: object, told: str) -> None:
    chat = CallingChat("I do not know.", rounds=[("", [(name, arguments)])] * 5)
    captioner = ScriptedCaptioner()
    said, run, _ = await answered(chat, await opened(clip), captioner=captioner)
    assert said.text == "I do not know."
    assert captioner.requests == []
    assert run.notices == []
    assert [told in result.text for result in chat.prompts[-1].results] == [True, True]
    assert not chat.prompts[-1].may_call


@pytest.mark.parametrize(
    ("start", "end", "window"),
    [
        (-5, 2, (0.0, 2.0)),
        (4, 9, (4.0, 6.0)),
        (5, 3, (3.0, 5.0)),
        (3, 3, (2.5, 3.5)),
        ("0:04", "[0:05.5]", (4.0, 5.5)),
        (None, 6.4, (5.9, 6.0)),
        (0, 1e308, (0.0, 6.0)),
    ],
)
async def test_a_stretch_is_brought_inside_the_clip(
    clip: Path, start: object, end: object, window: tuple[float, float]
) -> None:
    call = ("look", {"clip": 1, "start": start, "end": end, "question": "?"})
    again = await opened(clip)
    await answered(CallingChat("Yes.", rounds=[("", [call])]), again)
    [look] = again.looks
    assert (look.start_seconds, look.end_seconds) == pytest.approx(window)


async def test_no_more_looks_than_allowed(clip: Path) -> None:
    call = ("look", {"clip": 1, "start": 1, "end": 2, "question": "?"})
    chat = CallingChat("Yes.", rounds=[("", [call] * 5)] * 9)
    again = await opened(clip)
    await answered(chat, again, max_looks=3)
    assert len(again.looks) == 3
    assert len(chat.prompts) == 2
    assert [result.text.startswith("There is no look left") for result in chat.prompts[1].results] == [False] * 3 + [
        True
    ] * 2
    never = CallingChat("Yes.")
    await answered(never, again, max_looks=0)
    assert never.prompts[0].tools == ()


@dataclass
class Gone:
    looks: list[object] = field(default_factory=list)

    async def open(self) -> object:
        raise MediaError("media_expired", "It is gone. Post it again.")


async def test_a_clip_that_is_gone_is_a_notice() -> None:
    call = ("look", {"clip": 1, "start": 1, "end": 2, "question": "?"})
    chat = CallingChat("I could not see it.", rounds=[("", [call])])
    said, run, _ = await answered(chat, Gone())  # type: ignore[arg-type]
    assert said.text == "I could not see it."
    assert [(notice.code, notice.public) for notice in run.notices] == [
        (NoticeCode.LOOK_FAILED, "I could not look again: It is gone. Post it again.")
    ]


async def test_a_captioner_that_fails_is_a_notice(clip: Path) -> None:
    call = ("look", {"clip": 1, "start": 1, "end": 2, "question": "?"})
    chat = CallingChat("I could not see it.", rounds=[("", [call])])
    said, run, _ = await answered(chat, await opened(clip), captioner=ScriptedCaptioner(fail_at=(0,)))
    assert said.text == "I could not see it."
    assert [notice.code for notice in run.notices] == [NoticeCode.LOOK_FAILED]


async def test_words_before_a_look_stay_when_the_model_fails_after_it(clip: Path) -> None:
    call = ("look", {"clip": 1, "start": 1, "end": 2, "question": "?"})
    chat = CallingChat(rounds=[("There is a table.", [call])], fails_after=True)
    said, run, _ = await answered(chat, await opened(clip))
    assert said.text == "There is a table."
    assert [notice.code for notice in run.notices] == [NoticeCode.ANSWER_INTERRUPTED]
