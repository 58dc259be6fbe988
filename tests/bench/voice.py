"""Talk in voice channels: how soon the answer comes, how soon it yields, what it costs, how it hears."""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.bench import voice_load, voice_sound, voice_talk
from tests.bench.report import Report


async def run(folder: Path) -> Report:
    """All parts, one after the other; each prints its own table."""
    talk = (voice_talk.latency, voice_talk.offline, voice_talk.interruptions)
    parts = (*talk, voice_load.crowd, voice_load.hour, voice_load.cycles)
    reports: list[Report] = []
    for part in parts:
        print(f"voice: {part.__name__}", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="kibitz-bench-") as work:
            reports.append(await part(Path(work)))
    print("voice: sound", file=sys.stderr, flush=True)
    reports.append(await voice_sound.run(folder))
    return together(reports)


def together(reports: Sequence[Report]) -> Report:
    return Report(
        text="\n\n".join(report.text for report in reports),
        rows=tuple(row for report in reports for row in report.rows),
    )
