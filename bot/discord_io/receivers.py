"""Who gets what of people's words and sounds, by the configuration: told before anybody is heard, and when asked."""

from bot.config import Settings
from bot.domain.role import Role
from bot.locales import Catalogue

_HEARING = (Role.TRANSCRIPTS, Role.CHAT)


def receiver(words: Catalogue, settings: Settings, role: Role) -> str:
    """Where the work of a role is done."""
    chosen = settings.role(role)
    if chosen.is_offline or chosen.base_url is None:
        return words("this bot's own machine")
    return f"`{chosen.base_url}`"


def roles_at_work(settings: Settings) -> list[Role]:
    """Who does anything here: what texts mean is told only where a model for it is named."""
    return [role for role in Role if role is not Role.EMBEDDINGS or not settings.role(role).is_offline]


def hearers(words: Catalogue, settings: Settings) -> str:
    """Where what is said in a voice channel is sent."""
    return ", ".join(sorted({receiver(words, settings, role) for role in _HEARING}))
