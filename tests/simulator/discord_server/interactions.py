"""One interaction from the click to its last follow-up, and the rules by which the bot may answer it."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.simulator.discord_server import payloads, refusals
from tests.simulator.discord_server import permissions as may
from tests.simulator.discord_server.bodies import Body, Draft, check_not_empty, check_voice, read_draft
from tests.simulator.discord_server.components import check_modal
from tests.simulator.discord_server.mentions import find_mentions
from tests.simulator.discord_server.messages import COMPONENTS_V2, EPHEMERAL, LOADING, Message, parts_of
from tests.simulator.discord_server.refusals import Form
from tests.simulator.discord_server.uploads import Upload
from tests.simulator.discord_server.world import ATTACHMENT_LIMIT_BYTES, World

if TYPE_CHECKING:
    from tests.simulator.discord_server.people import Person
    from tests.simulator.discord_server.places import Channel

ACKNOWLEDGE_SECONDS = 3.0
TOKEN_SECONDS = 15 * 60.0
COMMAND, COMPONENT, AUTOCOMPLETE, MODAL_SUBMIT = 2, 3, 4, 5
MESSAGE, DEFER, DEFER_UPDATE, UPDATE, CHOICES, MODAL = 4, 5, 6, 7, 8, 9
DID_NOT_RESPOND = "The application did not respond"
_FOLLOW_UPS_WITHOUT_BOT = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    name: str
    value: str | int | float


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A field of a modal."""

    custom_id: str
    label: str
    value: str
    required: bool
    min_length: int
    max_length: int
    type: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ModalForm:
    custom_id: str
    title: str
    inputs: tuple[Input, ...]
    components: list[dict[str, Any]] = field(repr=False)


@dataclass(slots=True, kw_only=True, eq=False)
class Interaction:
    """`failed` is what the person reads when the bot said nothing in three seconds. `files`: what was attached."""

    world: World = field(repr=False)
    id: int
    token: str = field(repr=False)
    type: int
    person: "Person"
    channel: "Channel"
    name: str = ""
    command_type: int = 1
    data: dict[str, Any] = field(default_factory=dict, repr=False)
    message: Message | None = None
    opened_by: "Interaction | None" = field(default=None, repr=False)
    owners: dict[str, str] = field(default_factory=dict, repr=False)
    created: float = 0.0
    acknowledged_after_seconds: float | None = None
    acknowledged_with: int | None = None
    failed: str | None = None
    original: Message | None = None
    follow_ups: list[Message] = field(default_factory=list, repr=False)
    choices: tuple[Choice, ...] | None = None
    modal: ModalForm | None = None
    files: tuple[Any, ...] = ()

    @property
    def messages(self) -> tuple[Message, ...]:
        """Everything the bot said to it, in order."""
        first = [self.original] if self.original is not None and self.original is not self.message else []
        return (*first, *self.follow_ups)

    @property
    def without_bot(self) -> bool:
        """The bot is not where this happened."""
        return not (self.channel.is_direct or (self.channel.guild is not None and self.channel.guild.has_bot))

    async def reply(self, *, timeout: float = 30) -> Message:
        """The first settled answer to it, see Bot.reply."""
        return await self.world.witness.reply(self, timeout=timeout)

    def look(self) -> None:
        """Notices that the three seconds are over."""
        late = self.world.clock() - self.created > ACKNOWLEDGE_SECONDS
        if self.acknowledged_with is None and late and self.failed is None:
            self.failed = DID_NOT_RESPOND
            self.world.changed()

    def payload(self) -> dict[str, Any]:
        """What INTERACTION_CREATE says."""
        channel, guild, person = self.channel, self.channel.guild, self.person
        body: dict[str, Any] = {
            "id": str(self.id),
            "application_id": str(self.world.app.id),
            "type": self.type,
            "token": self.token,
            "version": 1,
            "data": self.data,
            "channel_id": str(channel.id),
            "channel": payloads.partial_channel_json(channel, channel.permissions_of(person)),
            "app_permissions": str(channel.permissions_of_app()),
            "locale": person.locale,
            "entitlements": [],
            "entitlement_sku_ids": [],
            "authorizing_integration_owners": self.owners,
            "context": 0 if guild else 1 if channel.is_direct else 2,
            "attachment_size_limit": ATTACHMENT_LIMIT_BYTES,
        }
        if guild is None:
            body["user"] = payloads.user_json(person)
        else:
            member = payloads.member_json(guild.members[person.id])
            body["member"] = {**member, "permissions": str(channel.permissions_of(person))}
            body["guild_id"] = str(guild.id)
            body["guild_locale"] = guild.locale
            body["guild"] = {"id": str(guild.id), "locale": guild.locale, "features": []}
        if self.message is not None:
            body["message"] = payloads.message_json(self.world, self.message, sees_content=True)
        return body

    def acknowledge(self, body: Body) -> None:
        """POST …/callback."""
        self.look()
        if self.failed is not None:
            raise refusals.unknown_interaction()
        if self.acknowledged_with is not None:
            raise refusals.already_acknowledged()
        said = body.json if isinstance(body.json, dict) else {}
        kind = said.get("type")
        if kind not in self._allowed():
            allowed = tuple(sorted(self._allowed()))
            raise refusals.invalid_form("type", "BASE_TYPE_CHOICES", f"Value must be one of {allowed}.")
        data = said.get("data")
        inner = Body(json=data or {}, files=body.files)
        if kind == MESSAGE:
            self._say(inner, first=True)
        elif kind == DEFER:
            self._defer(inner)
        elif kind == UPDATE:
            assert self.message is not None
            draft = read_draft(inner, is_edit=True, before=(self.message.flags, self.message.file_list))
            self.original = self.message
            self.change(self.message, draft)
        elif kind == DEFER_UPDATE:
            self.original = self.message
        elif kind == CHOICES:
            self._choose(data)
        else:
            form = Form()
            check_modal(form, data)
            form.raise_if_wrong()
            self.modal = read_modal(data)
        self.acknowledged_with = kind
        self.acknowledged_after_seconds = round(self.world.clock() - self.created, 6)
        self.world.changed()

    def _allowed(self) -> set[int]:
        if self.type == AUTOCOMPLETE:
            return {CHOICES}
        allowed = {MESSAGE, DEFER}
        if self.type != MODAL_SUBMIT:
            allowed.add(MODAL)
        if self.message is not None:
            allowed |= {DEFER_UPDATE, UPDATE}
        return allowed

    def check_token(self) -> None:
        if self.world.clock() - self.created > TOKEN_SECONDS:
            raise refusals.invalid_webhook_token()
        if self.acknowledged_with is None:
            raise refusals.unknown_webhook()

    def _defer(self, body: Body) -> None:
        flags = (body.json or {}).get("flags") or 0
        if flags & ~EPHEMERAL:
            raise refusals.invalid_form("data.flags", "BITFIELD_TYPE_INVALID", "Invalid flags")
        self.original = self._post(content="", flags=flags | LOADING, ephemeral=bool(flags & EPHEMERAL))

    def _choose(self, data: Any) -> None:
        choices = (data or {}).get("choices") or []
        form = Form()
        form.count("data.choices", choices, 25)
        for index, choice in enumerate(choices):
            form.text(f"data.choices.{index}.name", choice.get("name"), 100, shortest=1, required=True)
            if isinstance(choice.get("value"), str):
                form.text(f"data.choices.{index}.value", choice["value"], 100, shortest=1, required=True)
        form.raise_if_wrong()
        self.choices = tuple(Choice(name=choice["name"], value=choice["value"]) for choice in choices)

    def follow_up(self, body: Body) -> Message:
        """POST /webhooks/{app}/{token}. The first one after a deferral takes the place of "… is thinking"."""
        self.check_token()
        if self.original is not None and self.original.is_loading and not self.original.deleted:
            draft = read_draft(body, ephemeral=True)
            check_not_empty(draft)
            self.change(self.original, draft)
            return self.original
        if self.without_bot and len(self.follow_ups) >= _FOLLOW_UPS_WITHOUT_BOT:
            raise refusals.too_many_followups()
        return self._say(body, first=False)

    def _say(self, body: Body, *, first: bool) -> Message:
        draft = read_draft(body, ephemeral=True)
        check_not_empty(draft)
        self._check_sound(draft)
        check_voice(draft)
        ephemeral = bool(draft.flags & EPHEMERAL)
        facts: dict[str, Any] = {"embeds": draft.embeds, "components": draft.components, "nonce": draft.nonce}
        message = self._post(
            content=draft.content,
            flags=draft.flags,
            ephemeral=ephemeral,
            uploads=draft.uploads,
            mentions=self._mentions(draft),
            follows=None if first else self.original or self.message,
            **facts,
        )
        if first:
            self.original = message
        else:
            self.follow_ups.append(message)
        return message

    def _check_sound(self, draft: Draft) -> None:
        may_speak = self.channel.is_direct or self.channel.permissions_of_app() & may.SEND_VOICE_MESSAGES
        if draft.is_voice and not may_speak:
            raise refusals.voice_not_allowed()

    def _mentions(self, draft: Draft) -> Any:
        text = "\n".join([draft.content, *_texts(draft.components)])
        return find_mentions(
            self.world,
            content=text,
            channel=self.channel,
            author=self.world.bot,
            allowed=draft.allowed_mentions,
            from_webhook=True,
        )

    def _post(
        self,
        *,
        content: str,
        flags: int,
        ephemeral: bool,
        uploads: list[Upload] | None = None,
        follows: Message | None = None,
        **facts: Any,
    ) -> Message:
        kind = 0
        reference = follows
        if follows is None and self.type == COMMAND:
            kind = 20 if self.command_type == 1 else 23
        elif follows is None:
            reference = self.message
        return self.world.post(
            channel=self.channel,
            author=self.world.bot,
            content=content,
            type=19 if reference is not None and kind == 0 else kind,
            file_list=self.world.keep(uploads or (), self.channel, ephemeral=ephemeral),
            flags=flags | (EPHEMERAL if ephemeral else 0),
            interaction=self,
            ephemeral_for=self.person if ephemeral else None,
            reference=reference,
            **facts,
        )

    def change(self, message: Message, draft: Draft) -> None:
        """An edit through the token, or the first content of a deferred answer."""
        self._check_sound(draft)
        if draft.is_voice and message.is_loading:
            check_voice(draft)
        apply_edit(self.world, message, draft, mentions=self._mentions(draft))

    def find(self, which: str) -> Message:
        """The message of …/messages/{which}: "@original" or an id."""
        self.check_token()
        if which == "@original":
            message = self.original
        else:
            wanted = int(which) if which.isdigit() else 0
            known = [*self.messages, *([self.message] if self.message is not None else [])]
            message = next((item for item in known if item.id == wanted), None)
        if message is None or message.deleted:
            raise refusals.unknown_message()
        return message


def apply_edit(world: World, message: Message, draft: Draft, *, mentions: Any) -> None:
    """What an edit says replaces what was there; the rest stays. Voice messages are not edited."""
    if message.is_voice_message:
        raise refusals.voice_edited()
    if message.flags & COMPONENTS_V2 and "flags" in draft.given and not draft.flags & COMPONENTS_V2:
        raise refusals.invalid_form("flags", "MESSAGE_CANNOT_REMOVE_COMPONENTS_V2_FLAG", "It cannot be removed")
    content = draft.content if "content" in draft.given else message.content
    embeds = draft.embeds if "embeds" in draft.given else message.embeds
    components = draft.components if "components" in draft.given else message.components
    kept = message.file_list
    if draft.kept_files is not None:
        kept = [file for file in kept if file.id in draft.kept_files]
    v2 = (message.flags | draft.flags) & COMPONENTS_V2
    if not (content or embeds or kept or draft.uploads or (components and v2)):
        raise refusals.empty_message()
    new = world.keep(draft.uploads, message.channel, ephemeral=message.ephemeral_for is not None)
    message.embeds, message.components = embeds, components
    message.file_list = [*kept, *new]
    ephemeral = message.flags & EPHEMERAL
    flags = draft.flags if "flags" in draft.given else message.flags
    message.flags = (flags | v2 | ephemeral) & ~LOADING & ~(0 if ephemeral else EPHEMERAL)
    world.edit(message, content=content, mentions=mentions if "content" in draft.given else None)


def read_modal(data: dict[str, Any]) -> ModalForm:
    inputs: list[Input] = []
    for item in data["components"]:
        fields = item.get("components") or ([item["component"]] if item.get("component") else [])
        inputs += [
            Input(
                custom_id=part["custom_id"],
                label=item.get("label") or part.get("label") or "",
                value=part.get("value") or "",
                required=part.get("required") is not False,
                min_length=part.get("min_length") or 0,
                max_length=part.get("max_length") or 4000,
                type=part["type"],
            )
            for part in fields
            if "custom_id" in part
        ]
    return ModalForm(
        custom_id=data["custom_id"], title=data["title"], inputs=tuple(inputs), components=data["components"]
    )


def _texts(components: list[dict[str, Any]]) -> list[str]:
    return [item["content"] for item in parts_of(components) if item.get("type") == 10]
