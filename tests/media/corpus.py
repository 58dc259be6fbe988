"""The corpus of reliable and hostile files: one line each in `CASES`, with what must become of it.

`Corpus` makes the files, each when it is first asked for. They are short and small; `full` makes the few whose size is
the point as large as they are named, which costs minutes.
"""

import http.server
import random
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property
from pathlib import Path

from tests import clips
from tests.media import bytes_of
from tests.media.samples import ffmpeg

MARKER = b"CANARY-5f3a9c"
SEED = 20261109
_SIZE = "160x120"


class Outcome(Enum):
    """OK: frames or sound, or both. REFUSED: a typed reason a person can read. PART: useful, and said to be damaged."""

    OK = auto()
    REFUSED = auto()
    PART = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One file. `row` is its line in the specification.

    `code`: that of the refusal, where only one is right. `frames`, `sound`: what must come out, and nothing else.
    `size` is the upright size of the frames. `most_mib`: memory of any child. `unseen`: refused by the probe, before
    anything is decoded or spent.
    """

    row: int
    name: str
    made: Callable[["Corpus"], bytes]
    outcome: Outcome = Outcome.OK
    code: str = ""
    frames: bool = True
    sound: bool = True
    size: tuple[int, int] | None = None
    seconds: float | None = None
    most_mib: int = 488
    unseen: bool = True


class Canary:
    """A server that counts who comes, and a file nobody may read."""

    def __init__(self, folder: Path, address: str) -> None:
        self.address = address
        self.visits: list[str] = []
        self.text = folder / "private.txt"
        self.text.write_bytes(MARKER)
        self.clip = folder / "private.mp4"
        clips.colour_tone_clip(self.clip, scenes=[("pink", 990)], seconds=1, size=(64, 48), fps=5)

    def url(self, name: str) -> str:
        return f"{self.address}/{name}"


@contextmanager
def canary(folder: Path) -> Iterator[Canary]:
    """Open it on this machine."""
    folder.mkdir()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            bird.visits.append(self.path)
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        bird = Canary(folder, f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield bird
        finally:
            server.shutdown()
            thread.join()


class Corpus:
    """Where the files are made. `bird` is what hostile ones point to."""

    def __init__(self, folder: Path, bird: Canary, *, full: bool = False) -> None:
        self.bird = bird
        self.full = full
        self._folder = folder

    def path(self, case: Case) -> Path:
        """The file, under its own name."""
        path = self._folder / "files" / case.name
        path.parent.mkdir(exist_ok=True)
        if not path.exists():
            path.write_bytes(case.made(self))
        return path

    def named(self, name: str) -> Path:
        return self.path(next(case for case in CASES if case.name == name))

    def moving(self, suffix: str, *arguments: str, size: str = _SIZE, fps: int = 15, seconds: float = 2) -> bytes:
        """ffmpeg's moving picture and a tone; H.264 and AAC unless the arguments say otherwise."""
        source = ("-f", "lavfi", "-i", f"testsrc2=s={size}:r={fps}:d={seconds}")
        tone = ("-f", "lavfi", "-i", f"sine=f=440:r=48000:d={seconds}")
        return ffmpeg(suffix, *source, *tone, *_H264, *arguments)

    def remuxed(self, suffix: str, *arguments: str) -> bytes:
        """The plain clip in another container."""
        return ffmpeg(suffix, "-i", self.plain_path, "-c", "copy", *arguments)

    @cached_property
    def plain_path(self) -> Path:
        path = self._folder / "plain.mp4"
        path.write_bytes(self.moving("mp4"))
        return path

    @property
    def plain(self) -> bytes:
        return self.plain_path.read_bytes()

    @cached_property
    def index_first(self) -> bytes:
        return self.remuxed("mp4", "-movflags", "+faststart")

    def sounding(self, suffix: str, *arguments: str) -> bytes:
        """A tone of two seconds."""
        return ffmpeg(suffix, "-f", "lavfi", "-i", "sine=f=440:r=48000:d=2", *arguments)

    def flipped(self, data: bytes, start: int, end: int, count: int) -> bytes:
        """Bytes changed at random places of a stretch, each time the same."""
        dice = random.Random(SEED)
        changed = bytearray(data)
        for _ in range(count):
            changed[dice.randrange(start, end)] = dice.randrange(256)
        return bytes(changed)

    def pointing_outside(self) -> bytes:
        """The plain clip whose data lies, as it says, in another file."""
        tree = bytes_of.Boxes.read(self.plain)
        dref = tree.find("moov/trak/mdia/minf/dinf/dref")
        url = bytes_of.box(b"url ", bytes(4), str(self.bird.clip).encode() + b"\0")
        dref.body = struct.pack(">II", 0, 1) + url
        return tree.write()

    def referring_movie(self) -> bytes:
        """A QuickTime file that is nothing but the address of another."""
        url = self.bird.url("s09").encode() + b"\0"
        rdrf = bytes_of.box(b"rdrf", bytes(4), b"url ", struct.pack(">I", len(url)), url)
        return bytes_of.box(b"ftyp", b"qt  ", bytes(4)) + bytes_of.box(
            b"moov", bytes_of.box(b"rmra", bytes_of.box(b"rmda", rdrf))
        )

    def two_sizes(self, suffix: str) -> bytes:
        """240 lines, then 1080, in one stream."""
        parts = [
            ffmpeg("h264", "-f", "lavfi", "-i", f"testsrc2=s={size}:r=5:d=1", *_H264[:-2], "-bf", "0", "-f", "h264")
            for size in ("426x240", "1920x1080")
        ]
        return ffmpeg(suffix, "-r", "5", "-f", "h264", "-i", "-", "-c", "copy", data=b"".join(parts))

    def png_bomb_in_matroska(self) -> bytes:
        return ffmpeg("mkv", "-f", "png_pipe", "-i", "-", "-c", "copy", data=bytes_of.black_png(16000))

    def vp9_bomb(self) -> bytes:
        """One picture of 16384×8192; unless in full, a small one that says it has that size."""
        if self.full:
            source = ("-f", "lavfi", "-i", "color=s=16384x8192:r=1:d=1")
            return ffmpeg("webm", *source, "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8")
        small = ffmpeg("webm", "-f", "lavfi", "-i", "color=s=64x64:r=1:d=1", "-c:v", "libvpx-vp9", "-frames:v", "1")
        at = small.find(b"\x49\x83\x42") - 1
        return small[:at] + bytes_of.vp9_of_size(small[at : at + 16], 16384, 8192) + small[at + 16 :]

    def slow_pictures(self, minutes: int, fps: int, *arguments: str) -> bytes:
        source = ("-f", "lavfi", "-i", f"testsrc2=s=64x48:r={fps}:d={60 * minutes}")
        return ffmpeg("mp4", *source, *_H264[:-2], *arguments)

    def playlist(self, *addresses: str) -> bytes:
        lines = [line for address in addresses for line in ("#EXTINF:1.0,", address)]
        return "\n".join(["#EXTM3U", "#EXT-X-MEDIA-SEQUENCE:0", *lines, "#EXT-X-ENDLIST", ""]).encode()

    def script(self, address: str) -> bytes:
        return f"ffconcat version 1.0\nfile '{address}'\n".encode()

    def manifest(self) -> bytes:
        url = self.bird.url("s07")
        return (
            '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
            f'mediaPresentationDuration="PT2S"><Period><BaseURL>{url}</BaseURL><AdaptationSet mimeType="video/mp4">'
            f'<Representation id="1" bandwidth="1"><SegmentList><Initialization sourceURL="{url}"/>'
            f'<SegmentURL media="{url}"/></SegmentList></Representation></AdaptationSet></Period></MPD>'
        ).encode()

    def session(self) -> bytes:
        host, port = self.bird.address.removeprefix("http://").split(":")
        return f"v=0\no=- 0 0 IN IP4 {host}\ns=s08\nc=IN IP4 {host}\nt=0 0\nm=video {port} RTP/AVP 96\n".encode()

    def covered(self) -> bytes:
        path = self._folder / "covered.mp3"
        clips.cover_art(path, seconds=1)
        return path.read_bytes()

    def clip(self, suffix: str, maker: Callable[..., object], **options: object) -> bytes:
        """What one of `clips` makes."""
        path = self._folder / f"clip.{suffix}"
        maker(path, **options)
        return path.read_bytes()


_H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac")
_REF, _PART = Outcome.REFUSED, Outcome.PART


def _half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _noise(_: Corpus) -> bytes:
    return random.Random(SEED).randbytes(200_000)


def _seconds_past(k: Corpus) -> bytes:
    longest = bytes_of.patched(k.plain, b"mvhd", 20, 2**32 - 1)
    return bytes_of.patched(longest, b"mdhd", 20, 2**32 - 1)


def _header_of_65535(k: Corpus) -> bytes:
    claimed = bytes_of.patched(k.plain, b"avc1", 28, 0xFFFFFFFF)
    return bytes_of.patched(bytes_of.patched(claimed, b"tkhd", 80, 0xFFFFFFFF), b"tkhd", 84, 0xFFFFFFFF)


def _broken_index(k: Corpus) -> bytes:
    return k.flipped(k.index_first, k.index_first.find(b"moov"), k.index_first.find(b"mdat"), 60)


def _broken_data(k: Corpus) -> bytes:
    return k.flipped(k.plain, k.plain.find(b"mdat") + 4, k.plain.find(b"moov") - 8, 400)


def _lying_wave(k: Corpus) -> bytes:
    data = bytearray(k.sounding("wav"))
    struct.pack_into("<I", data, 4, 2**32 - 1)
    struct.pack_into("<I", data, data.find(b"data") + 4, 2**32 - 1)
    return bytes(data)


def _many_streams(k: Corpus) -> bytes:
    maps = ("-map", "0:a") * 250
    return ffmpeg("mkv", "-f", "wav", "-i", "-", *maps, "-c", "copy", data=clips.pcm_wav(bytes(3200), 16_000))


def _packed(picture: bytes) -> bytes:
    packed = zlib.compress(picture, 9)
    return bytes_of.packed_matroska([packed] * 3, codec=b"V_MJPEG", width=160, height=120)


def _jpeg(k: Corpus) -> bytes:
    return k.clip("jpg", clips.picture, size=(160, 120))


def _encrypted(k: Corpus) -> bytes:
    key = ("-encryption_key", "76a6c65c5ea762046bd749a2e632ccbb", "-encryption_kid", "a7e61c373e219033c21091fa607bf3b8")
    return k.remuxed("mp4", "-encryption_scheme", "cenc-aes-ctr", *key)


def _audio_only(row: int, name: str, *arguments: str) -> Case:
    return Case(row=row, name=name, made=lambda k: k.sounding(Path(name).suffix[1:], *arguments), frames=False)


def _refused(row: int, name: str, made: Callable[[Corpus], bytes], code: str = "", **more: int) -> Case:
    return Case(row=row, name=name, made=made, outcome=_REF, code=code, **more)


def _plain_as(name: str) -> Case:
    return Case(row=60, name=name, made=lambda k: k.plain)


_UNKNOWN = "media_unknown_kind"
_TENTH = "-t", "0.6"

CASES = (
    Case(row=1, name="v01_h264_aac.mp4", made=lambda k: k.plain, size=(160, 120), seconds=2),
    Case(row=2, name="v02_moov_first.mp4", made=lambda k: k.index_first, seconds=2),
    Case(row=3, name="v03_fragmented.mp4", made=lambda k: k.remuxed("mp4", "-movflags", "frag_keyframe+empty_moov")),
    Case(
        row=4,
        name="v04_vp9_opus.webm",
        made=lambda k: k.moving("webm", "-c:v", "libvpx-vp9", "-cpu-used", "8", "-c:a", "libopus", *_TENTH),
    ),
    Case(row=5, name="v05_h264.mkv", made=lambda k: k.remuxed("mkv"), seconds=2),
    Case(row=6, name="v06_h264.mov", made=lambda k: k.remuxed("mov"), seconds=2),
    Case(row=7, name="v07_anim.gif", made=lambda k: k.clip("gif", clips.animation, size=(80, 60)), sound=False),
    Case(row=8, name="v08_video_only.mp4", made=lambda k: k.remuxed("mp4", "-an"), sound=False),
    _audio_only(9, "v09_audio_only.m4a", "-c:a", "aac"),
    _audio_only(10, "v10_audio.ogg", "-c:a", "libopus"),
    _audio_only(11, "v11_audio.mp3"),
    _audio_only(12, "v12_audio.wav"),
    Case(
        row=13,
        name="v13_vfr.mp4",
        made=lambda k: k.clip("mp4", clips.colour_tone_clip, scenes=2, seconds=1.0, fps="vfr", size=(160, 120)),
    ),
    Case(
        row=14,
        name="v14_rotated90.mp4",
        made=lambda k: k.clip("mp4", clips.colour_tone_clip, scenes=1, seconds=1.0, rotate=90, size=(120, 160)),
        size=(120, 160),
    ),
    Case(
        row=15,
        name="v15_hevc10_hdr.mp4",
        made=lambda k: k.moving(
            "mp4",
            "-c:v",
            "libx265",
            "-pix_fmt",
            "yuv420p10le",
            "-x265-params",
            "log-level=none:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc",
            *_TENTH,
        ),
    ),
    Case(
        row=16,
        name="v16_av1.mp4",
        made=lambda k: k.moving("mp4", "-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime", *_TENTH),
    ),
    Case(
        row=17,
        name="v17_odd_dims.mp4",
        made=lambda k: k.moving("mp4", "-vf", "scale=161:119,setsar=1", "-pix_fmt", "yuv444p", *_TENTH),
        size=(161, 119),
    ),
    Case(row=18, name="v18_one_frame.mp4", made=lambda k: k.moving("mp4", "-an", "-frames:v", "1"), sound=False),
    Case(
        row=19,
        name="v19_anamorphic.mp4",
        made=lambda k: k.moving("mp4", "-vf", "setsar=4/3", *_TENTH),
        size=(213, 120),
    ),
    Case(row=20, name="v20_surround51.mp4", made=lambda k: k.moving("mp4", "-ac", "6", *_TENTH)),
    Case(
        row=21,
        name="v21_offset_start.mp4",
        made=lambda k: ffmpeg("mp4", "-itsoffset", "5", "-i", k.plain_path, "-c", "copy"),
    ),
    Case(row=22, name="v22_2x2.mp4", made=lambda k: k.moving("mp4", *_TENTH, size="2x2"), size=(2, 2)),
    Case(row=23, name="v23_cover_art.mp3", made=lambda k: k.covered(), frames=False),
    Case(row=24, name="v24_240fps.mp4", made=lambda k: k.moving("mp4", fps=240, seconds=0.5)),
    _refused(25, "m01_empty.mp4", lambda _: b"", "media_empty"),
    _refused(26, "m02_one_byte.mp4", lambda _: b"\0", _UNKNOWN),
    _refused(27, "m03_truncated_no_moov.mp4", lambda k: _half(k.plain), "media_broken"),
    Case(row=28, name="m04_truncated_moov_first.mp4", made=lambda k: _half(k.index_first), outcome=_PART),
    _refused(29, "m05_random.mp4", _noise, _UNKNOWN),
    _refused(30, "m06_text.mp4", lambda _: b"Just words.\n" * 500, _UNKNOWN),
    _refused(31, "m07_html.mp4", lambda _: b"<!doctype html><html><body>No clip.</body></html>" * 50, _UNKNOWN),
    Case(row=32, name="m08_bitflips_mdat.mp4", made=_broken_data, outcome=_PART),
    _refused(33, "m09_bitflips_moov.mp4", _broken_index),
    Case(row=34, name="m10_timescale_zero.mp4", made=lambda k: bytes_of.patched(k.plain, b"mdhd", 16, 0)),
    Case(row=35, name="m11_duration_max.mp4", made=_seconds_past, seconds=2),
    Case(row=36, name="m12_stts_count_max.mp4", made=lambda k: bytes_of.patched(k.plain, b"stts", 12, 2**32 - 1)),
    # ffmpeg 5.1.9 reads no file with a count beyond 2**26 - 1; below that it stops at the end of the table.
    _refused(37, "m13_stsz_count_max.mp4", lambda k: bytes_of.patched(k.plain, b"stsz", 12, 2**31 - 1), "media_broken"),
    Case(
        row=37,
        name="m13_stsz_count_large.mp4",
        made=lambda k: bytes_of.patched(k.plain, b"stsz", 12, 2**25),
        outcome=_PART,
        frames=False,
    ),
    Case(row=38, name="m14_header_65535.mp4", made=_header_of_65535, size=(160, 120)),
    _refused(39, "m15_nested_moov_20000.mp4", lambda _: bytes_of.nested_boxes(20_000)),
    _refused(40, "m16_cmov_zlib_bomb_200MB.mov", lambda _: bytes_of.packed_index(200 * 2**20), most_mib=300),
    _refused(
        41, "m17_bomb_16000x16000_png.mkv", lambda k: k.png_bomb_in_matroska(), "media_too_many_pixels", most_mib=80
    ),
    _refused(42, "m18_bomb_16384x8192_vp9.webm", lambda k: k.vp9_bomb(), "media_too_many_pixels", most_mib=80),
    _refused(43, "m19_250_streams.mkv", _many_streams, "media_too_many_streams"),
    _refused(44, "m20_resolution_change.ts", lambda k: k.two_sizes("ts"), _UNKNOWN),
    Case(row=45, name="m21_resolution_change.mkv", made=lambda k: k.two_sizes("mkv"), sound=False),
    Case(row=46, name="m22_gif_5000_frames.gif", made=lambda _: bytes_of.gif(5000), sound=False, seconds=100),
    _refused(47, "m23_silence_3h.ogg", lambda _: bytes_of.silent_opus(3 * 3600, filler=40), "media_too_long"),
    Case(
        row=48,
        name="m24_one_hour_1fps.mp4",
        made=lambda k: k.slow_pictures(60 if k.full else 10, 1),
        sound=False,
    ),
    Case(
        row=49,
        name="m25_sparse_keyframe_10min.mp4",
        made=lambda k: k.slow_pictures(10, 10 if k.full else 1, "-g", "99999", "-keyint_min", "99999"),
        sound=False,
        seconds=600,
    ),
    Case(row=50, name="m26_wav_lying_size.wav", made=_lying_wave, frames=False, seconds=2),
    Case(row=51, name="m27_png_as_mp4.mp4", made=lambda k: k.clip("png", clips.picture, size=(160, 120)), sound=False),
    _refused(
        52, "m28_magicyuv.avi", lambda k: k.moving("avi", "-c:v", "magicyuv", "-pix_fmt", "gbrp", *_TENTH), _UNKNOWN
    ),
    _refused(
        52,
        "m29_magicyuv.mkv",
        lambda k: k.moving("mkv", "-c:v", "magicyuv", "-pix_fmt", "gbrp", *_TENTH),
        "media_codec_refused",
    ),
    _refused(53, "m30_ffv1.mkv", lambda k: k.moving("mkv", "-c:v", "ffv1", *_TENTH), "media_codec_refused"),
    _refused(53, "m31_flv.flv", lambda k: k.moving("flv", "-c:v", "flv", "-ar", "44100", *_TENTH), _UNKNOWN),
    Case(row=54, name="m32_zip_polyglot.mp4", made=lambda k: k.plain + b"PK\x05\x06" + bytes(18)),
    _refused(55, "m33_id3_256MB_claim.mp3", lambda k: b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + k.sounding("mp3")),
    _refused(56, "s01_hls_http.mp4", lambda k: k.playlist(k.bird.url("s01.ts")), _UNKNOWN),
    _refused(56, "s02_hls_http.m3u8", lambda k: k.playlist(k.bird.url("s02.ts")), _UNKNOWN),
    _refused(57, "s03_hls_file.m3u8", lambda k: k.playlist(f"file://{k.bird.text}"), _UNKNOWN),
    _refused(
        57,
        "s04_hls_concat.mp4",
        lambda k: k.playlist(f"concat:{k.bird.url('s04')}?|file://{k.bird.text}"),
        _UNKNOWN,
    ),
    _refused(58, "s05_concat_http.mp4", lambda k: k.script(k.bird.url("s05")), _UNKNOWN),
    _refused(58, "s06_concat_file.ffconcat", lambda k: k.script(str(k.bird.clip)), _UNKNOWN),
    _refused(58, "s07_dash.mpd", lambda k: k.manifest(), _UNKNOWN),
    _refused(58, "s08_session.sdp", lambda k: k.session(), _UNKNOWN),
    _refused(58, "s09_rmra.mov", lambda k: k.referring_movie()),
    Case(row=58, name="s10_dref.mp4", made=lambda k: k.pointing_outside()),
    _refused(58, "s11_terminal.txt", lambda k: b"\x1b[31m" + k.bird.url("s11").encode() + b"\r\n" * 400, _UNKNOWN),
    _refused(58, "s12_subtitles.srt", lambda k: b"1\n00:00:00,000 --> 00:00:02,000\n" + MARKER + b"\n\n", _UNKNOWN),
    _refused(59, "s13_hls_clip.mp4", lambda k: k.playlist(str(k.bird.clip)), _UNKNOWN),
    _refused(59, "s14_hls_clip.m3u8", lambda k: k.playlist(f"file://{k.bird.clip}"), _UNKNOWN),
    *map(
        _plain_as,
        (
            "-i evil.mp4",
            "n%03d.mp4",
            "concat:x",
            "http:x",
            "a\nb.mp4",
            "\u202e4pm.exe",
            "$(touch pwn).mp4",
            "-",
            "a'b;c|d",
        ),
    ),
    # Beyond the table: 61 to 65.
    _refused(61, "x01_gab2.avi", lambda k: bytes_of.avi_with_subtitles(k.playlist(k.bird.url("x01"))), _UNKNOWN),
    Case(row=62, name="x02_packed_frames.mkv", made=lambda k: _packed(_jpeg(k)), sound=False),
    _refused(62, "x03_packed_bomb.mkv", lambda _: _packed(bytes(16 * 2**20)), unseen=False),
    _refused(63, "x04_opus_24h.ogg", lambda _: bytes_of.silent_opus(24 * 3600), "media_too_long"),
    _refused(64, "x05_encrypted.mp4", _encrypted, "media_encrypted"),
    _refused(
        65,
        "x06_apng_bomb.png",
        lambda _: bytes_of.apng(16_000, claimed_frames=2**31 - 1, frames=1),
        "media_too_many_pixels",
    ),
    Case(
        row=65,
        name="x07_apng_claims.png",
        made=lambda _: bytes_of.apng(64, claimed_frames=2**31 - 1, frames=3),
        sound=False,
    ),
)
