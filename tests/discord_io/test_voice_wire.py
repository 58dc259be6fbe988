"""Datagrams of a voice server are taken apart, whatever they hold; hostile ones end as nothing and leave nothing."""

import asyncio
import os
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.secret import Aead

from bot.discord_io.voice_receiver import COUNTERS, VoiceReceiver
from bot.discord_io.voice_streams import Streams
from bot.discord_io.voice_wire import OPUS_PAYLOAD, Rtp, SeenPackets, TransportKey, parse, payload
from bot.domain.voice import SILENCE_FRAME, OpusFrame

KEY = list(range(32))
MARKER = b"\xfa\xfa"


def sealed(
    body: bytes,
    *,
    sequence: int = 1,
    ssrc: int = 7,
    kind: int = OPUS_PAYLOAD,
    extension: bytes | None = None,
    padding: int = 0,
    csrcs: int = 0,
    key: list[int] = KEY,
) -> bytes:
    first = 0x80 | (0x10 if extension is not None else 0) | (0x20 if padding else 0) | csrcs
    header = struct.pack(">BBHII", first, kind, sequence, 960 * sequence, ssrc) + bytes(4 * csrcs)
    if extension is not None:
        header += b"\xbe\xde" + (len(extension) // 4).to_bytes(2, "big")
        body = extension + body
    if padding:
        body += bytes(padding - 1) + bytes([padding])
    nonce = os.urandom(4)
    box = Aead(bytes(key)).encrypt(body, header, nonce + bytes(20))
    return header + box.ciphertext + nonce


def opened(datagram: bytes) -> bytes | None:
    packet = parse(datagram)
    assert packet is not None
    plain = TransportKey().open(packet, KEY)
    assert plain is not None
    return payload(packet, plain)


class Wire:
    """A call that is not encrypted end to end, or one whose only member's key opens what ends in `valid`."""

    own_id = 1
    transport_key = KEY
    is_in_transition = False

    def __init__(self, *, is_encrypted: bool = False) -> None:
        self.is_encrypted = is_encrypted
        self.accepts_plain = not is_encrypted
        self.session: Any = self if is_encrypted else None
        self.ready = True
        self.recoveries = 0

    def get_user_ids(self) -> list[str]:
        return ["1", "2", "3"]

    def decrypt(self, session: Any, person_id: int, frame: bytes) -> bytes:
        if person_id == 2 and frame.startswith(b"valid"):
            return frame[5:-2]
        raise ValueError("another key")

    def recover(self) -> None:
        self.recoveries += 1


class Ear:
    def __init__(self) -> None:
        self.frames: list[OpusFrame] = []
        self.deaf = False

    def may_hear(self, person_id: int) -> bool:
        return not self.deaf

    def hear(self, frames: Any) -> None:
        self.frames.extend(frames)

    def present(self, people: Any) -> None: ...

    def line_changed(self, state: Any) -> None: ...


class Hearing:
    """A receiver on an event loop of its own, with a clock that stands still until it is moved."""

    def __init__(self, *, is_encrypted: bool = False) -> None:
        self.loop = asyncio.new_event_loop()
        self.now = 100.0
        self.counters = dict.fromkeys(COUNTERS, 0)
        self.receiver = VoiceReceiver(self.loop, self.counters, clock=lambda: self.now)
        self.wire, self.ear = Wire(is_encrypted=is_encrypted), Ear()
        self.receiver.begin(self.wire)
        self.receiver.open(self.ear)

    def __enter__(self) -> "Hearing":
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.close()

    def frames(self) -> list[OpusFrame]:
        self.loop.run_until_complete(asyncio.sleep(0))
        return self.ear.frames


@pytest.mark.parametrize("extension", [None, b"", b"abcd" * 3])
@pytest.mark.parametrize("padding", [0, 1, 255])
@pytest.mark.parametrize("csrcs", [0, 2, 15])
def test_extension_and_padding_are_taken_off(extension: bytes | None, padding: int, csrcs: int) -> None:
    assert opened(sealed(b"opus", extension=extension, padding=padding, csrcs=csrcs)) == b"opus"


def test_padding_and_nothing_else_is_empty() -> None:
    assert opened(sealed(b"", padding=200)) == b""
    assert opened(sealed(b"", extension=b"abcd", padding=4)) == b""


@pytest.mark.parametrize(
    ("plain", "is_padded", "extension_bytes"),
    [(b"ab\x00", True, 0), (b"ab\x09", True, 0), (b"", True, 0), (b"a", False, 4)],
)
def test_impossible_lengths_are_refused(plain: bytes, is_padded: bool, extension_bytes: int) -> None:
    packet = Rtp(1, 1, 1, is_padded, extension_bytes, b"", b"", b"")
    assert payload(packet, plain) is None


@pytest.mark.parametrize("kind", [0x65, 0x78 - 1, 200, 201, 204])
def test_what_is_no_sound_is_no_packet(kind: int) -> None:
    assert parse(sealed(b"opus", kind=kind)) is None


def test_the_marker_bit_is_no_other_kind() -> None:
    assert parse(sealed(b"opus", kind=OPUS_PAYLOAD | 0x80)) is not None


def test_a_changed_packet_and_a_foreign_key_open_nothing() -> None:
    good = sealed(b"opus")
    for position in range(len(good)):
        packet = parse(good[:position] + bytes([good[position] ^ 1]) + good[position + 1 :])
        assert packet is None or TransportKey().open(packet, KEY) is None
    packet = parse(good)
    assert packet is not None
    key = TransportKey()
    for wrong in ([0] * 32, [1, 2, 3], [], [300] * 32, ["a"]):
        assert key.open(packet, wrong) is None  # type: ignore[arg-type] # also what is no key
    assert key.open(packet, KEY) == b"opus"


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_nothing_or_a_packet_that_does_not_open(datagram: bytes) -> None:
    for data in (datagram, b"\x80\x78" + datagram, b"\xbf\x78" + datagram):
        packet = parse(data)
        assert packet is None or TransportKey().open(packet, KEY) is None


@given(st.binary(max_size=80), st.booleans(), st.integers(0, 400))
@settings(max_examples=200, deadline=None)
def test_any_decrypted_bytes_are_a_shorter_payload_or_nothing(plain: bytes, is_padded: bool, extension: int) -> None:
    body = payload(Rtp(1, 1, 1, is_padded, extension, b"", b"", b""), plain)
    assert body is None or (len(body) <= len(plain) and body in plain)


@given(st.lists(st.integers(0, 65_535), max_size=60))
@settings(max_examples=200, deadline=None)
def test_numbers_seen_just_now_are_known_and_the_record_stays_small(numbers: list[int]) -> None:
    seen = SeenPackets()
    for number in numbers:
        seen.is_new(number)
        assert not seen.is_new(number)
        assert seen._bits.bit_length() <= 128


@given(st.integers(0, 65_535), st.permutations(range(40)))
@settings(max_examples=50, deadline=None)
def test_each_of_a_stretch_in_any_order_is_new_once(start: int, order: list[int]) -> None:
    seen = SeenPackets()
    assert [seen.is_new((start + number) % 65_536) for number in order] == [True] * 40
    assert not any(seen.is_new((start + number) % 65_536) for number in order)


bodies = st.one_of(
    st.binary(max_size=60),
    st.binary(max_size=60).map(lambda body: body + MARKER),
    st.binary(min_size=1, max_size=60).map(lambda body: b"valid" + body + MARKER),
    st.just(SILENCE_FRAME),
)
packets = st.tuples(bodies, st.integers(0, 65_535), st.integers(0, 5), st.sampled_from([0, 1, 9]))


@given(st.lists(packets, max_size=30), st.booleans())
@settings(max_examples=60, deadline=None)
def test_strangers_never_raise_and_are_heard_only_as_who_they_are(said: list[Any], is_encrypted: bool) -> None:
    with Hearing(is_encrypted=is_encrypted) as hearing:
        for body, sequence, ssrc, padding in said:
            hearing.receiver.datagram(sealed(body, sequence=sequence, ssrc=ssrc, padding=padding))
            hearing.receiver.datagram(body)
        hearing.receiver.rekeyed()
        hearing.receiver.assign(3, 3)
        for frame in hearing.frames():
            assert frame.person_id in {2, 3}
            if is_encrypted and frame.opus != SILENCE_FRAME:
                assert frame.person_id == 2
        hearing.now += 10
        hearing.receiver.sweep()
        assert hearing.receiver.held == ()
        assert sum(hearing.counters.values()) > 0 or not said


def test_a_flood_of_streams_and_packets_stays_within_bounds() -> None:
    with Hearing(is_encrypted=True) as hearing:
        for number in range(3000):
            hearing.receiver.datagram(sealed(b"noise" + MARKER, sequence=number % 7, ssrc=number))
        assert len(hearing.receiver._streams) <= 256
        assert len(hearing.receiver.held) <= 256
        for number in range(1000):
            hearing.receiver.datagram(sealed(b"noise" + MARKER, sequence=number, ssrc=5))
        assert len(hearing.receiver.held) <= 512
        assert hearing.counters["trial_capped"] > 0
        hearing.now += 10
        hearing.receiver.sweep()
        assert len(hearing.receiver._streams) == 0


def test_a_flood_of_frames_does_not_outgrow_the_queue() -> None:
    with Hearing() as hearing:
        hearing.receiver.assign(7, 2)
        for number in range(2500):
            hearing.receiver.datagram(sealed(b"opus", sequence=number))
        assert len(hearing.receiver.held) == 2000
        assert hearing.counters["overrun"] == 500
        assert [frame.sequence for frame in hearing.frames()] == list(range(500, 2500))


def test_who_speaks_is_not_robbed_of_the_stream_by_a_flood_of_others() -> None:
    with Hearing() as hearing:
        hearing.receiver.assign(7, 2)
        for number in range(600):
            hearing.receiver.datagram(sealed(b"opus", ssrc=1000 + number))
        hearing.receiver.datagram(sealed(b"opus", ssrc=7))
        assert [frame.person_id for frame in hearing.frames()] == [2]


def test_consent_taken_back_empties_what_waits() -> None:
    with Hearing() as hearing:
        hearing.receiver.datagram(sealed(b"early"))
        assert len(hearing.receiver.held) == 1
        hearing.ear.deaf = True
        hearing.receiver.assign(7, 2)
        assert hearing.receiver.held == ()
        hearing.ear.deaf = False
        hearing.receiver.datagram(sealed(b"queued", sequence=2))
        hearing.ear.deaf = True
        assert hearing.frames() == []


def test_frames_that_waited_for_their_speaker_come_in_order_with_their_own_time() -> None:
    with Hearing() as hearing:
        for number in range(3):
            hearing.receiver.datagram(sealed(b"opus%d" % number, sequence=number))
            hearing.now += 0.02
        hearing.receiver.assign(7, 2)
        assert [(frame.opus, round(frame.arrived_at, 2)) for frame in hearing.frames()] == [
            (b"opus0", 100.0), (b"opus1", 100.02), (b"opus2", 100.04),
        ]  # fmt: skip


def test_recovery_is_asked_for_once_and_then_more_and_more_rarely() -> None:
    with Hearing(is_encrypted=True) as hearing:
        for number in range(4000):
            hearing.receiver.datagram(sealed(b"valid"[:4] + MARKER, sequence=number))
            hearing.now += 0.02
        hearing.frames()
        assert 1 < hearing.wire.recoveries <= 5


def test_streams_of_who_left_end_with_what_is_under_way() -> None:
    streams = Streams()
    streams.assign(7, 2, 1.0)
    streams.left(2, 1.0)
    assert streams.of(7, 1.2).person_id == 2
    assert streams.of(7, 1.8).person_id is None
