"""From what Discord tells of a clip to hints for the transcriber and lines of evidence."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from pydantic import Field

from bot.hooks import (
    Forgetting,
    Kibitz,
    MediaSource,
    Occasion,
    Permission,
    Plugin,
    PluginSettings,
    Prompt,
    Received,
    hookimpl,
    prompt_with_lines,
    prompt_with_rule,
)

Key = TypeVar("Key")

_MOST_HINTS = 50
_MOST_REMEMBERED = 500
_RULE = """\
PLAYER names somebody who was there when a clip was made, and GAME what was played, as Discord tells. Who of them is \
seen or heard is not known from that."""


class ClipMetadataSettings(PluginSettings):
    players: bool = Field(default=True, description="Names of people who took part in a clip are told")
    game: bool = Field(default=True, description="The game of a clip is told")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    players: tuple[str, ...] = field(default=(), repr=False)
    games: tuple[str, ...] = field(default=(), repr=False)


class ClipMetadata(Plugin):
    name = "clip_metadata"
    version = "1.0"
    requires = ">=0.1"
    summary = "Answers know who took part in a Discord clip, and which game it was."
    permissions = frozenset({Permission.WORDS})
    sends = "Names of players and games go to the speech recogniser and the chat model that are configured."
    settings_model = ClipMetadataSettings
    catalogue = Path(__file__).parent / "locales"

    def __init__(self, kibitz: Kibitz, settings: ClipMetadataSettings) -> None:
        super().__init__(kibitz, settings)
        self._tells_players = settings.players
        self._tells_games = settings.game
        self._clips: dict[int, _Known] = {}  # by attachment: later questions about it come without
        self._jobs: dict[str, _Known] = {}

    @hookimpl
    def edit_received(self, received: Received, occasion: Occasion) -> Received | None:
        told = [self._told(source) for source in received.sources]
        known = _Known(
            players=_once(name for one in told for name in one.players),
            games=_once(game for one in told for game in one.games),
        )
        if known == _Known():
            return None
        _remember(self._jobs, occasion.job_id, known)
        return replace(received, hints=_once([*received.hints, *known.players, *known.games])[:_MOST_HINTS])

    def _told(self, source: MediaSource) -> _Known:
        known = _Known(
            players=source.participants if self._tells_players else (),
            games=(source.game,) if self._tells_games and source.game else (),
        )
        if known == _Known():
            return self._clips.get(source.attachment_id, known)
        _remember(self._clips, source.attachment_id, known)
        return known

    @hookimpl
    def edit_prompt(self, prompt: Prompt, occasion: Occasion) -> Prompt | None:
        known = self._jobs.get(occasion.job_id)
        if known is None:
            return None
        prompt = prompt_with_lines(prompt, "PLAYER", known.players)
        return prompt_with_rule(prompt_with_lines(prompt, "GAME", known.games), _RULE)

    @hookimpl
    def on_forget(self, forgetting: Forgetting) -> None:
        self._clips.clear()
        self._jobs.clear()


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _remember(known: dict[Key, _Known], key: Key, value: _Known) -> None:
    """The newest, as many as there is room for."""
    known.pop(key, None)
    known[key] = value
    if len(known) > _MOST_REMEMBERED:
        del known[next(iter(known))]
