"""A disk that fills up under the bot and is emptied again: people are told, nothing breaks, and it goes on (R44).

The data of the bot lies on a small disk of its own, which takes leave to mount one: as root, or under `unshare -Urm`.
"""

import asyncio
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from bot.discord_io import client as client_module
from bot.domain.errors import MemoryFault
from tests.journeys.discord.held import held
from tests.simulator.discord_server import Channel, DiscordServer, Person, Upload
from tests.simulator.openai_server import OpenAIEmulator
from tests.simulator.running import running_bot

FULL = "⚠️ The disk is full, so nothing can be remembered. Whoever runs this bot has to free some space."
NO_ROOM = "⚠️ There is no room to save this file here. Tell whoever runs this bot."
NOT_REMEMBERED = "-# ⚠️ This is not remembered. The disk is full, so nothing can be remembered."
STOPPED = "Stopped. Nothing more is spent on this."
PARTS = ("It is green. " * 100, "It stays green. " * 100)


class Disk:
    """A small one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self, *, leave_bytes: int = 0) -> None:
        with self._ballast.open("wb", buffering=0) as file, suppress(OSError):
            while shutil.disk_usage(self.folder).free > leave_bytes:
                file.write(bytes(4096))

    def empty(self) -> None:
        self._ballast.unlink()


@pytest.fixture
def disk(tmp_path: Path, migrated: Path) -> Iterator[Disk]:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m,mode=0700", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("nothing may be mounted here")
    try:
        shutil.copy(migrated, folder / "kibitz.db")
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def first_line(content: str) -> str:
    return content.splitlines()[0]


async def test_people_are_told_and_it_goes_on_when_there_is_room(
    disk: Disk,
    discord: DiscordServer,
    cloud: OpenAIEmulator,
    general: Channel,
    anna: Person,
    ben: Person,
    snap: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client_module, "GOES_ON_SECONDS", 0.1)
    large = Upload(name="large.mp4", data=snap.read_bytes() + bytes(2**20))
    async with running_bot(discord, cloud, disk.folder):
        disk.fill(leave_bytes=2**19)
        asked = await anna.post("@bot what colour?", large, to=general)
        assert first_line((await discord.bot.reply(asked)).content) == NO_ROOM

        disk.empty()
        disk.fill()
        for asking in (
            anna.post("@bot hello?", to=general),
            ben.post("@bot what colour?", snap, to=general),
            anna.slash("ask", question="what colour?", clip=snap, to=general),
            ben.dm("hello?"),
        ):
            assert first_line((await discord.bot.reply(await asking)).content) == FULL
        assert cloud.requests == []
        assert list((disk.folder / "work").glob("job-*")) == []

        disk.empty()
        with held(cloud, "answer", answers="\n\n".join(PARTS)) as mind:
            asked = await anna.post("@bot what colour?", snap, to=general)
            stopped = await ben.dm("hello?")
            await discord.bot.until(lambda: mind.begun["answer"] == 2)
            progress = await discord.bot.reply(stopped, settled=lambda m: m.buttons[0].label == "Cancel")
            disk.fill()
            await ben.press(progress, "Cancel")
            assert (await discord.bot.reply(stopped)).content == STOPPED
        answer = await discord.bot.reply(asked, settled=lambda m: m.is_settled and m.content.startswith("It is green."))
        await discord.bot.until(lambda: NOT_REMEMBERED in discord.bot.messages(general)[-1].content)
        await asyncio.sleep(0.5)  # it looks several times for what could not be delivered
        assert len(discord.bot.replies(asked)) == 2
        assert answer.content.startswith("It is green.")
        assert [message.content for message in discord.bot.replies(stopped)] == [STOPPED]
        assert _integrity(disk.folder) == "ok"

        disk.empty()
        with held(cloud):
            again = await ben.post("@bot what colour?", snap, to=general)
            assert (await discord.bot.reply(again)).content.startswith("It is green.")
        await discord.bot.until(lambda: _unfinished(disk.folder) == 0)
    assert _integrity(disk.folder) == "ok"


async def test_a_start_on_a_full_disk_says_so(disk: Disk, discord: DiscordServer, cloud: OpenAIEmulator) -> None:
    disk.fill()
    with pytest.raises(MemoryFault) as caught:
        async with running_bot(discord, cloud, disk.folder):
            pytest.fail("there is no room for its log")
    assert caught.value.code == "memory_full"
    disk.empty()
    async with running_bot(discord, cloud, disk.folder):
        assert discord.bot.is_online
    assert _integrity(disk.folder) == "ok"


def _integrity(folder: Path) -> str:
    with closing(sqlite3.connect(folder / "kibitz.db")) as connection:
        return connection.execute("PRAGMA integrity_check").fetchone()[0]


def _unfinished(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "kibitz.db")) as connection:
        return connection.execute("SELECT count(*) FROM asks WHERE ask IS NOT NULL").fetchone()[0]
