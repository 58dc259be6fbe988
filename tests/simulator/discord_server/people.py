"""A person at their Discord client: posts, replies, uses commands, presses buttons, fills in forms."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.simulator.discord_server import payloads
from tests.simulator.discord_server import permissions as may
from tests.simulator.discord_server.commands import MESSAGE_MENU, SLASH, USER_MENU
from tests.simulator.discord_server.interactions import (
    AUTOCOMPLETE,
    COMMAND,
    COMPONENT,
    MODAL_SUBMIT,
    Choice,
    Interaction,
)
from tests.simulator.discord_server.mentions import find_mentions
from tests.simulator.discord_server.messages import VOICE, Message, parts_of
from tests.simulator.discord_server.options import Resolved, as_upload, find_command, slash_data
from tests.simulator.discord_server.places import FORUM, PRIVATE_THREAD, Channel, direct_channel, private_channel
from tests.simulator.discord_server.uploads import File, Upload, VoiceMessage
from tests.simulator.discord_server.voice_people import VoicePerson
from tests.simulator.discord_server.world import Account, ImpossibleError, World

_REAL_SECONDS = 20.0
Attached = Path | Upload | VoiceMessage


@dataclass(slots=True, kw_only=True, eq=False)
class Person(VoicePerson, Account):
    world: World = field(repr=False)
    locale: str = "en-US"
    accepts_direct_messages: bool = True

    async def post(
        self,
        content: str = "",
        *files: Attached,
        to: Channel | None = None,
        reply_to: Message | None = None,
        mention_bot: bool = False,
        ping: bool = True,
        id: int | None = None,
    ) -> Message:
        """`@bot` in the text becomes a mention. `ping`: a reply pings whom it replies to. Without `to` it goes where
        the message replied to is, or into the first channel of the first server."""
        channel = to or (reply_to.channel if reply_to is not None else self._home())
        content = content.replace("@bot", self.world.bot.mention)
        if mention_bot and self.world.bot.mention not in content:
            content = f"{self.world.bot.mention} {content}".strip()
        self._may(channel, may.SEND_IN_THREADS if channel.is_thread else may.SEND_MESSAGES)
        if len(content) > 2000:
            raise ImpossibleError(f"{len(content)} characters: a message has at most 2000")
        uploads = [as_upload(file) for file in files]
        if not content and not uploads:
            raise ImpossibleError("an empty message cannot be sent")
        if len(uploads) > 10:
            raise ImpossibleError("a message has at most 10 files")
        sounds = [file for file in files if isinstance(file, VoiceMessage)]
        if sounds and (len(files) > 1 or content):
            raise ImpossibleError("a voice message stands alone")
        if reply_to is not None and reply_to.deleted:
            raise ImpossibleError("the message replied to is deleted")
        allowed: dict[str, Any] = {"parse": ["users", "roles", "everyone"], "replied_user": ping}
        replied = reply_to.author if reply_to is not None else None
        mentions = find_mentions(
            self.world, content=content, channel=channel, author=self, allowed=allowed, replied_to=replied
        )
        if channel.is_thread and self.world.bot in mentions.users:
            channel.invite(self.world.bot)
        return self.world.post(
            channel=channel,
            author=self,
            content=content,
            mentions=mentions,
            type=19 if reply_to is not None else 0,
            file_list=self.world.keep(uploads, channel),
            flags=VOICE if sounds else 0,
            reference=reply_to,
            id=id,
        )

    async def dm(self, content: str = "", *files: Attached, reply_to: Message | None = None) -> Message:
        return await self.post(content, *files, to=self.direct(), reply_to=reply_to)

    def direct(self) -> Channel:
        """The direct messages between this person and the bot."""
        return direct_channel(self.world, self)

    def private(self, *others: "Person") -> Channel:
        """A direct message (or group) with other people, without the bot."""
        return private_channel(self.world, self, *others)

    async def forward(self, message: Message, *, to: Channel) -> Message:
        self._may(to, may.SEND_MESSAGES)
        return self.world.post(channel=to, author=self, forwarded=message)

    async def edit(self, message: Message, content: str | None = None, *, without: Iterable[File] = ()) -> None:
        """`content` None: the words stay. `without`: files that are taken off."""
        if message.author is not self:
            raise ImpossibleError("only one's own messages can be edited")
        if message.is_voice_message:
            raise ImpossibleError("a voice message cannot be edited")
        content = (message.content if content is None else content).replace("@bot", self.world.bot.mention)
        kept = [file for file in message.file_list if file not in tuple(without)]
        if not content and not kept:
            raise ImpossibleError("a message cannot be edited to nothing")
        if len(content) > 2000:
            raise ImpossibleError(f"{len(content)} characters: a message has at most 2000")
        replied = message.reference.author if message.reference is not None else None
        pinged_before = replied in message.mentions.users if replied is not None else False
        allowed: dict[str, Any] = {"parse": ["users", "roles", "everyone"], "replied_user": pinged_before}
        mentions = find_mentions(
            self.world, content=content, channel=message.channel, author=self, allowed=allowed, replied_to=replied
        )
        message.file_list = kept
        self.world.edit(message, content=content, mentions=mentions)

    async def delete(self, message: Message) -> None:
        if message.author is not self:
            self._may(message.channel, may.MANAGE_MESSAGES)
        self.world.delete(message)

    async def purge(self, *messages: Message) -> None:
        """Many of one channel at once, as moderators do with the help of another bot."""
        if not 2 <= len(messages) <= 100 or len({message.channel.id for message in messages}) != 1:
            raise ImpossibleError("2 to 100 messages of one channel are deleted at once")
        self._may(messages[0].channel, may.MANAGE_MESSAGES)
        self.world.purge(messages)

    async def react(self, message: Message, emoji: str) -> None:
        who = message.reacted.setdefault(emoji, [])
        if self not in who:
            who.append(self)
            self.world.gateway.reaction("MESSAGE_REACTION_ADD", message, self, emoji)

    async def unreact(self, message: Message, emoji: str) -> None:
        message.reacted[emoji].remove(self)
        self.world.gateway.reaction("MESSAGE_REACTION_REMOVE", message, self, emoji)

    async def start_typing(self, channel: Channel) -> None:
        self.world.gateway.typing(channel, self)

    async def start_thread(self, message: Message, title: str) -> Channel:
        if message.thread is not None or message.channel.is_thread:
            raise ImpossibleError("there cannot be a thread on this message")
        if not 1 <= len(title) <= 100:
            raise ImpossibleError("a thread's name has 1 to 100 characters")
        self._may(message.channel, may.PUBLIC_THREADS)
        return message.channel.open_thread(name=title, owner=self, starter=message)

    async def start_private_thread(self, channel: Channel, title: str, *guests: Account) -> Channel:
        """Whoever is mentioned in it later comes in as well."""
        self._may(channel, may.PRIVATE_THREADS)
        thread = channel.open_thread(name=title, owner=self, type=PRIVATE_THREAD)
        for guest in guests:
            thread.invite(guest)
        return thread

    async def start_post(self, forum: Channel, title: str, content: str = "", *files: Attached) -> Message:
        """A new post in a forum: a thread whose first message has its id."""
        if forum.type != FORUM:
            raise ImpossibleError(f"{forum.name!r} is no forum")
        self._may(forum, may.SEND_MESSAGES)
        thread = forum.open_thread(name=title, owner=self)
        return await self.post(content, *files, to=thread, id=thread.id)

    async def slash(
        self, name: str, *, to: Channel | None = None, user_install: bool | None = None, **options: Any
    ) -> Interaction:
        """`name` may go on with a group and a subcommand: "settings server". Returns when the bot has acknowledged,
        or when the person reads that it did not respond (`.failed`)."""
        channel = to or self._home()
        first, *path = name.split()
        by_user = self._is_user_install(channel, user_install)
        command = find_command(self.world, self, channel, first, kind=SLASH, user_install=by_user)
        resolved = Resolved(world=self.world, channel=channel)
        data = slash_data(command, path, options, locale=self.locale, resolved=resolved)
        return await self._send(
            COMMAND, channel, data, command, name=" ".join([command["name"], *path]), by_user=by_user, resolved=resolved
        )

    async def autocomplete(
        self,
        name: str,
        *,
        focus: str | None = None,
        to: Channel | None = None,
        user_install: bool | None = None,
        **options: Any,
    ) -> tuple[Choice, ...]:
        """What is offered while the option `focus` (else the last one given) is being typed."""
        channel = to or self._home()
        first, *path = name.split()
        by_user = self._is_user_install(channel, user_install)
        command = find_command(self.world, self, channel, first, kind=SLASH, user_install=by_user)
        resolved = Resolved(world=self.world, channel=channel)
        focus = focus or list(options)[-1]
        data = slash_data(command, path, options, locale=self.locale, resolved=resolved, focus=focus)
        asked = await self._send(AUTOCOMPLETE, channel, data, command, name=name, by_user=by_user, resolved=resolved)
        return asked.choices or ()

    async def menu(
        self,
        name: str,
        target: "Message | Person",
        *,
        to: Channel | None = None,
        user_install: bool | None = None,
    ) -> Interaction:
        """Apps → `name` on a message or a person."""
        kind = MESSAGE_MENU if isinstance(target, Message) else USER_MENU
        channel = target.channel if isinstance(target, Message) else to or self._home()
        if isinstance(target, Message) and not target.is_seen_by(self):
            raise ImpossibleError(f"{self.name} does not see that message")
        by_user = self._is_user_install(channel, user_install)
        command = find_command(self.world, self, channel, name, kind=kind, user_install=by_user)
        resolved = Resolved(world=self.world, channel=channel)
        if isinstance(target, Message):
            whole = payloads.message_json(self.world, target, sees_content=True, always=True)
            resolved.found["messages"] = {str(target.id): whole}
        else:
            resolved.add(target)
        data = {
            "id": command["id"],
            "name": command["name"],
            "type": kind,
            "target_id": str(target.id),
            **resolved.json(),
        }
        return await self._send(
            COMMAND, channel, data, command, name=command["name"], by_user=by_user, resolved=resolved
        )

    async def press(self, message: Message, button: str) -> Interaction:
        """`button`: what stands on it, or its custom id."""
        self._sees(message)
        offered = [item for item in message.buttons if item.url is None]
        found = next((item for item in offered if button in {item.label, item.custom_id}), None)
        if found is None:
            found = next((item for item in offered if item.emoji == button), None)
        if found is None or found.custom_id is None:
            known = ", ".join(repr(item.label or item.emoji) for item in offered) or "none"
            raise ImpossibleError(f"there is no button {button!r}; there are: {known}")
        if found.disabled:
            raise ImpossibleError(f"the button {button!r} is disabled")
        data = {"custom_id": found.custom_id, "component_type": 2, "id": 1}
        return await self._act(COMPONENT, message, data, name=found.custom_id)

    async def choose(self, message: Message, custom_id: str, values: list[Any]) -> Interaction:
        """Picks from a select: option values or labels, or people, roles, channels. `custom_id` or placeholder."""
        self._sees(message)
        selects = [item for item in message.selects if custom_id in {item.custom_id, item.placeholder}]
        if not selects:
            known = [item.custom_id for item in message.selects]
            raise ImpossibleError(f"there is no select {custom_id!r}; there are: {known}")
        if selects[0].disabled:
            raise ImpossibleError(f"the select {custom_id!r} is disabled")
        raw = next(item for item in parts_of(message.components) if item.get("custom_id") == selects[0].custom_id)
        resolved = Resolved(world=self.world, channel=message.channel)
        picked = _picked(raw, values, resolved)
        data = {"custom_id": raw["custom_id"], "component_type": raw["type"], "id": 1, "values": picked}
        return await self._act(COMPONENT, message, {**data, **resolved.json()}, name=raw["custom_id"])

    async def submit(self, opened: Interaction, answers: dict[str, Any]) -> Interaction:
        """Fills in the form that `opened` brought up, by custom id or label, and sends it."""
        form = opened.modal
        if form is None:
            raise ImpossibleError(f"the bot opened no form for {opened.name!r}")
        labels = {label: item.custom_id for item in form.inputs for label in (item.label, item.custom_id)}
        unknown = sorted(set(answers) - labels.keys())
        if unknown:
            raise ImpossibleError(f"the form has no field {unknown}; it has: {sorted(labels)}")
        by_id = {labels[key]: value for key, value in answers.items()}
        resolved = Resolved(world=self.world, channel=opened.channel)
        for item in form.inputs:
            if item.type != 4:
                continue
            text = by_id.setdefault(item.custom_id, item.value)
            if not text and item.required:
                raise ImpossibleError(f"the field {item.label!r} is required")
            if text and not item.min_length <= len(text) <= item.max_length:
                raise ImpossibleError(f"the field {item.label!r} takes {item.min_length} to {item.max_length}")
        components = [_filled(item, by_id, resolved) for item in form.components]
        data = {"custom_id": form.custom_id, "components": components, **resolved.json()}
        interaction = self._new(MODAL_SUBMIT, opened.channel, data, name=form.custom_id, owners=opened.owners)
        interaction.message, interaction.opened_by = opened.message, opened
        return await self._deliver(interaction)

    async def _act(self, kind: int, message: Message, data: dict[str, Any], *, name: str) -> Interaction:
        owners = message.interaction.owners if message.interaction is not None else self._owners(message.channel)
        interaction = self._new(kind, message.channel, data, name=name, owners=owners)
        interaction.message = message
        return await self._deliver(interaction)

    async def _send(
        self,
        kind: int,
        channel: Channel,
        data: dict[str, Any],
        command: dict[str, Any],
        *,
        name: str,
        by_user: bool,
        resolved: Resolved,
    ) -> Interaction:
        self._may(channel, may.USE_COMMANDS)
        owners = {"1": str(self.id)} if by_user else self._owners(channel)
        interaction = self._new(kind, channel, data, name=name, owners=owners)
        interaction.command_type = command["type"]
        interaction.files = tuple(resolved.files)
        return await self._deliver(interaction)

    def _new(
        self, kind: int, channel: Channel, data: dict[str, Any], *, name: str, owners: dict[str, str]
    ) -> Interaction:
        interaction = Interaction(
            world=self.world,
            id=self.world.snowflakes.next(),
            token=f"aW50ZXJhY3Rpb24{self.world.snowflakes.next():x}",
            type=kind,
            person=self,
            channel=channel,
            name=name,
            data=data,
            owners=owners,
            created=self.world.clock(),
        )
        self.world.interactions.append(interaction)
        return interaction

    async def _deliver(self, interaction: Interaction) -> Interaction:
        gateway, guild = self.world.gateway, interaction.channel.guild
        gateway.tell("INTERACTION_CREATE", interaction.payload(), guild=guild)

        def settled() -> bool | None:
            interaction.look()
            return interaction.acknowledged_with is not None or interaction.failed is not None or None

        await self.world.until(settled, _REAL_SECONDS, lambda: f"{interaction.name}: the clock stands still")
        return interaction

    def _owners(self, channel: Channel) -> dict[str, str]:
        return {"0": str(channel.guild.id) if channel.guild is not None else "0"}

    def _is_user_install(self, channel: Channel, wanted: bool | None) -> bool:
        here = channel.is_direct or (channel.guild is not None and channel.guild.has_bot)
        if wanted is False and not here:
            raise ImpossibleError("the bot is not here, so only an app installed for the user can be used")
        return not here if wanted is None else wanted

    def _home(self) -> Channel:
        for guild in self.world.guilds.values():
            for channel in guild.channels:
                if self.id in guild.members and channel.permissions_of(self) & may.SEND_MESSAGES:
                    return channel
        raise ImpossibleError(f"{self.name} is in no server with a channel; say to=")

    def _may(self, channel: Channel, permission: int) -> None:
        if not channel.permissions_of(self) & permission:
            raise ImpossibleError(f"{self.name} may not do that in {channel.name!r}")

    def _sees(self, message: Message) -> None:
        if not message.is_seen_by(self):
            raise ImpossibleError(f"{self.name} does not see that message: it is deleted, or shown to somebody else")


def _picked(select: dict[str, Any], values: list[Any], resolved: Resolved) -> list[str]:
    least, most = select.get("min_values", 1), select.get("max_values", 1)
    if not (1 if least is None else least) <= len(values) <= (1 if most is None else most):
        raise ImpossibleError(f"the select takes {least} to {most} values, not {len(values)}")
    if select["type"] != 3:
        return [resolved.add(value) for value in values]
    known = {key: option["value"] for option in select["options"] for key in (option["label"], option["value"])}
    missing = [value for value in values if value not in known]
    if missing:
        raise ImpossibleError(f"the select does not offer {missing}; it offers {list(known)}")
    return [known[value] for value in values]


def _filled(item: dict[str, Any], answers: dict[str, Any], resolved: Resolved) -> dict[str, Any]:
    """A component of a form as its submission repeats it."""

    def answer(part: dict[str, Any]) -> dict[str, Any]:
        value = answers.get(part["custom_id"])
        body = {"type": part["type"], "custom_id": part["custom_id"], "id": part.get("id") or 1}
        if part["type"] == 4:
            return {**body, "value": value or ""}
        return {**body, "values": _picked(part, value or [], resolved)}

    if item["type"] == 1:
        return {"type": 1, "id": 1, "components": [answer(part) for part in item["components"]]}
    if item["type"] == 18:
        return {"type": 18, "id": 1, "component": answer(item["component"])}
    return {"type": item["type"], "id": item.get("id") or 1}


def arrive(world: World, name: str, locale: str, accepts_direct_messages: bool) -> Person:
    person = Person(
        world=world, id=world.old_id(), name=name, locale=locale, accepts_direct_messages=accepts_direct_messages
    )
    world.users[person.id] = person
    return person
