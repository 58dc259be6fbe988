"""What joining and leaving voice channels leaves behind, over many cycles in the simulated Discord."""

import asyncio
import gc
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import davey
import psutil

from bot.discord_io.voice_lines import VoiceLines
from tests.discord_io.voice_line_material import SPEECH, Filled, RecordingEar, channel_of
from tests.simulator.discord_material import running
from tests.simulator.discord_server import DiscordServer
from tests.simulator.voice_material import until

_WARM_UP_CYCLES = 3
_CODES = (1006, 4006, 4009, 4015)


@dataclass(frozen=True, slots=True, kw_only=True)
class Household:
    """What a process has at one moment. `sessions`: of end-to-end encryption, those of the simulated people included."""

    threads: int
    files: int
    tasks: int
    sessions: int
    rss_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Soaked:
    """Before the first cycle that counts, and after the last. `violations`: what the bot did wrong."""

    cycles: int
    before: Household
    after: Household
    violations: tuple[str, ...]
