"""Buttons under answers and progress; they carry their job in their id, so they work after a restart."""

import re
from enum import StrEnum
from typing import Any, Self

import discord

from bot.locales import Catalogue

PRESSED = "kibitz_button"
"""The event of the client that a press becomes: interaction, action, job id."""

FORM_SECONDS = 15 * 60
"""How long a form that was opened may still be sent; a dismissed one is let go of then."""


class Action(StrEnum):
    """What a button does."""

    CANCEL = "cancel"
    AGREE = "agree"
    LESS = "less"
    MORE = "more"
    TRANSCRIPT = "transcript"
    FRAMES = "frames"
    SPEAK = "speak"
    DELETE = "delete"


class JobButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=r"kibitz:(?P<action>[a-z]+):(?P<job>[0-9a-f]{12})",
):
    """A button for one job; pressing it dispatches the event PRESSED."""

    def __init__(
        self,
        action: Action,
        job_id: str,
        *,
        label: str | None = None,
        emoji: str | None = None,
        style: discord.ButtonStyle = discord.ButtonStyle.secondary,
    ) -> None:
        self.action = action
        self.job_id = job_id
        super().__init__(
            discord.ui.Button(label=label, emoji=emoji, style=style, custom_id=f"kibitz:{action}:{job_id}")
        )

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(Action(match["action"]), match["job"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        interaction.client.dispatch(PRESSED, interaction, self.action, self.job_id)


def cancel_view(job_id: str, words: Catalogue) -> discord.ui.View:
    """The button that stops the work."""
    view = discord.ui.View(timeout=None)
    view.add_item(JobButton(Action.CANCEL, job_id, label=words("Cancel"), emoji="✖️"))
    return view


def answer_view(
    job_id: str, words: Catalogue, *, has_clip: bool, has_picture: bool, may_speak: bool
) -> discord.ui.View:
    """What can be done with an answer; only what makes sense for it."""
    view = discord.ui.View(timeout=None)
    view.add_item(
        JobButton(Action.MORE, job_id, label=words("Ask more"), emoji="💬", style=discord.ButtonStyle.primary)
    )
    if has_clip:
        view.add_item(JobButton(Action.TRANSCRIPT, job_id, label=words("Transcript"), emoji="📜"))
    if has_picture:
        view.add_item(JobButton(Action.FRAMES, job_id, label=words("Frames"), emoji="🎞️"))
    if may_speak:
        view.add_item(JobButton(Action.SPEAK, job_id, label=words("Speak"), emoji="🔊"))
    view.add_item(JobButton(Action.DELETE, job_id, label=words("Delete"), emoji="🗑️"))
    return view
