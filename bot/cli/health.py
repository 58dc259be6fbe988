"""`health`: whether the bot is alive. Also `python -m bot.cli.health`, which is quick: it loads none of the rest."""

import sys
import time

from bot.cli.exits import EXIT_FAILED, EXIT_USAGE
from bot.config import Settings, load_settings
from bot.discord_io.heartbeat import DEAD_AFTER_SECONDS, heartbeat_file, seconds_since_beat
from bot.domain.errors import SettingsError


def report_health(settings: Settings) -> int:
    """Say whether the bot that runs on this data is connected to Discord; the exit code."""
    seconds = seconds_since_beat(heartbeat_file(settings), now=time.time())
    if seconds is None:
        print("No bot is connected to Discord with this data; start it with: python -m bot run", file=sys.stderr)
        return EXIT_FAILED
    if seconds > DEAD_AFTER_SECONDS:
        print(f"The bot was last connected to Discord {seconds:.0f} s ago; its log says why.", file=sys.stderr)
        return EXIT_FAILED
    print("The bot is connected to Discord.")
    return 0


def main() -> int:
    """With the settings of the current folder and the environment."""
    try:
        return report_health(load_settings())
    except SettingsError as error:
        print(error.public, file=sys.stderr)
        return EXIT_USAGE


if __name__ == "__main__":
    sys.exit(main())
