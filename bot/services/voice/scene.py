"""Where a spoken answer is given, and who is around."""

from collections.abc import Callable
from dataclasses import dataclass, field

from bot.domain.conversation import ConversationKey
from bot.domain.events import RunListener
from bot.domain.occasion import Surface
from bot.pipeline.aloud import Room
from bot.pipeline.crew import Crew
from bot.pipeline.run import Run, new_job_id
from bot.services.voice.means import PostedClips


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Where an answer is given: the place, the crew as set there, who is around, the clips in play. `sources` are
    others whose words are in the room."""

    key: ConversationKey
    crew: Crew
    locale: str
    room: Room
    clips: PostedClips | None = None
    sources: frozenset[int] = frozenset()
    names: dict[int, str] = field(default_factory=dict[int, str], repr=False)
    code_words: str = ""

    def run(self, listener: RunListener, asker_id: int, clock: Callable[[], float]) -> Run:
        """A job for an answer here."""
        crew, job_id = self.crew, new_job_id()
        occasion = crew.occasion(job_id, Surface.VOICE, key=self.key, asker_id=asker_id, locale=self.locale)
        return Run(listener, job_id=job_id, occasion=occasion, hooks=crew.hooks, clock=clock)
