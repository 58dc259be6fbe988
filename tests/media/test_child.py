"""The one place that starts processes: bounded, drained, killed, collected."""

import asyncio
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bot.media import child, sandbox
from bot.media.child import CHILD_ENDED, ChildFailed, ChildFault, ChildReport, Complaint, open_child, run_child
from bot.media.limits import MediaLimits
from tests.media.conftest import children


async def shell(script: str, limits: MediaLimits, *, wall_seconds: float = 20, **options) -> bytes:
    return await run_child(["sh", "-c", script], readable=[], limits=limits, wall_seconds=wall_seconds, **options)


async def fault(script: str, limits: MediaLimits, **options) -> ChildFailed:
    with pytest.raises(ChildFailed) as caught:
        await shell(script, limits, **options)
    return caught.value


async def test_output_comes_back(limits):
    assert await shell("echo out", limits) == b"out\n"


async def test_a_megabyte_of_messages_does_not_block(limits):
    assert await shell("head -c 1000000 /dev/urandom >&2; echo out", limits) == b"out\n"


async def test_large_input_and_output_pass_at_once(limits):
    data = os.urandom(3_000_000)
    assert await run_child(["cat"], readable=[], limits=limits, wall_seconds=20, stdin=data) == data


async def test_input_for_a_child_that_does_not_listen_is_dropped(limits):
    assert await shell("exec 0<&-; echo out", limits, stdin=bytes(3_000_000)) == b"out\n"


async def test_output_beyond_the_cap_ends_the_child(limits):
    failed = await fault("head -c 1000000 /dev/urandom", limits, max_output_bytes=1000)
    assert failed.fault is ChildFault.OUTPUT


async def test_the_deadline_ends_the_whole_group(limits, tmp_path):
    pids = tmp_path / "pids"
    pids.touch()
    script = f"sleep 61 & echo $! >{pids}; sleep 62"
    failed = await fault(script, replace(limits, sandbox="off"), wall_seconds=1)
    assert failed.fault is ChildFault.TIMEOUT
    async with asyncio.timeout(10):  # the system ends a killed process in its own time
        while not _gone(int(pids.read_text())):  # noqa: ASYNC110 - the end of a foreign process is no event here
            await asyncio.sleep(0.01)


async def test_a_caller_cancelled_while_leaving_collects_the_child_all_the_same(limits):
    entered = asyncio.Event()

    async def enter_and_leave() -> None:
        async with open_child(["sleep", "60"], readable=[], limits=limits, wall_seconds=60):
            entered.set()

    for turns in range(1, 4):
        entered.clear()
        before = children()
        leaving = asyncio.create_task(enter_and_leave())
        await entered.wait()
        for _ in range(turns):
            await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        assert children() <= before


async def test_cancelling_the_caller_ends_and_collects_the_child(limits):
    running = asyncio.Event()
    seen: list[int] = []

    async def work() -> None:
        async with open_child(["sleep", "63"], readable=[], limits=limits, wall_seconds=60) as opened:
            seen.append(opened.pid)
            running.set()
            await opened.stdout.read()

    task = asyncio.create_task(work())
    await running.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert _gone(seen[0])


async def test_leaving_the_block_early_ends_the_child(limits):
    async with open_child(["sleep", "64"], readable=[], limits=limits, wall_seconds=60) as opened:
        pid = opened.pid
    assert _gone(pid)


async def test_a_missing_program_is_told_apart(limits):
    with pytest.raises(ChildFailed) as caught:
        await run_child(["no-such-program"], readable=[], limits=limits, wall_seconds=5)
    assert caught.value.fault is ChildFault.MISSING


async def test_a_failing_status_and_the_kind_of_complaint_are_told_without_its_text(limits):
    failed = await fault("echo 'secret.mp4: Invalid data found' >&2; exit 7", limits)
    assert (failed.fault, failed.complaint, failed.status) == (ChildFault.STATUS, Complaint.CORRUPT, 7)
    assert "secret" not in str(failed)


async def test_extra_pipes_are_descriptors_three_and_four(limits):
    script = ["sh", "-c", "echo one >&3; echo two >&4; echo out"]
    async with open_child(script, readable=[], limits=limits, wall_seconds=20, pipes=2) as opened:
        assert [await pipe.read_all() for pipe in opened.pipes] == [b"one\n", b"two\n"]
        assert await opened.stdout.read_all() == b"out\n"
        (await opened.finish()).check()


async def test_the_environment_is_empty(limits, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "private")
    assert b"private" not in await run_child(["env"], readable=[], limits=limits, wall_seconds=20)


async def test_the_child_has_its_own_session_and_lower_priority(limits):
    code = "import os; print(os.getsid(0) == os.getpid(), os.getpriority(os.PRIO_PROCESS, 0) > 0)"
    assert await _python(code, limits) == b"True True\n"


async def test_memory_is_limited(limits):
    failed = await _python_fails("x = bytearray(300 << 20)", replace(limits, child_memory_bytes=200 << 20))
    assert failed.fault is ChildFault.STATUS
    assert await _python("x = bytearray(300 << 20); print(1)", limits) == b"1\n"


async def test_no_child_takes_half_a_gigabyte(limits):
    failed = await _python_fails("x = bytearray(480 << 20)", limits)
    assert failed.fault is ChildFault.STATUS


async def test_what_a_child_took_is_told_when_it_ends(limits):
    told: list[ChildReport] = []
    before = CHILD_ENDED.set(told.append)
    python = [Path(sys.prefix), Path(sys.base_prefix)]
    taking = [sys.executable, "-c", "x = bytes(80 << 20); y = bytearray(x); input()"]
    async with open_child(taking, readable=python, limits=limits, wall_seconds=60, stdin=True) as opened:
        async with asyncio.timeout(30):
            while opened.report("").peak_bytes < 80 << 20:  # noqa: ASYNC110 - the memory of another process is no event
                await asyncio.sleep(0.01)
        await opened.close_stdin()
        await opened.finish()
    with pytest.raises(ChildFailed):
        await shell("exit 3", limits)
    async with open_child(["sleep", "65"], readable=[], limits=limits, wall_seconds=60):
        pass
    CHILD_ENDED.reset(before)
    assert [report.program for report in told] == [Path(sys.executable).name, "sh", "sleep"]
    assert [report.fault for report in told] == [ChildFault.STATUS, ChildFault.STATUS, None]
    assert told[0].peak_bytes >= 80 << 20
    assert told[0].seconds > 0


async def test_processor_time_is_limited(limits):
    failed = await _python_fails("while True: pass", replace(limits, child_cpu_seconds=1))
    assert failed.fault is ChildFault.SIGNAL


@pytest.mark.skipif(not all(sandbox.available_layers()), reason="this kernel lacks Landlock or seccomp")
class TestSandbox:
    async def test_only_the_named_file_can_be_read(self, limits, tmp_path):
        mine, other = tmp_path / "mine", tmp_path / "other"
        mine.write_bytes(b"mine")
        other.write_bytes(b"other")
        assert await run_child(["cat", str(mine)], readable=[mine], limits=limits, wall_seconds=20) == b"mine"
        for path in (str(other), "/etc/passwd"):
            with pytest.raises(ChildFailed):
                await run_child(["cat", path], readable=[mine], limits=limits, wall_seconds=20)

    async def test_nothing_can_be_written(self, limits, tmp_path):
        target = tmp_path / "target"
        with pytest.raises(ChildFailed):
            await run_child(["cp", "/dev/null", str(target)], readable=[tmp_path], limits=limits, wall_seconds=20)
        assert not target.exists()

    async def test_there_are_no_sockets(self, limits):
        await _python_fails("import socket; socket.socket()", limits)
        assert await _python("import socket; socket.socket(); print(1)", replace(limits, sandbox="off")) == b"1\n"

    async def test_required_passes_where_all_is_there(self, limits):
        assert await shell("echo out", replace(limits, sandbox="required")) == b"out\n"


async def test_required_refuses_where_a_layer_is_missing(limits, tmp_path, monkeypatch):
    monkeypatch.setattr(child, "_LAUNCHER", str(_without_landlock(tmp_path)))
    failed = await fault("echo out", replace(limits, sandbox="required"))
    assert failed.fault is ChildFault.SANDBOX
    assert await shell("echo out", replace(limits, sandbox="best-effort")) == b"out\n"


def _without_landlock(folder: Path) -> Path:
    """The launcher on a kernel whose Landlock calls do not exist."""
    source = Path(sandbox.__file__).read_text()
    altered = source.replace("_LANDLOCK_RESTRICT = 444, 445, 446", "_LANDLOCK_RESTRICT = 9444, 9445, 9446")
    assert altered != source
    launcher = folder / "sandbox.py"
    launcher.write_text(altered)
    return launcher


async def _python(code: str, limits: MediaLimits) -> bytes:
    python = [Path(sys.prefix), Path(sys.base_prefix)]
    return await run_child([sys.executable, "-c", code], readable=python, limits=limits, wall_seconds=30)


async def _python_fails(code: str, limits: MediaLimits) -> ChildFailed:
    with pytest.raises(ChildFailed) as caught:
        await _python(code, limits)
    return caught.value


def _gone(pid: int) -> bool:
    """Whether a process is dead; one nobody has collected yet counts as dead."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"
