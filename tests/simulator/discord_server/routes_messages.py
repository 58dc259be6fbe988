"""REST: messages, reactions, typing, threads and direct messages."""

import re
from typing import Any

from tests.simulator.discord_server import payloads, refusals
from tests.simulator.discord_server import permissions as may
from tests.simulator.discord_server.bodies import Draft, check_not_empty, check_voice, read_draft
from tests.simulator.discord_server.calls import Call, Routes
from tests.simulator.discord_server.gateway import MESSAGE_CONTENT
from tests.simulator.discord_server.interactions import apply_edit
from tests.simulator.discord_server.mentions import Mentions, find_mentions
from tests.simulator.discord_server.messages import Message, parts_of
from tests.simulator.discord_server.people import Person
from tests.simulator.discord_server.places import Channel, direct_channel
from tests.simulator.discord_server.world import Typing, World

_REMEMBERS_NONCE_SECONDS = 300.0


def routes() -> Routes:
    messages = "/channels/{channel_id}/messages"
    return [
        ("POST", messages, _create),
        ("GET", messages, _history),
        ("GET", f"{messages}/{{message_id}}", _get),
        ("PATCH", f"{messages}/{{message_id}}", _edit),
        ("DELETE", f"{messages}/{{message_id}}", _delete),
        ("PUT", f"{messages}/{{message_id}}/reactions/{{emoji}}/@me", _react),
        ("DELETE", f"{messages}/{{message_id}}/reactions/{{emoji}}/@me", _unreact),
        ("DELETE", f"{messages}/{{message_id}}/reactions/{{emoji}}/{{user_id}}", _unreact_other),
        ("POST", f"{messages}/{{message_id}}/threads", _start_thread),
        ("POST", "/channels/{channel_id}/typing", _typing),
        ("POST", "/users/@me/channels", _open_direct),
    ]


def as_json(world: World, message: Message) -> dict[str, Any]:
    """As REST shows it: what may be read depends on the application's switch, not on a session's intents."""
    sees = bool(world.app.privileged & MESSAGE_CONTENT)
    return payloads.message_json(world, message, sees_content=sees)


def _need(channel: Channel, permission: int) -> None:
    if not channel.permissions_of(channel.world.bot) & permission:
        raise refusals.missing_permissions()


def _sending(channel: Channel) -> int:
    return may.SEND_IN_THREADS if channel.is_thread else may.SEND_MESSAGES


def _mentions(world: World, channel: Channel, draft: Draft, replied_to: Message | None) -> Mentions:
    shown = [item["content"] for item in parts_of(draft.components) if item.get("type") == 10]
    return find_mentions(
        world,
        content="\n".join([draft.content, *shown]),
        channel=channel,
        author=world.bot,
        allowed=draft.allowed_mentions,
        replied_to=replied_to.author if replied_to is not None else None,
    )


async def _create(call: Call) -> Any:
    world, channel = call.world, call.world.channel(call.ids["channel_id"])
    draft = read_draft(call.body)
    _need(channel, _sending(channel))
    check_not_empty(draft)
    if draft.is_voice:
        check_voice(draft)
        if not channel.permissions_of(world.bot) & may.SEND_VOICE_MESSAGES:
            raise refusals.voice_not_allowed()
    elif draft.uploads:
        _need(channel, may.ATTACH_FILES)
    if draft.embeds:
        _need(channel, may.EMBED_LINKS)
    reference = _reference(call, channel)
    recipient = next((item for item in channel.recipients if isinstance(item, Person)), None)
    if recipient is not None and not recipient.accepts_direct_messages:
        raise refusals.cannot_message_user()
    if channel.locked:
        raise refusals.archived_thread()
    channel.archived = False
    if draft.enforce_nonce and draft.nonce is not None:
        first = _same_nonce(world, channel, draft.nonce)
        if first is not None:
            return as_json(world, first)
    message = world.post(
        channel=channel,
        author=world.bot,
        content=draft.content,
        mentions=_mentions(world, channel, draft, reference),
        type=19 if reference is not None else 0,
        file_list=world.keep(draft.uploads, channel),
        embeds=draft.embeds,
        components=draft.components,
        flags=draft.flags,
        reference=reference,
        nonce=draft.nonce,
    )
    return as_json(world, message)


def _same_nonce(world: World, channel: Channel, nonce: str | int) -> Message | None:
    for message in reversed(channel.messages):
        recent = world.clock() - message.timestamp < _REMEMBERS_NONCE_SECONDS
        if message.author is world.bot and recent and str(message.nonce) == str(nonce):
            return message
    return None


def _reference(call: Call, channel: Channel) -> Message | None:
    wanted = call.data.get("message_reference")
    if wanted is None:
        return None
    if wanted.get("type"):
        raise refusals.invalid_form("message_reference.type", "BASE_TYPE_CHOICES", "Only replies are simulated")
    if not channel.permissions_of(call.world.bot) & may.READ_HISTORY:
        raise refusals.reply_without_history()
    message = call.world.messages.get(int(wanted["message_id"]))
    if message is None or message.channel is not channel or message.deleted or message.ephemeral_for:
        if wanted.get("fail_if_not_exists") is False:
            return None
        raise refusals.invalid_form("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message")
    return message


async def _history(call: Call) -> Any:
    world, channel = call.world, call.world.channel(call.ids["channel_id"])
    limit = call.query.get("limit", "50")
    if not limit.isdigit() or not 1 <= int(limit) <= 100:
        raise refusals.invalid_form("limit", "NUMBER_TYPE_MAX", "int value should be between 1 and 100.")
    if not channel.permissions_of(world.bot) & may.READ_HISTORY:
        return []
    shown = [item for item in channel.messages if not item.deleted and item.ephemeral_for is None]
    most = int(limit)
    if "around" in call.query:
        around = int(call.query["around"])
        older = [item for item in shown if item.id < around]
        shown = older[len(older) - min(most // 2, len(older)) :] + [item for item in shown if item.id >= around]
        shown = shown[:most]
    elif "after" in call.query:
        shown = [item for item in shown if item.id > int(call.query["after"])][:most]
    else:
        before = int(call.query.get("before", 1 << 63))
        shown = [item for item in shown if item.id < before][-most:]
    return [as_json(world, item) for item in reversed(shown)]


async def _get(call: Call) -> Any:
    channel = call.world.channel(call.ids["channel_id"])
    _need(channel, may.READ_HISTORY)
    return as_json(call.world, call.world.message(channel, call.ids["message_id"]))


async def _edit(call: Call) -> Any:
    world, channel = call.world, call.world.channel(call.ids["channel_id"])
    message = world.message(channel, call.ids["message_id"])
    if message.author is not world.bot:
        raise refusals.not_the_author()
    draft = read_draft(call.body, is_edit=True, before=(message.flags, message.file_list))
    if channel.locked or channel.archived:
        raise refusals.archived_thread()
    if draft.uploads:
        _need(channel, may.ATTACH_FILES)
    if draft.embeds:
        _need(channel, may.EMBED_LINKS)
    replied = message.reference if message.reference and message.reference.author in message.mentions.users else None
    apply_edit(world, message, draft, mentions=_mentions(world, channel, draft, replied))
    return as_json(world, message)


async def _delete(call: Call) -> Any:
    world, channel = call.world, call.world.channel(call.ids["channel_id"])
    message = world.message(channel, call.ids["message_id"])
    if message.author is not world.bot:
        if channel.is_direct:
            raise refusals.not_in_a_direct_message()
        _need(channel, may.MANAGE_MESSAGES)
    world.delete(message)


def _emoji(call: Call) -> str:
    emoji = call.words["emoji"]
    if not emoji or re.search(r"[A-Za-z]", emoji) or emoji.isascii():
        raise refusals.unknown_emoji()
    return emoji


async def _react(call: Call) -> None:
    world, channel = call.world, call.world.channel(call.ids["channel_id"])
    emoji = _emoji(call)
    _need(channel, may.READ_HISTORY)
    message = world.message(channel, call.ids["message_id"])
    who = message.reacted.setdefault(emoji, [])
    if not who:
        _need(channel, may.ADD_REACTIONS)
    if world.bot not in who:
        who.append(world.bot)
        world.gateway.reaction("MESSAGE_REACTION_ADD", message, world.bot, emoji)


async def _unreact(call: Call) -> None:
    world, channel = call.world, call.world.channel(call.ids["channel_id"])
    emoji = _emoji(call)
    message = world.message(channel, call.ids["message_id"])
    if world.bot not in message.reacted.get(emoji, []):
        raise refusals.unknown_emoji()
    message.reacted[emoji].remove(world.bot)
    world.gateway.reaction("MESSAGE_REACTION_REMOVE", message, world.bot, emoji)


async def _unreact_other(call: Call) -> None:
    world, channel = call.world, call.world.channel(call.ids["channel_id"])
    emoji = _emoji(call)
    _need(channel, may.MANAGE_MESSAGES)
    message = world.message(channel, call.ids["message_id"])
    account = world.users.get(call.ids["user_id"])
    if account is None or account not in message.reacted.get(emoji, []):
        raise refusals.unknown_emoji()
    message.reacted[emoji].remove(account)
    world.gateway.reaction("MESSAGE_REACTION_REMOVE", message, account, emoji)


async def _typing(call: Call) -> None:
    channel = call.world.channel(call.ids["channel_id"])
    _need(channel, _sending(channel))
    call.world.typing.append(Typing(channel=channel, at_seconds=call.world.now()))
    call.world.gateway.typing(channel, call.world.bot)


async def _start_thread(call: Call) -> Any:
    world, channel = call.world, call.world.channel(call.ids["channel_id"])
    message = world.message(channel, call.ids["message_id"])
    _need(channel, may.PUBLIC_THREADS)
    name = call.data.get("name")
    if not isinstance(name, str) or not 1 <= len(name) <= 100:
        raise refusals.invalid_form("name", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
    if message.thread is not None:
        raise refusals.thread_exists()
    return 201, payloads.channel_json(channel.open_thread(name=name, owner=world.bot, starter=message))


async def _open_direct(call: Call) -> Any:
    account = call.world.users.get(int(call.data.get("recipient_id") or 0))
    if account is None:
        raise refusals.unknown_user()
    if account is call.world.bot:
        raise refusals.cannot_message_user()
    return payloads.channel_json(direct_channel(call.world, account))
