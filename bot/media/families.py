"""Which containers and decoders ffmpeg may use: those of everyday files, and families the operator adds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bot.domain.media import MediaFamily


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """Names as ffmpeg has them. `pictures` and `sounds` are codecs, which are not always called as their decoders."""

    formats: tuple[str, ...] = ()
    decoders: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()
    sounds: tuple[str, ...] = ()

    def __or__(self, more: "Allowed") -> "Allowed":
        return Allowed(
            formats=_joined(self.formats, more.formats),
            decoders=_joined(self.decoders, more.decoders),
            pictures=_joined(self.pictures, more.pictures),
            sounds=_joined(self.sounds, more.sounds),
        )


def _joined(some: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*some, *more)))


_PCM = ("pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_u8", "pcm_mulaw", "pcm_alaw")

EVERYDAY = Allowed(
    formats=("mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "gif", "ogg", "mp3", "wav", "flac", "aac"),
    decoders=(
        *("h264", "hevc", "vp8", "vp9", "libdav1d", "mpeg4", "mjpeg", "gif", "prores", "png"),
        *("aac", "mp3", "mp3float", "opus", "libopus", "vorbis", "flac", "alac", *_PCM),
    ),
    pictures=("h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "mjpeg", "gif", "prores", "png"),
    sounds=("aac", "mp3", "opus", "vorbis", "flac", "alac", *_PCM),
)

FAMILIES: Mapping[MediaFamily, Allowed] = MappingProxyType(
    {
        MediaFamily.AVI: Allowed(
            formats=("avi",),
            decoders=("msmpeg4v2", "msmpeg4", "mp2", "ac3"),
            pictures=("msmpeg4v2", "msmpeg4v3"),
            sounds=("mp2", "ac3"),
        ),
        MediaFamily.FLV: Allowed(
            formats=("flv",), decoders=("flv", "vp6f", "nellymoser"), pictures=("flv1", "vp6f"), sounds=("nellymoser",)
        ),
        MediaFamily.MPEGTS: Allowed(
            formats=("mpegts",), decoders=("mpeg2video", "mp2", "ac3"), pictures=("mpeg2video",), sounds=("mp2", "ac3")
        ),
        MediaFamily.WMV: Allowed(
            formats=("asf",),
            decoders=("wmv1", "wmv2", "wmv3", "vc1", "wmav1", "wmav2"),
            pictures=("wmv1", "wmv2", "wmv3", "vc1"),
            sounds=("wmav1", "wmav2"),
        ),
        MediaFamily.THEORA: Allowed(decoders=("theora",), pictures=("theora",)),
        MediaFamily.AMR: Allowed(formats=("amr",), decoders=("amrnb", "amrwb"), sounds=("amr_nb", "amr_wb")),
        MediaFamily.RAW_H264: Allowed(formats=("h264",)),
    }
)


def allowed_with(families: Iterable[MediaFamily]) -> Allowed:
    """Everyday files and these families."""
    allowed = EVERYDAY
    for family in sorted(families):
        allowed |= FAMILIES[family]
    return allowed
