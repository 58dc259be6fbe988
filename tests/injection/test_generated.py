"""Replies nobody would think of: whatever a model writes pings nobody (R15) and becomes whole messages (R16).

`KIBITZ_INJECTIONS=all` makes 10,000 texts of each kind, without it 1,000 replies and 100 texts.
"""

import os
import random
from types import SimpleNamespace
from typing import Any

from bot.discord_io.parts import split
from bot.discord_io.posting import NO_MENTIONS
from bot.discord_io.safe_text import safe, visible
from tests.discord_io.discord_markdown import read
from tests.injection.harm import harms
from tests.simulator.discord_server import DiscordServer
from tests.simulator.discord_server.mentions import find_mentions

ALL = os.environ.get("KIBITZ_INJECTIONS") == "all"
REPLIES, TEXTS = (10_000, 10_000) if ALL else (1_000, 100)
HIDDEN = "\u200b\u200c\u200d\u200e\u202a\u202e\u2060\u2066\u2069\ufeff\u00ad\u034f\ufe0f\U000e0041\U000e007f\U000e0100"
FRAGMENTS = (
    "Yes. ", "It is red [0:03]. ", "看见一只猫。", "\n", "\n\n", "- ", "1. ", "> ", "# ", "```\n", "```py\n",
    "\n```\n", "`", "``", "\\", "*", "**", "_", "__", "~~", "||", "[x](", ")", "https://evil.example/a_b?c=*d*",
    "discord.gg/evil", "<", ">", "@", "#", "🙂", "👩‍👧", "🇩🇪", "e\u0301", "a" * 90, " " * 40, "\u2028", "\x85",
    "\x1b[31m", "\r\n", "مرحبا", "שלום", ":joy:", "<:e:1>", "<t:1:R>", "</ask:1>", "word " * 30, "一" * 200,
)  # fmt: skip


def hide(chance: random.Random, text: str) -> str:
    """The text with characters nobody sees between some of its letters."""
    return "".join(one + (chance.choice(HIDDEN) if chance.random() < 0.2 else "") for one in text)


def made(chance: random.Random, pieces: tuple[str, ...], most: int) -> str:
    chosen = [chance.choice(pieces) for _ in range(chance.randint(1, most))]
    return "".join(hide(chance, one) if chance.random() < 0.4 else one for one in chosen)


async def test_a_thousand_replies_ping_nobody() -> None:
    """As they are sent; and outside of code not even where the request would let them."""
    chance = random.Random(15)
    async with DiscordServer() as server:
        club = server.guild("Club")
        owner, role, room = club.member("Olga"), club.role("mods", mentionable=True), club.channel("general")
        bot = club.members[server.app.id]
        bot.roles.append(club.role("loud", permissions=["mention_everyone"]))
        names = ("@everyone", "@here", f"<@{owner.id}>", f"<@!{owner.id}>", f"<@&{role.id}>", f"<#{room.id}>")
        pieces = (*names, *names, *FRAGMENTS)
        options: Any = {"channel": room, "author": SimpleNamespace(id=server.app.id, name="Kibitz")}
        for name in names[:-1]:
            assert find_mentions(server.world, content=name, allowed=None, **options).pings, "the server would ping"
        sent = NO_MENTIONS.to_dict()
        for number in range(REPLIES):
            reply = made(chance, pieces, 8)
            for part in split(safe(reply)):
                reading = read(part)
                assert find_mentions(server.world, content=part, allowed=sent, **options).pings == (), (number, reply)
                bare = find_mentions(server.world, content=reading.uncoded, allowed=None, **options)
                assert (bare.pings, reading.active) == ((), []), (number, reply)


def test_texts_become_whole_messages() -> None:
    """At most 2,000 characters, fences closed, nothing hidden, and no word lost."""
    chance = random.Random(16)
    for number in range(TEXTS):
        text = made(chance, FRAGMENTS, 30 if number % 50 else 600)
        parts = split(safe(text))
        assert [harm for part in parts for harm in harms(part)] == [], (number, text)
        shown = sum(map(str.isalnum, "".join(read(part.rpartition("\n-# (")[0] or part).seen for part in parts)))
        assert shown >= sum(map(str.isalnum, visible(text))) - 2 * text.count("```py") * (len(parts) + 1), (
            number,
            text,
        )
