"""Lines to voice channels: one per server, moved, ended and refused as Discord and its moderators will."""

import asyncio
import threading

import discord
import pytest

from bot.discord_io import voice_line
from bot.discord_io.voice_lines import VoiceLines
from bot.domain.errors import VoiceError
from bot.domain.voice import LineState
from tests.bench.voice_line import soak
from tests.discord_io.voice_line_material import SPEECH, Filled, RecordingEar, channel_of, on_a_line
from tests.simulator.discord_material import running
from tests.simulator.discord_server import DiscordServer
from tests.simulator.voice_material import until


async def test_a_moderator_moves_it_to_another_channel_where_it_goes_on() -> None:
    async with on_a_line("davey", "libdave") as scene:
        kitchen = scene.guild.voice_channel("Kitchen")
        owner, anna = scene.people
        moved = await owner.move(anna, kitchen)
        assert moved is not None
        await owner.move(scene.discord.bot.account, kitchen)
        await until(lambda: scene.line.channel.id == kitchen.id and kitchen.call.has_client)
        await kitchen.call.settled()
        scene.channel, scene.speakers[1] = kitchen, moved
        await scene.says(1)
        await scene.speaks()
        assert scene.line.key.channel_id == kitchen.id
        assert [each.person_id for each in scene.ear.people] == [anna.id]
        assert scene.line.state is LineState.CONNECTED
        assert scene.lines.of(scene.guild.id) is scene.line
        await owner.move(anna, scene.guild.voice_channel("Cellar"))
        await until(lambda: scene.ear.people == ())


async def test_a_moderator_puts_it_out_and_it_stays_out_until_asked_again() -> None:
    async with on_a_line() as scene:
        asked = scene.asked()
        await scene.people[0].kick_from_voice(scene.discord.bot.account, scene.guild)
        await scene.is_gone()
        assert scene.asked() == asked
        again = await scene.lines.join(channel_of(scene.bot, scene.channel))
        again.open(scene.ear, scene.source)
        await scene.call.settled()
        await scene.says()


async def test_a_deleted_channel_is_the_end() -> None:
    async with on_a_line() as scene:
        asked = scene.asked()
        scene.channel.delete()
        await scene.is_gone()
        assert scene.asked() == asked


@pytest.mark.parametrize("code", [None, 4014, 4022])
async def test_the_call_moves_to_another_region(code: int | None) -> None:
    async with on_a_line("davey", "libdave") as scene:
        for times in (1, 2):
            before = scene.call.session
            scene.call.move_region(code=code)
            await until(lambda before=before: scene.call.session is not before)  # type: ignore[misc] # bound
            await scene.comes_back()
            await scene.says(0)
            await scene.says(1)
            await scene.speaks()
            assert scene.line.counters["reconnects"] == times


async def test_the_region_moves_while_the_bot_speaks_and_it_goes_on() -> None:
    async with on_a_line() as scene:
        scene.source.frames.extend(SPEECH * 40)
        scene.line.wake()
        await until(lambda: len(scene.speakers[0].heard_since()) > 5)
        scene.call.move_region()
        await scene.comes_back()
        heard = len(scene.speakers[0].heard_since())
        await until(lambda: len(scene.speakers[0].heard_since()) > heard + 5)
        scene.source.frames.clear()
        await until(lambda: scene.speakers[0].heard[-1].is_silence)


async def test_who_is_not_let_in_in_time_is_told_and_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice_line, "CONNECT_SECONDS", 0.3)
    async with DiscordServer() as server:
        lounge = server.guild("Film club").voice_channel("Lounge")
        server.voice.delay_seconds = 5.0
        async with running(server) as bot:
            lines = VoiceLines(bot)
            threads = threading.active_count()
            with pytest.raises(VoiceError) as error:
                await lines.join(channel_of(bot, lounge))
            assert error.value.code == "voice_timeout"
            assert channel_of(bot, lounge).guild.voice_client is None
            assert lines.of(lounge.guild.id) is None  # type: ignore[union-attr] # it is in one
            await until(lambda: not server.world.voice.people_in(lounge))
            await until(lambda: threading.active_count() <= threads)
            server.voice.delay_seconds = 0.0
            line = await lines.join(channel_of(bot, lounge))
            assert line.state is LineState.CONNECTED
            await lines.aclose()


async def test_a_channel_it_may_not_enter_is_a_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice_line, "CONNECT_SECONDS", 0.3)
    async with DiscordServer() as server:
        lounge = server.guild("Film club").voice_channel("Lounge", deny_bot=("connect",))
        async with running(server) as bot:
            lines = VoiceLines(bot)
            with pytest.raises(VoiceError) as error:
                await lines.join(channel_of(bot, lounge))
            assert error.value.code == "voice_timeout"
            assert channel_of(bot, lounge).guild.voice_client is None


async def test_who_cannot_encrypt_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discord.voice_state.VoiceConnectionState, "max_dave_protocol_version", 0)
    async with DiscordServer() as server:
        lounge = server.guild("Film club").voice_channel("Lounge")
        async with running(server) as bot:
            with pytest.raises(VoiceError) as error:
                await VoiceLines(bot).join(channel_of(bot, lounge))
            assert error.value.code == "voice_davey_missing"
            assert channel_of(bot, lounge).guild.voice_client is None


async def test_closing_while_it_comes_back_ends_at_once() -> None:
    async with on_a_line(accuses=False) as scene:
        scene.discord.voice.delay_seconds = 30.0
        scene.call.hang_up(4006)
        await until(lambda: scene.ear.states == [LineState.RECONNECTING])
        await asyncio.sleep(0.1)
        async with asyncio.timeout(4):
            await scene.line.aclose()
        await scene.is_gone()
        await until(lambda: not any(each.account.is_bot for each in scene.discord.world.voice.people_in(scene.channel)))
        assert not [
            task for task in asyncio.all_tasks() if "oice" in task.get_name() and "gateway" not in task.get_name()
        ]


async def test_joining_again_ends_the_line_before() -> None:
    async with on_a_line() as scene:
        bar, oleg = scene.guild.voice_channel("Bar"), scene.guild.member("Oleg")
        speaker = await oleg.join_voice(bar)
        await until(lambda: scene.bot.get_channel(bar.id) is not None)
        first, second = await asyncio.gather(
            scene.lines.join(channel_of(scene.bot, bar)), scene.lines.join(channel_of(scene.bot, bar))
        )
        assert scene.ear.states == [LineState.GONE]
        assert (first.state, second.state) == (LineState.GONE, LineState.CONNECTED)
        assert scene.lines.of(scene.guild.id) is second
        ear = RecordingEar()
        second.open(ear, Filled())
        await bar.call.settled()
        await speaker.say(SPEECH, speed=0)
        await until(lambda: ear.got[oleg.id] == SPEECH)
        late = RecordingEar()
        first.open(late, Filled())
        assert late.states == [LineState.GONE]


async def test_two_servers_at_once_hear_their_own() -> None:
    async with on_a_line() as scene:
        other = scene.discord.guild("Reading club")
        library, chen = other.voice_channel("Library"), other.member("Chen")
        speaker = await chen.join_voice(library, dave="libdave")
        await until(lambda: scene.bot.get_channel(library.id) is not None)
        line = await scene.lines.join(channel_of(scene.bot, library))
        ear, source = RecordingEar(), Filled()
        line.open(ear, source)
        await library.call.settled()
        await asyncio.gather(scene.speakers[0].say(SPEECH, speed=0), speaker.say(SPEECH[:7], speed=0))
        await until(lambda: ear.got == {chen.id: SPEECH[:7]})
        await until(lambda: scene.ear.got == {scene.people[0].id: SPEECH})
        source.frames.extend(SPEECH[:3])
        line.wake()
        await until(lambda: len(speaker.heard_since()) == 3)
        scene.call.hang_up(1006)
        await scene.comes_back()
        assert ear.states == []
        assert not scene.speakers[0].heard_since()


async def test_the_library_may_end_a_connection_itself() -> None:
    async with on_a_line() as scene:
        guild = scene.bot.get_guild(scene.guild.id)
        assert guild is not None
        assert guild.voice_client is not None
        await guild.voice_client.disconnect(force=True)
        await scene.is_gone()


async def test_it_gives_up_when_it_cannot_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice_line, "CONNECT_SECONDS", 0.2)
    monkeypatch.setattr(voice_line, "_PAUSES_SECONDS", (0.0, 0.05))
    async with on_a_line(accuses=False) as scene:
        scene.discord.voice.delay_seconds = 30.0
        scene.call.hang_up(1006)
        await scene.is_gone()


async def test_joining_and_leaving_leaves_nothing_behind() -> None:
    soaked = await soak(10)
    before, after = soaked.before, soaked.after
    assert (after.threads, after.files, after.tasks) == (before.threads, before.files, before.tasks)
    assert (after.clients, after.lines) == (before.clients, before.lines) == (0, 0)
    assert soaked.violations == ()
