"""What goes wrong with a plugin in a test, told to its author."""

from bot.domain.errors import BotError


class RefusedError(AssertionError):
    """The bot would not run the plugin, or not offer its command; `code` as in docs/failures.md."""

    def __init__(self, error: BotError) -> None:
        super().__init__(f"the plugin was refused: {error.public}")
        self.code = error.code


class PluginFailedError(AssertionError):
    """A call of the plugin counted as a failure."""
