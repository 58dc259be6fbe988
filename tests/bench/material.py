"""The clips of the benchmark: slides, a panned scene with camera noise, a speaker's window, flite speech over all."""

import hashlib
import random
import subprocess
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from tests import clips

WIDTH, HEIGHT, FPS = 1280, 720, 25
_RATE_HZ = 16_000
_SENTENCES = (
    "Welcome to the quarterly review of the northern region.",
    "The blue line shows the orders of last year.",
    "We moved two people from support to the new office.",
    "Please look at the numbers in the lower right corner.",
    "In spring the deliveries were late for three weeks.",
    "Nobody expected that the price of copper would fall.",
    "The next slide compares both suppliers side by side.",
    "I will come back to this question at the end.",
)
# kind and share of the clip; kinds: slide, pan, window.
_SHORT = (("slide", 3.0), ("pan", 3.0))
_MIDDLE = (("slide", 5.0), ("pan", 5.0), ("window", 5.0))
_MINUTE = (
    ("slide", 8.0), ("pan", 9.0), ("window", 11.0), ("slide", 6.0), ("pan", 8.0), ("slide", 10.0), ("window", 8.0),
)  # fmt: skip
_TITLES = ("Orders by region", "Suppliers", "Deliveries", "Next steps", "Copper prices", "Open questions")


def make_clips(folder: Path) -> dict[str, Path]:
    """The four clips by name (`6s`, `15s`, `60s`, `10min`); those of an earlier run are used again."""
    version = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    home = folder / f"clips-{version}"
    home.mkdir(parents=True, exist_ok=True)
    made = {name: home / f"{name}.mp4" for name in ("6s", "15s", "60s", "10min")}
    for name, plan, seed in (("6s", _SHORT, 1), ("15s", _MIDDLE, 2), ("60s", _MINUTE, 3)):
        if not made[name].exists():
            _make(made[name], plan, seed)
    if not made["10min"].exists():
        _make_long(made["10min"], made["60s"], home)
    return made


def _make_long(path: Path, minute: Path, home: Path) -> None:
    """Ten minutes from two that take turns, without encoding them again."""
    other = home / "other.mp4"
    _make(other, _MINUTE[::-1], 4)
    listing = home / "minutes.txt"
    listing.write_text("".join(f"file '{part.resolve()}'\n" for part in (minute, other) * 5))
    _run("ffmpeg", "-v", "error", "-y", "-f", "concat", "-safe", "0", "-i", listing, "-c", "copy", _part(path))
    _part(path).rename(path)
    other.unlink()


def _make(path: Path, plan: tuple[tuple[str, float], ...], seed: int) -> None:
    pick = random.Random(seed)
    inputs: list[str | Path] = []
    graph: list[str] = []
    stills: list[Path] = []
    for index, (kind, seconds) in enumerate(plan):
        still = path.with_name(f"{path.stem}-{index}.png")
        (_scenery(pick) if kind == "pan" else _slide(pick)).save(still)
        stills.append(still)
        inputs += ["-loop", "1", "-framerate", str(FPS), "-t", str(seconds), "-i", still]
        graph.append(_filters(kind, index, seconds, pick))
    voice = path.with_suffix(".wav")
    total = sum(seconds for _, seconds in plan)
    _speech(voice, total, pick)
    joined = "".join(f"[v{index}]" for index in range(len(plan)))
    graph.append(f"{joined}concat=n={len(plan)}:v=1:a=0[v]")
    _run(
        "ffmpeg", "-nostdin", "-v", "error", "-y", *inputs, "-i", voice, "-filter_complex", ";".join(graph),
        "-map", "[v]", "-map", f"{len(plan)}:a", "-c:v", "libx264", "-preset", "ultrafast", "-crf", "28", "-g", "250",
        "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "96k", "-ar", "44100", "-ac", "2", "-t", str(total), _part(path),
    )  # fmt: skip
    _part(path).rename(path)
    for file in (*stills, voice):
        file.unlink()


def _part(path: Path) -> Path:
    """Where a clip is written until it is whole."""
    return path.with_name(f"part-{path.name}")


def _filters(kind: str, index: int, seconds: float, pick: random.Random) -> str:
    ending = f"format=yuv420p,setsar=1,fps={FPS}[v{index}]"
    match kind:
        case "pan":
            speed = pick.choice((40, 60, 80))
            noise = f"noise=alls=6:allf=t:all_seed={pick.randrange(1_000)}"
            return f"[{index}]crop={WIDTH}:{HEIGHT}:x='mod(t*{speed},640)':y='mod(t*{speed // 4},360)',{noise},{ending}"
        case "window":
            face = f"testsrc2=s=256x144:r={FPS}:d={seconds}"
            return f"{face}[w{index}];[{index}][w{index}]overlay=W-w-24:24:shortest=1,{ending}"
        case _:
            return f"[{index}]{ending}"


def _slide(pick: random.Random) -> Image.Image:
    image = Image.new("RGB", (WIDTH, HEIGHT), (248, 247, 243))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, WIDTH, 90), fill=tuple(pick.randrange(20, 120) for _ in range(3)))
    draw.text((40, 20), pick.choice(_TITLES), fill=(255, 255, 255), font=ImageFont.load_default(size=44))
    for line in range(4):
        text = f"{pick.choice(_TITLES)}: {pick.randrange(100, 999)} units, {pick.randrange(1, 30)} %"
        draw.text((80, 160 + line * 70), text, fill=(40, 40, 40), font=ImageFont.load_default(size=34))
    for bar in range(6):
        height = pick.randrange(30, 170)
        draw.rectangle((720 + bar * 70, 680 - height, 770 + bar * 70, 680), fill=(60, 110, 170))
    return image


def _scenery(pick: random.Random) -> Image.Image:
    """Larger than the picture, so that a camera can move over it."""
    image = Image.new("RGB", (WIDTH + 640, HEIGHT + 360), tuple(pick.randrange(90, 200) for _ in range(3)))
    draw = ImageDraw.Draw(image)
    for _ in range(140):
        left, top = pick.randrange(image.width), pick.randrange(image.height)
        box = (left, top, left + pick.randrange(20, 260), top + pick.randrange(20, 260))
        colour = tuple(pick.randrange(256) for _ in range(3))
        (draw.ellipse if pick.random() < 0.5 else draw.rectangle)(box, fill=colour)
    return image


def _speech(path: Path, seconds: float, pick: random.Random) -> None:
    """Sentences with pauses of half a second to two seconds, to the end."""
    pcm = bytes(2 * _RATE_HZ // 2)
    sentence = path.with_name(f"{path.stem}-sentence.wav")
    while len(pcm) < 2 * _RATE_HZ * seconds:
        clips.speech(pick.choice(_SENTENCES), sentence)
        pcm += sentence.read_bytes()[44:] + bytes(2 * int(_RATE_HZ * pick.uniform(0.5, 2.0)))
    sentence.unlink()
    raw = ("-f", "s16le", "-ar", str(_RATE_HZ), "-ac", "1", "-i", "-")
    _run("ffmpeg", "-v", "error", "-y", *raw, "-t", str(seconds), path, stdin=pcm)


def _run(*command: str | Path, stdin: bytes | None = None) -> None:
    given = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
    subprocess.run([str(part) for part in command], check=True, **given)
