"""Settings: read from config.toml and the environment, checked, completed by a preset."""

from bot.config.loading import load_settings
from bot.config.plugin_check import plugin_settings
from bot.config.plugins import PluginSettings, PluginsSettings, PluginTable
from bot.config.presets import PRESETS
from bot.config.queue import Duty, QueueSettings
from bot.config.running import DataSettings, DiscordSettings, JobSettings
from bot.config.settings import (
    AnswerSettings,
    CaptionSettings,
    ChatSettings,
    LogSettings,
    MediaSettings,
    ModelSettings,
    OfflineSettings,
    RoleSettings,
    Settings,
    SettingShown,
    SpeechSettings,
    TranscriptSettings,
    WorkspaceSettings,
)
from bot.config.status import StatusSettings

__all__ = [
    "PRESETS",
    "AnswerSettings",
    "CaptionSettings",
    "ChatSettings",
    "DataSettings",
    "DiscordSettings",
    "Duty",
    "JobSettings",
    "LogSettings",
    "MediaSettings",
    "ModelSettings",
    "OfflineSettings",
    "PluginSettings",
    "PluginTable",
    "PluginsSettings",
    "QueueSettings",
    "RoleSettings",
    "SettingShown",
    "Settings",
    "SpeechSettings",
    "StatusSettings",
    "TranscriptSettings",
    "WorkspaceSettings",
    "load_settings",
    "plugin_settings",
]
