"""What work done here costs: nothing."""

from bot.domain.answer import Usage
from bot.domain.role import Role

PROVIDER = "offline"


def free(role: Role, model: str, *, requests: int = 1, audio_seconds: float = 0.0, characters: int = 0) -> Usage:
    """The usage of one call answered on this machine."""
    return Usage(
        role=role,
        provider=PROVIDER,
        model=model,
        requests=requests,
        audio_seconds=audio_seconds,
        characters=characters,
        cost_usd=0.0,
    )
