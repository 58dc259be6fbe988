"""What Discord tells of a clip that was made with it, and discord.py leaves out: who took part, and in which game."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

import discord
import discord.message

from bot.domain.visible import visible

if TYPE_CHECKING:
    from discord.state import ConnectionState
    from discord.types.message import Attachment as Payload

_MOST_PARTICIPANTS = 25
_LONGEST_NAME = 80


class AttachmentWithFacts(discord.Attachment):
    """`participants` and `game` are names as strangers gave them, made safe to show on one line."""

    __slots__ = ("game", "participants")

    def __init__(self, *, data: "Payload", state: "ConnectionState[Any]") -> None:
        super().__init__(data=data, state=state)
        facts = cast("Mapping[str, object]", data)
        self.participants = tuple(_participants(facts.get("clip_participants")))[:_MOST_PARTICIPANTS]
        self.game = _name(facts.get("application"), "name")


def keep_facts() -> None:
    """Have discord.py make these of what comes with messages, for the whole process: the library names the class in one
    place."""
    discord.message.__dict__["Attachment"] = AttachmentWithFacts


def _participants(users: object) -> Iterable[str]:
    if not isinstance(users, list):
        return ()
    names = (_name(user, "global_name", "username") for user in cast("list[object]", users))
    return dict.fromkeys(name for name in names if name)


def _name(holder: object, *keys: str) -> str:
    """The first of these that is a name."""
    if not isinstance(holder, dict):
        return ""
    told = (cast("dict[str, object]", holder).get(key) for key in keys)
    names = (" ".join(visible(name).split())[:_LONGEST_NAME] for name in told if isinstance(name, str))
    return next((name for name in names if name), "")
