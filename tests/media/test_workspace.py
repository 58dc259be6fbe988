"""A job's folder is private and goes with the job, even when the process was killed."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bot.cli.exits import EXIT_MEDIA
from bot.domain.errors import MediaError
from bot.media.frames import sample_frames
from bot.media.intake import open_media
from bot.media.limits import MediaLimits
from bot.media.probe import probe
from bot.media.workspace import Workspace, sweep_workspaces
from tests import clips


def test_private_while_open_and_gone_after(tmp_path):
    root = tmp_path / "work"
    with Workspace(root) as workspace:
        (workspace.path / "sub").mkdir()
        (workspace.path / "sub" / "file").write_text("x")
        assert workspace.path.stat().st_mode & 0o777 == 0o700
    assert list(root.iterdir()) == []
    with pytest.raises(RuntimeError):
        _ = workspace.path


def test_no_room_for_one_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MediaError, match="media_not_saved"), Workspace(tmp_path / "file" / "work"):
        pytest.fail("there is none")


def test_gone_after_an_error(tmp_path):
    with pytest.raises(ZeroDivisionError), Workspace(tmp_path):
        _ = 1 / 0
    assert list(tmp_path.iterdir()) == []


def test_two_at_once_do_not_meet(tmp_path):
    with Workspace(tmp_path) as one, Workspace(tmp_path) as other:
        assert one.path != other.path


def test_sweeping_leaves_what_is_in_use(tmp_path):
    with Workspace(tmp_path) as workspace:
        assert sweep_workspaces(tmp_path) == 0
        assert workspace.path.is_dir()


def test_sweeping_takes_what_a_killed_process_left(tmp_path):
    script = (
        "import sys, time; from pathlib import Path; from bot.media.workspace import Workspace\n"
        "with Workspace(Path(sys.argv[1])) as w:\n"
        "    (w.path / 'f').write_text('x'); print('ready', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script, tmp_path], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        assert sweep_workspaces(tmp_path) == 0
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert len(list(tmp_path.iterdir())) == 1
    assert sweep_workspaces(tmp_path) == 1
    assert list(tmp_path.iterdir()) == []


def test_sweeping_where_nothing_ever_was(tmp_path):
    assert sweep_workspaces(tmp_path / "never") == 0


async def test_nothing_is_left_of_work_that_is_cancelled(tmp_path: Path, limits: MediaLimits) -> None:
    clip, work = tmp_path / "clip.mp4", tmp_path / "work"
    clips.moving_clip(clip, seconds=1, fps=10, size=(64, 48))
    decoding = asyncio.Event()

    async def watch() -> None:
        with Workspace(work) as workspace:
            path = workspace.path / "clip"
            path.write_bytes(clip.read_bytes())
            file = await open_media(path, limits)
            async for _ in sample_frames(file, await probe(file, limits), limits):
                decoding.set()
                await asyncio.Event().wait()

    watching = asyncio.create_task(watch())
    await decoding.wait()
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    assert watching.cancelled()
    assert list(work.iterdir()) == []


def test_nothing_is_left_of_a_killed_bot_after_the_next_start(tmp_path: Path) -> None:
    work, system = tmp_path / "work", tmp_path / "system"
    system.mkdir()
    environment = {
        **os.environ,
        "TMPDIR": str(system),
        "KIBITZ_WORKSPACE__DIRECTORY": str(work),
        "KIBITZ_DATA__DIRECTORY": str(tmp_path / "data"),
    }
    command = [sys.executable, "-m", "bot", "timeline"]
    with subprocess.Popen([*command, "-"], stdin=subprocess.PIPE, env=environment, stderr=subprocess.DEVNULL) as bot:
        assert bot.stdin is not None
        bot.stdin.write(b"half a clip" * 100_000)
        bot.stdin.flush()
        while not list(work.glob("job-*/*")):
            assert bot.poll() is None
            time.sleep(0.01)
        bot.kill()
        bot.stdin.close()
    assert list(work.glob("job-*/*")), "what was killed leaves its file"
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no clip at all")
    ended = subprocess.run([*command, broken], env=environment, capture_output=True, check=False)
    assert ended.returncode == EXIT_MEDIA
    assert list(work.iterdir()) == []
    assert list(system.iterdir()) == []
