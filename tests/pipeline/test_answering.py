"""The chat model's stream becomes checked text; what broke is kept and said."""

import pytest

from bot.domain.answer import AnswerMode, Question, QuestionSource
from bot.domain.errors import ProviderCategory, ProviderError
from bot.domain.timeline import Moment, MomentKind, NoticeCode, Timeline
from bot.pipeline.answering import answer, prepare
from bot.pipeline.fusion import Evidence
from bot.pipeline.run import Run
from bot.providers.base import FinishReason
from tests.fakes.providers import KeepingListener, ScriptedChat, crew_of

ASKED = Question(source=QuestionSource.TYPED, text="What?")


def timeline_of(count: int) -> Timeline:
    return Timeline(
        duration_seconds=count * 10,
        moments=tuple(
            Moment(kind=MomentKind.HEARD, start_seconds=n * 10, end_seconds=n * 10 + 9, text=f"words of part {n}")
            for n in range(count)
        ),
    )


async def answered(chat: ScriptedChat, count: int = 2, **settings: object):
    listener, sentences = KeepingListener(), []
    run = Run(listener)
    crew = crew_of(chat=chat, **settings)
    async with run.whole():
        prompt, mode = await prepare(
            run, crew, Evidence(clips=(timeline_of(count),)), ASKED, mode=AnswerMode.AUTO, frames=()
        )
        text = await answer(run, crew, prompt, on_sentence=sentences.append)
    return text, sentences, run, listener, mode


async def test_text_streams_and_sentences_follow() -> None:
    text, sentences, run, listener, mode = await answered(ScriptedChat("It is red [0:03]. Then it is blue [0:12]."))
    assert text == listener.words == "It is red [0:03]. Then it is blue [0:12]."
    assert sentences == ["It is red [0:03].", "Then it is blue [0:12]."]
    assert mode is AnswerMode.CAPTION
    assert run.notices == []


async def test_a_time_that_is_not_in_the_timeline_does_not_reach_anybody() -> None:
    text, _, run, listener, _ = await answered(ScriptedChat("It is red [7:77]. Later at 9:30 more."))
    assert text == listener.words == "It is red. Later at ?:?? more."
    assert [notice.code for notice in run.notices] == [NoticeCode.TIME_NOT_IN_TIMELINE]


async def test_what_came_before_a_break_is_kept_with_a_notice() -> None:
    text, sentences, run, _, _ = await answered(ScriptedChat("It is red. Then", break_after=3))
    assert text == "It is red."
    assert sentences == ["It is red."]
    assert [notice.code for notice in run.notices] == [NoticeCode.ANSWER_INTERRUPTED]


async def test_a_model_that_says_nothing_is_an_error() -> None:
    with pytest.raises(ProviderError):
        await answered(ScriptedChat("x", break_after=0, failure=ProviderCategory.SERVER))


@pytest.mark.parametrize(
    ("reason", "code"),
    [(FinishReason.LENGTH, NoticeCode.ANSWER_CUT), (FinishReason.FILTERED, NoticeCode.ANSWER_FILTERED)],
)
async def test_an_early_end_is_a_notice(reason: FinishReason, code: NoticeCode) -> None:
    _, _, run, _, _ = await answered(ScriptedChat("Half", finish=reason))
    assert [notice.code for notice in run.notices] == [code]


async def test_a_long_timeline_is_read_in_parts_first() -> None:
    chat = ScriptedChat("[0:05] note about it.")
    text, _, _, _, mode = await answered(chat, count=400, evidence_tokens=2000)
    assert mode is AnswerMode.MAP
    *parts, last = chat.prompts
    assert len(parts) > 3
    assert [m for part in parts for m in part.timeline.moments] == list(timeline_of(400).moments)
    assert last.evidence.count("NOTE ") >= 1
    assert "[0:05]" in text


async def test_a_part_whose_notes_fail_is_a_notice() -> None:
    class FailsOnce(ScriptedChat):
        async def answer(self, prompt):
            self.break_after = 0 if not self.prompts else None
            async for item in super().answer(prompt):
                yield item

    _, _, run, _, mode = await answered(FailsOnce("[0:05] a note."), count=400, evidence_tokens=2000)
    assert mode is AnswerMode.MAP
    assert NoticeCode.TIMELINE_SHORTENED in [notice.code for notice in run.notices]
