"""The plain recipe: a caption for every second, the whole sound, the whole answer, the whole speech, in that order.

`python -m tests.bench.recipe CLIP QUESTION SPEECH EVENTS` talks to OPENAI_BASE_URL. EVENTS receives JSON lines with
`event` and `at_seconds` since the start of the work.
"""

import asyncio
import base64
import json
import sys
import tempfile
import time
from pathlib import Path

from openai import AsyncOpenAI

MODEL = "gpt-6-luna"
CAPTION_TOKENS = 150


class Clock:
    """Writes events with the seconds since it was made."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._zero = time.monotonic()

    def event(self, name: str) -> None:
        line = json.dumps({"event": name, "at_seconds": time.monotonic() - self._zero})
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")


async def answer(clip: Path, question: str, speech: Path, clock: Clock) -> None:
    """Answers a question about a clip as the recipe does."""
    async with AsyncOpenAI(max_retries=0) as client:
        clock.event("RunStarted")
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            await run_ffmpeg("-i", clip, "-vf", "fps=1", "-q:v", "2", folder / "%05d.jpg")
            await run_ffmpeg("-i", clip, "-vn", "-ar", "44100", "-ac", "2", folder / "sound.wav")
            clock.event("Extracted")
            captions = [
                await caption(client, second, frame) for second, frame in enumerate(sorted(folder.glob("*.jpg")))
            ]
            transcript = await client.audio.transcriptions.create(
                model="gpt-transcribe", file=("sound.wav", (folder / "sound.wav").read_bytes(), "audio/wav")
            )
        prompt = "\n".join((*captions, f"Transcript: {transcript.text}", f"Question: {question}"))
        reply = await client.chat.completions.create(
            model=MODEL, reasoning_effort="none", messages=[{"role": "user", "content": prompt}]
        )
        text = reply.choices[0].message.content or ""
        clock.event("FirstToken")
        spoken = await client.audio.speech.create(
            model="gpt-4o-mini-tts", voice="alloy", input=text, response_format="mp3"
        )
        speech.write_bytes(spoken.content)
        clock.event("FirstAudio")
        clock.event("RunEnded")


async def caption(client: AsyncOpenAI, second: int, frame: Path) -> str:
    """One frame in words."""
    url = f"data:image/jpeg;base64,{base64.b64encode(frame.read_bytes()).decode()}"
    reply = await client.chat.completions.create(
        model=MODEL,
        reasoning_effort="none",
        max_completion_tokens=CAPTION_TOKENS,
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": f"Describe what is seen at second {second} of a video."},
                    {"type": "image_url", "image_url": {"url": url, "detail": "high"}},
                ],
            }
        ],
    )
    return f"At second {second}: {reply.choices[0].message.content}"


async def run_ffmpeg(*arguments: str | Path) -> None:
    command = ("ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, arguments))
    process = await asyncio.create_subprocess_exec(*command)
    if await process.wait() != 0:
        raise RuntimeError("ffmpeg failed")


def main() -> None:
    clip, question, speech, events = sys.argv[1:]
    asyncio.run(answer(Path(clip), question, Path(speech), Clock(Path(events))))


if __name__ == "__main__":
    main()
