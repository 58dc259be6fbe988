"""The simulated voice gateway: identify, resume, every way of hanging up, and the group under trouble."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import discord
import pytest

from tests.simulator.discord_voice import Call, VoiceServer
from tests.simulator.discord_voice.rtp import MODE
from tests.simulator.discord_voice.stub import ANNA, BOT, CHANNEL, CHEN, GUILD
from tests.simulator.voice_material import TONE, Listening, play, talking, until

SPEECH = list(TONE)
ALL_CODES = [1000, 4001, 4002, 4003, 4004, 4005, 4006, 4009, 4011, 4012, 4014, 4015, 4016, 4017, 4020, 4021, 4022]


@asynccontextmanager
async def raw(server: VoiceServer, *, version: str = "8", region: int = 0) -> AsyncGenerator[Any]:
    """A socket to the gateway, without a client behind it."""
    address = f"wss://{server.endpoints[region]}/?v={version}"
    connector = aiohttp.TCPConnector(ssl=server.client_ssl)
    async with aiohttp.ClientSession(connector=connector) as session, session.ws_connect(address) as socket:
        yield socket


@asynccontextmanager
async def invited(**options: Any) -> AsyncGenerator[tuple[Call, dict[str, Any]]]:
    """A call, and what one identifies with."""
    async with VoiceServer(**options) as server:
        call = server.call(GUILD, CHANNEL)
        ticket = server.admit(call, BOT, "session")
        identity = {
            "server_id": str(GUILD),
            "user_id": str(BOT),
            "session_id": ticket.session_id,
            "token": ticket.token,
            "max_dave_protocol_version": 1,
        }
        yield call, identity


async def closed_with(socket: Any) -> int | None:
    async with asyncio.timeout(5):
        while (await socket.receive()).type not in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}:
            pass
    return socket.close_code


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("no json", 4002),
        ({"op": 99, "d": {}}, 4003),
        ({"op": 1, "d": {}}, 4003),
        ({"op": 0, "d": None}, 4002),
        ({"op": 0, "d": {"token": "wrong"}}, 4004),
        ({"op": 0, "d": {"session_id": "wrong"}}, 4006),
        ({"op": 0, "d": {"server_id": "1"}}, 4011),
        ({"op": 0, "d": {"max_dave_protocol_version": 0}}, 4017),
        ({"op": 7, "d": {"seq_ack": -1}}, 4006),
        ({"op": 3, "d": {}}, 4020),
        (b"\x1a", 4003),
    ],
)
async def test_it_hangs_up_on_who_does_not_identify_properly(said: Any, code: int) -> None:
    async with invited() as (call, identity), raw(call.server) as socket:
        assert (await socket.receive_json())["op"] == 8
        if isinstance(said, bytes):
            await socket.send_bytes(said)
        elif isinstance(said, str):
            await socket.send_str(said)
        else:
            data = said["d"]
            await socket.send_json({**said, "d": {**identity, **data} if data and said["op"] in {0, 7} else data})
        assert await closed_with(socket) == code
        assert call.server.gateway.close_codes == [code]


@pytest.mark.parametrize(
    ("operation", "data", "code"),
    [
        (0, {}, 4005),
        (99, {}, 4001),
        (1, {"protocol": "tcp"}, 4012),
        (1, {"protocol": "udp", "data": {"mode": "xsalsa20_poly1305"}}, 4016),
        (23, {"transition_id": 1}, 4003),
    ],
)
async def test_it_hangs_up_on_who_breaks_a_rule_later(operation: int, data: Any, code: int) -> None:
    async with invited() as (call, identity), raw(call.server) as socket:
        await socket.send_json({"op": 0, "d": identity})
        await socket.send_json({"op": operation, "d": data})
        assert await closed_with(socket) == code


async def test_a_session_is_valid_in_its_region_only() -> None:
    async with invited() as (call, identity), raw(call.server, region=1) as socket:
        await socket.send_json({"op": 0, "d": identity})
        assert await closed_with(socket) == 4006


async def test_an_old_connection_is_passed_over_and_closed_in_the_end() -> None:
    async with invited() as (call, identity), raw(call.server) as socket:
        await socket.send_json({"op": 0, "d": identity})
        await until(lambda: call.session)
        call.move_region()
        assert call.session is not None
        call.end(call.session)
        await socket.send_json({"op": 1, "d": {"protocol": "udp", "data": {"mode": MODE}}})
        await socket.send_json({"op": 99, "d": None})
        assert await closed_with(socket) == 4022
        assert call.server.violations == []


async def test_another_version_of_the_protocol_is_refused() -> None:
    async with invited() as (call, _), raw(call.server, version="4") as socket:
        assert await closed_with(socket) == 4012


async def test_a_client_without_a_heartbeat_is_hung_up_on() -> None:
    async with invited(heartbeat_seconds=0.05) as (call, identity), raw(call.server) as socket:
        await socket.send_json({"op": 0, "d": identity})
        assert await closed_with(socket) == 4009


async def test_a_heartbeat_names_the_last_number_that_was_heard() -> None:
    def wraps(call: Call) -> None:
        call.server.first_number = 65_534

    async with talking(prepare=wraps, heartbeat_seconds=0.2) as (call, _):
        session = call.session
        assert session is not None
        await until(lambda: len(session.heartbeats) == 2)
        assert session.number < 10
        assert call.server.violations == []


async def test_wrong_things_are_written_down() -> None:
    async with talking() as (call, stub):
        said, noted = stub.voice.ws, call.server.violations
        state = stub.voice._connection
        state.send_packet(b"noise that is no packet, but as long as one")
        await said.send_as_json({"op": 3, "d": {"t": 1, "seq_ack": 9999}})
        await said.send_as_json({"op": 5, "d": {"speaking": 1, "ssrc": 1}})
        await said.send_as_json({"op": 23, "d": {"transition_id": 77}})
        await said.send_binary(26, b"\x01")
        await said.send_binary(28, b"\x01")
        await until(lambda: len(noted) == 6)
        assert {each.partition(":")[0] for each in noted} == {"rtp", "op 3", "op 5", "op 23", "op 26", "op 28"}


async def test_bad_manners_with_sound_are_written_down() -> None:
    async with talking() as (call, stub):
        voice, noted = stub.voice, call.server.violations
        session = call.session
        assert session is not None
        session.conduct.is_speaking = True

        def after(change: Any, part: str) -> Any:
            change()
            voice.send_audio_packet(SPEECH[0], encode=False)
            return until(lambda: any(part in each for each in noted), what=part)

        voice.send_audio_packet(SPEECH[0], encode=False)
        await after(lambda: setattr(voice, "_incr_nonce", 0), "nonce 0 is used again")
        await after(lambda: setattr(voice, "timestamp", voice.timestamp + 7), "samples between frames")
        await after(lambda: setattr(voice, "sequence", 50_000), "sequence")
        await after(lambda: setattr(voice._connection, "dave_protocol_version", 0), "not encrypted end to end")
        await after(lambda: setattr(voice._connection, "ssrc", 1), "SSRC 1, not")
        assert call.people[ANNA].plain == 1


async def test_sound_that_stops_without_silence_is_written_down() -> None:
    async with talking() as (call, stub):
        voice = stub.voice
        await play(voice, SPEECH[:3])
        voice.send_audio_packet(SPEECH[0], encode=False)
        await until(lambda: len(call.people[ANNA].heard_since()) == 4)
        assert call.server.violations == []
        await voice.disconnect(force=True)
        await until(lambda: call.server.violations)
        assert call.server.violations == ["rtp: 0 silent frames at the end, not 5"]


@pytest.mark.parametrize("code", ALL_CODES)
async def test_it_can_hang_up_with_every_code(code: int) -> None:
    async with invited() as (call, identity), raw(call.server) as socket:
        await socket.send_json({"op": 0, "d": identity})
        await until(lambda: call.session)
        call.hang_up(code)
        assert await closed_with(socket) == code
        assert (call.session is not None) == (code == 4015)
        async with raw(call.server) as again:
            await again.send_json({"op": 0, "d": identity})
            assert (await again.receive_json())["op"] == 8
            if code == 4015:
                assert (await again.receive_json())["op"] == 2
            else:
                assert await closed_with(again) == 4006


async def test_a_broken_connection_is_given_up_after_a_while() -> None:
    async with talking() as (call, stub):
        call.resume_seconds = 0.05
        runner = stub.voice._connection._runner
        assert runner is not None
        runner.cancel()
        call.hang_up(1006)
        await until(lambda: call.session is None)
        await until(lambda: stub.removed, what="telling that the bot is gone")


async def test_a_session_is_resumed_and_what_was_missed_is_said_again() -> None:
    async with talking() as (call, stub):
        state = stub.voice._connection
        runner, session = state._runner, call.session
        assert runner is not None
        assert session is not None
        while not runner.done():  # one request to stop can get lost while a message comes in
            runner.cancel()
            await asyncio.wait([runner], timeout=0.1)
        call.hang_up(1006)
        await until(lambda: session.connection is None)
        await state.ws.close()
        call.join(CHEN)
        state.ws = await discord.gateway.DiscordVoiceWebSocket.from_connection_state(
            state, resume=True, hook=state.hook, seq_ack=state.ws.seq_ack
        )
        state._runner = asyncio.get_running_loop().create_task(state._poll_voice_ws(False))
        await call.settled()
        await call.people[CHEN].say(SPEECH, speed=0)
        await until(lambda: len(stub.voice.got[CHEN]) == len(SPEECH))
        assert (call.sessions, call.resumes, call.session) == (1, 1, session)
        assert 9 in stub.voice.operations()
        assert {"user_ids": [str(CHEN)]} in [message["d"] for message in stub.voice.told if message["op"] == 11]
        assert call.server.violations == []


async def test_a_resume_from_the_future_is_refused() -> None:
    async with talking() as (call, stub):
        assert call.session is not None
        ticket = call.session.ticket
        identity = {"server_id": str(GUILD), "session_id": ticket.session_id, "token": ticket.token, "seq_ack": 5000}
        async with raw(call.server) as socket:
            await socket.send_json({"op": 7, "d": identity})
            assert await closed_with(socket) == 4020
        assert stub.voice.is_connected()


@pytest.mark.parametrize("code", [None, 4014, 4022])
async def test_the_call_moves_to_another_region(code: int | None) -> None:
    async with talking() as (call, stub):
        first = call.session
        call.move_region(code=code)
        await until(lambda: call.session is not first)
        await call.settled()
        await call.people[ANNA].say(SPEECH, speed=0)
        await until(lambda: len(stub.voice.got[ANNA]) == len(SPEECH))
        assert first is not None
        assert call.session is not None
        assert call.session.ticket.endpoint != first.ticket.endpoint


async def test_the_external_sender_may_come_before_the_description() -> None:
    def early(call: Call) -> None:
        call.early_external_sender = True

    async with talking(prepare=early, connects=False) as (call, stub):
        await stub.voice.connect(timeout=5, reconnect=False)
        assert call.session is not None
        operations = [operation for operation, _ in call.session.told]
        assert operations.index(25) < operations.index(4)
        await asyncio.sleep(0.05)
        assert not call.group.is_settled, "discord.py drops it, so the group cannot form"


@pytest.mark.parametrize("operation", [29, 30])
async def test_a_malformed_commit_or_welcome_makes_the_client_ask_to_be_added_again(operation: int) -> None:
    async with talking(ANNA, CHEN) as (call, stub):
        call.send_malformed(operation)
        await until(lambda: call.group.invalid == [0x63])
        await until(lambda: call.group.is_settled and call.group.has_client)
        await call.people[ANNA].say(SPEECH, speed=0)
        await until(lambda: len(stub.voice.got[ANNA]) == len(SPEECH))


@pytest.mark.parametrize("operation", [25, 27])
async def test_malformed_proposals_end_what_reads_the_gateway_in_discord_py(operation: int) -> None:
    async with talking() as (call, stub):
        call.send_malformed(operation)
        runner = stub.voice._connection._runner
        assert runner is not None
        await asyncio.wait([runner], timeout=5)
        assert isinstance(runner.exception(), ValueError)
        assert stub.voice.is_connected()
        call.group.patience_seconds = 0.05
        call.join(CHEN)
        await call.settled()
        await call.people[CHEN].say(SPEECH, speed=0)
        await until(lambda: stub.voice.counts["locked"] == len(SPEECH), what="being deaf to who joins later")


@pytest.mark.parametrize("dave", ["davey", "libdave"])
async def test_a_client_that_was_left_behind_hears_nothing_until_it_asks(dave: str) -> None:
    async with talking(ANNA, CHEN, dave=dave) as (call, stub):
        call.diverge()
        await call.people[ANNA].say(SPEECH, speed=0)
        await until(lambda: stub.voice.counts["locked"] == len(SPEECH))
        await stub.voice._connection._recover_from_invalid_commit(1)
        await call.settled()
        await call.people[ANNA].say(SPEECH, speed=0)
        await until(lambda: len(stub.voice.got[ANNA]) == len(SPEECH))
        assert set(call.group.leaves) == {ANNA, CHEN, BOT}


@pytest.mark.parametrize("dave", ["davey", "libdave"])
async def test_encryption_ends_and_begins_again(dave: str) -> None:
    async with talking(ANNA, CHEN, dave=dave) as (call, stub):
        anna, state = call.people[ANNA], stub.voice._connection
        call.downgrade()
        await until(lambda: state.dave_protocol_version == 0 and not call.group.is_encrypted)
        await anna.say(SPEECH, speed=0)
        await until(lambda: len(stub.voice.got[ANNA]) == len(SPEECH))
        await play(stub.voice, SPEECH[:2])
        call.upgrade()
        await call.settled()
        await until(lambda: call.group.is_encrypted)
        await anna.say(SPEECH, speed=0)
        await until(lambda: len(stub.voice.got[ANNA]) == 2 * len(SPEECH))
        await play(stub.voice, SPEECH[:2])
        await until(lambda: len(anna.heard_since()) == 4)
        assert (anna.plain, call.server.violations) == (0, [])


async def test_changes_at_random_end_with_everybody_in_the_group() -> None:
    async with talking() as (call, stub):
        for number in range(12):
            person = CHEN + number % 5
            if person in call.people:
                call.leave(person)
            else:
                call.join(person, dave="libdave" if number % 2 else "davey")
            await asyncio.sleep(0.002 * (number % 4))
        await call.settled()
        for speaker in call.people.values():
            await speaker.say(SPEECH, speed=0)
        await until(lambda: all(stub.voice.got[person] == SPEECH for person in call.people))
        assert call.server.violations == []


async def test_a_slow_server_is_waited_for() -> None:
    def slow(call: Call) -> None:
        call.server.delay_seconds = 0.1

    async with talking(prepare=slow) as (call, stub):
        assert stub.voice.mode == MODE
        assert isinstance(stub.voice, Listening)
        assert call.sessions == 1
