"""What a datagram of a voice server holds: RTP header, transport encryption, extension, padding. Never raises.

Written from RFC 3550 and Discord's `rtpsize` modes: the header with the four bytes that open an extension is in the
clear and authenticated, everything after it is encrypted, the last four bytes count up and are the nonce.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from nacl.exceptions import CryptoError
from nacl.secret import Aead

OPUS_PAYLOAD = 0x78
MODE = "aead_xchacha20_poly1305_rtpsize"

_VERSION = 2
_HEADER_BYTES = 12
_EXTENSION_BYTES = 4
_TAG_BYTES = 16
_NONCE_BYTES = 4
_NONCE_REST = bytes(24 - _NONCE_BYTES)
_RTCP = range(200, 205)
_REMEMBERED = 128
"""How far back packets of a stream are told from their duplicates."""

_SEQUENCES = 1 << 16


@dataclass(frozen=True, slots=True)
class Rtp:
    """One packet of sound, still encrypted. `sequence` has 16 bits, `timestamp` 32 in samples of 48 kHz."""

    sequence: int
    timestamp: int
    ssrc: int
    is_padded: bool
    extension_bytes: int
    header: bytes = field(repr=False)
    sealed: bytes = field(repr=False)
    nonce: bytes = field(repr=False)


def parse(datagram: bytes) -> Rtp | None:
    """None for what is no sound: keepalives, RTCP, video, rubbish."""
    if len(datagram) < _HEADER_BYTES + _TAG_BYTES + _NONCE_BYTES:
        return None
    first, second = datagram[0], datagram[1]
    if first >> 6 != _VERSION or second in _RTCP or second & 0x7F != OPUS_PAYLOAD:
        return None
    sequence, timestamp, ssrc = struct.unpack_from(">HII", datagram, 2)
    offset = _HEADER_BYTES + 4 * (first & 0x0F)
    has_extension = bool(first & 0x10)
    if len(datagram) < offset + _EXTENSION_BYTES * has_extension + _TAG_BYTES + _NONCE_BYTES:
        return None
    extension_bytes = 0
    if has_extension:
        extension_bytes = 4 * int.from_bytes(datagram[offset + 2 : offset + 4], "big")
        offset += _EXTENSION_BYTES
    return Rtp(
        sequence=sequence,
        timestamp=timestamp,
        ssrc=ssrc,
        is_padded=bool(first & 0x20),
        extension_bytes=extension_bytes,
        header=datagram[:offset],
        sealed=datagram[offset:-_NONCE_BYTES],
        nonce=datagram[-_NONCE_BYTES:],
    )


def payload(packet: Rtp, plain: bytes) -> bytes | None:
    """What is left of the decrypted packet without extension and padding; b"" when it was nothing else, None when its
    lengths are impossible."""
    if packet.extension_bytes > len(plain):
        return None
    body = plain[packet.extension_bytes :]
    if not packet.is_padded:
        return body
    if not body or not 0 < body[-1] <= len(body):
        return None
    return body[: -body[-1]]


class TransportKey:
    """Opens packets with the key of the moment; the box is made anew only when another key is given."""

    def __init__(self) -> None:
        self._key: Sequence[int] | None = None
        self._box: Aead | None = None

    def open(self, packet: Rtp, key: Sequence[int]) -> bytes | None:
        """None when the packet is not of this key, or was changed."""
        if key is not self._key:
            self._key, self._box = key, _box(key)
        if self._box is None:
            return None
        try:
            return self._box.decrypt(packet.sealed, packet.header, packet.nonce + _NONCE_REST)
        except (CryptoError, ValueError):
            return None


def _box(key: Sequence[int]) -> Aead | None:
    try:
        return Aead(bytes(key))
    except (CryptoError, ValueError, TypeError):
        return None


class SeenPackets:
    """Which of the last packets of one stream came already. Numbers wrap; one far from the last begins anew."""

    __slots__ = ("_bits", "_newest")

    def __init__(self) -> None:
        self._newest: int | None = None
        self._bits = 0

    def is_new(self, sequence: int) -> bool:
        """Whether this number was not here lately; from now on it was."""
        if self._newest is None:
            self._newest, self._bits = sequence, 1
            return True
        ahead = (sequence - self._newest) % _SEQUENCES
        if 0 < ahead < _SEQUENCES // 2:
            self._bits = (self._bits << ahead | 1) & ((1 << _REMEMBERED) - 1) if ahead < _REMEMBERED else 1
            self._newest = sequence
            return True
        behind = -ahead % _SEQUENCES
        if behind >= _REMEMBERED:
            self._newest, self._bits = sequence, 1
            return True
        is_new = not self._bits >> behind & 1
        self._bits |= 1 << behind
        return is_new
