"""What an ear hears through every trouble of the wire and of the group: the right frames, as theirs, or nothing."""

import asyncio
from typing import Any

import pytest

from bot.domain.voice import SILENCE_FRAME
from tests.discord_io.voice_line_material import SPEECH, on_a_line
from tests.simulator.discord_voice import Weather
from tests.simulator.voice_material import until


async def test_people_of_whom_nobody_told_are_found_by_their_keys() -> None:
    async with on_a_line("davey", "libdave", "davey") as scene:
        for speaker in scene.speakers:
            speaker.announces = False
        for number in range(3):
            await scene.says(number)
        assert scene.line.counters["trial_mapped"] == 3
        assert scene.line.counters["dave_failed"] == 0


async def test_the_bot_may_be_the_one_who_commits() -> None:
    def prepare(call: Any) -> None:
        call.group.committer = "client"

    async with on_a_line("libdave", prepare=prepare) as scene:
        await scene.says()
        await scene.speaks()
        chen = await scene.guild.member("Chen").join_voice(scene.channel)
        await scene.call.settled()
        scene.speakers.append(chen)
        await scene.says(0)
        await scene.says(1)


async def test_no_frame_is_lost_while_others_come_and_go() -> None:
    async with on_a_line() as scene:
        anna, chen = scene.people[0], scene.guild.member("Chen")
        speaking = scene.speakers[0].start(SPEECH * 10, speed=8)
        for dave in ("davey", "libdave"):
            await asyncio.sleep(0.08)
            speaker = await chen.join_voice(scene.channel, dave=dave)  # type: ignore[arg-type] # one of two
            await scene.call.settled()
            before = len(scene.ear.got[chen.id])
            await speaker.say(SPEECH[:5], speed=0)
            await until(lambda before=before: len(scene.ear.got[chen.id]) == before + 5)  # type: ignore[misc] # bound
            await chen.leave_voice()
        await speaking
        await scene.call.settled()
        await until(lambda: len(scene.ear.got[anna.id]) == 10 * len(SPEECH))
        assert scene.ear.got == {anna.id: SPEECH * 10, chen.id: SPEECH[:5] * 2}


async def test_who_is_left_alone_hears_the_next_to_come() -> None:
    async with on_a_line() as scene:
        await scene.says()
        await scene.people[0].leave_voice()
        await until(lambda: scene.call.group.epoch == 0)
        scene.speakers[0] = await scene.people[0].join_voice(scene.channel, dave="libdave")
        await scene.call.settled()
        await scene.says()
        await scene.speaks()


async def test_encryption_goes_and_comes_back_and_then_what_is_plain_is_refused() -> None:
    async with on_a_line("davey", "libdave") as scene:
        await scene.says(0)
        scene.call.downgrade()
        await until(lambda: not scene.call.group.is_encrypted)
        await scene.says(0)
        await scene.says(1)
        await scene.speaks()
        scene.call.upgrade()
        await until(lambda: scene.call.group.is_encrypted)
        await scene.call.settled()
        await scene.says(0)
        await scene.says(1)
        await scene.speaks()


async def test_plain_frames_in_an_encrypted_call_are_heard_by_nobody() -> None:
    async with on_a_line() as scene:
        await scene.says()
        seal = scene.speakers[0].keys.encrypt
        scene.speakers[0].keys.encrypt = lambda opus: opus  # type: ignore[method-assign] # a client that is broken
        await scene.speakers[0].say(SPEECH[:5], speed=0)
        await until(lambda: scene.line.counters["plain"] == 5)
        scene.speakers[0].keys.encrypt = seal  # type: ignore[method-assign] # as before
        assert len(scene.ear.got[scene.people[0].id]) == len(SPEECH)


async def test_a_group_that_goes_on_without_the_bot_is_found_again() -> None:
    async with on_a_line() as scene:
        await scene.says()
        scene.call.diverge()
        await scene.speakers[0].say(SPEECH * 3, speed=0)
        await scene.call.settled()
        assert scene.line.counters["recoveries"] >= 1
        await scene.says()
        await scene.speaks()


async def test_the_external_sender_may_come_early() -> None:
    def prepare(call: Any) -> None:
        call.early_external_sender = True

    async with on_a_line("libdave", prepare=prepare) as scene:
        await scene.says()
        await scene.speaks()


@pytest.mark.parametrize("operation", [25, 27, 29, 30])
async def test_a_malformed_message_ends_nothing(operation: int) -> None:
    async with on_a_line(accuses=False) as scene:
        await scene.says()
        scene.call.send_malformed(operation)
        chen = await scene.guild.member("Chen").join_voice(scene.channel)
        await asyncio.sleep(0.05)
        await scene.call.settled()
        scene.speakers.append(chen)
        await scene.says(0)
        await scene.says(1)
        await scene.speaks()
        assert scene.ear.states == []


async def test_loss_swaps_duplicates_and_odd_packets_make_no_wrong_frame() -> None:
    async with on_a_line("davey", "libdave") as scene:
        for number in range(2):
            await scene.says(number, SPEECH[:1])
        scene.call.weather = Weather(
            seed=5,
            loss=0.05,
            swaps=0.1,
            duplicates=0.1,
            padding=0.3,
            paddings=0.1,
            extension=0.5,
            others=0.1,
            reports=0.1,
        )
        for speaker in scene.speakers:
            speaker.sent.clear()
        await asyncio.gather(*(speaker.say(SPEECH * 6, speed=20) for speaker in scene.speakers))
        counts, counters = scene.call.weather.counts, scene.line.counters
        await asyncio.sleep(0.15)
        for speaker in scene.speakers:
            sent = {each.sequence: each.opus for each in speaker.sent}
            heard = [each for each in scene.ear.frames if each.ssrc == speaker.ssrc and each.sequence in sent]
            heard = [each for each in heard if each.opus != SILENCE_FRAME]
            assert {each.sequence: each.opus for each in heard}.items() <= sent.items()
            assert len(heard) == len({each.sequence for each in heard})
            assert {each.person_id for each in heard} == {speaker.user_id}
        total = sum(len(speaker.sent) for speaker in scene.speakers) + 2 * 5
        assert counters["ok"] - 2 * 6 == total - counts["lost"]
        assert counters["empty"] == counts["paddings"] > 0
        assert counters["duplicate"] == counts["duplicated"]
        assert counters["ignored"] >= counts["others"] + counts["reports"] > 0
        assert counters["malformed"] == counters["bad_transport"] == 0


async def test_numbers_wrap() -> None:
    async with on_a_line() as scene:
        scene.speakers[0].sequence, scene.speakers[0].timestamp = 65_530, (1 << 32) - 960 * 4
        await scene.says()
        assert {65_535, 0} <= {frame.sequence for frame in scene.ear.frames}


async def test_frames_of_the_last_epoch_are_still_heard() -> None:
    async with on_a_line() as scene:
        old = [scene.speakers[0].seal(opus) for opus in SPEECH]
        await scene.guild.member("Chen").join_voice(scene.channel)
        await scene.call.settled()
        for packet in old:
            assert packet is not None
            scene.call.carry(packet)
        await until(lambda: scene.ear.got[scene.people[0].id] == SPEECH)


async def test_who_ends_without_silence_is_heard_to_the_end() -> None:
    async with on_a_line() as scene:
        scene.speakers[0].ends_with_silence = False
        await scene.says()
        assert [frame.opus for frame in scene.ear.frames] == SPEECH


async def test_who_leaves_and_comes_back_has_another_voice_and_is_the_same_person() -> None:
    async with on_a_line("davey", "davey") as scene:
        await scene.says(1)
        first = scene.speakers[1].ssrc
        await scene.people[1].leave_voice()
        scene.speakers[1] = await scene.people[1].join_voice(scene.channel)
        await scene.call.settled()
        scene.speakers[1].announces = False
        await scene.says(1)
        assert scene.speakers[1].ssrc != first


async def test_noise_grows_nothing() -> None:
    async with on_a_line() as scene:
        for _ in range(500):
            scene.call.send_noise()
        await scene.says()
        assert scene.line.counters["bad_transport"] > 0
        await until(lambda: scene.line.held == ())


async def test_frames_of_nobody_wait_a_little_and_then_are_gone() -> None:
    async with on_a_line() as scene:
        anna = scene.speakers[0]
        anna.keys.encrypt = lambda opus: opus + b"\x00" * 12 + b"\xfa\xfa"  # type: ignore[method-assign] # rubbish
        anna.announces = False
        for _ in range(12):
            await anna.say(SPEECH, speed=0)
            await asyncio.sleep(0)
        await until(lambda: scene.line.counters["unknown_ssrc"] > 0)
        assert len(scene.line.held) <= 200
        assert not any(scene.ear.got.values())
