"""`make demo`: the main job on a clip it makes itself, with nothing configured; exits with 1 when it is not true."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests import clips

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build" / "demo"
CLIP = FOLDER / "clip.mp4"
VOICE = FOLDER / "answer.ogg"
STORYBOARD = FOLDER / "storyboard.png"
SLIDES = [
    ("Page one", "this is the first page"),
    ("Meeting at nine", "the meeting starts at nine in the morning"),
    ("Three people", "there are three people in the room"),
]
QUESTION = "What did the sign say when someone said nine?"
NEAR_SECONDS = 1.0


def main() -> int:
    """Make the clip, show what a person would do with it, and check what came out."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    print("Making a clip of three signs, each with a sentence spoken over it …", flush=True)
    slides = clips.slides_with_speech(CLIP, SLIDES)
    show("timeline", str(CLIP))
    show("ask", str(CLIP), QUESTION, "--voice", str(VOICE))
    show("storyboard", str(CLIP), str(STORYBOARD))
    told = json.loads(run("ask", str(CLIP), QUESTION, "--json"))
    problems = check(told, slides)
    seconds = length_of(VOICE)
    if seconds < 1:
        problems.append("the voice clip cannot be played")
    print(f"\nVoice clip  {VOICE.relative_to(ROOT)} ({seconds:.1f} s)\nStoryboard  {STORYBOARD.relative_to(ROOT)}")
    for problem in problems:
        print(f"Not true: {problem}", file=sys.stderr)
    print("All of it is true." if not problems else "")
    return 1 if problems else 0


def show(*arguments: str) -> None:
    """A command and its output, as on a terminal."""
    shown = [argument.replace(f"{ROOT}/", "") for argument in arguments]
    print("\n$ python -m bot " + " ".join(f'"{part}"' if " " in part else part for part in shown), flush=True)
    print(run(*arguments), end="", flush=True)


def run(*arguments: str) -> str:
    """The output of one command; what it says on stderr stays there. Raises CalledProcessError."""
    command = [sys.executable, "-m", "bot", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, env=os.environ).stdout


def check(told: dict, slides: tuple[clips.Slide, ...]) -> list[str]:
    """What of the timeline and the answer does not match the clip that was made."""
    problems = []
    for slide in slides:
        for kind, words, start in (
            ("text", slide.text, slide.start_seconds),
            ("heard", slide.spoken, slide.spoken_at_seconds),
        ):
            found = [moment for moment in told["timeline"] if moment["kind"] == kind and same(moment["text"], words)]
            if not any(abs(moment["start_seconds"] - start) <= NEAR_SECONDS for moment in found):
                problems.append(f"“{words}” is not {kind} at {start:.1f} s")
    if slides[1].text.casefold() not in told["answer"].casefold():
        problems.append("the answer does not say what the sign says")
    return problems


def same(one: str, other: str) -> bool:
    """Equal but for case and the ends of lines."""
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()


def length_of(path: Path) -> float:
    """Seconds of sound in a file, as ffprobe tells."""
    command = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", str(path)]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout or 0)


if __name__ == "__main__":
    sys.exit(main())
