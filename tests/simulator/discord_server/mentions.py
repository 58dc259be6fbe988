"""Whom a message pings, found the way Discord finds it: by the text and by what `allowed_mentions` lets through."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.simulator.discord_server.permissions import MENTION_EVERYONE
from tests.simulator.discord_server.refusals import Form

if TYPE_CHECKING:
    from tests.simulator.discord_server.places import Channel, Role
    from tests.simulator.discord_server.world import Account, World

_USER = re.compile(r"<@!?(\d{15,20})>")
_ROLE = re.compile(r"<@&(\d{15,20})>")
_EVERYONE = re.compile(r"@(everyone|here)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mentions:
    users: tuple["Account", ...] = ()
    roles: tuple["Role", ...] = ()
    everyone: tuple[str, ...] = ()

    @property
    def pings(self) -> tuple[str, ...]:
        """`("Anna", "@mods", "@everyone")`."""
        return (*(user.name for user in self.users), *(f"@{role.name}" for role in self.roles), *self.everyone)


def check_allowed_mentions(form: Form, allowed: Any) -> None:
    if allowed is None:
        return
    if not isinstance(allowed, dict):
        form.wrong("allowed_mentions", "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType")
        return
    parse = allowed.get("parse") or []
    for index, kind in enumerate(parse):
        if kind not in {"users", "roles", "everyone"}:
            choices = "Value must be one of ('users', 'roles', 'everyone')."
            form.wrong(f"allowed_mentions.parse.{index}", "BASE_TYPE_CHOICES", choices)
    for kind in ("users", "roles"):
        listed = allowed.get(kind) or []
        form.count(f"allowed_mentions.{kind}", listed, 100)
        if kind in parse and listed:
            form.wrong(
                "allowed_mentions",
                "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
                f'parse:["{kind}"] and {kind}: [ids...] are mutually exclusive.',
            )


def find_mentions(
    world: "World",
    *,
    content: str,
    channel: "Channel",
    author: "Account",
    allowed: dict[str, Any] | None,
    replied_to: "Account | None" = None,
    from_webhook: bool = False,
) -> Mentions:
    """Code spans are searched, too: that is on the strict side. Without `allowed_mentions` an ordinary message pings
    all that it names and a webhook (interactions answer through one) users only; a reply pings who is replied to."""
    if allowed is None:
        parse, replied = ({"users"} if from_webhook else {"users", "roles", "everyone"}), replied_to is not None
        users_listed: set[int] = set()
        roles_listed: set[int] = set()
    else:
        parse, replied = set(allowed.get("parse") or []), bool(allowed.get("replied_user", False))
        users_listed = {int(value) for value in allowed.get("users") or []}
        roles_listed = {int(value) for value in allowed.get("roles") or []}
    may_ping_all = bool(channel.permissions_of(author) & MENTION_EVERYONE)
    users: dict[int, Account] = {}
    if replied and replied_to is not None and replied_to is not author:
        users[replied_to.id] = replied_to
    for user_id in map(int, _USER.findall(content)):
        if user_id in world.users and ("users" in parse or user_id in users_listed):
            users[user_id] = world.users[user_id]
    roles: dict[int, Role] = {}
    for role_id in map(int, _ROLE.findall(content)):
        role = channel.guild.roles.get(role_id) if channel.guild else None
        if role and ("roles" in parse or role_id in roles_listed) and (role.mentionable or may_ping_all):
            roles[role_id] = role
    everyone = tuple(dict.fromkeys(f"@{name}" for name in _EVERYONE.findall(content)))
    if "everyone" not in parse or not may_ping_all or channel.guild is None:
        everyone = ()
    return Mentions(users=tuple(users.values()), roles=tuple(roles.values()), everyone=everyone)
