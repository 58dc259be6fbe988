"""Every setting with its type, bounds and default; the description is its comment line in config.toml."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, cast

from pydantic import Field, PrivateAttr, StringConstraints
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bot.config.access import AccessSettings
from bot.config.budget import BudgetSettings
from bot.config.fields import (
    OFFLINE,
    Folder,
    Key,
    Language,
    ModelNames,
    Section,
    ServerAddress,
    TesseractLanguage,
    Words,
    is_secret,
)
from bot.config.plugins import PluginsSettings, PluginTable
from bot.config.queue import QueueSettings
from bot.config.running import DataSettings, DiscordSettings, JobSettings, MemorySettings
from bot.config.status import StatusSettings
from bot.config.tracing import TracingSettings
from bot.config.voice import VoiceSettings
from bot.domain.answer import AnswerMode
from bot.domain.media import MediaFamily
from bot.domain.role import Role

PresetName = Literal["auto", "balanced", "quality", "classic", "local", "offline"]
Flavour = Literal["auto", "openai", "ollama", "vllm", "llamacpp", "localai", "speaches", "kokoro", "openrouter"]
Effort = Literal["default", "none", "minimal", "low", "medium", "high", "xhigh", "max"]


class ModelSettings(Section):
    preset: PresetName = Field(
        default="auto",
        description="auto, balanced, quality, classic, local or offline; auto: balanced with a key, else offline",
    )


class RoleSettings(Section):
    """Where one kind of hired work is done.

    After loading, `base_url` is set unless the role is offline; `api_key` is None for a server without keys.
    """

    base_url: ServerAddress | None = Field(
        default=None, description='Address of the server, up to /v1; "": OPENAI_BASE_URL, or as the preset says'
    )
    api_key: Key | None = Field(default=None, description="In the environment or a secret file only")
    flavour: Flavour = Field(
        default="auto",
        description="auto, openai, ollama, vllm, llamacpp, localai, speaches, kokoro, openrouter; "
        '"": as the preset says',
    )
    models: ModelNames = Field(
        default=(OFFLINE,), min_length=1, description='Tried in order; ["offline"]: no server; []: as the preset says'
    )
    timeout_seconds: float = Field(
        default=60, gt=0, le=3600, description="Longest wait for the next byte; 0: as the preset says"
    )
    attempts: int = Field(default=3, ge=1, le=10, description="Calls per model before the next one is tried")
    max_concurrency: int = Field(default=4, ge=1, le=64, description="Calls at the same time; 0: as the preset says")
    max_wait_seconds: float = Field(
        default=20, ge=0, le=600, description="Longest wait a server may ask for; beyond it, the next model is tried"
    )

    @property
    def is_offline(self) -> bool:
        """No server is asked for this role."""
        return self.models == (OFFLINE,)


class CaptionSettings(RoleSettings):
    effort: Effort = Field(
        default="default",
        description='default (not sent), none, minimal, low, medium, high, xhigh or max; "": as the preset says',
    )
    frames_per_request: int = Field(default=8, ge=1, le=64, description="Frames in one request; 0: as the preset says")
    image_edge_px: int = Field(
        default=768, ge=64, le=2048, description="Longer edge of a frame that is sent; 0: as the preset says"
    )
    detail: Literal["low", "high", "original"] = Field(default="high", description="low, high or original")


class TranscriptSettings(RoleSettings):
    language: Language | None = Field(
        default=None, description='Language spoken, such as en or zh; "": found by the model'
    )
    keywords: tuple[Words, ...] = Field(default=(), max_length=200, description="Names and words to expect")


class ChatSettings(RoleSettings):
    effort: Effort = Field(
        default="default",
        description='default (not sent), none, minimal, low, medium, high, xhigh or max; "": as the preset says',
    )
    max_output_tokens: int = Field(default=700, ge=16, le=128_000, description="Longest answer")
    context_tokens: int = Field(
        default=0,
        ge=0,
        le=10_000_000,
        description="What the model can read; 0: as the preset says, or known by its name",
    )
    temperature: float | None = Field(default=None, ge=0, le=2, description='0 to 2; "": not sent')


class SpeechSettings(RoleSettings):
    voice: Words | None = Field(default=None, description='Name of the voice; "": as the preset says')
    speed: float = Field(default=1.0, ge=0.25, le=4, description="0.25 to 4")
    transport: Literal["auto", "rest", "realtime"] = Field(
        default="auto",
        description="rest, realtime (websocket), or auto: realtime for models with realtime in their name",
    )
    instructions: Annotated[str, StringConstraints(max_length=4096)] | None = Field(
        default=None, description='How to speak, for models that can be told; "": nothing'
    )
    language: Language | None = Field(default=None, description='Language to speak; "": that of the answer')


class EmbeddingSettings(RoleSettings):
    models: ModelNames = Field(
        default=(OFFLINE,),
        min_length=1,
        max_length=1,
        description='The model that tells what texts mean, so that memory is found by it, too; ["offline"]: none; '
        "[]: as the preset says",
    )


class MediaSettings(Section):
    max_megabytes: float = Field(default=100, gt=0, le=4096, description="Largest file, in units of 1,048,576 bytes")
    max_seconds: float = Field(default=3600, gt=0, le=86_400, description="Longest clip")
    max_megapixels: float = Field(
        default=33.1776, gt=0, le=200, description="Largest picture, in millions of pixels (8K)"
    )
    max_streams: int = Field(default=16, ge=1, le=256, description="Most streams in one file")
    max_frames: int = Field(default=120, ge=2, le=1000, description="Most frames chosen from one clip")
    sandbox: Literal["required", "best-effort"] = Field(
        default="best-effort",
        description="required: no start without Landlock and seccomp; best-effort: what the kernel has",
    )
    require_patched_ffmpeg: bool = Field(
        default=False, description="No start with an ffmpeg that is not known to be free of CVE-2026-8461"
    )
    extra_formats: tuple[MediaFamily, ...] = Field(
        default=(),
        description="Also open these, most of them old: avi, flv, mpegts, wmv, theora, amr, raw-h264",
    )


class AnswerSettings(Section):
    mode: AnswerMode = Field(
        default=AnswerMode.AUTO,
        description="auto, direct (frames go to the chat model), caption (words only) or map (long clips in windows)",
    )
    direct_max_frames: int = Field(
        default=0,
        ge=0,
        le=1000,
        description="Most frames in direct mode when it is chosen by itself; 0: as the preset says",
    )
    evidence_tokens: int = Field(
        default=24_000, ge=500, le=2_000_000, description="Longest timeline in a prompt; 0: as the preset says"
    )
    language: Language | None = Field(default=None, description='Language of the answer; "": that of the question')
    max_looks: int = Field(
        default=2, ge=0, le=10, description="How often an answer may have a part of a clip examined again; 0: never"
    )


class OfflineSettings(Section):
    fallback: bool = Field(default=True, description="Work here when no server answers; false: say what failed")
    tesseract_languages: tuple[TesseractLanguage, ...] = Field(
        default=("eng",),
        min_length=1,
        description='Languages of text on screen, as Tesseract names them: ["eng", "chi_sim"]',
    )
    workers: int = Field(
        default=0, ge=0, le=64, description="Processes for recognising text and speech; 0: one per core"
    )


class WorkspaceSettings(Section):
    directory: Folder | None = Field(
        default=None, description='Where the files of a job live while it runs; "": the temporary folder of the system'
    )


class LogSettings(Section):
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="debug, info, warning or error"
    )
    format: Literal["plain", "json"] = Field(default="plain", description="plain, or json: one object per line")


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingShown:
    """One setting as it may be printed: a secret is "set" or "not set". `source` is a place a person can go to."""

    name: str
    value: str
    source: str


class Settings(BaseSettings):
    """The whole configuration, checked and complete; built by `load_settings`."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    models: ModelSettings = ModelSettings()
    captions: CaptionSettings = CaptionSettings()
    transcripts: TranscriptSettings = TranscriptSettings()
    chat: ChatSettings = ChatSettings()
    speech: SpeechSettings = SpeechSettings()
    embeddings: EmbeddingSettings = EmbeddingSettings()
    media: MediaSettings = MediaSettings()
    answer: AnswerSettings = AnswerSettings()
    offline: OfflineSettings = OfflineSettings()
    workspace: WorkspaceSettings = WorkspaceSettings()
    log: LogSettings = LogSettings()
    tracing: TracingSettings = TracingSettings()
    status: StatusSettings = StatusSettings()
    discord: DiscordSettings = DiscordSettings()
    access: AccessSettings = AccessSettings()
    data: DataSettings = DataSettings()
    memory: MemorySettings = MemorySettings()
    voice: VoiceSettings = VoiceSettings()
    jobs: JobSettings = JobSettings()
    queue: QueueSettings = QueueSettings()
    budget: BudgetSettings = BudgetSettings()
    plugins: PluginsSettings = PluginsSettings()

    _sources: dict[str, str] = PrivateAttr(default_factory=dict[str, str])
    _statements: tuple[str, ...] = PrivateAttr(default=())
    _preset_reason: str = PrivateAttr(default="built without a configuration")
    _plugin_tables: dict[str, PluginTable] = PrivateAttr(default_factory=dict[str, PluginTable])
    _read_again: Callable[[], "Settings"] | None = PrivateAttr(default=None)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Nothing is read on the side: the layers come from `load_settings`, which knows the place of each value."""
        return (init_settings,)

    @property
    def statements(self) -> tuple[str, ...]:
        """What the operator should be told once at the start: a preset chosen by itself, a role without a server."""
        return self._statements

    @property
    def preset_reason(self) -> str:
        """Why `models.preset` is what it is, as half a sentence."""
        return self._preset_reason

    @property
    def plugin_tables(self) -> Mapping[str, PluginTable]:
        """What is set for each plugin, whether it runs or not, unchecked; `plugin_settings` checks it."""
        return self._plugin_tables

    def read_again(self) -> "Settings":
        """The configuration as it stands by now; these settings where they came from none. Raises SettingsError."""
        return self if self._read_again is None else self._read_again()

    def with_origin(
        self,
        *,
        sources: Mapping[str, str],
        statements: tuple[str, ...],
        preset_reason: str,
        plugin_tables: Mapping[str, PluginTable],
        read_again: "Callable[[], Settings]",
    ) -> "Settings":
        """The same settings, knowing where each value came from."""
        loaded = self.model_copy()
        loaded._sources = dict(sources)
        loaded._statements = statements
        loaded._preset_reason = preset_reason
        loaded._plugin_tables = dict(plugin_tables)
        loaded._read_again = read_again
        return loaded

    def role(self, role: Role) -> RoleSettings:
        """The section of a role."""
        return {
            Role.CAPTIONS: self.captions,
            Role.TRANSCRIPTS: self.transcripts,
            Role.CHAT: self.chat,
            Role.SPEECH: self.speech,
            Role.EMBEDDINGS: self.embeddings,
        }[role]

    def secrets(self) -> tuple[str, ...]:
        """Every secret in clear, for cutting them out of logs."""
        found = (getattr(getattr(self, section), name) for section, name in _secret_settings())
        ours = (secret.get_secret_value() for secret in found if secret is not None)
        theirs = (secret for table in self.plugin_tables.values() for secret in table.secrets())
        return tuple(dict.fromkeys((*ours, *theirs)))

    def describe(self) -> tuple[SettingShown, ...]:
        """Every setting in the order of config.toml, with the place its value came from."""
        return tuple(
            SettingShown(
                name=f"{section}.{name}",
                value=_shown(getattr(getattr(self, section), name), secret=is_secret(field.annotation)),
                source=self._sources.get(f"{section}.{name}", "default"),
            )
            for section, model in SECTIONS.items()
            for name, field in model.model_fields.items()
        )


def _secret_settings() -> Iterator[tuple[str, str]]:
    for section, model in SECTIONS.items():
        for name, field in model.model_fields.items():
            if is_secret(field.annotation):
                yield section, name


def _shown(value: object, *, secret: bool) -> str:
    if secret:
        return "not set" if value is None else "set"
    if value is None:
        return '""'
    if isinstance(value, tuple):
        return ", ".join(map(str, cast("tuple[object, ...]", value))) or "[]"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


SECTIONS: dict[str, type[Section]] = {
    name: field.annotation
    for name, field in Settings.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
}
