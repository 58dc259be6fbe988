"""Packets of sound as they cross the network: RTP with the cipher `aead_xchacha20_poly1305_rtpsize` around it."""

import struct
from dataclasses import dataclass, field

import nacl.bindings
from nacl.exceptions import CryptoError

MODE = "aead_xchacha20_poly1305_rtpsize"
MODES = ("aead_aes256_gcm_rtpsize", MODE)
SILENCE = b"\xf8\xff\xfe"
MARK = b"\xfa\xfa"
"""How every frame ends that is encrypted end to end."""
OPUS_TYPE = 0x78
SAMPLES_PER_FRAME = 960
_HEAD = struct.Struct(">BBHII")
_LEVEL = b"\x10\xff\x90\x00\x00\x00\x00\x00"
"""A header extension of two words, as Discord sends it: level of the sound, who is speaking, filler."""
_seal = nacl.bindings.crypto_aead_xchacha20poly1305_ietf_encrypt
_open = nacl.bindings.crypto_aead_xchacha20poly1305_ietf_decrypt
_NONCE_FILLER = bytes(20)


@dataclass(slots=True, kw_only=True)
class Packet:
    """`padding`: bytes behind the payload, the last of which says how many there are. `payload_type` 0x78 is Opus."""

    ssrc: int
    sequence: int
    timestamp: int
    payload: bytes = field(repr=False)
    padding: int = 0
    extension: bool = True
    payload_type: int = OPUS_TYPE


class WrongPacketError(ValueError):
    """It is no packet that Discord would take; the text says why."""


class Cipher:
    """Both directions of one session. `sealed` counts what was sent, which is also the nonce."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.sealed = 0

    def seal(self, packet: Packet) -> bytes:
        first = 0x80 | (0x10 if packet.extension else 0) | (0x20 if packet.padding else 0)
        head = _HEAD.pack(first, packet.payload_type, packet.sequence, packet.timestamp, packet.ssrc)
        body = packet.payload
        if packet.extension:
            head += b"\xbe\xde\x00\x02"
            body = _LEVEL + body
        if packet.padding:
            body += bytes(packet.padding - 1) + bytes([packet.padding])
        return self.close(head, body)

    def close(self, head: bytes, body: bytes) -> bytes:
        """Any head and body, sealed: also what is no sound."""
        self.sealed += 1
        nonce = struct.pack(">I", self.sealed & 0xFFFFFFFF)
        return head + _seal(body, head, nonce + _NONCE_FILLER, self._key) + nonce

    def open(self, data: bytes) -> tuple[Packet, int]:
        """The packet and its nonce. Raises WrongPacketError."""
        if len(data) < _HEAD.size + 16 + 4:
            raise WrongPacketError("too short for RTP")
        first, kind, sequence, timestamp, ssrc = _HEAD.unpack_from(data)
        if first != 0x80:
            raise WrongPacketError(f"first byte of RTP is {first:#x}")
        head, nonce = data[: _HEAD.size], data[-4:]
        try:
            payload = _open(data[_HEAD.size : -4], head, nonce + _NONCE_FILLER, self._key)
        except CryptoError as error:
            raise WrongPacketError("it cannot be decrypted") from error
        packet = Packet(
            ssrc=ssrc,
            sequence=sequence,
            timestamp=timestamp,
            payload=payload,
            extension=False,
            payload_type=kind & 0x7F,
        )
        return packet, int.from_bytes(nonce)


def receiver_report(cipher: Cipher, ssrc: int) -> bytes:
    """RTCP, which travels beside the sound and is none."""
    return cipher.close(struct.pack(">BBHI", 0x81, 201, 7, ssrc), bytes(24))


def discovered(ssrc: bytes, host: str, port: int) -> bytes:
    """The answer to IP discovery."""
    return struct.pack(">HH", 2, 70) + ssrc + host.encode().ljust(64, b"\0") + struct.pack(">H", port)
