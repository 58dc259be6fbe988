"""`health`: whether the bot is alive. Also `python -m bot.cli.health`, which is quick: it loads none of the rest."""

import sys
import time
from collections.abc import Iterable

from bot.cli.exits import EXIT_FAILED, EXIT_USAGE
from bot.config import Settings, load_settings
from bot.discord_io.heartbeat import DEAD_AFTER_SECONDS, heartbeat_file, seconds_since_beat
from bot.domain.errors import SettingsError
from bot.operations.beacon import Told, ask, beacons

_LONGEST_SECONDS = 6.0


def report_health(settings: Settings, *, seconds: float = _LONGEST_SECONDS) -> int:
    """Say whether the bot that runs on this data is well; the exit code. What serves its health is asked, for so long
    at most; else it is told by its sign of life."""
    found = beacons(settings.data.directory)
    if found:
        return _report_told(ask(beacon, seconds=seconds) for beacon in found)
    age = seconds_since_beat(heartbeat_file(settings), now=time.time())
    if age is None:
        print("No bot is connected to Discord with this data; start it with: python -m bot run", file=sys.stderr)
        return EXIT_FAILED
    if age > DEAD_AFTER_SECONDS:
        print(f"The bot was last connected to Discord {age:.0f} s ago; its log says why.", file=sys.stderr)
        return EXIT_FAILED
    print("The bot is connected to Discord.")
    return 0


def _report_told(answers: Iterable[Told]) -> int:
    code = 0
    for told in answers:
        if told.problems is None:
            print(f"The process {told.name} does not answer: it is stuck or was killed.", file=sys.stderr)
            code = EXIT_FAILED
        elif told.problems:
            print(f"The process {told.name} is not well: {'; '.join(told.problems)}", file=sys.stderr)
            code = EXIT_FAILED
        else:
            ready = "takes questions" if told.is_ready else "does not take questions at the moment"
            print(f"The process {told.name} is well and {ready}.")
    return code


def main() -> int:
    """With the settings of the current folder and the environment."""
    try:
        return report_health(load_settings())
    except SettingsError as error:
        print(error.public, file=sys.stderr)
        return EXIT_USAGE


if __name__ == "__main__":
    sys.exit(main())
