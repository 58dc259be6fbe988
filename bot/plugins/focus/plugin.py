"""What is attended to where, and how that reaches captions, timelines, evidence and people."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, TypeVar, cast

from pydantic import Field, StringConstraints

from bot.hooks import (
    CaptionRequest,
    CommandCall,
    CommandOption,
    ConversationKey,
    Forgetting,
    Fusion,
    Kibitz,
    Moment,
    MomentKind,
    Occasion,
    OptionKind,
    Permission,
    Plugin,
    PluginSettings,
    Prompt,
    Question,
    Received,
    RecordTable,
    SlashCommand,
    Timeline,
    hookimpl,
    prompt_with_lines,
    prompt_with_rule,
)
from bot.plugins.focus.fusion import FocusFusion
from bot.plugins.focus.names import LONGEST_NAME, MOST_NAMES, listed, mentions, names_in, tidy

Key = TypeVar("Key")
Value = TypeVar("Value")

_TABLE = "focus"
_MOST_REMEMBERED = 2_000
_GAP_SECONDS = 0.5
_RULE = "FOCUS names what people here want watched. Say where and when it is seen, or that it is not seen."

Name = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_NAME)]


class FocusSettings(PluginSettings):
    objects: tuple[Name, ...] = Field(
        default=(), max_length=MOST_NAMES, description="What captions attend to everywhere, such as a red car"
    )
    from_question: bool = Field(
        default=True, description='A question such as "watch the red car: …" names what to attend to for its answer'
    )


class Focus(Plugin):
    name = "focus"
    version = "1.0"
    requires = ">=0.1"
    summary = "Captions attend to objects and people that you name."
    permissions = frozenset({Permission.PICTURES, Permission.WORDS, Permission.RECORDS, Permission.COMMANDS})
    keeps = "For each channel, what captions attend to there."
    settings_model = FocusSettings
    tables = (RecordTable(name=_TABLE),)
    catalogue = Path(__file__).parent / "locales"

    def __init__(self, kibitz: Kibitz, settings: FocusSettings) -> None:
        super().__init__(kibitz, settings)
        self._objects = settings.objects
        self._from_question = settings.from_question
        self._here: dict[ConversationKey, tuple[str, ...]] = {}  # what records say, as far as it was read
        self._asked: dict[str, tuple[str, ...]] = {}  # by job
        self._marks: dict[Moment, str] = {}  # moments of ours, by what they are about

    async def vary(self, occasion: Occasion) -> str:
        names = await self._names(occasion)
        return json.dumps(names) if names else ""

    # What is to be attended to.

    @hookimpl
    async def edit_received(self, received: Received, occasion: Occasion) -> None:
        """The question stays as it is; what it names is remembered until its answer is given."""
        names = names_in(received.question or "") if self._from_question else ()
        if names and occasion.job_id:
            _remember(self._asked, occasion.job_id, names)

    @hookimpl
    async def register_commands(self) -> Sequence[SlashCommand]:
        return [
            SlashCommand(
                name="focus",
                description="What captions attend to in this channel: show it, add to it, or clear it",
                run=self._command,
                options=(
                    CommandOption(name="watch", description="Objects or people, with commas between them"),
                    CommandOption(name="clear", description="Forget what was named before", kind=OptionKind.YES_NO),
                ),
                is_public=True,
            )
        ]

    async def _command(self, call: CommandCall) -> str:
        words, key = self.kibitz.words(call.occasion.locale), call.occasion.key
        if key is None:
            return words("Use this in a channel.")
        before = () if call.options.get("clear") else await self._named_in(key)
        names = tidy([*before, *listed(str(call.options.get("watch", "")))])
        if call.options and not await self._keep(key, names):
            return words("Nothing is kept here, so captions cannot be told what to attend to.")
        names = tidy([*self._objects, *names])
        if not names:
            return words("Captions attend to nothing in particular here. Name something with /focus watch.")
        return words("Captions here attend to: {names}.", names=", ".join(names))

    async def _keep(self, key: ConversationKey, names: tuple[str, ...]) -> bool:
        """False: nothing is kept here."""
        record = await self.kibitz.records.put(_TABLE, {"names": list(names)}, key=key, only=True)
        if record is not None and not names:
            await self.kibitz.records.drop(record)
        self._here = {}
        return record is not None

    @hookimpl
    async def on_forget(self, forgetting: Forgetting) -> None:
        """Records go by themselves; what was read of them is read again."""
        self._here = {}
        self._asked.clear()
        self._marks.clear()

    async def _names(self, occasion: Occasion) -> tuple[str, ...]:
        """What is attended to for this question, there: that of the question first."""
        here = () if occasion.key is None else await self._named_in(occasion.key)
        return tidy([*self._asked.get(occasion.job_id, ()), *self._objects, *here])

    async def _named_in(self, key: ConversationKey) -> tuple[str, ...]:
        here = self._here  # another one by the time it was read, if it changed meanwhile
        names = here.get(key)
        if names is None:
            found = await self.kibitz.records.find(_TABLE, key=key, limit=1)
            value = cast("list[object]", found[0].value["names"] if found else [])
            names = tidy(map(str, value))
            _remember(here, key, names)
        return names

    # Where it counts.

    @hookimpl
    async def edit_frames(self, request: CaptionRequest, occasion: Occasion) -> CaptionRequest | None:
        names = await self._names(occasion)
        return replace(request, focus=tidy([*request.focus, *names])) if names else None

    @hookimpl
    async def edit_timeline(self, timeline: Timeline, occasion: Occasion) -> Timeline | None:
        """Adds when captions mention it; that is all that is known of it."""
        words = self.kibitz.words(occasion.language or occasion.locale)
        found: list[Moment] = []
        for name in await self._names(occasion):
            text = words("{name}: mentioned in the captions", name=name)
            for start, end in _spans(timeline, name):
                moment = Moment(kind=MomentKind.SEEN, start_seconds=start, end_seconds=end, text=text)
                _remember(self._marks, moment, name)
                found.append(moment)
        return timeline.plus(found) if found else None

    @hookimpl
    async def edit_prompt(self, prompt: Prompt, occasion: Occasion) -> Prompt | None:
        names = () if prompt.timeline is None else await self._names(occasion)
        return prompt_with_rule(prompt_with_lines(prompt, "FOCUS", names), _RULE) if names else None

    @hookimpl
    async def register_fusion(self) -> Mapping[str, Fusion]:
        return {"focus": FocusFusion(self._is_about)}

    def _is_about(self, timeline: Timeline, question: Question) -> Callable[[Moment], bool]:
        named = {self._marks[moment] for moment in timeline.moments if moment in self._marks}
        return lambda moment: moment in self._marks or any(mentions(moment.text, name) for name in named)


def _spans(timeline: Timeline, name: str) -> list[tuple[float, float]]:
    """The stretches in which captions mention it, close ones as one."""
    spans: list[tuple[float, float]] = []
    for moment in timeline.of(MomentKind.SEEN):
        if mentions(moment.text, name):
            start, end = moment.start_seconds, moment.end_seconds
            if spans and start <= spans[-1][1] + _GAP_SECONDS:
                start, end = spans[-1][0], max(end, spans.pop()[1])
            spans.append((start, end))
    return spans


def _remember(known: dict[Key, Value], key: Key, value: Value) -> None:
    """The newest, as many as there is room for."""
    known.pop(key, None)
    known[key] = value
    while len(known) > _MOST_REMEMBERED:
        del known[next(iter(known))]
