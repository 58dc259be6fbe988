"""Links to Discord messages: followed where both the asker and the bot may read, and nowhere else."""

import re

import aiohttp
import discord

from bot.discord_io.permissions import listed, missing_in, missing_of, reading
from bot.domain.errors import BotError
from bot.domain.sentence import sentence

MOST_LINKS = 3

_LINK = re.compile(
    r"https?://(?:(?:ptb|canary|www)\.)?discord(?:app)?\.com/channels/"
    r"(?P<server>@me|[0-9]{15,20})/(?P<channel>[0-9]{15,20})/(?P<message>[0-9]{15,20})(?![0-9])"
)

Asker = discord.Member | discord.User
Readable = discord.TextChannel | discord.VoiceChannel | discord.StageChannel | discord.Thread


def has_links(text: str) -> bool:
    """Whether a text names a message by its link."""
    return _LINK.search(text) is not None


async def linked_messages(text: str, *, asker: Asker, guild: discord.Guild | None) -> tuple[discord.Message, ...]:
    """The messages a text links to, in order, each once; `guild` is where the text stands, None: a direct message.

    Raises BotError for a link that is not followed.
    """
    found = list(dict.fromkeys(_LINK.findall(text)))
    if len(found) > MOST_LINKS:
        raise BotError(
            "links_too_many", sentence("At most {most} message links at a time; leave some out.", most=MOST_LINKS)
        )
    return tuple([await _follow(*link, asker=asker, guild=guild) for link in found])


async def _follow(
    server: str, channel_id: str, message_id: str, *, asker: Asker, guild: discord.Guild | None
) -> discord.Message:
    try:
        if server == "@me":
            place = await _direct_messages(asker, int(channel_id))
        elif guild is not None and int(server) == guild.id:
            place = await _channel(guild, int(channel_id))
            await _check_asker(place, asker)
            _check_bot(place)
        else:
            raise _elsewhere()
        return await place.fetch_message(int(message_id))
    except (discord.NotFound, discord.InvalidData) as error:
        raise _gone() from error
    except discord.Forbidden as error:
        raise _hidden() from error
    except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
        raise BotError("link_failed", "Discord did not hand out the linked message. Try again in a minute.") from error


async def _direct_messages(asker: Asker, channel_id: int) -> discord.DMChannel:
    """The direct messages between the asker and the bot; those of others are none of theirs."""
    channel = asker.dm_channel or await asker.create_dm()
    if channel.id != channel_id:
        raise _hidden()
    return channel


async def _channel(guild: discord.Guild, channel_id: int) -> Readable:
    """A channel or thread of this server; an archived thread is known only to Discord."""
    place = guild.get_channel_or_thread(channel_id) or await guild.fetch_channel(channel_id)
    if not isinstance(place, Readable):
        raise _gone()
    return place


async def _check_asker(place: Readable, asker: Asker) -> None:
    if not isinstance(asker, discord.Member):
        raise _hidden()
    held = place.permissions_for(asker)
    if missing_of(held, reading(place)):
        raise _hidden()
    if isinstance(place, discord.Thread) and place.is_private() and not held.manage_threads:
        try:
            await place.fetch_member(asker.id)
        except discord.NotFound as error:
            raise _hidden() from error


def _check_bot(place: Readable) -> None:
    missing = missing_in(place, wanted=reading(place))
    if missing:
        raise BotError(
            "link_unreadable",
            sentence(
                "I cannot read the linked message. Missing there: {missing}. Someone who manages that channel can "
                "allow it in its settings.",
                missing=listed(missing),
            ),
        )


def _hidden() -> BotError:
    return BotError(
        "link_not_visible",
        "That link leads to a message you cannot read here. Post the clip itself.",
    )


def _elsewhere() -> BotError:
    return BotError("link_elsewhere", "That link leads to another server. Post the clip here instead.")


def _gone() -> BotError:
    return BotError("link_gone", "The linked message is no longer there. Post the clip itself.")
