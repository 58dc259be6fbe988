"""A message as the simulated Discord keeps it, with what a test asks of it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.simulator.discord_server.mentions import Mentions
from tests.simulator.discord_server.uploads import File

if TYPE_CHECKING:
    from tests.simulator.discord_server.interactions import Interaction
    from tests.simulator.discord_server.places import Channel
    from tests.simulator.discord_server.world import Account

SUPPRESS_EMBEDS, HAS_THREAD, EPHEMERAL, LOADING = 1 << 2, 1 << 5, 1 << 6, 1 << 7
SUPPRESS_NOTIFICATIONS, VOICE, SNAPSHOT, COMPONENTS_V2 = 1 << 12, 1 << 13, 1 << 14, 1 << 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    label: str | None
    custom_id: str | None
    style: int
    disabled: bool
    url: str | None = None
    emoji: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Select:
    custom_id: str
    type: int
    placeholder: str | None
    disabled: bool
    options: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True, kw_only=True, eq=False)
class Message:
    """`at_seconds` and the times of edits are seconds since the server started, by its clock. `reference` is the
    message this one replies to. `forwarded`: the message this one passes on."""

    id: int
    channel: "Channel"
    author: "Account"
    by_bot: bool
    content: str
    at_seconds: float
    timestamp: float = field(repr=False)
    mentions: Mentions = field(repr=False)
    type: int = field(default=0, repr=False)
    file_list: list[File] = field(default_factory=list)
    embeds: list[dict[str, Any]] = field(default_factory=list, repr=False)
    components: list[dict[str, Any]] = field(default_factory=list, repr=False)
    flags: int = 0
    reference: "Message | None" = field(default=None, repr=False)
    forwarded: "Message | None" = field(default=None, repr=False)
    interaction: "Interaction | None" = field(default=None, repr=False)
    nonce: str | int | None = field(default=None, repr=False)
    ephemeral_for: "Account | None" = field(default=None, repr=False)
    deleted: bool = False
    deleted_at_seconds: float | None = field(default=None, repr=False)
    edited_timestamp: float | None = field(default=None, repr=False)
    edit_log: list[tuple[float, str]] = field(default_factory=list, repr=False)
    pinged: dict[str, None] = field(default_factory=dict, repr=False)
    reacted: dict[str, list["Account"]] = field(default_factory=dict, repr=False)
    thread: "Channel | None" = field(default=None, repr=False)

    @property
    def files(self) -> tuple[File, ...]:
        return tuple(self.file_list)

    @property
    def edits(self) -> tuple[tuple[float, str], ...]:
        """When it was changed, and the text it had from then on."""
        return tuple(self.edit_log)

    @property
    def pings(self) -> tuple[str, ...]:
        """All that were ever pinged or highlighted by it: `("Anna", "@mods", "@everyone")`."""
        return tuple(self.pinged)

    @property
    def reactions(self) -> dict[str, tuple[str, ...]]:
        """Emoji → names of those who reacted."""
        return {emoji: tuple(account.name for account in who) for emoji, who in self.reacted.items() if who}

    @property
    def buttons(self) -> tuple[Button, ...]:
        return tuple(
            Button(
                label=item.get("label"),
                custom_id=item.get("custom_id"),
                style=item.get("style", 2),
                disabled=bool(item.get("disabled")),
                url=item.get("url"),
                emoji=(item.get("emoji") or {}).get("name"),
            )
            for item in parts_of(self.components)
            if item["type"] == 2
        )

    @property
    def selects(self) -> tuple[Select, ...]:
        return tuple(
            Select(
                custom_id=item["custom_id"],
                type=item["type"],
                placeholder=item.get("placeholder"),
                disabled=bool(item.get("disabled")),
                options=tuple((option["label"], option["value"]) for option in item.get("options") or ()),
            )
            for item in parts_of(self.components)
            if item["type"] in {3, 5, 6, 7, 8}
        )

    @property
    def text(self) -> str:
        """All words of the message: content, embeds, text displays of Components V2."""
        shown = [item["content"] for item in parts_of(self.components) if item["type"] == 10]
        for embed in self.embeds:
            shown += [embed.get("title") or "", embed.get("description") or ""]
            shown += [f"{item['name']}: {item['value']}" for item in embed.get("fields") or ()]
        return "\n".join(part for part in (self.content, *shown) if part)

    @property
    def is_voice_message(self) -> bool:
        return bool(self.flags & VOICE)

    @property
    def is_loading(self) -> bool:
        """Shown as "… is thinking"."""
        return bool(self.flags & LOADING)

    @property
    def is_settled(self) -> bool:
        """It says something, and has no button any more with which its work can be cancelled."""
        busy = any("cancel" in (button.custom_id or "").lower() and not button.disabled for button in self.buttons)
        return not self.is_loading and not busy and bool(self.text or self.file_list)

    def note_pings(self) -> None:
        """An author who names themselves pings nobody."""
        self.pinged.update({name: None for name in self.mentions.pings if name != self.author.name})

    def is_seen_by(self, account: "Account") -> bool:
        return not self.deleted and (self.ephemeral_for is None or self.ephemeral_for is account)


def parts_of(components: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every component, however deep."""
    for item in components:
        yield item
        yield from parts_of(item.get("components") or [])
        for key in ("accessory", "component"):
            if isinstance(item.get(key), dict):
                yield from parts_of([item[key]])


def numbered(components: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Components with the ids that Discord gives those that have none."""
    counter = 0

    def number(item: dict[str, Any]) -> dict[str, Any]:
        nonlocal counter
        counter += 1
        item = {**item, "id": item.get("id") or counter}
        if "components" in item:
            item["components"] = [number(child) for child in item["components"]]
        if isinstance(item.get("accessory"), dict):
            item["accessory"] = number(item["accessory"])
        return item

    return [number(item) for item in components]
