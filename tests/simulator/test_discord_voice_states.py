"""Voice in the whole simulated Discord: who is in which channel, who may, and what the main gateway tells."""

import asyncio
import os
import sys

import discord
import pytest

from tests.simulator.discord_material import TinyBot, refused, running
from tests.simulator.discord_server import Channel, DiscordServer, Guild, ImpossibleError
from tests.simulator.voice_material import TONE, Listening, play, until

SPEECH = list(TONE)


async def connect(bot: TinyBot, channel: Channel) -> Listening:
    place = bot.get_channel(channel.id)
    assert isinstance(place, discord.VoiceChannel | discord.StageChannel)
    voice = await place.connect(cls=Listening, timeout=5)
    await channel.call.settled()
    return voice


def told(server: DiscordServer, name: str) -> int:
    return sum(session.names.count(name) for session in server.gateway.sessions)


async def test_the_bot_and_people_talk_in_a_voice_channel() -> None:
    async with DiscordServer() as server:
        club = server.guild("Film club")
        lounge, anna = club.voice_channel("Lounge"), club.member("Anna")
        speaker = await anna.join_voice(lounge)
        async with running(server) as bot:
            voice = await connect(bot, lounge)
            await speaker.say(SPEECH, speed=0)
            await until(lambda: voice.got == {anna.id: SPEECH})
            await play(voice, SPEECH[:3])
            await until(lambda: len(speaker.heard_since()) == 3)
            guild = bot.get_guild(club.id)
            assert guild is not None
            assert [member.id for member in voice.channel.members] == [anna.id, server.bot.account.id]
            await voice.disconnect()
            await until(lambda: server.world.voice.people_in(lounge) == [anna.voice])
            await anna.leave_voice()
            await until(lambda: bot.get_guild(club.id).voice_channels[0].members == [])  # type: ignore[union-attr] # there
        assert server.voice.violations == []
        assert server.unknown_requests == []


async def test_who_mutes_sends_nothing_and_who_deafens_hears_nothing() -> None:
    async with DiscordServer() as server:
        club = server.guild("Film club")
        lounge, anna = club.voice_channel("Lounge"), club.member("Anna")
        speaker = await anna.join_voice(lounge)
        async with running(server) as bot:
            voice = await connect(bot, lounge)
            channel = bot.get_channel(lounge.id)
            assert isinstance(channel, discord.VoiceChannel)
            await anna.mute()
            await speaker.say(SPEECH, speed=0)
            await anna.mute(False)
            await speaker.say(SPEECH[:1], speed=0)
            await until(lambda: voice.got == {anna.id: SPEECH[:1]})
            await anna.deafen()
            await play(voice, SPEECH[:2])
            await until(lambda: channel.voice_states[anna.id].self_deaf)
            await anna.deafen(False)
            await play(voice, SPEECH[2:4])
            await until(lambda: [heard.opus for heard in speaker.heard_since()] == SPEECH[2:4])
            await anna.server_deafen(anna, club)
            await anna.server_mute(anna, club)
            await until(lambda: channel.voice_states[anna.id].deaf and channel.voice_states[anna.id].mute)
            assert (speaker.hears, speaker.is_muted) == (False, True)


@pytest.mark.parametrize("missing", ["view_channel", "connect", "place"])
async def test_where_the_bot_may_not_go_it_gets_no_answer(missing: str) -> None:
    async with DiscordServer() as server:
        club = server.guild("Film club")
        anna = club.member("Anna")
        denied = () if missing == "place" else (missing,)
        lounge = club.voice_channel("Lounge", deny_bot=denied, user_limit=1 if missing == "place" else 0)
        await anna.join_voice(lounge)
        async with running(server) as bot:
            guild = bot.get_guild(club.id)
            assert guild is not None
            await guild.change_voice_state(channel=discord.Object(lounge.id))
            await until(lambda: any(said["op"] == 4 for said in server.gateway.sent))
            assert told(server, "VOICE_SERVER_UPDATE") == 0
            assert server.world.voice.people_in(lounge) == [anna.voice]
            club.change_bot(["move_members"])
            if missing == "place":
                await connect(bot, lounge)


async def test_who_may_not_speak_is_not_passed_on() -> None:
    async with DiscordServer() as server:
        club = server.guild("Film club")
        anna = club.member("Anna")
        lounge = club.voice_channel("Lounge", deny_bot=("speak",))
        speaker = await anna.join_voice(lounge)
        async with running(server) as bot:
            voice = await connect(bot, lounge)
            guild = bot.get_guild(club.id)
            assert guild is not None
            await until(lambda: guild.me.voice is not None and guild.me.voice.suppress)
            await play(voice, SPEECH[:2])
            await until(lambda: server.voice.violations)
        assert set(server.voice.violations) == {"rtp: sound of who is muted"}
        assert speaker.heard_since() == []


async def test_a_stage_is_not_encrypted_and_has_an_audience() -> None:
    async with DiscordServer() as server:
        club = server.guild("Film club")
        owner, anna = club.member("Oleg"), club.member("Anna")
        stage = club.stage_channel("Stage")
        speaker = await anna.join_voice(stage)
        assert speaker.is_muted
        assert not (await owner.join_voice(stage)).is_muted
        await owner.let_speak(anna, club)
        async with running(server) as bot:
            voice = await connect(bot, stage)
            assert voice._connection.dave_protocol_version == 0
            await speaker.say(SPEECH, speed=0)
            await until(lambda: voice.got == {anna.id: SPEECH})
            guild = bot.get_guild(club.id)
            assert guild is not None
            await until(lambda: guild.me.voice is not None and guild.me.voice.suppress)
            assert await refused(guild.me.edit(suppress=False)) == (403, 50013)
            await guild.me.request_to_speak()
            await until(lambda: guild.me.voice is not None and guild.me.voice.requested_to_speak_at is not None)
            await owner.let_speak(server.bot.account, club)
            await until(lambda: guild.me.voice is not None and not guild.me.voice.suppress)
            await play(voice, SPEECH[:2])
            await until(lambda: len(speaker.heard_since()) == 2)


async def test_moderators_move_and_put_out() -> None:
    async with DiscordServer() as server:
        club = server.guild("Film club")
        owner, anna = club.member("Oleg"), club.member("Anna")
        lounge, kitchen = club.voice_channel("Lounge"), club.voice_channel("Kitchen")
        await anna.join_voice(lounge)
        async with running(server) as bot:
            voice = await connect(bot, lounge)
            moved = await owner.move(anna, kitchen)
            await owner.move(server.bot.account, kitchen)
            await kitchen.call.settled()
            assert moved is not None
            await moved.say(SPEECH, speed=0)
            await until(lambda: voice.got == {anna.id: SPEECH})
            assert (voice.channel.id, lounge.call.session) == (kitchen.id, None)
            with pytest.raises(ImpossibleError):
                await anna.kick_from_voice(owner, club)
            await owner.kick_from_voice(server.bot.account, club)
            await until(lambda: not voice.is_connected() and bot.voice_clients == [])
            assert server.world.voice.people_in(kitchen) == [anna.voice]


async def test_a_deleted_channel_ends_its_call() -> None:
    async with DiscordServer() as server:
        club = server.guild("Film club")
        lounge, anna = club.voice_channel("Lounge"), club.member("Anna")
        await anna.join_voice(lounge)
        async with running(server) as bot:
            voice = await connect(bot, lounge)
            socket = voice.ws.ws
            lounge.delete()
            await until(lambda: bot.voice_clients == [])
            assert socket.close_code in {1000, 4022}
            assert server.world.voice.states == {}


async def test_a_bot_that_is_removed_from_the_server_is_out_of_voice() -> None:
    async with DiscordServer() as server:
        club = server.guild("Film club")
        lounge, anna = club.voice_channel("Lounge"), club.member("Anna")
        await anna.join_voice(lounge)
        async with running(server) as bot:
            voice = await connect(bot, lounge)
            voice._connection.timeout = 0.1
            club.remove_bot()
            assert server.world.voice.people_in(lounge) == [anna.voice]
            await until(lambda: lounge.call.session is None)


async def test_a_lost_session_of_the_main_gateway_ends_voice() -> None:
    async with DiscordServer() as server:
        club = server.guild("Film club")
        lounge, anna = club.voice_channel("Lounge"), club.member("Anna")
        await anna.join_voice(lounge)
        async with running(server) as bot:
            voice = await connect(bot, lounge)
            voice._connection.timeout = 0.1
            server.drop_gateway()
            await until(lambda: bot.events.count("RESUMED") == 1)
            assert len(server.world.voice.people_in(lounge)) == 2
            server.drop_gateway(resumable=False)
            assert server.world.voice.people_in(lounge) == [anna.voice]
            await until(lambda: lounge.call.session is None)


async def test_a_call_moves_to_another_region_and_back() -> None:
    async with DiscordServer() as server:
        club = server.guild("Film club")
        lounge, anna = club.voice_channel("Lounge"), club.member("Anna")
        speaker = await anna.join_voice(lounge)
        async with running(server) as bot:
            voice = await connect(bot, lounge)
            for times in (1, 2):
                before = lounge.call.session
                lounge.call.move_region()
                await until(lambda before=before: lounge.call.session is not before)  # type: ignore[misc] # bound
                await lounge.call.settled()
                await speaker.say(SPEECH, speed=0)
                await until(lambda times=times: len(voice.got[anna.id]) == times * len(SPEECH))  # type: ignore[misc] # bound


async def test_who_is_in_voice_is_told_at_the_start_and_two_servers_at_once_work() -> None:
    async with DiscordServer() as server:
        clubs: list[Guild] = [server.guild("Film club"), server.guild("Book club")]
        rooms = [club.voice_channel("Lounge") for club in clubs]
        people = [club.member(f"Member of {club.name}") for club in clubs]
        speakers = [await person.join_voice(room) for person, room in zip(people, rooms, strict=True)]
        async with running(server) as bot:
            for person, room in zip(people, rooms, strict=True):
                channel = bot.get_channel(room.id)
                assert isinstance(channel, discord.VoiceChannel)
                assert [member.id for member in channel.members] == [person.id]
            voices = [await connect(bot, room) for room in rooms]
            await asyncio.gather(*(speaker.say(SPEECH, speed=0) for speaker in speakers))
            await until(
                lambda: [voice.got for voice in voices] == [{person.id: SPEECH} for person in people], what="both"
            )
            for voice in voices:  # discord.py hears nothing of the second one while it closes
                await voice.disconnect()


async def test_people_cannot_do_what_their_client_would_not_let_them() -> None:
    async with DiscordServer() as server:
        club = server.guild("Film club")
        club.member("Owner")
        anna = club.member("Anna")
        closed = club.voice_channel("Closed", deny_everyone=("connect",))
        lounge = club.voice_channel("Lounge")
        for attempt in (anna.leave_voice, anna.mute, lambda: anna.join_voice(closed)):
            with pytest.raises(ImpossibleError):
                await attempt()
        first = await anna.join_voice(lounge)
        with pytest.raises(ImpossibleError):
            await anna.join_voice(lounge)
        second = await anna.join_voice(club.voice_channel("Kitchen"), dave="libdave")
        assert (first.call.people, second.call.people) == ({}, {anna.id: second})


async def test_a_child_process_trusts_the_voice_servers_by_a_usual_variable() -> None:
    """aiohttp's own context reads it, so the bot needs no switch for it."""
    code = """
import asyncio, sys, aiohttp
async def main():
    async with aiohttp.ClientSession() as session, session.ws_connect(sys.argv[1]) as socket:
        print((await socket.receive_json())["op"])
asyncio.run(main())
"""
    async with DiscordServer() as server:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            code,
            f"wss://{server.voice.endpoints[0]}/?v=8",
            env={**os.environ, "SSL_CERT_FILE": str(server.voice.certificate.bundle())},
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await asyncio.wait_for(child.communicate(), 20)
        assert said.strip() == b"8"


async def test_the_states_can_be_asked_for() -> None:
    async with DiscordServer() as server:
        club = server.guild("Film club")
        lounge, anna = club.voice_channel("Lounge"), club.member("Anna")
        await anna.join_voice(lounge)
        async with running(server) as bot:
            guild = bot.get_guild(club.id)
            assert guild is not None
            member = guild.get_member(anna.id)
            assert member is not None
            assert (await member.fetch_voice()).channel == bot.get_channel(lounge.id)
            assert await refused(guild.me.fetch_voice()) == (404, 10065)
            await connect(bot, lounge)
            assert (await guild.me.fetch_voice()).session_id != ""
