"""The settings of web_voice: the server, and the personas that speak there."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from bot.hooks import Key, PluginSettings, ServerAddress

DEFAULT_PERSONA = "default"


class Persona(PluginSettings):
    """How somebody speaks. `say` maps words as they are written to how the server should read them."""

    voice: str = Field(min_length=1, max_length=200, description="Name of a voice of the server")
    speed: float = Field(default=1.0, ge=0.25, le=4, description="1 is normal speed")
    instructions: str = Field(default="", max_length=4_000, description="How to speak, for models that heed it")
    gain_db: float = Field(default=0.0, ge=-40, le=40, description="Louder or quieter, in decibels")
    say: dict[str, str] = Field(default={}, max_length=500, description="How names are pronounced")


def _in_small_letters(personas: dict[str, Persona]) -> dict[str, Persona]:
    return {name.strip().lower(): persona for name, persona in personas.items()}


class WebVoiceSettings(PluginSettings):
    base_url: ServerAddress = Field(description="Address of the server, usually with /v1")
    model: str = Field(min_length=1, max_length=200, description="Name of its speech model")
    api_key: Key | None = Field(default=None, description="Its key, where it wants one")
    format: Literal["wav", "pcm"] = Field(default="wav", description="wav or pcm, the format that is asked for")
    rate_hz: int = Field(default=24_000, ge=8_000, le=48_000, description="Sample rate of pcm; wav tells its own")
    timeout_seconds: float = Field(default=15, gt=0, le=60, description="Longest wait for the next piece of sound")
    usd_per_million_characters: float | None = Field(
        default=None, ge=0, description="Price of the server, for the costs of an answer; 0: it is free"
    )
    personas: Annotated[dict[str, Persona], AfterValidator(_in_small_letters)] = Field(
        default={}, description="Personas by the names that /settings voice takes; default: for all other places"
    )

    def persona_name(self, voice: str | None) -> str | None:
        """Which persona speaks where this voice is set. None: there is none for it."""
        wanted = (voice or "").strip().lower()
        return next((name for name in (wanted, DEFAULT_PERSONA) if name in self.personas), None)

    def persona(self, voice: str | None) -> Persona:
        """The same. A name that nobody here has is a voice of the server."""
        name = self.persona_name(voice)
        return Persona(voice=voice or "alloy") if name is None else self.personas[name]
