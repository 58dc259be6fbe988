"""Families of formats: each refused by default, each opened by its own name and by no other."""

from pathlib import Path

import pytest

from bot.domain.media import MediaFamily
from bot.media.families import EVERYDAY, FAMILIES, allowed_with
from bot.media.limits import MediaLimits
from tests.media.looking import look
from tests.media.samples import ffmpeg

_PICTURES = ("-f", "lavfi", "-i", "testsrc2=s=64x48:r=5:d=0.6")
_SOUND = ("-f", "lavfi", "-i", "sine=r=8000:d=0.6")
EXAMPLES = {
    MediaFamily.AVI: ("avi", *_PICTURES, "-c:v", "msmpeg4v2"),
    MediaFamily.FLV: ("flv", *_PICTURES, "-c:v", "flv"),
    MediaFamily.MPEGTS: ("ts", *_PICTURES, "-r", "25", "-c:v", "mpeg2video"),
    MediaFamily.WMV: ("wmv", *_PICTURES, "-c:v", "wmv2"),
    MediaFamily.THEORA: ("ogv", *_PICTURES, "-c:v", "libtheora"),
    MediaFamily.RAW_H264: ("h264", *_PICTURES, "-c:v", "libx264", "-preset", "ultrafast", "-f", "h264"),
}


@pytest.mark.parametrize("family", EXAMPLES)
async def test_a_family_is_opened_by_its_name_alone(tmp_path: Path, family: MediaFamily) -> None:
    suffix, *arguments = EXAMPLES[family]
    path = tmp_path / f"clip.{suffix}"
    path.write_bytes(ffmpeg(suffix, *arguments))
    others = frozenset(MediaFamily) - {family}
    assert (await look(path, MediaLimits(families=others))).word in {"media_unknown_kind", "media_codec_refused"}
    assert (await look(path, MediaLimits(families=frozenset({family})))).word == "frames"


async def test_speech_of_old_phones_is_opened_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "clip.amr"
    # Silence of 4.75 kb/s; nothing here encodes more than that.
    path.write_bytes(b"#!AMR\n" + (b"\x04" + bytes(12)) * 50)
    assert (await look(path, MediaLimits())).word == "media_unknown_kind"
    assert (await look(path, MediaLimits(families=frozenset({MediaFamily.AMR})))).word == "sound"


def test_without_any_the_lists_are_those_of_everyday_files() -> None:
    assert allowed_with(()) == EVERYDAY


def test_no_family_opens_what_reads_other_files_or_has_known_holes() -> None:
    allowed = allowed_with(FAMILIES)
    assert set(FAMILIES) == set(MediaFamily)
    assert not {"hls", "dash", "concat", "sdp", "tty", "rtsp", "image2", "lavfi", "mpjpeg"} & set(allowed.formats)
    assert not {"magicyuv", "flic", "exr", "ffv1", "rawvideo"} & set(allowed.decoders)
