"""Synthetic clips with known content, the one source of media for tests, demo and benchmark.

Every function writes the file it is given (the suffix decides the container) and returns what is in it. Same
arguments, same content. Times are seconds from the start of the clip.
"""

import struct
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Rate = int | float | str
Size = tuple[int, int]

COLOURS = {
    "red": (220, 20, 20),
    "blue": (20, 20, 220),
    "green": (20, 160, 20),
    "yellow": (235, 225, 20),
    "purple": (130, 20, 150),
    "orange": (240, 130, 10),
    "white": (245, 245, 245),
    "cyan": (20, 210, 220),
    "black": (10, 10, 10),
    "pink": (250, 150, 190),
}
TONES_HZ = (440, 660, 330, 880, 550, 990, 370, 740, 494, 587)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A stretch of one colour and one tone."""

    start_seconds: float
    end_seconds: float
    colour: str
    hz: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Slide:
    """A stretch of one still picture with a text on it and a sentence spoken over it, from `spoken_at_seconds`."""

    start_seconds: float
    end_seconds: float
    text: str
    spoken: str
    spoken_at_seconds: float


def colour_tone_clip(
    path: Path,
    *,
    scenes: int | Sequence[tuple[str, int]] = 3,
    seconds: float = 3.0,
    fps: Rate = 30,
    rotate: int = 0,
    size: Size = (640, 360),
    sound: bool = True,
) -> tuple[Scene, ...]:
    """One colour and one tone per scene of `seconds`. `scenes`: how many, or (colour name, hertz) each.

    `fps` "vfr": 30 fps with frames left out irregularly, the first of each scene kept. `rotate` 90 (mp4 and mov
    only): stored lying, with a display matrix that turns it upright; `size` is the upright size.
    """
    names = tuple(COLOURS)
    plan = (
        [(names[n % len(names)], TONES_HZ[n % len(TONES_HZ)]) for n in range(scenes)]
        if isinstance(scenes, int)
        else list(scenes)
    )
    rate = "30" if fps == "vfr" else str(fps)
    width, height = size if rotate % 180 == 0 else size[::-1]
    graph = [
        f"color=c=0x{bytes(COLOURS[colour]).hex()}:s={width}x{height}:r={rate}:d={seconds}[v{n}]"
        for n, (colour, _) in enumerate(plan)
    ]
    graph.append("".join(f"[v{n}]" for n in range(len(plan))) + f"concat=n={len(plan)}:v=1:a=0[joined]")
    keep = f"eq(mod(n,{round(seconds * 30)}),0)+lt(mod(n*7,11),5)"
    graph.append(f"[joined]select='{keep}'[v]" if fps == "vfr" else "[joined]null[v]")
    maps = ["-map", "[v]"]
    if sound:
        graph += [f"sine=f={hz}:r=48000:d={seconds}[a{n}]" for n, (_, hz) in enumerate(plan)]
        graph.append(
            "".join(f"[a{n}]" for n in range(len(plan))) + f"concat=n={len(plan)}:v=0:a=1,asetnsamples=960:p=0[a]"
        )
        maps += ["-map", "[a]"]
    _ffmpeg("-filter_complex", ";".join(graph), *maps, "-fps_mode", "vfr", *_codecs(path), path)
    if rotate:
        _turn(path, rotate)
    return tuple(
        Scene(start_seconds=n * seconds, end_seconds=(n + 1) * seconds, colour=colour, hz=hz)
        for n, (colour, hz) in enumerate(plan)
    )


def static_slide_clip(
    path: Path,
    *,
    seconds: float = 60.0,
    change_at_seconds: float = 40.0,
    before: str = "Status: waiting for input",
    after: str = "Status: build finished",
    text_px: int = 12,
    fps: Rate = 10,
    size: Size = (1280, 720),
    crf: int = 23,
    sound: bool = False,
) -> None:
    """A slide that never changes but for one small line at its foot, `text_px` high, replaced once."""
    lines = ["Quarterly report", "Revenue grew in every region", "Costs stayed flat", "Outlook: steady"]
    with tempfile.TemporaryDirectory() as folder:
        one, other = Path(folder, "one.png"), Path(folder, "other.png")
        _slide(lines, before, size, text_px).save(one)
        _slide(lines, after, size, text_px).save(other)
        _show([(one, change_at_seconds), (other, seconds - change_at_seconds)], path, fps=fps, crf=crf, sound=sound)


def busy_slide_clip(
    path: Path, *, seconds: float = 30.0, change_at_seconds: float = 20.0, size: Size = (1280, 720)
) -> None:
    """As `static_slide_clip`, with something that moves all the time in one corner (a webcam, say)."""
    with tempfile.TemporaryDirectory() as folder:
        still = Path(folder, "still.mp4")
        static_slide_clip(still, seconds=seconds, change_at_seconds=change_at_seconds, size=size)
        corner = f"testsrc2=s=240x136:r=10:d={seconds}[w];[0:v][w]overlay=W-w-20:20[v]"
        _ffmpeg("-i", still, "-filter_complex", corner, "-map", "[v]", *_codecs(path), path)


def slides_with_speech(
    path: Path,
    slides: Sequence[tuple[str, str]],
    *,
    pause_seconds: float = 0.8,
    fps: Rate = 10,
    size: Size = (1280, 720),
    colours: Sequence[str] = tuple(COLOURS),
) -> tuple[Slide, ...]:
    """Slides of (text shown large, sentence spoken), each on the next of the colours; each lasts as long as its
    sentence and a pause around it."""
    shown: list[Slide] = []
    pcm: list[bytes] = []
    at = 0.0
    for text, spoken in slides:
        voice = _speech_pcm(spoken)
        frames = round((len(voice) / 2 / SPEECH_HZ + 2 * pause_seconds) * 10)
        length = frames / 10
        before = _pcm_silence(pause_seconds)
        pcm.append((before + voice).ljust(round(length * SPEECH_HZ) * 2, b"\0"))
        shown.append(
            Slide(
                start_seconds=round(at, 3),
                end_seconds=round(at + length, 3),
                text=text,
                spoken=spoken,
                spoken_at_seconds=round(at + pause_seconds, 3),
            )
        )
        at += length
    with tempfile.TemporaryDirectory() as folder:
        stills: list[tuple[Path, float]] = []
        for n, slide in enumerate(shown):
            still = Path(folder, f"{n}.png")
            colour = COLOURS[colours[n % len(colours)]]
            _card(slide.text, size, colour).save(still)
            stills.append((still, slide.end_seconds - slide.start_seconds))
        voice_path = Path(folder, "voice.wav")
        voice_path.write_bytes(pcm_wav(b"".join(pcm), SPEECH_HZ))
        _show(stills, path, fps=fps, voice=voice_path)
    return tuple(shown)


def long_clip(
    path: Path, *, minutes: float = 10.0, scene_seconds: float = 20.0, fps: Rate = 5, size: Size = (320, 180)
) -> tuple[Scene, ...]:
    """Minutes of numbered coloured cards with a tone for three quarters of each; cheap to encode."""
    count = round(minutes * 60 / scene_seconds)
    names = tuple(COLOURS)
    with tempfile.TemporaryDirectory() as folder:
        stills: list[tuple[Path, float]] = []
        for n in range(count):
            still = Path(folder, f"{n}.png")
            _card(str(n + 1), size, COLOURS[names[n % len(names)]]).save(still)
            stills.append((still, scene_seconds))
        voice = Path(folder, "voice.wav")
        sounds = [_tone_pcm(hz, scene_seconds * 0.75, scene_seconds) for hz in TONES_HZ]
        voice.write_bytes(pcm_wav(b"".join(sounds[n % len(sounds)] for n in range(count)), SPEECH_HZ))
        _show(stills, path, fps=fps, voice=voice)
    return tuple(
        Scene(
            start_seconds=n * scene_seconds,
            end_seconds=(n + 1) * scene_seconds,
            colour=names[n % len(names)],
            hz=TONES_HZ[n % len(TONES_HZ)],
        )
        for n in range(count)
    )


def moving_clip(
    path: Path, *, seconds: float = 4.0, fps: Rate = 30, size: Size = (320, 240), sound: bool = True
) -> None:
    """ffmpeg's moving test picture, with a tone unless `sound` is False. One frame: `seconds` below two frames."""
    options = ["-f", "lavfi", "-i", f"testsrc2=s={size[0]}x{size[1]}:r={fps}:d={seconds}"]
    if sound:
        options += ["-f", "lavfi", "-i", f"sine=f=440:r=48000:d={seconds}"]
    _ffmpeg(*options, *_codecs(path), path)


def silent_sound_clip(path: Path, *, seconds: float = 3.0) -> None:
    """Moving pictures with a sound track of digital silence."""
    options = ["-f", "lavfi", "-i", f"testsrc2=s=320x240:r=30:d={seconds}"]
    _ffmpeg(*options, "-f", "lavfi", "-i", f"anullsrc=r=48000:cl=stereo:d={seconds}", *_codecs(path), path)


def no_sound_clip(path: Path, *, seconds: float = 3.0) -> None:
    """Moving pictures without a sound track."""
    moving_clip(path, seconds=seconds, sound=False)


def tone(path: Path, *, hz: int = 440, seconds: float = 3.0, channels: int = 1, volume: float = 0.5) -> None:
    """Only sound: one tone. wav, mp3, ogg (Opus), m4a, flac."""
    pan = "|".join(f"c{n}=c0" for n in range(channels))
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[channels]
    graph = f"sine=f={hz}:r=48000:d={seconds},volume={volume / 0.125},pan={layout}|{pan}"
    _ffmpeg("-f", "lavfi", "-i", graph, *_codecs(path), path)


def silence(path: Path, *, seconds: float = 3.0) -> None:
    """Only sound: digital silence."""
    _ffmpeg("-f", "lavfi", "-i", f"anullsrc=r=48000:cl=mono:d={seconds}", *_codecs(path), path)


SPEECH_HZ = 16_000


def speech(text: str, path: Path, *, pause_seconds: float = 0.0) -> float:
    """An English sentence spoken by flite, between two pauses; returns how long it all lasts."""
    pause = _pcm_silence(pause_seconds)
    pcm = pause + _speech_pcm(text) + pause
    if path.suffix == ".wav":
        path.write_bytes(pcm_wav(pcm, SPEECH_HZ))
    else:
        with tempfile.TemporaryDirectory() as folder:
            wav = Path(folder, "speech.wav")
            wav.write_bytes(pcm_wav(pcm, SPEECH_HZ))
            _ffmpeg("-i", wav, *_codecs(path), path)
    return len(pcm) / 2 / SPEECH_HZ


def picture(path: Path, *, size: Size = (640, 480), text: str = "A still picture", orientation: int = 1) -> None:
    """A still: jpg, png, webp, or a gif of one frame. `orientation` is EXIF's (jpg): `size` is the stored size."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"exif": exif} if orientation != 1 else {}
    _card(text, size, COLOURS["green"]).save(path, **options)


def animation(path: Path, *, frames: int = 8, frame_seconds: float = 0.5, size: Size = (320, 240)) -> None:
    """An animated gif, webp or png: numbered cards."""
    cards = [_card(str(n + 1), size, tuple(COLOURS.values())[n % len(COLOURS)]) for n in range(frames)]
    cards[0].save(path, save_all=True, append_images=cards[1:], duration=round(frame_seconds * 1000), loop=0)


def cover_art(path: Path, *, seconds: float = 3.0) -> None:
    """A piece of music (mp3 or m4a) with a picture attached."""
    with tempfile.TemporaryDirectory() as folder:
        cover = Path(folder, "cover.png")
        picture(cover, size=(300, 300))
        art = ("-map", "0:a", "-map", "1:v", "-c:v", "png", "-disposition:v", "attached_pic")
        sound = "aac" if path.suffix == ".m4a" else "libmp3lame"
        _ffmpeg("-f", "lavfi", "-i", f"sine=d={seconds}", "-i", cover, *art, "-c:a", sound, path)


def _slide(lines: Sequence[str], foot: str, size: Size, text_px: int) -> Image.Image:
    width, height = size
    image = Image.new("RGB", size, (250, 250, 248))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, width, height // 9), fill=(30, 60, 110))
    for n, line in enumerate(lines):
        colour = (255, 255, 255) if n == 0 else (40, 40, 40)
        draw.text((width // 16, height // 40 + n * height // 7), line, fill=colour, font=_font(height // 20))
    draw.text((width // 16, height - 3 * text_px), foot, fill=(70, 70, 70), font=_font(text_px))
    return image


def _card(text: str, size: Size, colour: tuple[int, int, int]) -> Image.Image:
    image = Image.new("RGB", size, colour)
    ink = (0, 0, 0) if sum(colour) > 380 else (255, 255, 255)
    font = _font(max(8, min(size[1] // 6, round(1.6 * size[0] / max(1, len(text))))))
    ImageDraw.Draw(image).text((size[0] / 2, size[1] / 2), text, fill=ink, font=font, anchor="mm")
    return image


@cache
def _font(px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=px)


def _show(
    stills: Sequence[tuple[Path, float]],
    path: Path,
    *,
    fps: Rate,
    crf: int = 23,
    voice: Path | None = None,
    sound: bool = False,
) -> None:
    """Stills one after the other, each for its seconds."""
    listing = path.with_name(f".{path.name}.stills")
    frame_rate = float(fps)
    rows = [f"file '{still}'\nduration {seconds:.6f}" for still, seconds in stills]
    listing.write_text("\n".join(["ffconcat version 1.0", *rows, f"file '{stills[-1][0]}'"]))
    total = sum(seconds for _, seconds in stills)
    source: list[str | Path] = ["-f", "concat", "-safe", "0", "-i", listing]
    if voice is not None:
        source += ["-i", voice]
    elif sound:
        source += ["-f", "lavfi", "-i", f"sine=f=440:r=48000:d={total}"]
    try:
        _ffmpeg(*source, "-vf", f"fps={frame_rate:g}", "-t", f"{total:.3f}", *_codecs(path), *_crf(path, crf), path)
    finally:
        listing.unlink()


def _crf(path: Path, crf: int) -> tuple[str, ...]:
    return () if path.suffix in {".webm", ".gif"} else ("-crf", str(crf))


def _codecs(path: Path) -> tuple[str, ...]:
    quick_h264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
    return {
        ".mp4": (*quick_h264, "-c:a", "aac"),
        ".mov": (*quick_h264, "-c:a", "aac"),
        ".mkv": (*quick_h264, "-c:a", "aac"),
        ".webm": (
            "-threads",
            "1",
            "-c:v",
            "libvpx",
            "-deadline",
            "realtime",
            "-cpu-used",
            "8",
            "-b:v",
            "1M",
            "-c:a",
            "libopus",
        ),
        ".gif": ("-an", "-c:v", "gif"),
        ".ogg": ("-vn", "-c:a", "libopus"),
        ".mp3": ("-vn", "-c:a", "libmp3lame"),
        ".m4a": ("-vn", "-c:a", "aac"),
        ".flac": ("-vn", "-c:a", "flac"),
        ".wav": ("-vn", "-c:a", "pcm_s16le"),
    }[path.suffix]


@cache
def _speech_pcm(text: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder, "speech.wav")
        subprocess.run(["flite", "-voice", "slt", "-t", text, "-o", wav], check=True, capture_output=True)
        return _ffmpeg("-i", wav, "-ac", "1", "-ar", str(SPEECH_HZ), "-f", "s16le", "pipe:1")


def _tone_pcm(hz: int, sounding_seconds: float, total_seconds: float) -> bytes:
    times = np.arange(round(sounding_seconds * SPEECH_HZ)) / SPEECH_HZ
    wave = (6000 * np.sin(2 * np.pi * hz * times)).astype("<i2").tobytes()
    return wave.ljust(2 * round(total_seconds * SPEECH_HZ), b"\0")


def _pcm_silence(seconds: float) -> bytes:
    return bytes(2 * round(seconds * SPEECH_HZ))


def pcm_wav(pcm: bytes, rate_hz: int) -> bytes:
    """One channel of 16 bits in a WAV."""
    head = struct.pack(
        "<4sI4s4sIHHIIHH", b"RIFF", 36 + len(pcm), b"WAVE", b"fmt ", 16, 1, 1, rate_hz, rate_hz * 2, 2, 16
    )
    return head + struct.pack("<4sI", b"data", len(pcm)) + pcm


def _turn(path: Path, degrees: int) -> None:
    """Write a display matrix into the video track's header (ISO 14496-12, tkhd, version 0)."""
    one = 0x10000
    quarter = {90: (0, one, -one, 0), 180: (-one, 0, 0, -one), 270: (0, -one, one, 0)}[degrees]
    a, b, c, d = quarter
    data = bytearray(path.read_bytes())
    at = data.find(b"tkhd")
    struct.pack_into(">9i", data, at + 4 + 40, a, b, 0, c, d, 0, 0, 0, 0x40000000)
    path.write_bytes(data)


def _ffmpeg(*arguments: str | Path) -> bytes:
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-threads", "2", *(str(part) for part in arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
