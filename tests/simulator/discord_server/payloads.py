"""The JSON of users, members, roles, servers, channels and messages, with what the bot may not read left out."""

import zlib
from typing import TYPE_CHECKING, Any

from tests.simulator.discord_server.clock import timestamp
from tests.simulator.discord_server.messages import HAS_THREAD, SNAPSHOT, Message, numbered

if TYPE_CHECKING:
    from tests.simulator.discord_server.interactions import Interaction
    from tests.simulator.discord_server.places import Channel, Guild, Member, Role
    from tests.simulator.discord_server.uploads import File, MadeClip
    from tests.simulator.discord_server.world import Account, World

MESSAGE_CONTENT = 1 << 15
_IS_CLIP = 1 << 0
_VOICE, _STAGE, _FORUM = 2, 13, 15
_NAMELESS = {"avatar": None, "banner": None, "accent_color": None, "avatar_decoration_data": None, "clan": None}


def user_json(account: "Account") -> dict[str, Any]:
    username = account.name if account.is_bot else account.name.lower().replace(" ", "_")
    return {
        **_NAMELESS,
        "id": str(account.id),
        "username": username,
        "discriminator": "0000" if account.is_bot else "0",
        "global_name": None if account.is_bot else account.name,
        "public_flags": 0,
        "flags": 0,
        "primary_guild": None,
        **({"bot": True} if account.is_bot else {}),
    }


def me_json(world: "World") -> dict[str, Any]:
    return {**user_json(world.bot), "mfa_enabled": False, "locale": "en-US", "verified": True, "email": None}


def role_json(role: "Role") -> dict[str, Any]:
    return {
        "id": str(role.id),
        "name": role.name,
        "description": None,
        "permissions": str(role.permissions),
        "position": role.position,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "managed": role.managed,
        "mentionable": role.mentionable,
        "icon": None,
        "unicode_emoji": None,
        "flags": 0,
        **({"tags": {"bot_id": str(role.bot_id)}} if role.bot_id is not None else {}),
    }


def member_json(member: "Member", *, with_user: bool = True) -> dict[str, Any]:
    body: dict[str, Any] = {
        "avatar": None,
        "banner": None,
        "communication_disabled_until": None,
        "flags": 0,
        "joined_at": timestamp(member.joined_at),
        "nick": member.nick,
        "pending": False,
        "premium_since": None,
        "roles": [str(role.id) for role in member.roles],
        "mute": False,
        "deaf": False,
    }
    return {**body, "user": user_json(member.account)} if with_user else body


def channel_json(channel: "Channel") -> dict[str, Any]:
    last = channel.messages[-1].id if channel.messages else None
    body: dict[str, Any] = {
        "id": str(channel.id),
        "type": channel.type,
        "last_message_id": str(last) if last else None,
        "flags": 0,
    }
    if channel.guild is None:
        others = [account for account in channel.recipients if account is not channel.world.bot]
        body["recipients"] = [user_json(account) for account in others]
        if channel.type == 3:
            body |= {"name": None, "icon": None, "owner_id": str(others[0].id)}
        return body
    body |= {"guild_id": str(channel.guild.id), "name": channel.name, "rate_limit_per_user": 0}
    if channel.parent is None:
        overwrites = [
            {
                "id": str(target),
                "type": 0 if target in channel.guild.roles else 1,
                "allow": str(allow),
                "deny": str(deny),
            }
            for target, (allow, deny) in channel.overwrites.items()
        ]
        position = channel.guild.channels.index(channel) if channel in channel.guild.channels else 0
        body |= {"parent_id": None, "position": position, "permission_overwrites": overwrites, "nsfw": False}
        if channel.type in {_VOICE, _STAGE}:
            topic = {"topic": None} if channel.type == _STAGE else {}
            return body | {"bitrate": 64_000, "user_limit": channel.user_limit, "rtc_region": None, **topic}
        if channel.type == _FORUM:
            forum = {"available_tags": [], "default_reaction_emoji": None, "default_sort_order": None}
            return body | {"topic": None, "default_forum_layout": 0, **forum}
        return body | {"topic": None}
    return body | {
        "parent_id": str(channel.parent.id),
        "owner_id": str(channel.owner.id) if channel.owner else None,
        "message_count": max(0, len(channel.messages) - 1),
        "total_message_sent": max(0, len(channel.messages) - 1),
        "member_count": len(channel.thread_members),
        "thread_metadata": {
            "archived": channel.archived,
            "archive_timestamp": timestamp(channel.world.clock()),
            "auto_archive_duration": 4320,
            "locked": channel.locked,
            "create_timestamp": timestamp(channel.world.clock()),
        },
    }


def thread_member_json(thread: "Channel", account: "Account") -> dict[str, Any]:
    joined = timestamp(thread.world.clock())
    return {"id": str(thread.id), "user_id": str(account.id), "join_timestamp": joined, "flags": 0}


def partial_channel_json(channel: "Channel", permissions: int) -> dict[str, Any]:
    return {**channel_json(channel), "permissions": str(permissions)}


def guild_json(guild: "Guild") -> dict[str, Any]:
    """As GUILD_CREATE has it; of the members only the bot and who is in voice, as without the members intent."""
    bot = guild.members.get(guild.world.bot.id)
    open_channels = [channel for channel in guild.channels if not channel.deleted]
    threads = [
        channel
        for channel in guild.world.channels.values()
        if channel.guild is guild and channel.is_thread and not (channel.archived or channel.deleted)
        if channel.bot_sees
    ]
    in_voice = guild.world.voice.guild_json(guild)
    return {
        **rest_guild_json(guild),
        "joined_at": timestamp(bot.joined_at if bot else guild.world.clock()),
        "large": False,
        "unavailable": False,
        "member_count": len(guild.members),
        "members": [*([member_json(bot)] if bot else []), *in_voice["members"]],
        "channels": [channel_json(channel) for channel in open_channels],
        "threads": [channel_json(thread) for thread in threads],
        "presences": [],
        "voice_states": in_voice["voice_states"],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    }


def rest_guild_json(guild: "Guild") -> dict[str, Any]:
    return {
        "id": str(guild.id),
        "name": guild.name,
        "icon": None,
        "description": None,
        "home_header": None,
        "splash": None,
        "discovery_splash": None,
        "features": [],
        "banner": None,
        "owner_id": str(guild.owner.id if guild.owner else guild.world.app.owner.id),
        "application_id": None,
        "region": "us-east",
        "afk_channel_id": None,
        "afk_timeout": 300,
        "system_channel_id": str(guild.system_channel.id) if guild.system_channel else None,
        "system_channel_flags": 0,
        "widget_enabled": False,
        "widget_channel_id": None,
        "verification_level": 0,
        "roles": [role_json(role) for role in guild.roles.values()],
        "default_message_notifications": 0,
        "mfa_level": 0,
        "explicit_content_filter": 0,
        "max_presences": None,
        "max_members": 500_000,
        "max_stage_video_channel_users": 50,
        "max_video_channel_users": 25,
        "vanity_url_code": None,
        "premium_tier": 0,
        "premium_subscription_count": 0,
        "preferred_locale": guild.locale,
        "rules_channel_id": None,
        "safety_alerts_channel_id": None,
        "public_updates_channel_id": None,
        "premium_progress_bar_enabled": False,
        "nsfw": False,
        "nsfw_level": 0,
        "emojis": [],
        "stickers": [],
        "incidents_data": None,
    }


def file_json(world: "World", file: "File") -> dict[str, Any]:
    url, proxy_url = world.cdn.addresses(file)
    body: dict[str, Any] = {
        "id": str(file.id),
        "filename": file.name,
        "size": file.size,
        "url": url,
        "proxy_url": proxy_url,
        "content_type": file.content_type,
        "title": file.title,
        "description": file.description,
        "duration_secs": file.duration_secs,
        "waveform": file.waveform,
        "ephemeral": file.ephemeral or None,
        **(_clip_json(file.clip) if file.clip else {}),
    }
    return {key: value for key, value in body.items() if value is not None}


def _clip_json(clip: "MadeClip") -> dict[str, Any]:
    game = {"id": str(zlib.crc32(clip.game.encode())), "name": clip.game, "icon": None, "description": "", "type": None}
    return {
        "flags": _IS_CLIP,
        "clip_created_at": clip.created_at,
        "clip_participants": [user_json(account) for account in clip.participants],
        "application": {**game, "verify_key": "0" * 64, "flags": 0, "flags_new": "0"} if clip.game else None,
    }


def may_read(world: "World", message: Message, sees_content: bool) -> bool:
    """Without the intent the bot reads its own messages, direct messages, and what mentions it."""
    return (
        sees_content or message.author is world.bot or message.channel.is_direct or world.bot in message.mentions.users
    )


def message_json(
    world: "World",
    message: Message,
    *,
    sees_content: bool,
    always: bool = False,
    nested: bool = False,
    for_gateway: bool = False,
) -> dict[str, Any]:
    """`always`: the target of a message menu, shown whole whatever the intents. `nested`: inside another message,
    where what it replies to is left out."""
    reads = always or may_read(world, message, sees_content)
    body: dict[str, Any] = {
        "id": str(message.id),
        "channel_id": str(message.channel.id),
        "type": message.type,
        "content": message.content if reads else "",
        "author": user_json(message.author),
        "attachments": [file_json(world, file) for file in message.file_list] if reads else [],
        "embeds": [{"type": "rich", **embed} for embed in message.embeds] if reads else [],
        "components": numbered(message.components) if reads else [],
        "mentions": [user_json(account) for account in message.mentions.users],
        "mention_roles": [str(role.id) for role in message.mentions.roles],
        "mention_everyone": bool(message.mentions.everyone),
        "timestamp": timestamp(message.timestamp),
        "edited_timestamp": timestamp(message.edited_timestamp) if message.edited_timestamp else None,
        "flags": message.flags | (HAS_THREAD if message.thread else 0),
        "pinned": False,
        "tts": False,
    }
    if message.nonce is not None:
        body["nonce"] = message.nonce
    reactions = [
        {
            "emoji": {"id": None, "name": emoji},
            "count": len(who),
            "count_details": {"burst": 0, "normal": len(who)},
            "burst_colors": [],
            "me_burst": False,
            "burst_me": False,
            "burst_count": 0,
            "me": world.bot in who,
        }
        for emoji, who in message.reacted.items()
        if who
    ]
    if reactions:
        body["reactions"] = reactions
    if message.thread is not None:
        body["thread"] = channel_json(message.thread)
    body |= _origin(world, message)
    body |= _reference(world, message, sees_content=sees_content, nested=nested, reads=reads)
    if for_gateway and message.channel.guild is not None:
        body["guild_id"] = str(message.channel.guild.id)
        member = message.channel.guild.members.get(message.author.id)
        if member is not None:
            body["member"] = member_json(member, with_user=False)
        body["mentions"] = [
            {**user_json(account), "member": member_json(message.channel.guild.members[account.id], with_user=False)}
            for account in message.mentions.users
            if account.id in message.channel.guild.members
        ]
    if for_gateway:
        body["channel_type"] = message.channel.type
    return body


def _reference(world: "World", message: Message, *, sees_content: bool, nested: bool, reads: bool) -> dict[str, Any]:
    target, kind = (message.forwarded, 1) if message.forwarded else (message.reference, 0)
    if target is None:
        return {}
    reference: dict[str, Any] = {
        "type": kind,
        "message_id": str(target.id),
        "channel_id": str(target.channel.id),
    }
    if target.channel.guild is not None:
        reference["guild_id"] = str(target.channel.guild.id)
    body: dict[str, Any] = {"message_reference": reference}
    if kind == 1:
        whole = message_json(world, target, sees_content=True, always=True, nested=True)
        kept = ("type", "timestamp", "edited_timestamp", "flags", "mentions", "mention_roles")
        snapshot = {key: whole[key] for key in kept}
        for key, hidden in (("content", ""), ("attachments", []), ("embeds", []), ("components", [])):
            snapshot[key] = whole[key] if reads else hidden
        body["message_snapshots"] = [{"message": snapshot}]
        body["flags"] = message.flags | SNAPSHOT
    elif not nested:
        gone = target.deleted
        body["referenced_message"] = (
            None if gone else message_json(world, target, sees_content=sees_content, nested=True)
        )
    return body


def _origin(world: "World", message: Message) -> dict[str, Any]:
    """Which app wrote it, and which interaction it answers."""
    if message.interaction is None:
        return {}
    app_id = str(world.app.id)
    return {
        "application_id": app_id,
        "webhook_id": app_id,
        "interaction_metadata": interaction_metadata(message.interaction),
        **legacy_interaction(message.interaction),
    }


def interaction_metadata(interaction: "Interaction") -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": str(interaction.id),
        "type": interaction.type,
        "user": user_json(interaction.person),
        "authorizing_integration_owners": interaction.owners,
    }
    if interaction.type == 2:
        body |= {"name": interaction.name, "command_type": interaction.command_type}
    if interaction.type == 3 and interaction.message is not None:
        body["interacted_message_id"] = str(interaction.message.id)
    if interaction.opened_by is not None:
        body["triggering_interaction_metadata"] = interaction_metadata(interaction.opened_by)
    if interaction.original is not None:
        body["original_response_message_id"] = str(interaction.original.id)
    return body


def legacy_interaction(interaction: "Interaction") -> dict[str, Any]:
    if interaction.type != 2:
        return {}
    return {
        "interaction": {
            "id": str(interaction.id),
            "type": 2,
            "name": interaction.name,
            "user": user_json(interaction.person),
        }
    }


def application_json(world: "World") -> dict[str, Any]:
    app = world.app
    return {
        "id": str(app.id),
        "name": app.name,
        "icon": None,
        "description": "",
        "type": None,
        "summary": "",
        "bot": user_json(app.user),
        "bot_public": True,
        "bot_require_code_grant": False,
        "verify_key": f"{zlib.crc32(app.token.encode()):064x}",
        "flags": app.flags,
        "flags_new": str(app.flags),
        "hook": True,
        "is_monetized": False,
        "is_verified": False,
        "is_discoverable": False,
        "storefront_available": False,
        "integration_types_config": {"0": {}, "1": {}},
        "owner": user_json(app.owner),
        "team": None,
        "tags": [],
        "redirect_uris": [],
        "interactions_endpoint_url": None,
        "role_connections_verification_url": None,
        "approximate_guild_count": sum(guild.has_bot for guild in world.guilds.values()),
        "approximate_user_install_count": 0,
        "approximate_user_authorization_count": 0,
        "eligible_oauth2_scopes": [],
        "explicit_content_filter": 0,
        "interactions_event_types": [],
        "interactions_version": 1,
    }
