"""Permissions: the invitation asks for the least, and what is missing is named as Discord's settings name it."""

from typing import Any

import discord
import pytest

from bot.discord_io.permissions import FILES, NEEDED, READ, VOICE, WRITE, listed, missing_in, missing_of
from bot.locales import catalogue

SERVER, CHANNEL, THREAD, BOT = 10, 20, 30, 40


def guild(everyone: discord.Permissions, *, denied: discord.Permissions | None = None) -> discord.Guild:
    """A server with one channel and one thread, in which the bot has these rights, as the gateway tells of it."""
    client = discord.Client(intents=discord.Intents(guilds=True))
    state = client._connection
    user: Any = {"id": str(BOT), "username": "kibitz", "discriminator": "0", "avatar": None, "bot": True}
    state.user = discord.ClientUser(state=state, data=user)
    overwrite = {"id": str(SERVER), "type": 0, "allow": "0", "deny": str((denied or discord.Permissions()).value)}
    channel = {"id": str(CHANNEL), "type": 0, "name": "general", "position": 0, "permission_overwrites": [overwrite]}
    thread = {
        "id": str(THREAD), "type": 11, "name": "thread", "parent_id": str(CHANNEL), "owner_id": "1", "message_count": 0,
        "member_count": 1, "rate_limit_per_user": 0,
        "thread_metadata": {
            "archived": False, "auto_archive_duration": 60, "archive_timestamp": "2026-11-25T00:00:00+00:00",
            "locked": False,
        },
    }  # fmt: skip
    role = {
        "id": str(SERVER), "name": "@everyone", "color": 0, "colors": {"primary_color": 0}, "hoist": False,
        "position": 0, "permissions": str(everyone.value), "managed": False, "mentionable": False, "flags": 0,
    }  # fmt: skip
    member = {
        "user": user,
        "roles": [],
        "joined_at": "2026-11-25T00:00:00+00:00",
        "deaf": False,
        "mute": False,
        "flags": 0,
    }
    data: Any = {
        "id": str(SERVER), "name": "server", "owner_id": "1", "roles": [role], "channels": [channel],
        "threads": [thread], "members": [member], "member_count": 2, "preferred_locale": "en-US", "features": [],
    }  # fmt: skip
    return discord.Guild(data=data, state=state)


def test_the_invitation_asks_for_these_and_no_more() -> None:
    assert {name for name, held in NEEDED if held} == {
        "read_messages", "read_message_history", "send_messages", "send_messages_in_threads", "attach_files",
        "add_reactions", "send_voice_messages", "connect", "speak", "use_voice_activation",
    }  # fmt: skip
    assert NEEDED.value == 70643658902528 - (1 << 14) + (1 << 6)


def test_every_permission_of_the_invitation_has_a_name() -> None:
    names = missing_of(discord.Permissions.none(), NEEDED)
    assert len(names) == NEEDED.value.bit_count()
    assert missing_of(discord.Permissions.all(), NEEDED) == ()


def test_names_are_listed_in_the_language_of_the_reader() -> None:
    missing = missing_of(READ, READ | FILES | VOICE)
    assert listed(missing) == "Attach Files, Send Voice Messages"
    assert catalogue("en-US").of(listed(missing)) == "Attach Files, Send Voice Messages"
    assert listed(missing[:1]) == "Attach Files"


@pytest.mark.parametrize("place", [CHANNEL, THREAD])
def test_the_right_to_write_is_another_one_in_a_thread(place: int) -> None:
    rights = {CHANNEL: "send_messages", THREAD: "send_messages_in_threads"}
    names = {CHANNEL: ("Send Messages",), THREAD: ("Send Messages in Threads",)}
    for withheld in (CHANNEL, THREAD):
        here = guild(NEEDED, denied=discord.Permissions(**{rights[withheld]: True}))
        missing = missing_in(here.get_channel_or_thread(place), wanted=WRITE)
        assert missing == (names[place] if withheld == place else ())


def test_what_a_channel_withholds_is_missing_there() -> None:
    here = guild(NEEDED, denied=FILES)
    assert missing_in(here.get_channel(CHANNEL), wanted=WRITE | FILES) == ("Attach Files",)
    assert missing_in(here.get_channel(CHANNEL), wanted=WRITE) == ()


def test_in_direct_messages_nothing_is_missing() -> None:
    client = discord.Client(intents=discord.Intents(guilds=True))
    assert missing_in(client.get_partial_messageable(1), wanted=NEEDED) == ()
