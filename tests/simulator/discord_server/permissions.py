"""Who may do what where: the bits, and Discord's rule for adding them up."""

from collections.abc import Iterable

_BITS = {
    "create_instant_invite": 0,
    "kick_members": 1,
    "ban_members": 2,
    "administrator": 3,
    "manage_channels": 4,
    "manage_guild": 5,
    "add_reactions": 6,
    "view_audit_log": 7,
    "priority_speaker": 8,
    "stream": 9,
    "view_channel": 10,
    "send_messages": 11,
    "send_tts_messages": 12,
    "manage_messages": 13,
    "embed_links": 14,
    "attach_files": 15,
    "read_message_history": 16,
    "mention_everyone": 17,
    "use_external_emojis": 18,
    "connect": 20,
    "speak": 21,
    "mute_members": 22,
    "deafen_members": 23,
    "move_members": 24,
    "use_vad": 25,
    "change_nickname": 26,
    "manage_nicknames": 27,
    "manage_roles": 28,
    "manage_webhooks": 29,
    "manage_guild_expressions": 30,
    "use_application_commands": 31,
    "request_to_speak": 32,
    "manage_events": 33,
    "manage_threads": 34,
    "create_public_threads": 35,
    "create_private_threads": 36,
    "use_external_stickers": 37,
    "send_messages_in_threads": 38,
    "use_embedded_activities": 39,
    "moderate_members": 40,
    "send_voice_messages": 46,
    "set_voice_channel_status": 48,
    "send_polls": 49,
    "use_external_apps": 50,
}
BIT = {name: 1 << position for name, position in _BITS.items()}
ALL = sum(BIT.values())
VIEW_CHANNEL = BIT["view_channel"]
SEND_MESSAGES = BIT["send_messages"]
SEND_IN_THREADS = BIT["send_messages_in_threads"]
EMBED_LINKS = BIT["embed_links"]
ATTACH_FILES = BIT["attach_files"]
CONNECT = BIT["connect"]
SPEAK = BIT["speak"]
MUTE_MEMBERS = BIT["mute_members"]
DEAFEN_MEMBERS = BIT["deafen_members"]
MOVE_MEMBERS = BIT["move_members"]
REQUEST_TO_SPEAK = BIT["request_to_speak"]
READ_HISTORY = BIT["read_message_history"]
ADD_REACTIONS = BIT["add_reactions"]
MANAGE_MESSAGES = BIT["manage_messages"]
MANAGE_THREADS = BIT["manage_threads"]
MENTION_EVERYONE = BIT["mention_everyone"]
SEND_VOICE_MESSAGES = BIT["send_voice_messages"]
PUBLIC_THREADS = BIT["create_public_threads"]
PRIVATE_THREADS = BIT["create_private_threads"]
USE_COMMANDS = BIT["use_application_commands"]
USE_EXTERNAL_APPS = BIT["use_external_apps"]
EXTERNAL_EMOJIS = BIT["use_external_emojis"]
ADMINISTRATOR = BIT["administrator"]
_STAFF = (
    "administrator kick_members ban_members manage_channels manage_guild view_audit_log manage_messages mute_members "
    "deafen_members move_members manage_nicknames manage_roles manage_webhooks manage_guild_expressions manage_events "
    "manage_threads moderate_members priority_speaker set_voice_channel_status"
)
EVERYONE = ALL & ~sum(BIT[name] for name in _STAFF.split())
"""What a fresh server grants to all: also to ping everyone, so that a ping that slips through is seen."""
_NEEDS_SENDING = EMBED_LINKS | ATTACH_FILES | MENTION_EVERYONE | SEND_VOICE_MESSAGES | BIT["send_tts_messages"]


def bits(names: Iterable[str] | int) -> int:
    """`("send_messages", …)` or an integer, as an integer."""
    if isinstance(names, int):
        return names
    total = 0
    for name in names:
        if name not in BIT:
            raise ValueError(f"there is no permission {name!r}; there are: {', '.join(BIT)}")
        total |= BIT[name]
    return total


def resolve(base: int, overwrites: Iterable[tuple[int, int]], *, in_thread: bool = False) -> int:
    """Permissions in a channel: `overwrites` are pairs of allow and deny in Discord's order (everyone, the roles
    together, the member). Without View Channel nothing is left, without Send Messages nothing that needs it."""
    if base & ADMINISTRATOR:
        return ALL
    granted = base
    for allow, deny in overwrites:
        granted = granted & ~deny | allow
    if not granted & VIEW_CHANNEL:
        return 0
    if not granted & (SEND_IN_THREADS if in_thread else SEND_MESSAGES):
        granted &= ~_NEEDS_SENDING
    return granted
