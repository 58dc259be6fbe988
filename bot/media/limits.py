"""How much of a file, and of this machine, one job may use."""

from dataclasses import dataclass
from typing import Literal

from bot.domain.media import MediaFamily

SandboxMode = Literal["best-effort", "required", "off"]

_WALL_INCLUDES_SECONDS = 600.0
_WALL_SHARE_BEYOND = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaLimits:
    """Limits checked before anything is decoded or paid, and those every child process runs under.

    `max_pixels` is per picture. `child_cpu_seconds` belongs to `decode_wall_seconds` and grows with the wall time
    a call is given. `child_memory_bytes` bounds what a child allocates; with its libraries it then takes less than
    512 MB. `sandbox` "required" refuses to run a child where a layer is missing, "best-effort" uses what
    the kernel has, "off" leaves only the resource limits. `families` are opened besides everyday files.
    """

    max_bytes: int = 100 * 2**20
    max_seconds: float = 3600.0
    max_pixels: int = 33_177_600
    max_streams: int = 16
    max_frames: int = 120
    image_edge_px: int = 1024
    probe_wall_seconds: float = 20.0
    decode_wall_seconds: float = 60.0
    child_cpu_seconds: int = 120
    child_memory_bytes: int = 440 * 2**20
    child_output_bytes: int = 128 * 2**20
    sandbox: SandboxMode = "best-effort"
    families: frozenset[MediaFamily] = frozenset()

    def decode_wall(self, duration_seconds: float | None) -> float:
        """Seconds one decoding child may take: more for media beyond ten minutes, and for an unknown length."""
        duration = self.max_seconds if duration_seconds is None else min(duration_seconds, self.max_seconds)
        return self.decode_wall_seconds + _WALL_SHARE_BEYOND * max(0.0, duration - _WALL_INCLUDES_SECONDS)

    def cpu_seconds(self, wall_seconds: float) -> int:
        """Processor seconds for a child that may run this long; the wall ends it first unless it spins."""
        return max(1, round(self.child_cpu_seconds * max(1.0, wall_seconds / self.decode_wall_seconds)))
