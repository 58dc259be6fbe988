"""What the words of a clip depend on besides the clip: who found them, how, and which plugins had a part in it."""

import hashlib
from dataclasses import dataclass

from bot.domain.role import Role
from bot.hooks.specs import Specs
from bot.pipeline.crew import Crew
from bot.pipeline.degrade import Step
from bot.pipeline.looking import LOOK_EDGE_PX, LOOK_FRAMES
from bot.pipeline.run import Run

_SEEING = (Specs.edit_frames, Specs.edit_captions, Specs.register_captioners)
_HEARING = (Specs.on_sound, Specs.edit_heard, Specs.register_transcribers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipes:
    """Short keys for what the halves of a clip depend on, there where it is asked about, and what a look does."""

    seen: str
    heard: str
    look: str

    def less(self, step: Step) -> str:
        """For what was seen where not all was looked at: kept apart from the whole."""
        return _varied(self.seen, step)


class Cookbook:
    """The recipes of one crew."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        models = {role: [(ref.provider, ref.model) for ref in refs] for role, refs in crew.models.items()}
        self._seen = _recipe(
            models[Role.CAPTIONS],
            crew.frames_per_request,
            crew.caption_edge_px,
            crew.caption_detail,
            crew.limits.max_frames,
            crew.answer_language,
        )
        self._heard = _recipe(models[Role.TRANSCRIPTS], crew.spoken_language, crew.keywords)
        self._look = _recipe(
            models[Role.CAPTIONS],
            crew.answer_language,
            crew.caption_detail,
            self._heard,
            LOOK_FRAMES,
            LOOK_EDGE_PX,
        )

    async def recipes(self, run: Run) -> Recipes:
        """Plugins and hints have a part in what is found."""
        hooks, occasion = self._crew.hooks, run.occasion
        seeing, hearing = await hooks.recipe(occasion, *_SEEING), await hooks.recipe(occasion, *_HEARING)
        return Recipes(
            seen=_varied(self._seen, seeing),
            heard=_varied(self._heard, hearing, *run.hints),
            look=_varied(self._look, seeing, hearing),
        )

    def lapses(self) -> list[object]:
        """The lapses so far of plugins that have a part in what is seen, and of those in what is heard."""
        return [self._crew.hooks.lapses(*specs) for specs in (_SEEING, _HEARING)]


def _varied(recipe: str, *by: str) -> str:
    return _recipe(recipe, *by) if any(by) else recipe


def _recipe(*ingredients: object) -> str:
    """The ingredients as a short key."""
    return hashlib.sha256(repr(ingredients).encode()).hexdigest()[:16]
