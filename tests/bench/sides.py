"""The two sides of the benchmark, each run once on a clip against an emulated OpenAI with set delays."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tests.bench.process import run_side
from tests.simulator.openai_server import (
    Call,
    ChatCall,
    Delays,
    HeardSegment,
    HonestMind,
    OpenAIEmulator,
    SeenImage,
    SeenPicture,
    SpeechCall,
    TranscriptionCall,
    flavours,
)
from tests.simulator.openai_server.chat import split_tokens
from tests.simulator.openai_server.sound import HeardAudio
from tests.simulator.openai_server.speaking import split_sentences

ROOT = Path(__file__).parents[2]
QUESTION = "What happens in this clip, and what is said?"
ANSWER = (
    "Several slides go through a quarterly review of the northern region. "
    "In between, the camera moves over a colourful scene, and once a small window shows the speaker."
)
DELAYS = Delays(
    caption=1.2,
    transcript=0.6,
    transcript_per_second=0.02,
    first_token=0.5,
    per_token=0.015,
    first_speech_byte=0.35,
)


CAPTIONS = (
    "A slide with a dark bar at the top, four lines of text with numbers, and a bar chart with six blue bars below.",
    "The camera moves to the right over many overlapping circles and rectangles in bright colours, slightly noisy.",
    "The same slide is still shown, and in a small window in the upper right corner a coloured pattern is moving.",
    "A different slide has appeared, its bar is reddish and its six bars are of another height than those before.",
)


class BenchMind(HonestMind):
    """Says as much as a model would, some twenty words for a picture, a sentence for a piece of sound, and takes no
    processor time from the sides to find it."""

    def __init__(self) -> None:
        super().__init__(answers=ANSWER)

    def look(self, images: Sequence[SeenImage], call: ChatCall) -> list[SeenPicture]:
        return [SeenPicture(caption=CAPTIONS[image.size_bytes % len(CAPTIONS)]) for image in images]

    def listen(self, audio: HeardAudio, call: TranscriptionCall) -> list[HeardSegment]:
        said = "Welcome to the quarterly review, please look at the numbers in the lower right corner."
        return [HeardSegment(start_seconds=0.0, end_seconds=audio.duration_seconds, text=said)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One side on one clip. Seconds are since the run began; `around_seconds` is what the process spent before and
    after it: interpreter, imports, exit."""

    first_text_seconds: float
    first_audio_seconds: float
    total_seconds: float
    around_seconds: float
    peak_bytes: int
    calls: tuple[Call, ...]

    @property
    def caption_requests(self) -> int:
        """Requests with pictures in them."""
        return sum(isinstance(call, ChatCall) and bool(call.images) for call in self.calls)

    @property
    def image_tokens(self) -> int:
        return sum(call.image_tokens for call in self.calls if isinstance(call, ChatCall))

    @property
    def upload_bytes(self) -> int:
        return sum(call.size_bytes for call in self.calls)

    @property
    def longest_sound_seconds(self) -> float:
        return max((call.duration_seconds for call in self.calls if isinstance(call, TranscriptionCall)), default=0.0)


async def run_recipe(clip: Path, folder: Path, *, in_real_time: bool = True) -> Measured:
    """The plain recipe. Not `in_real_time`: against a server without delays and without a limit for uploads; the
    delays are added to the measured times afterwards."""
    speech = folder / "recipe.mp3"

    def command(events: Path) -> list[str]:
        return [sys.executable, "-m", "tests.bench.recipe", str(clip), QUESTION, str(speech), str(events)]

    measured = await _run(command, folder, "recipe", in_real_time=in_real_time)
    return measured if in_real_time else _with_delays(measured)


async def run_kibitz(clip: Path, folder: Path) -> Measured:
    """Kibitz as it is delivered, from the command line."""
    settings = folder / "config.toml"
    shutil.copy(ROOT / "config.toml", settings)

    def command(events: Path) -> list[str]:
        options = ["--voice", str(folder / "kibitz.ogg"), "--json", "--events", str(events), "--config", str(settings)]
        return [sys.executable, "-m", "bot", "ask", str(clip), QUESTION, *options]

    return await _run(command, folder, "kibitz", in_real_time=True)


async def run_extraction(clip: Path, folder: Path) -> float:
    """Seconds that Kibitz needs to take frames and sound out of a clip."""
    command = [sys.executable, "-m", "tests.bench.extraction", str(clip)]
    return float((await run_side(command, env=clean_environment(), folder=folder)).stdout)


async def _run(command: Callable[[Path], list[str]], folder: Path, name: str, *, in_real_time: bool) -> Measured:
    events = folder / f"{name}.jsonl"
    events.unlink(missing_ok=True)
    generous = replace(flavours.OPENAI, hearing=replace(flavours.OPENAI.hearing, max_file_bytes=None))
    emulator = OpenAIEmulator(
        mind=BenchMind(),
        delays=DELAYS if in_real_time else Delays(),
        flavour=flavours.OPENAI if in_real_time else generous,
        skims=True,
    )
    async with emulator:
        address = {"OPENAI_BASE_URL": emulator.base_url, "OPENAI_API_KEY": emulator.api_key}
        finished = await run_side(command(events), env=clean_environment() | address, folder=folder)
    at = first_times(events)
    return Measured(
        first_text_seconds=at["FirstToken"],
        first_audio_seconds=at["FirstAudio"],
        total_seconds=at["RunEnded"],
        around_seconds=finished.seconds - at["RunEnded"],
        peak_bytes=finished.peak_bytes,
        calls=tuple(emulator.requests),
    )


def first_times(events: Path) -> dict[str, float]:
    """When each kind of event first came, by its name."""
    times: dict[str, float] = {}
    for line in events.read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        times.setdefault(event["event"], event["at_seconds"])
    return times


def clean_environment() -> dict[str, str]:
    """Ours, without settings of Kibitz and keys; the project can be imported."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KIBITZ_", "OPENAI_"))}
    return kept | {"PYTHONPATH": str(ROOT)}


def delay_of(call: Call) -> float:
    """How long the set delays make one call, its own work aside."""
    match call:
        case ChatCall(is_caption=True):
            return DELAYS.caption
        case ChatCall():
            return DELAYS.first_token + DELAYS.per_token * call.output_tokens
        case TranscriptionCall():
            return DELAYS.transcript + DELAYS.transcript_per_second * call.duration_seconds
        case SpeechCall():
            return DELAYS.first_speech_byte
    return 0.0


def _with_delays(measured: Measured) -> Measured:
    """A run in sequence without delays, as it would have been with them: each call lasts its delay or its work,
    whichever is longer."""
    added = {
        id(call): max(0.0, delay_of(call) - ((call.ended_seconds or call.at_seconds) - call.at_seconds))
        for call in measured.calls
    }
    speech = sum(added[id(call)] for call in measured.calls if isinstance(call, SpeechCall))
    everything = sum(added.values())
    return replace(
        measured,
        first_text_seconds=measured.first_text_seconds + everything - speech,
        first_audio_seconds=measured.first_audio_seconds + everything,
        total_seconds=measured.total_seconds + everything,
    )


def bound_seconds(extraction_seconds: float, kibitz: Measured) -> float:
    """The earliest possible first sound: local extraction + max(caption, transcript) + first sentence + first byte.

    The transcript is that of the longest piece that was sent.
    """
    transcript = DELAYS.transcript + DELAYS.transcript_per_second * kibitz.longest_sound_seconds
    sentence = DELAYS.first_token + DELAYS.per_token * len(split_tokens(split_sentences(ANSWER)[0]))
    return extraction_seconds + max(DELAYS.caption, transcript) + sentence + DELAYS.first_speech_byte
