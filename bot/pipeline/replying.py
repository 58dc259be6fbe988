"""From clips that are understood to an answer in text and, where wanted, in voice."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from bot.domain.answer import AnswerMode, Question, WantedCall
from bot.domain.media import VoiceClip
from bot.domain.recollection import NOTHING, Recollection
from bot.pipeline.answering import answer, prepare
from bot.pipeline.crew import Crew
from bot.pipeline.fusion import Evidence
from bot.pipeline.looking import ClipAgain, Looking
from bot.pipeline.run import Run
from bot.pipeline.speaking import Speaker
from bot.pipeline.tools import Toolbox
from bot.pipeline.video import Understanding


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What was said, how the clips reached the model, and the sound of it; `wanted`: see Toolbox."""

    text: str = field(repr=False)
    mode: AnswerMode
    voice: VoiceClip | None
    wanted: tuple[WantedCall, ...] = ()


async def reply(
    run: Run,
    crew: Crew,
    question: Question,
    clips: Sequence[Understanding],
    *,
    mode: AnswerMode,
    speak: bool,
    earlier: Recollection = NOTHING,
    again: Sequence[ClipAgain] = (),
) -> Reply:
    """Answer from the clips, from none for mere talk; spoken while it is written. `again` are the same clips where the
    model may have parts of them examined again; what came of that is in their `looks`. Raises ProviderError."""
    evidence = Evidence(clips=tuple(clip.timeline for clip in clips), earlier=earlier)
    frames = tuple(frame for clip in clips for frame in clip.frames)
    toolbox = Toolbox(run, crew, Looking(run, crew, again, evidence.clips))
    async with AsyncExitStack() as voice:
        speaker = Speaker(run, crew)
        if speak:
            await voice.enter_async_context(speaker.speaking())
        prompt, chosen = await prepare(run, crew, evidence, question, mode=mode, frames=frames)
        text = await answer(
            run,
            crew,
            prompt,
            on_sentence=speaker.say if speak else lambda _sentence: None,
            toolbox=toolbox,
        )
    return Reply(text=text, mode=chosen, voice=speaker.clip, wanted=tuple(toolbox.wanted))
