"""Discord's own voice in an MLS group: it is no member, but may propose whom to add and remove."""

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.simulator.discord_voice.mls import MLS_1_0, PUBLIC_MESSAGE, reference, vector

_EXTERNAL, _PROPOSAL = 2, 2
_ADD, _REMOVE = 1, 3
_BASIC = 1


class ExternalSender:
    """Signs proposals for the group of one channel. `add` and `remove` give the message and the reference that a
    commit names it by."""

    def __init__(self, channel_id: int) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._group_id = vector(channel_id.to_bytes(8))

    def package(self) -> bytes:
        """Body of operation 25."""
        form = serialization.PublicFormat.UncompressedPoint
        public = self._key.public_key().public_bytes(serialization.Encoding.X962, form)
        return vector(public) + _BASIC.to_bytes(2) + vector(b"\x00")

    def add(self, epoch: int, key_package: bytes) -> tuple[bytes, bytes]:
        return self._sign(epoch, _ADD.to_bytes(2) + key_package)

    def remove(self, epoch: int, leaf: int) -> tuple[bytes, bytes]:
        return self._sign(epoch, _REMOVE.to_bytes(2) + leaf.to_bytes(4))

    def _sign(self, epoch: int, proposal: bytes) -> tuple[bytes, bytes]:
        sender = bytes([_EXTERNAL]) + (0).to_bytes(4)
        content = self._group_id + epoch.to_bytes(8) + sender + vector(b"") + bytes([_PROPOSAL]) + proposal
        head, wire = MLS_1_0.to_bytes(2), PUBLIC_MESSAGE.to_bytes(2)
        signed = vector(b"MLS 1.0 FramedContentTBS") + vector(head + wire + content)
        signature = vector(self._key.sign(signed, ec.ECDSA(hashes.SHA256())))
        name = reference("Proposal Reference", wire + content + signature)
        return head + wire + content + signature, name


def appended(messages: list[bytes]) -> bytes:
    """Body of operation 27 that adds proposals, behind its first byte 0."""
    return vector(b"".join(messages))


def revoked(references: list[bytes]) -> bytes:
    """Body of operation 27 that takes proposals back, behind its first byte 1."""
    return vector(b"".join(vector(name) for name in references))
