"""A channel's conversation as text, as the people in it saw it."""

from tests.simulator.discord_server.messages import SUPPRESS_NOTIFICATIONS, Message
from tests.simulator.discord_server.places import Channel, interactions_in
from tests.simulator.discord_server.world import World

_INDENT = " " * 10


def transcript(world: World, channel: Channel) -> str:
    """Every message that is still there, in order, with files, buttons, reactions and who alone saw it; commands and
    failed ones between them."""
    entries: list[tuple[int, str]] = [(item.id, line(item, world)) for item in channel.messages if not item.deleted]
    for interaction in interactions_in(world, channel):
        if interaction.type == 2:
            shown = f"/{interaction.name}" if interaction.command_type == 1 else f"Apps › {interaction.name}"
            words = " ".join(_options(interaction.data.get("options") or [], interaction.files))
            entries.append(
                (
                    interaction.id,
                    f"{_time(interaction.created - world.zero)} {interaction.person.name} "
                    f"used {shown} {words}".rstrip(),
                )
            )
        if interaction.failed:
            entries.append((interaction.id + 1, f"{_INDENT}{interaction.failed} (only {interaction.person.name})"))
    return "\n".join(text for _, text in sorted(entries))


def line(message: Message, world: World | None = None) -> str:
    """One message, over as many lines as it has."""
    who = message.author.name + (" (APP)" if message.by_bot else "")
    notes = []
    if message.reference is not None and message.type == 19:
        notes.append(f"replying to {message.reference.author.name}")
    if message.ephemeral_for is not None:
        notes.append(f"only {message.ephemeral_for.name} sees this")
    if message.flags & SUPPRESS_NOTIFICATIONS:
        notes.append("silent")
    if message.edits and not message.by_bot:
        notes.append("edited")
    if message.deleted:
        notes.append("deleted")
    head = f"{_time(message.at_seconds)} {who}" + (f" [{', '.join(notes)}]" if notes else "") + ":"
    text = "… is thinking" if message.is_loading else message.text
    if world is not None:
        text = _readable(world, text)
    lines = [head, *(f"{_INDENT}{part}" for part in text.splitlines())]
    for file in message.files:
        kind = "voice message" if file.is_voice_message else file.content_type or "file"
        lines.append(f"{_INDENT}📎 {file.name} ({kind}, {file.size} bytes)")
    if message.buttons:
        lines.append(_INDENT + " ".join(f"[{button.label or button.emoji}]" for button in message.buttons))
    if message.reactions:
        lines.append(_INDENT + " ".join(f"{emoji} {len(who)}" for emoji, who in message.reactions.items()))
    return "\n".join(lines)


def _options(options: list[dict[str, object]], files: tuple[object, ...]) -> list[str]:
    words: list[str] = []
    for option in options:
        nested = option.get("options")
        if isinstance(nested, list):
            words += _options(nested, files)
        elif option.get("type") == 11:
            name = next(
                (getattr(file, "name", "") for file in files if str(getattr(file, "id", 0)) == option["value"]), ""
            )
            words.append(f"{option['name']}:{name}")
        else:
            words.append(f"{option['name']}:{option.get('value')}")
    return words


def _readable(world: World, text: str) -> str:
    for account in world.users.values():
        text = text.replace(account.mention, f"@{account.name}")
    return text


def _time(seconds: float) -> str:
    return f"{int(seconds) // 60:02d}:{seconds % 60:06.3f}"
