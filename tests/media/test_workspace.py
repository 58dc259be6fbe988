"""A job's folder is private and goes with the job, even when the process was killed."""

import signal
import subprocess
import sys

import pytest

from bot.media.workspace import Workspace, sweep_workspaces


def test_private_while_open_and_gone_after(tmp_path):
    root = tmp_path / "work"
    with Workspace(root) as workspace:
        (workspace.path / "sub").mkdir()
        (workspace.path / "sub" / "file").write_text("x")
        assert workspace.path.stat().st_mode & 0o777 == 0o700
    assert list(root.iterdir()) == []
    with pytest.raises(RuntimeError):
        _ = workspace.path


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
