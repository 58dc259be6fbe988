"""A line to a voice channel in the simulated Discord: it hears each person bit by bit, speaks, and comes back."""

import asyncio

import pytest

from bot.domain.voice import SILENCE_FRAME, LineState
from tests.discord_io.voice_line_material import SPEECH, on_a_line
from tests.simulator.voice_material import until


async def test_everybody_is_heard_bit_by_bit_and_hears_the_bot() -> None:
    async with on_a_line("davey", "libdave", "davey") as scene:
        await asyncio.gather(*(speaker.say(SPEECH * 2, speed=20) for speaker in scene.speakers))
        await until(lambda: all(len(scene.ear.got[each.id]) == 2 * len(SPEECH) for each in scene.people))
        assert scene.ear.got == {each.id: SPEECH * 2 for each in scene.people}
        assert {(frame.ssrc, frame.person_id) for frame in scene.ear.frames} == {
            (speaker.ssrc, speaker.user_id) for speaker in scene.speakers
        }
        sent = {(each.sequence, each.timestamp) for each in scene.speakers[0].sent}
        assert sent <= {(frame.sequence, frame.timestamp) for frame in scene.ear.frames}
        await scene.speaks(SPEECH[:10])
        await until(lambda: len(scene.speakers[0].heard) == 15)
        assert [heard.opus for heard in scene.speakers[0].heard][10:] == [SILENCE_FRAME] * 5
        assert all(speaker.plain == speaker.undecryptable == 0 for speaker in scene.speakers)
        assert {each.person_id for each in scene.ear.people} == {each.id for each in scene.people}
        assert scene.line.privacy_code
        assert scene.line.counters["ok"] == len(scene.ear.frames)


async def test_who_did_not_agree_is_nowhere_before_and_after_it_is_known_whose_the_voice_is() -> None:
    async with on_a_line("davey", "libdave", "davey", deaf_to=[1]) as scene:
        quiet = scene.speakers[1]
        for announces in (False, True):
            quiet.announces = announces
            await quiet.say(SPEECH, speed=0)
            least = len(SPEECH) * (1 + announces)
            await until(lambda least=least: scene.line.counters["dropped_consent"] >= least)  # type: ignore[misc] # bound
            assert all(getattr(each, "person_id", 0) != quiet.user_id for each in scene.line.held)
            assert all(getattr(each, "ssrc", 0) != quiet.ssrc for each in scene.line.held)
        await scene.says(0)
        assert set(scene.ear.got) == {scene.people[0].id}
        assert all(frame.person_id != quiet.user_id for frame in scene.ear.frames)
        scene.ear.deaf_to.clear()
        await scene.says(1)
        scene.ear.deaf_to.add(quiet.user_id)
        before = len(scene.ear.got[quiet.user_id])
        await quiet.say(SPEECH, speed=0)
        await scene.says(0)
        assert len(scene.ear.got[quiet.user_id]) == before


async def test_each_wake_is_answered_whenever_it_comes() -> None:
    async with on_a_line() as scene:
        anna, said = scene.speakers[0], 0
        for number in range(20):
            scene.source.frames.append(SPEECH[number])
            scene.line.wake()
            said += 1
            await asyncio.sleep(0.005 * (number % 7))
        await until(lambda: len(anna.heard_since()) == said)
        assert [heard.opus for heard in anna.heard_since()] == SPEECH[:said]
        reads = scene.source.reads
        await asyncio.sleep(0.1)
        assert scene.source.reads <= reads + 2


async def test_nothing_is_said_before_there_are_keys() -> None:
    async with on_a_line() as scene:
        scene.discord.voice.delay_seconds = 0.2
        scene.call.hang_up(1006)
        await scene.speaks(SPEECH[:5])
        assert scene.line.counters["unsent"] == 0
        assert scene.speakers[0].plain == 0


async def test_a_call_that_is_not_encrypted_is_heard_and_spoken_in_from_the_stage() -> None:
    async with on_a_line("davey", stage=True) as scene:
        moderator, bot = scene.people[0], scene.discord.bot.account
        state = scene.discord.world.voice.state_of(scene.guild, bot)
        assert state is not None
        await until(lambda: not state.suppress or state.asked_to_speak_at is not None)
        await moderator.let_speak(bot, scene.guild)
        await moderator.let_speak(moderator, scene.guild)
        await scene.says()
        await scene.speaks()
        assert scene.line.privacy_code is None


@pytest.mark.parametrize("code", [1006, 4006, 4009, 4015, 4017, 1000, 4001])
async def test_it_comes_back_after(code: int) -> None:
    # 1000 in the middle of a word looks to the simulator like a client that leaves without silence
    async with on_a_line("davey", "libdave", accuses=code != 1000) as scene:
        await scene.says(0)
        scene.source.frames.extend(SPEECH * 20)
        scene.line.wake()
        await until(scene.speakers[0].heard_since)
        scene.call.hang_up(code)
        await scene.comes_back()
        await scene.says(0)
        await scene.says(1)
        heard = len(scene.speakers[1].heard_since())
        await until(lambda: len(scene.speakers[1].heard_since()) > heard)
        scene.source.frames.clear()
        await until(lambda: scene.speakers[1].heard[-1].is_silence)
        assert scene.line.counters["reconnects"] == 1
        assert scene.ear.states == [LineState.RECONNECTING, LineState.CONNECTED]


@pytest.mark.parametrize("code", [4014, 4022])
async def test_a_kick_is_respected(code: int) -> None:
    async with on_a_line("davey", accuses=False) as scene:
        asked = scene.asked()
        state = scene.discord.world.voice.state_of(scene.guild, scene.discord.bot.account)
        scene.discord.world.voice.leave(state, code=code)
        await scene.is_gone()
        assert scene.asked() == asked


async def test_it_is_over_when_discord_says_that_we_ask_too_often() -> None:
    async with on_a_line("davey") as scene:
        asked = scene.asked()
        scene.call.hang_up(4021)
        await scene.is_gone()
        await asyncio.sleep(0.1)
        assert scene.asked() <= asked + 1
        assert scene.discord.gateway.sent[-1]["d"].get("channel_id") is None


async def test_a_reader_that_died_is_noticed() -> None:
    async with on_a_line() as scene:
        client = scene.bot.voice_clients[0]
        client._connection._socket_reader.stop()  # type: ignore[attr-defined] # of this library
        await scene.comes_back()
        await scene.says()
