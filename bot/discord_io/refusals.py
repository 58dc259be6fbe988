"""Why Discord does not let the bot in, in words for whoever runs it."""

from bot.domain.errors import BotError
from bot.domain.sentence import sentence


def wrong_token() -> BotError:
    """401, or close code 4004."""
    return BotError(
        "discord_token",
        "Discord does not accept the token. Make a new one at https://discord.com/developers/applications "
        "(your application, Bot, Reset Token) and set it as DISCORD_TOKEN in .env.",
    )


def disallowed_intents() -> BotError:
    """Close code 4014."""
    return BotError(
        "discord_intents",
        "Discord does not let this bot read all messages. Switch Message Content Intent on at "
        "https://discord.com/developers/applications (your application, Bot), or set message_content = false "
        "under [discord] in config.toml.",
    )


def refused(status: int) -> BotError:
    """A status that waiting will not mend."""
    return BotError(
        "discord_sign_in_refused",
        sentence("Discord refused the sign-in (status {status}). Check api_url under [discord].", status=status),
    )


def unreachable() -> BotError:
    """Nobody answers, or nobody who speaks Discord's language."""
    return BotError(
        "discord_unreachable",
        "Discord cannot be reached. Check the network and api_url under [discord], then try again.",
    )


def closed(code: int) -> BotError:
    """A close code after which the library does not reconnect."""
    return BotError(
        "discord_closed",
        sentence("Discord closed the connection for good (code {code}). Check shard_count and shard_ids.", code=code),
    )
