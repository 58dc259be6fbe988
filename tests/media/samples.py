"""What ffmpeg makes of its own test pictures and sounds."""

import subprocess
import tempfile
from pathlib import Path


def ffmpeg(suffix: str, *arguments: str | Path, data: bytes = b"") -> bytes:
    """The bytes of the file it writes. `data` is what it reads as "-"."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"made.{suffix}")
        command = ["ffmpeg", "-v", "error", "-y", "-threads", "2", *map(str, arguments), "-threads", "2", str(path)]
        subprocess.run(command, check=True, input=data)
        return path.read_bytes()
