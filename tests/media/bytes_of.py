"""Small writers of container formats, for files that no encoder would make."""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

_HOLDERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"dinf", b"edts", b"mvex", b"udta"}
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_OPUS_FRAME_SECONDS = 0.12
_OPUS_RATE_HZ = 48_000
_PACKETS_PER_PAGE = 250


def box(name: bytes, *bodies: bytes) -> bytes:
    """A box of ISO 14496-12."""
    body = b"".join(bodies)
    return struct.pack(">I4s", 8 + len(body), name) + body


@dataclass(slots=True)
class Boxes:
    """The boxes of an mp4 as a tree that can be changed; sizes are made anew when it is written."""

    name: bytes
    body: bytes = b""
    inner: list["Boxes"] = field(default_factory=list)

    @classmethod
    def read(cls, data: bytes) -> "Boxes":
        return cls(b"", inner=_boxes(data))

    def write(self) -> bytes:
        body = self.body + b"".join(each.write() for each in self.inner)
        return box(self.name, body) if self.name else body

    def find(self, path: str) -> "Boxes":
        """The first box at "moov/trak/mdia"."""
        place = self
        for name in path.encode().split(b"/"):
            place = next(each for each in place.inner if each.name == name)
        return place


def _boxes(data: bytes) -> list[Boxes]:
    found: list[Boxes] = []
    at = 0
    while at + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + size]
        found.append(Boxes(name, inner=_boxes(body)) if name in _HOLDERS else Boxes(name, body))
        at += max(8, size)
    return found


def patched(data: bytes, name: bytes, offset: int, value: int) -> bytes:
    """A number written `offset` bytes after the name of the first box of this name."""
    changed = bytearray(data)
    at = changed.find(name)
    assert at >= 0
    struct.pack_into(">I", changed, at + offset, value)
    return bytes(changed)


def nested_boxes(depth: int) -> bytes:
    """A box in a box in a box."""
    heads = b"".join(struct.pack(">I4s", 8 * (depth - place), b"moov") for place in range(depth))
    return box(b"ftyp", b"isom", bytes(4)) + heads


def packed_index(size: int) -> bytes:
    """A QuickTime file whose index unpacks to `size` zeros."""
    packed = zlib.compress(bytes(size), 1)
    cmov = box(b"cmov", box(b"dcom", b"zlib"), box(b"cmvd", struct.pack(">I", size), packed))
    return box(b"ftyp", b"qt  ", bytes(4)) + box(b"moov", cmov)


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def black_png(side: int, *, before: bytes = b"", after: bytes = b"") -> bytes:
    """A square picture of one bit a pixel. `before` and `after` its rows: further chunks."""
    packer = zlib.compressobj(9)
    row = bytes(1 + (side + 7) // 8)
    rows = b"".join(packer.compress(row * min(512, side - at)) for at in range(0, side, 512)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    parts = (png_chunk(b"IHDR", header), before, png_chunk(b"IDAT", rows), after, png_chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def apng(side: int, *, claimed_frames: int, frames: int) -> bytes:
    """An animated PNG that says it has so many frames."""
    control = struct.pack(">IIIIIHHBB", 0, side, side, 0, 0, 1, 50, 0, 0)
    before = png_chunk(b"acTL", struct.pack(">II", claimed_frames, 0)) + png_chunk(b"fcTL", control)
    rows = zlib.compress(bytes((1 + (side + 7) // 8) * side), 9)
    after = b"".join(
        png_chunk(b"fcTL", struct.pack(">I", 2 * place + 1) + control[4:])
        + png_chunk(b"fdAT", struct.pack(">I", 2 * place + 2) + rows)
        for place in range(frames - 1)
    )
    return black_png(side, before=before, after=after)


def gif(frames: int, *, delay_hundredths: int = 2) -> bytes:
    """16×16, two colours; one pixel differs from picture to picture."""
    parts = [b"GIF89a", struct.pack("<HHBBB", 16, 16, 0x80, 0, 0), bytes((0, 0, 0, 255, 255, 255))]
    for place in range(frames):
        control = struct.pack("<BBBBHBB", 0x21, 0xF9, 4, 0, delay_hundredths, 0, 0)
        area = struct.pack("<BHHHHB", 0x2C, place % 16, place // 16 % 16, 1, 1, 0)
        parts += [control, area, bytes((2, 2, 0x44 if place % 2 else 0x4C, 1, 0))]
    return b"".join([*parts, b";"])


def ogg_page(body: Sequence[bytes], *, sequence: int, granule: int, kind: int = 0) -> bytes:
    """A page of whole packets, each shorter than 255 bytes; RFC 3533."""
    sizes = bytes(map(len, body))
    head = b"OggS" + struct.pack("<BBqIII", 0, kind, granule, 1, sequence, 0) + bytes((len(sizes),)) + sizes
    page = bytearray(head + b"".join(body))
    struct.pack_into("<I", page, 22, _ogg_checksum(page))
    return bytes(page)


def _ogg_checksum(page: bytes) -> int:
    """The polynomial of zlib's, its bits the other way round, starting at nothing."""
    plain = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{plain:032b}"[::-1], 2)


def silent_opus(seconds: float, *, filler: int = 0) -> bytes:
    """An Ogg file of silence in packets of 120 ms, two bytes each, and `filler` more that say nothing."""
    # Six frames of 20 ms of no bytes: nothing is said; the filler is Opus padding (RFC 6716, 3.2.5).
    packet = bytes((0xFB, 6)) if not filler else bytes((0xFB, 0x46, filler)) + bytes(filler)
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, 0, _OPUS_RATE_HZ, 0, 0)
    tags = b"OpusTags" + struct.pack("<I", 4) + b"none" + struct.pack("<I", 0)
    pages = [ogg_page([head], sequence=0, granule=0, kind=2), ogg_page([tags], sequence=1, granule=0)]
    packets = round(seconds / _OPUS_FRAME_SECONDS)
    for place in range(0, packets, _PACKETS_PER_PAGE):
        count = min(_PACKETS_PER_PAGE, packets - place)
        granule = round((place + count) * _OPUS_FRAME_SECONDS * _OPUS_RATE_HZ)
        last = 4 if place + count == packets else 0
        pages.append(ogg_page([packet] * count, sequence=2 + place // _PACKETS_PER_PAGE, granule=granule, kind=last))
    return b"".join(pages)


def element(number: int, *bodies: bytes) -> bytes:
    """An element of EBML with an eight-byte size."""
    body = b"".join(bodies)
    name = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return name + struct.pack(">Q", len(body) | 1 << 56) + body


def packed_matroska(packets: Sequence[bytes], *, codec: bytes, width: int, height: int) -> bytes:
    """One picture stream whose packets are said to be packed with zlib, as Matroska allows; one second each."""

    def number(name: int, value: int) -> bytes:
        return element(name, value.to_bytes(4, "big"))

    head = element(0x1A45DFA3, element(0x4282, b"matroska"), number(0x4287, 4), number(0x4285, 2))
    packing = element(0x6D80, element(0x6240, element(0x5034, number(0x4254, 0))))
    size = element(0xE0, number(0xB0, width), number(0xBA, height))
    track = element(0xAE, number(0xD7, 1), number(0x73C5, 1), number(0x83, 1), element(0x86, codec), packing, size)
    blocks = [
        element(0xA3, struct.pack(">BhB", 0x81, 1000 * place, 0x80), packet) for place, packet in enumerate(packets)
    ]
    cluster = element(0x1F43B675, number(0xE7, 0), *blocks)
    info = element(0x1549A966, number(0x2AD7B1, 1_000_000), element(0x4D80, b"tests"), element(0x5741, b"tests"))
    return head + element(0x18538067, info, element(0x1654AE6B, track), cluster)


def avi_with_subtitles(subtitles: bytes) -> bytes:
    """An AVI with a text stream whose one packet has the form of GAB2."""

    def chunk(name: bytes, *bodies: bytes) -> bytes:
        body = b"".join(bodies)
        return name + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)

    packet = b"GAB2\0" + struct.pack("<HI", 2, 2) + b"a\0" + struct.pack("<HI", 4, len(subtitles)) + subtitles
    stream = chunk(b"strh", b"txts", bytes(44)) + chunk(b"strf")
    head = chunk(b"avih", struct.pack("<14I", 40_000, 0, 0, 0, 1, 0, 1, 0, 16, 16, 0, 0, 0, 0))
    lists = chunk(b"LIST", b"hdrl", head, chunk(b"LIST", b"strl", stream))
    return chunk(b"RIFF", b"AVI ", lists, chunk(b"LIST", b"movi", chunk(b"00tx", packet)))


def vp9_of_size(frame: bytes, width: int, height: int) -> bytes:
    """A key frame of profile 0 that says it has this size."""
    bits = int.from_bytes(frame, "big")
    total = 8 * len(frame)
    # Eight bits of markers, 24 of the sync code, four of the colours; then width and height, each less one.
    place = total - 36 - 32
    bits &= ~(0xFFFFFFFF << place)
    bits |= ((width - 1) << 16 | (height - 1)) << place
    return bits.to_bytes(len(frame), "big")
