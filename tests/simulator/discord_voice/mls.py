"""As much of MLS (RFC 9420) as a delivery service reads: key packages, commits, welcomes. Suite 2 only."""

import hashlib
from dataclasses import dataclass, field

MLS_1_0 = 1
PUBLIC_MESSAGE = 1
_FROM_MEMBER, _COMMIT, _BY_REFERENCE = 1, 3, 2


class MalformedError(ValueError):
    """The bytes are no such structure."""


def vector(data: bytes) -> bytes:
    """With its length in one, two or four bytes before it (section 2.1.2)."""
    size = len(data)
    if size < 1 << 6:
        return bytes([size]) + data
    if size < 1 << 14:
        return (1 << 14 | size).to_bytes(2) + data
    return (1 << 31 | size).to_bytes(4) + data


def reference(label: str, value: bytes) -> bytes:
    """RefHash (section 5.2)."""
    return hashlib.sha256(vector(f"MLS 1.0 {label}".encode()) + vector(value)).digest()


class Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    @property
    def is_at_end(self) -> bool:
        return self.at == len(self.data)

    def take(self, size: int) -> bytes:
        if self.at + size > len(self.data):
            raise MalformedError("it ends too early")
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size))

    def vector(self) -> bytes:
        first = self.number(1)
        if first >> 6 == 3:
            raise MalformedError("a length of eight bytes")
        size = first & 0x3F
        for _ in range((1 << (first >> 6)) - 1):
            size = size << 8 | self.number(1)
        return self.take(size)


def _leaf_identity(reader: Reader) -> bytes:
    """Reads a leaf node to its end and gives the identity in its credential."""
    reader.vector()  # encryption key
    reader.vector()  # signature key
    reader.number(2)  # type of credential
    identity = reader.vector()
    for _ in range(5):  # versions, suites, extensions, proposals, credentials it is capable of
        reader.vector()
    source = reader.number(1)
    if source == 1:
        reader.take(16)  # lifetime, in a key package
    elif source == 3:
        reader.vector()  # parent hash, in a commit
    reader.vector()  # extensions
    reader.vector()  # signature
    return identity


def owner_of(key_package: bytes) -> int:
    """The user whose key package it is. Raises MalformedError."""
    reader = Reader(key_package)
    if (reader.number(2), reader.number(2)) != (MLS_1_0, 2):
        raise MalformedError("another version or suite")
    reader.vector()  # init key
    identity = _leaf_identity(reader)
    reader.vector()  # extensions
    reader.vector()  # signature
    if not reader.is_at_end:
        raise MalformedError("bytes after the key package")
    return int.from_bytes(identity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """What stands in operation 28. `welcome` None: nobody is added. `inline`: proposals that are not references."""

    message: bytes = field(repr=False)
    welcome: bytes | None = field(repr=False)
    epoch: int
    leaf: int
    references: tuple[bytes, ...] = field(repr=False)
    inline: int


def read_commit(payload: bytes) -> Commit:
    """Splits a commit from the welcome behind it. Raises MalformedError."""
    reader = Reader(payload)
    if (reader.number(2), reader.number(2)) != (MLS_1_0, PUBLIC_MESSAGE):
        raise MalformedError("no public message of MLS 1.0")
    reader.vector()  # id of the group
    epoch = reader.number(8)
    if reader.number(1) != _FROM_MEMBER:
        raise MalformedError("not from a member")
    leaf = reader.number(4)
    reader.vector()  # authenticated data
    if reader.number(1) != _COMMIT:
        raise MalformedError("no commit")
    proposals = Reader(reader.vector())
    references: list[bytes] = []
    inline = 0
    while not proposals.is_at_end:
        if proposals.number(1) != _BY_REFERENCE:
            inline += 1
            break
        references.append(proposals.vector())
    if reader.number(1):  # an update path
        _leaf_identity(reader)
        reader.vector()
    for _ in range(3):  # signature, confirmation tag, membership tag
        reader.vector()
    return Commit(
        message=payload[: reader.at],
        welcome=payload[reader.at :] or None,
        epoch=epoch,
        leaf=leaf,
        references=tuple(references),
        inline=inline,
    )


def welcome_for(welcome: bytes, key_package: bytes) -> bytes:
    """The welcome with the secrets of one newcomer only, as operation 30 has it. Raises MalformedError."""
    reader = Reader(welcome)
    suite, secrets, group_info = reader.take(2), reader.vector(), reader.vector()
    wanted, each = reference("KeyPackage Reference", key_package), Reader(secrets)
    while not each.is_at_end:
        start = each.at
        found = each.vector()
        each.vector()  # encapsulated key
        each.vector()  # ciphertext
        if found == wanted:
            return suite + vector(secrets[start : each.at]) + vector(group_info)
    raise MalformedError("the welcome is for others")
