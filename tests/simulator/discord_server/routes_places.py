"""REST: the gateway's address, the bot itself, servers, channels, members, roles."""

from typing import Any

from tests.simulator.discord_server import payloads, refusals
from tests.simulator.discord_server import permissions as may
from tests.simulator.discord_server.calls import Call, Routes
from tests.simulator.discord_server.places import GUILDS


def routes() -> Routes:
    return [
        ("GET", "/gateway", _gateway),
        ("GET", "/gateway/bot", _gateway_bot),
        ("GET", "/users/@me", _me),
        ("GET", "/users/@me/guilds", _my_guilds),
        ("GET", "/users/{user_id}", _user),
        ("GET", "/oauth2/applications/@me", _application),
        ("GET", "/applications/@me", _application),
        ("GET", "/channels/{channel_id}", _channel),
        ("PATCH", "/channels/{channel_id}", _change_thread),
        ("PUT", "/channels/{channel_id}/thread-members/@me", _join_thread),
        ("GET", "/channels/{channel_id}/thread-members/{user_id}", _thread_member),
        ("GET", "/guilds/{guild_id}", _guild),
        ("GET", "/guilds/{guild_id}/channels", _channels),
        ("GET", "/guilds/{guild_id}/roles", _roles),
        ("GET", "/guilds/{guild_id}/members/{user_id}", _member),
        ("GET", "/guilds/{guild_id}/threads/active", _threads),
        ("DELETE", "/users/@me/guilds/{guild_id}", _leave),
    ]


async def _gateway(call: Call) -> Any:
    return {"url": call.world.gateway.url}


async def _gateway_bot(call: Call) -> Any:
    left = max(0, 1000 - len(call.world.gateway.identifies))
    start = {"total": 1000, "remaining": left, "reset_after": 86_400_000, "max_concurrency": 1}
    return {"url": call.world.gateway.url, "shards": call.world.gateway.shards, "session_start_limit": start}


async def _me(call: Call) -> Any:
    return payloads.me_json(call.world)


async def _my_guilds(call: Call) -> Any:
    return [
        {
            "id": str(guild.id),
            "name": guild.name,
            "icon": None,
            "banner": None,
            "owner": False,
            "permissions": str(guild.permissions_of(call.world.bot)),
            "features": [],
        }
        for guild in call.world.guilds.values()
        if guild.has_bot
    ]


async def _user(call: Call) -> Any:
    account = call.world.users.get(call.ids["user_id"])
    if account is None:
        raise refusals.unknown_user()
    return payloads.user_json(account)


async def _application(call: Call) -> Any:
    return payloads.application_json(call.world)


async def _channel(call: Call) -> Any:
    return payloads.channel_json(call.world.channel(call.ids["channel_id"]))


async def _change_thread(call: Call) -> Any:
    channel = call.world.channel(call.ids["channel_id"])
    bot = call.world.bot
    mine = channel.is_thread and channel.owner is bot
    if not mine and not channel.permissions_of(bot) & may.MANAGE_THREADS:
        raise refusals.missing_permissions()
    channel.name = call.data.get("name", channel.name)
    channel.archived = call.data.get("archived", channel.archived)
    channel.locked = call.data.get("locked", channel.locked)
    payload = payloads.channel_json(channel)
    call.world.gateway.tell("THREAD_UPDATE", payload, guild=channel.guild, intents=GUILDS)
    return payload


async def _join_thread(call: Call) -> None:
    channel = call.world.channel(call.ids["channel_id"])
    if call.world.bot not in channel.thread_members:
        channel.thread_members.append(call.world.bot)


async def _thread_member(call: Call) -> Any:
    channel = call.world.channel(call.ids["channel_id"])
    account = next((each for each in channel.thread_members if each.id == call.ids["user_id"]), None)
    if account is None:
        raise refusals.unknown_member()
    return payloads.thread_member_json(channel, account)


async def _guild(call: Call) -> Any:
    return payloads.rest_guild_json(call.world.guild(call.ids["guild_id"]))


async def _channels(call: Call) -> Any:
    guild = call.world.guild(call.ids["guild_id"])
    return [payloads.channel_json(channel) for channel in guild.channels if not channel.deleted]


async def _roles(call: Call) -> Any:
    guild = call.world.guild(call.ids["guild_id"])
    return [payloads.role_json(role) for role in guild.roles.values()]


async def _member(call: Call) -> Any:
    guild = call.world.guild(call.ids["guild_id"])
    if call.ids["user_id"] not in call.world.users:
        raise refusals.unknown_user()
    member = guild.members.get(call.ids["user_id"])
    if member is None:
        raise refusals.unknown_member()
    return payloads.member_json(member)


async def _threads(call: Call) -> Any:
    guild = call.world.guild(call.ids["guild_id"])
    threads = payloads.guild_json(guild)["threads"]
    return {"threads": threads, "members": [], "has_more": False}


async def _leave(call: Call) -> None:
    call.world.guild(call.ids["guild_id"]).remove_bot()
