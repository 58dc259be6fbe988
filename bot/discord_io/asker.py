"""Who asks, and from where: what they are called there, what they may read, whose words may surface."""

from dataclasses import dataclass

import discord

from bot.discord_io.identity import key_of
from bot.discord_io.permissions import missing_of, reading
from bot.discord_io.safe_text import visible
from bot.domain.conversation import ConversationKey, MediaSource
from bot.domain.recollection import Scope

_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """A person in a place. `guild` None: a direct message."""

    user: discord.Member | discord.User
    guild: discord.Guild | None
    channel: object
    key: ConversationKey

    @property
    def name(self) -> str:
        """What they are called there, in one short line."""
        return " ".join(visible(self.user.display_name).split())[:_LONGEST_NAME]

    @property
    def scope(self) -> Scope:
        """Where words may come from to surface here: for a thread also the channel it hangs on, since everybody in a
        thread sees that one, unless this person may not read what was said there before."""
        if not isinstance(self.channel, discord.Thread) or not isinstance(self.user, discord.Member):
            return Scope(key=self.key)
        parent = self.channel.parent
        if parent is None or missing_of(parent.permissions_for(self.user), reading(parent)):
            return Scope(key=self.key)
        return Scope(key=self.key, also=(parent.id,))

    def may_read(self, source: MediaSource) -> bool:
        """Whether they see the message of a clip; the file of a command was given to us by somebody here."""
        if not source.message_id or source.channel_id == self.key.channel_id:
            return True
        place = self.guild.get_channel_or_thread(source.channel_id) if self.guild else None
        if place is None or not isinstance(self.user, discord.Member):
            return False
        held = place.permissions_for(self.user)
        is_closed = isinstance(place, discord.Thread) and place.is_private() and not held.manage_threads
        return not is_closed and not missing_of(held, reading(place))


def asker_of(place: discord.Message | discord.Interaction[discord.Client]) -> Asker:
    """Whoever wrote a message, or used a command, a button or a form."""
    user = place.user if isinstance(place, discord.Interaction) else place.author
    return Asker(user=user, guild=place.guild, channel=place.channel, key=key_of(place))
