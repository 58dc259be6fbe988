"""What Discord tells of clips made with it reaches us through discord.py, whatever strangers call themselves."""

import asyncio
from types import SimpleNamespace
from typing import Any

import discord
import discord.message
import pytest

from bot.discord_io.attachments import sources_of
from bot.discord_io.made_clip import AttachmentWithFacts, keep_facts
from tests.discord_io.bots import connected
from tests.simulator.discord_server import DiscordServer, MadeClip, Upload


@pytest.fixture
def facts_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the client has it, until the test is over."""
    monkeypatch.setattr(discord.message, "Attachment", discord.Attachment)
    keep_facts()


@pytest.mark.usefixtures("facts_kept")
async def test_what_discord_knows_of_a_clip_made_with_it() -> None:
    async with DiscordServer(message_content_allowed=True) as server:
        guild = server.guild("Friends")
        channel, ann, bob = guild.channel("general"), guild.member("Ann"), guild.member("Bob")
        crowd = tuple(guild.member(f"Player {number}") for number in range(30))
        loud = guild.member("\u202eLong" + "g" * 200)
        async with connected(server, message_content=True) as client:
            heard: asyncio.Queue[discord.Message] = asyncio.Queue()

            @client.event
            async def on_message(message: discord.Message) -> None:
                heard.put_nowait(message)

            posted = await ann.post(
                "look",
                Upload(name="a.mp4", data=b"clip", clip=MadeClip(participants=(ann, bob, ann), game="Rocket\nRacer")),
                Upload(name="b.mp4", data=b"clip", clip=MadeClip(participants=(loud, *crowd))),
                Upload(name="c.mp4", data=b"clip"),
                to=channel,
            )
            forwarded = await ann.forward(posted, to=channel)
            told = sources_of(await asyncio.wait_for(heard.get(), 20))
            place = client.get_partial_messageable(channel.id)
            assert sources_of(await place.fetch_message(posted.id)) == told
            passed_on = sources_of(await place.fetch_message(forwarded.id))
    assert [(source.participants, source.game) for source in told[::2]] == [(("Ann", "Bob"), "Rocket Racer"), ((), "")]
    assert passed_on[0].participants == ("Ann", "Bob")
    assert len(told[1].participants) == 25
    assert told[1].participants[0] == "Long" + "g" * 76
    assert "Ann" not in repr(told)


@pytest.mark.parametrize(
    "facts",
    [
        {"clip_participants": [None, {}, {"username": 3}, 4], "application": {}},
        {"clip_participants": {"a": 1}, "application": "x"},
    ],
)
def test_odd_facts_are_left_out(facts: dict[str, object]) -> None:
    data: Any = {"id": "1", "size": 1, "filename": "a", "url": "u", "proxy_url": "p", **facts}
    state: Any = SimpleNamespace(http=None)
    attachment = AttachmentWithFacts(data=data, state=state)
    assert (attachment.participants, attachment.game) == ((), "")
