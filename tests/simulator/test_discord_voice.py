"""Simulated voice with the unmodified voice client of discord.py: what is said on one side is heard on the other."""

import asyncio

import pytest

from tests.simulator.discord_voice import Weather, sound
from tests.simulator.discord_voice.stub import ANNA, CHEN, OLEG
from tests.simulator.voice_material import TONE, play, talking, until

SPEECH = list(TONE)


@pytest.mark.parametrize("dave", ["davey", "libdave"])
@pytest.mark.parametrize("committer", ["person", "client"])
@pytest.mark.parametrize("people", [(ANNA,), (ANNA, CHEN, OLEG)])
async def test_both_sides_hear_each_other_bit_by_bit(dave: str, committer: str, people: tuple[int, ...]) -> None:
    def prepare(call: object) -> None:
        call.group.committer = committer  # type: ignore[attr-defined] # a call

    async with talking(*people, dave=dave, prepare=prepare) as (call, stub):
        for speaker in call.people.values():
            await speaker.say(SPEECH, speed=0)
        await until(lambda: len(stub.voice.got[people[-1]]) == len(SPEECH))
        assert stub.voice.got == dict.fromkeys(people, SPEECH)
        await play(stub.voice, SPEECH[:5])
        anna = call.people[ANNA]
        await until(lambda: len(anna.heard) == 10)
        for speaker in call.people.values():
            assert [heard.opus for heard in speaker.heard_since()] == SPEECH[:5]
            assert speaker.keys.authenticator == anna.keys.authenticator
        session = stub.voice._connection.dave_session
        assert session is not None
        assert session.get_epoch_authenticator() == anna.keys.authenticator
        assert call.server.violations == []


async def test_a_call_without_encryption_is_plain() -> None:
    async with talking(version=0) as (call, stub):
        await call.people[ANNA].say(SPEECH, speed=0)
        await until(lambda: len(stub.voice.got[ANNA]) == len(SPEECH))
        assert stub.voice._connection.dave_session is None
        assert call.server.violations == []


async def test_people_come_and_go_in_the_middle_of_speech_and_no_frame_is_lost() -> None:
    async with talking() as (call, stub):
        anna = call.people[ANNA]
        speaking = anna.start(SPEECH * 8, speed=10)
        await asyncio.sleep(0.05)
        call.join(CHEN)
        await call.settled()
        await call.people[CHEN].say(SPEECH, speed=0)
        call.leave(CHEN)
        await call.settled()
        said = await speaking
        assert (said.frames, said.is_complete) == (len(SPEECH) * 8, True)
        await until(lambda: len(stub.voice.got[ANNA]) == len(SPEECH) * 8)
        assert stub.voice.got == {ANNA: SPEECH * 8, CHEN: SPEECH}
        assert call.group.epoch == 3
        assert [message["d"] for message in stub.voice.told if message["op"] in {11, 13}][-2:] == [
            {"user_ids": [str(CHEN)]},
            {"user_id": str(CHEN)},
        ]


async def test_people_miss_nothing_of_the_bot_while_keys_change() -> None:
    """Its new keys may be in use before the server hears that it has them."""
    async with talking() as (call, stub):
        anna, voice = call.people[ANNA], stub.voice
        assert call.session is not None
        call.session.conduct.is_speaking = True
        tell_ready = voice.ws.send_transition_ready

        async def speak_first(transition: int) -> None:
            for opus in SPEECH:
                voice.send_audio_packet(opus, encode=False)
            await until(lambda: anna.undecryptable == len(SPEECH))
            await tell_ready(transition)

        voice.ws.send_transition_ready = speak_first  # type: ignore[method-assign] # to be slow
        call.join(CHEN)
        await call.settled()
        assert [heard.opus for heard in anna.heard_since()] == SPEECH
        assert anna.undecryptable == 0


async def test_who_is_left_alone_gets_a_new_group_with_the_next_to_come() -> None:
    async with talking() as (call, stub):
        call.leave(ANNA)
        await until(lambda: call.group.epoch == 0)
        oleg = call.join(OLEG, dave="libdave")
        await call.settled()
        await oleg.say(SPEECH, speed=0)
        await until(lambda: len(stub.voice.got[OLEG]) == len(SPEECH))
        assert call.group.epoch == 1


async def test_somebody_who_comes_back_at_once_has_another_voice_and_the_same_name() -> None:
    async with talking(ANNA, CHEN) as (call, stub):
        before = call.people[ANNA]
        call.join(OLEG)  # the group is busy with that
        call.leave(ANNA)
        after = call.join(ANNA)
        await call.settled()
        await after.say(SPEECH, speed=0)
        await until(lambda: len(stub.voice.got[ANNA]) == len(SPEECH))
        assert after.ssrc != before.ssrc


async def test_operation_5_comes_once_for_each_voice_and_not_for_those_who_spoke_before() -> None:
    async with talking(ANNA, CHEN, OLEG) as (call, stub):
        call.people[OLEG].announces = False
        for _ in range(2):
            for speaker in call.people.values():
                await speaker.say(SPEECH[:2], speed=0)
        await until(lambda: len(stub.voice.got[OLEG]) == 4)
        assert sorted(stub.voice.owners.values()) == [ANNA, CHEN]
        assert stub.voice.operations().count(5) == 2


async def test_real_time_is_kept_and_somebody_can_be_hushed() -> None:
    async with talking() as (call, _):
        anna = call.people[ANNA]
        speaking = anna.start(sound.tone(seconds=30))
        await until(lambda: len(anna.sent) >= 5)
        anna.hush()
        said = await speaking
        assert not said.is_complete
        assert said.frames == len(anna.sent)
        assert said.began_at <= said.audible_until == said.ended_at == anna.sent[-1].at
        assert [later.timestamp - sent.timestamp for sent, later in zip(anna.sent, list(anna.sent)[1:], strict=False)]


async def test_a_gate_leaves_pauses_out_and_the_clock_goes_on() -> None:
    pcm = sound.tone(seconds=0.2) + bytes(48_000 * 2) + sound.tone(seconds=0.2)
    async with talking() as (call, stub):
        anna = call.people[ANNA]
        anna.gate_seconds = 0.2
        said = await anna.say(pcm, speed=0)
        assert 20 <= said.frames < 45
        whole = (anna.sent[-1].timestamp - anna.sent[0].timestamp) % (1 << 32)
        assert whole == pytest.approx((len(sound.encode(pcm)) - 1 + 5) * 960)
        await until(lambda: stub.voice.counts["silence"] == 10)


@pytest.mark.parametrize(("milliseconds", "frames"), [(10, 50), (40, 13), (60, 9)])
async def test_frames_of_other_lengths(milliseconds: int, frames: int) -> None:
    async with talking() as (call, stub):
        anna = call.people[ANNA]
        anna.frame_ms = milliseconds
        await anna.say(sound.tone(seconds=0.5), speed=0)
        await until(lambda: len(stub.voice.got[ANNA]) == frames)
        assert (anna.sent[1].timestamp - anna.sent[0].timestamp) % (1 << 32) == 48 * milliseconds


async def test_numbers_wrap() -> None:
    async with talking() as (call, stub):
        anna = call.people[ANNA]
        anna.sequence, anna.timestamp = 65_530, (1 << 32) - 960 * 4
        await anna.say(SPEECH, speed=0)
        await until(lambda: len(stub.voice.got[ANNA]) == len(SPEECH))
        assert {65_535, 0} <= set(stub.voice.sequences[anna.ssrc])
        assert min(sent.timestamp for sent in anna.sent) < 960


async def test_bad_weather_is_the_same_each_time() -> None:
    async def once() -> dict[str, int]:
        async with talking() as (call, stub):
            call.weather = weather = Weather(
                seed=3,
                loss=0.1,
                swaps=0.1,
                duplicates=0.1,
                padding=0.5,
                paddings=0.1,
                extension=0.5,
                others=0.1,
                reports=0.1,
            )
            anna, counts = call.people[ANNA], weather.counts
            await anna.say(SPEECH * 4, speed=0)
            await until(lambda: stub.voice.counts["other"] == counts["others"] + counts["reports"])
            await until(lambda: len(stub.voice.got[ANNA]) >= len(SPEECH) * 4 - counts["lost"])
            assert set(stub.voice.got[ANNA]) <= set(SPEECH)
            assert stub.voice.counts["empty"] == counts["paddings"] > 0
            assert stub.voice.counts["locked"] <= counts["duplicated"]
            order = stub.voice.sequences[anna.ssrc]
            assert order != sorted(order)
            return dict(counts)

    first = await once()
    assert first == await once()
    assert {"lost", "swapped", "duplicated", "padding", "paddings", "others", "reports"} <= first.keys()


@pytest.mark.parametrize("jitter", ["uniform", "normal"])
async def test_jitter_delays_and_reorders_and_loses_nothing(jitter: str) -> None:
    """What overtakes the first frame of an epoch makes DAVE take that one for a replay, so it goes out before."""
    async with talking() as (call, stub):
        anna = call.people[ANNA]
        await anna.say(SPEECH[:1], speed=0)
        await until(lambda: len(stub.voice.got[ANNA]) == 1)
        call.weather = Weather(seed=1, jitter_ms=20, jitter=jitter)  # type: ignore[arg-type] # one of two
        await anna.say(SPEECH * 2, speed=5)
        await until(lambda: len(stub.voice.got[ANNA]) == len(SPEECH) * 2 + 1)
        assert stub.voice.got[ANNA][1:] != SPEECH * 2
        assert sorted(stub.voice.got[ANNA][1:]) == sorted(SPEECH * 2)


async def test_weather_blows_towards_people_too() -> None:
    async with talking() as (call, stub):
        call.back = Weather(seed=1, loss=0.5)
        await play(stub.voice, SPEECH)
        anna = call.people[ANNA]
        await until(lambda: stub.call.back.counts["lost"] + len(anna.heard) == len(SPEECH) + 5)
        assert 0 < len(anna.heard) < len(SPEECH)


async def test_frames_of_the_last_epoch_may_still_be_on_their_way() -> None:
    async with talking() as (call, stub):
        anna = call.people[ANNA]
        old = [anna.seal(opus) for opus in SPEECH]
        call.join(CHEN)
        await call.settled()
        for packet in old:
            assert packet is not None
            call.carry(packet)
        await until(lambda: len(stub.voice.got[ANNA]) == len(SPEECH))
        assert stub.voice.got[ANNA] == SPEECH


async def test_a_route_dies_without_packets_of_the_bot() -> None:
    async with talking() as (call, stub):
        call.route_seconds = 0.0
        await asyncio.sleep(0.01)
        await call.people[ANNA].say(SPEECH, speed=0)
        call.route_seconds = 60.0
        stub.voice._connection.send_packet(bytes(8))
        await until(lambda: stub.voice.counts["keepalive"] == 1)
        assert stub.voice.got == {}
        assert call.session is not None
        assert len(call.session.keepalives) == 1


async def test_what_people_heard_can_be_measured_and_saved(tmp_path: object) -> None:
    async with talking() as (call, stub):
        anna = call.people[ANNA]
        began = asyncio.get_running_loop().time()
        waiting = asyncio.create_task(anna.hear_something(after=began))
        await play(stub.voice, [*sound.encode(bytes(1920 * 5)), *SPEECH])
        first = await waiting
        assert first.at == anna.heard_since(began)[5].at
        saved = anna.save(tmp_path / "heard.wav")  # type: ignore[operator] # a path
        assert sound.rms(sound.read_wave(saved)) > 1000


async def test_two_calls_in_two_guilds_do_not_hear_each_other() -> None:
    async with talking() as (call, stub):
        other = call.server.call(call.guild_id + 1000, call.channel_id + 1000)
        chen = other.join(CHEN)
        await call.people[ANNA].say(SPEECH, speed=0)
        await chen.say(SPEECH, speed=0)
        await until(lambda: len(stub.voice.got[ANNA]) == len(SPEECH))
        assert set(stub.voice.got) == {ANNA}
