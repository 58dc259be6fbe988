"""What a call shows in the chat of its channel, on the simulated Discord: twins, failures, captions, in order."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import discord
import pytest

from bot.database.engine import open_database
from bot.database.where import Where
from bot.discord_io.voice_follower import ChannelFollower
from bot.domain.conversation import ConversationKey, MessageRef, Turn
from bot.domain.errors import BotError, VoiceError
from bot.domain.voice_session import LeaveReason, SpokenLine, SpokenTurn
from bot.locales import catalogue
from bot.memory.store import Memory
from tests.simulator.discord_material import running
from tests.simulator.discord_server import Channel, DiscordServer, Message

VOICE = 2
JOB = "0123456789ab"
ANNA = 1


@dataclass(slots=True, kw_only=True)
class Scene:
    """A voice channel, somebody who follows a call in it, and what became of it."""

    server: DiscordServer
    lounge: Channel
    memory: Memory
    follower: ChannelFollower
    tasks: set[asyncio.Task[None]]
    ends: list[tuple[LeaveReason, BotError | None]] = field(default_factory=list)

    async def settled(self) -> list[Message]:
        """All that the bot posted, when nothing more comes."""
        while self.tasks:
            await asyncio.gather(*self.tasks)
        return [message for message in self.server.bot.messages(in_=self.lounge) if not message.deleted]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncGenerator[Scene]:
    async with DiscordServer() as server, open_database(Where(directory=tmp_path, url=None)) as database:
        club = server.guild("Film club")
        lounge = club.channel("Lounge", type=VOICE)
        club.member("Olga")
        memory = Memory(database)
        tasks: set[asyncio.Task[None]] = set()

        def spawn(work: Coroutine[Any, Any, None]) -> None:
            task = asyncio.create_task(work)
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        async with running(server) as bot:
            channel = bot.get_channel(lounge.id)
            assert isinstance(channel, discord.VoiceChannel)
            ends: list[tuple[LeaveReason, BotError | None]] = []
            follower = ChannelFollower(
                channel,
                client=bot,
                memory=memory,
                words=catalogue(None),
                spawn=spawn,
                on_end=lambda reason, error: ends.append((reason, error)),
            )
            yield Scene(server=server, lounge=lounge, memory=memory, follower=follower, tasks=tasks, ends=ends)
            assert [message.pings for message in server.bot.messages() if message.pings] == []
            assert server.unknown_requests == []


def turn(job_id: str = JOB, *, answer: str = "It is red.") -> SpokenTurn:
    return SpokenTurn(
        job_id=job_id, asker_ids=(ANNA,), question="@everyone What *colour*?", answer=answer, written=answer
    )


async def keep(scene: Scene) -> None:
    key = ConversationKey(server_id=scene.lounge.guild.id, channel_id=scene.lounge.id)  # type: ignore[union-attr]
    await scene.memory.keep_turn(
        Turn(job_id=JOB, key=key, asker_id=ANNA, asked_at=datetime.now(UTC), question="What?", answer="It is red.")
    )


async def test_a_twin_can_be_replied_to_and_asked_more_about(scene: Scene) -> None:
    await keep(scene)
    scene.follower.said(turn())
    [twin] = await scene.settled()
    assert twin.content == "🎤 Somebody: @`everyone` What \\*colour\\*?\n💬 It is red."
    assert [button.label for button in twin.buttons] == ["Ask more", "Delete"]
    ref = MessageRef(channel_id=scene.lounge.id, message_id=twin.id)
    assert await scene.memory.replies(JOB) == (ref,)


async def test_the_twin_of_what_was_not_kept_has_no_buttons(scene: Scene) -> None:
    scene.follower.said(turn())
    [twin] = await scene.settled()
    assert twin.buttons == ()


async def test_posts_come_in_order_and_captions_go_on_below(scene: Scene) -> None:
    def line(number: int, text: str, who: int | None = ANNA) -> SpokenLine:
        return SpokenLine(
            utterance_id=number, person_id=who, name="Anna", text=text, start_seconds=number, end_seconds=number + 0.5
        )

    scene.follower.caption(line(1, "What colour?"))
    await scene.settled()
    for number in range(2):
        scene.follower.said(turn(f"00000000000{number}", answer=f"Answer {number}."))
    scene.follower.caption(line(2, "It is red.", who=None))
    await scene.settled()
    scene.follower.caption(line(3, "Thanks."))
    contents = [message.content.splitlines()[-1] for message in await scene.settled()]
    assert contents == ["**Anna** What colour?", "💬 Answer 0.", "💬 Answer 1.", "**Anna** Thanks."]


async def test_the_same_failure_is_told_once_in_a_while(scene: Scene) -> None:
    scene.follower.failed(VoiceError("deaf", "I could not understand that. Say it again."))
    scene.follower.failed(VoiceError("deaf", "I could not understand that. Say it again."))
    scene.follower.failed(VoiceError("mute", "I could not speak. Ask again."))
    assert [message.content for message in await scene.settled()] == [
        "⚠️ I could not understand that. Say it again.",
        "⚠️ I could not speak. Ask again.",
    ]


async def test_where_nothing_may_be_posted_nothing_breaks(scene: Scene) -> None:
    scene.lounge.deny_bot("send_messages")
    for number in range(80):
        scene.follower.said(turn(answer=f"Answer {number}."))
    scene.follower.failed(VoiceError("mute", "I could not speak. Ask again."))
    assert await scene.settled() == []


async def test_a_failure_is_the_reason_of_an_end_that_failed(scene: Scene) -> None:
    error = VoiceError("voice_gone", "The connection broke. Call me again.")
    scene.follower.failed(error)
    scene.follower.ended(LeaveReason.FAILED)
    scene.follower.ended(LeaveReason.IDLE)
    await scene.settled()
    assert scene.ends == [(LeaveReason.FAILED, error), (LeaveReason.IDLE, None)]
