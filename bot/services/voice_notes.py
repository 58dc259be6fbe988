"""The summary of a conversation in a voice channel; the words themselves are nowhere but in the call."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.domain.answer import Usage
from bot.domain.errors import BotError, ProviderError
from bot.domain.voice_session import SpokenLine
from bot.pipeline.crew import Crew
from bot.pipeline.minutes import sum_up
from bot.pipeline.run import Run
from bot.services.steps import Unwatched

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Minutes:
    """What was worked out; `problem`: why there is no summary, None where there is one or no model to write it."""

    summary: str = field(default="", repr=False)
    problem: BotError | None = None
    usages: tuple[Usage, ...] = ()


class VoiceNotes:
    """For one crew."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew

    async def summary(self, lines: Sequence[SpokenLine], *, language: str | None = None) -> Minutes:
        """A transcript is worth having without one, so nothing is raised."""
        run = Run(Unwatched())
        try:
            async with run.whole():
                text = await sum_up(run, self._crew, lines, language=language)
        except ProviderError as error:
            log.warning("job %s: no summary of a conversation: %s", run.job_id, error.code)
            return Minutes(problem=error, usages=tuple(run.usages))
        return Minutes(summary=text, usages=tuple(run.usages))
