"""`python -m tests.bench [NAME …]`: measures, prints, and writes build/bench.json. `--check`: exit code 1 when a
target is missed.

A benchmark is a function from a folder that survives (`build/bench`) to a Report; its line in BENCHES is all it needs.
"""

import argparse
import asyncio
import json
import os
import platform
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.bench import backup, discord, followup, hooks, load, memory, video, voice
from tests.bench.report import Report, Row, verdicts

Bench = Callable[[Path], Awaitable[Report]]

BENCHES: dict[str, Bench] = {
    "video": video.run,
    "discord": discord.run,
    "followup": followup.run,
    "memory": memory.run,
    "backup": backup.run,
    "voice": voice.run,
    "hooks": hooks.run,
    "load": load.run,
}
BUILD = Path(__file__).parents[2] / "build"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure Kibitz.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", choices=[[], *BENCHES], help=f"all when none: {', '.join(BENCHES)}"
    )
    parser.add_argument("--check", action="store_true", help="exit code 1 when a target is missed")
    chosen = parser.parse_args()
    folder = BUILD / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    load = f", load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors" if hasattr(os, "getloadavg") else ""
    print(f"Python {platform.python_version()} on {platform.system()} {platform.machine()}{load}\n", flush=True)
    started = time.monotonic()
    rows: list[Row] = []
    for name in chosen.names or BENCHES:
        report = asyncio.run(BENCHES[name](folder))
        print(f"{report.text}\n", flush=True)
        rows += report.rows
    (BUILD / "bench.json").write_text(json.dumps([row.as_json() for row in rows], indent=2) + "\n")
    print(verdicts(rows))
    print(f"\n{len(rows)} rows in build/bench.json, {time.monotonic() - started:.0f} s")
    missed = any(row.holds is False for row in rows)
    return 1 if chosen.check and missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
