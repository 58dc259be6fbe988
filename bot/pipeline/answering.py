"""What do we say: the chat model's stream becomes checked text and whole sentences."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from bot.domain.answer import AnswerMode, Prompt, Question, ToolCall
from bot.domain.errors import ProviderCategory, ProviderError
from bot.domain.events import ModeChosen, Stage
from bot.domain.media import Frame
from bot.domain.role import Role
from bot.hooks.offers import fused
from bot.hooks.specs import Specs
from bot.pipeline import notices
from bot.pipeline.citations import CitationFilter
from bot.pipeline.crew import Crew
from bot.pipeline.fusion import Evidence, choose_mode, compose, compose_from_notes, compose_parts
from bot.pipeline.run import Run
from bot.pipeline.sentences import SentenceSplitter
from bot.pipeline.tools import Toolbox
from bot.pipeline.writing import Splitter, Writer
from bot.providers.base import AnswerDelta, AnswerEnd, FinishReason

log = logging.getLogger(__name__)


async def prepare(
    run: Run, crew: Crew, evidence: Evidence, question: Question, *, mode: AnswerMode, frames: tuple[Frame, ...]
) -> tuple[Prompt, AnswerMode]:
    """The prompt in the mode that fits; a long timeline is first read in parts by the chat model."""
    async with run.stage(Stage.FUSION):
        chosen = choose_mode(mode, evidence, frames, crew)
        run.listener.event(ModeChosen(job_id=run.job_id, at_seconds=run.at_seconds, mode=chosen))
        if chosen is AnswerMode.MAP:
            parts = compose_parts(evidence.clips[0], question, crew)
            if len(parts) > 1:
                notes = await _take_notes(run, crew, parts)
                if any(notes):
                    return compose_from_notes(evidence, notes, question, crew), chosen
        room_tokens = crew.evidence_tokens - crew.evidence_tokens // 4
        lines = await fused(crew.hooks.offers, evidence.clips, question, room_tokens) if evidence.clips else None
        prompt, shortened = compose(evidence, question, crew, frames=frames, lines=lines)
        if shortened and prompt.timeline is not None:
            run.notice(notices.TIMELINE_SHORTENED)
            prompt = replace(prompt, timeline=replace(prompt.timeline, notices=tuple(run.notices)))
        return prompt, chosen


async def answer(
    run: Run,
    crew: Crew,
    prompt: Prompt,
    *,
    on_sentence: Callable[[str], None],
    toolbox: Toolbox | None = None,
    splitter: Splitter | None = None,
) -> str:
    """Stream the answer to the listener and its sentences to `on_sentence`; return the whole text. With a `toolbox` the
    model may call its tools before it goes on. `splitter` None: whole sentences.

    Raises ProviderError when no word came. What broke after the first word is kept, with a notice.
    """
    prompt = await crew.hooks.edit(Specs.edit_prompt, replace(prompt, step="answer"), run.occasion)
    checker = CitationFilter(
        prompt.timeline,
        quotable=f"{prompt.question.text} {prompt.quotable}",
        frame_times=tuple(frame.at_seconds for frame in prompt.frames),
    )
    writer = Writer(run, crew, splitter=splitter or SentenceSplitter(), on_sentence=on_sentence)
    if toolbox is not None:
        prompt = toolbox.offered(prompt)

    async def go_on(prompt: Prompt) -> list[ToolCall]:
        """One request; what the model calls for instead of, or after, going on."""
        calls: list[ToolCall] = []
        begins = writer.has_begun
        async with crew.gates[Role.CHAT]:
            async for item in crew.chat.answer(prompt):
                match item:
                    case AnswerDelta():
                        words = checker.feed(item.text)
                        await writer.write(words, apart=begins)
                        begins = begins and not words
                    case ToolCall():
                        calls.append(item)
                    case AnswerEnd():
                        run.used([item.usage])
                        _note_finish(run, item.reason)
                    case _:
                        run.notice(item)
        return calls

    async with run.stage(Stage.ANSWER):
        try:
            while (calls := await go_on(prompt)) and toolbox is not None and toolbox.may_call:
                await writer.write(checker.finish())
                await writer.flush()
                told_before = "".join(result.said for result in prompt.results)
                results, found = await toolbox.follow(calls, writer.said.removeprefix(told_before))
                checker.learn(found)
                prompt = replace(prompt, results=(*prompt.results, *results), may_call=toolbox.may_call)
        except ProviderError as error:
            is_broken = error.category is ProviderCategory.INTERRUPTED or bool(prompt.results)
            if not writer.has_begun or not is_broken:
                raise
            log.warning("job %s: answer interrupted: %s", run.job_id, error.code)
            run.notice(notices.ANSWER_INTERRUPTED)
        await writer.write(checker.finish())
        text = await writer.end()
    if checker.removed:
        run.notice(notices.times_removed(checker.removed))
    return text


def _note_finish(run: Run, reason: FinishReason) -> None:
    if reason is FinishReason.LENGTH:
        run.notice(notices.ANSWER_CUT)
    elif reason is FinishReason.FILTERED:
        run.notice(notices.ANSWER_FILTERED)


async def _take_notes(run: Run, crew: Crew, parts: list[Prompt]) -> list[str]:
    """Notes on all parts at once, in their order; a part that fails leaves an empty note and a notice."""
    async with asyncio.TaskGroup() as group:
        steps = (replace(part, step=f"notes {number}") for number, part in enumerate(parts))
        tasks = [group.create_task(_note(run, crew, step)) for step in steps]
    notes = [task.result() for task in tasks]
    if not all(notes):
        run.notice(notices.TIMELINE_SHORTENED)
    return notes


async def _note(run: Run, crew: Crew, part: Prompt) -> str:
    checker = CitationFilter(part.timeline)
    words: list[str] = []
    async with crew.gates[Role.CHAT]:
        try:
            async for item in crew.chat.answer(part):
                match item:
                    case AnswerDelta():
                        words.append(checker.feed(item.text))
                    case AnswerEnd():
                        run.used([item.usage])
                    case ToolCall():
                        """None was offered."""
                    case _:
                        run.notice(item)
        except ProviderError as error:
            log.warning("job %s: a part of the timeline was not read: %s", run.job_id, error.code)
            return ""
    return "".join([*words, checker.finish()]).strip()
