"""A chat service over scripted providers, a real database and files on disk as attachments."""

import shutil
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from bot.database.engine import Database
from bot.domain.answer import AnswerMode
from bot.domain.conversation import MediaSource
from bot.domain.errors import MediaError
from bot.memory.store import Memory
from bot.pipeline.crew import Crew
from bot.services.chat import ChatService
from bot.services.clips import ClipService
from bot.services.remembrance import Remembrance
from tests import clips


@dataclass
class Shelf:
    """Attachments by their id; `taken` counts what was fetched."""

    files: dict[int, Path] = field(default_factory=dict)
    taken: list[int] = field(default_factory=list)

    def put(self, attachment_id: int, path: Path, *, is_voice_message: bool = False) -> MediaSource:
        self.files[attachment_id] = path
        return MediaSource(
            channel_id=1,
            message_id=attachment_id + 1000,
            attachment_id=attachment_id,
            url="https://cdn.invalid/file",
            size_bytes=path.stat().st_size,
            is_voice_message=is_voice_message,
        )

    async def fetch(self, source: MediaSource, folder: Path) -> Path:
        if source.attachment_id not in self.files:
            raise MediaError("media_expired", "It is gone. Post it again.")
        self.taken.append(source.attachment_id)
        return Path(shutil.copy(self.files[source.attachment_id], folder / "clip"))


@dataclass
class Desk:
    """What a test works with."""

    chat: ChatService
    clips: ClipService
    memory: Memory
    shelf: Shelf
    workspaces: Path


@pytest.fixture
async def desk_of(database: Database, tmp_path: Path) -> AsyncGenerator[Callable[[Crew], Desk]]:
    """A function from a crew to a desk; all of one test share memory and attachments."""
    memory, shelf = Memory(database), Shelf()

    def made(crew: Crew) -> Desk:
        service = ClipService(crew, memory, shelf, folder=tmp_path / "work")
        remembrance = Remembrance(crew, memory, recent=timedelta(days=1), summarises=False)
        stack.push_async_callback(remembrance.finish, 5.0)
        chat = ChatService(crew, memory, service, remembrance, mode=AnswerMode.AUTO, max_clips=3)
        return Desk(chat=chat, clips=service, memory=memory, shelf=shelf, workspaces=tmp_path / "work")

    async with AsyncExitStack() as stack:
        yield made


@pytest.fixture(scope="session")
def red_and_blue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of red, two of blue, each with a tone."""
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    clips.colour_tone_clip(path, scenes=[("red", 440), ("blue", 660)], seconds=2.0, size=(320, 180))
    return path


@pytest.fixture(scope="session")
def green(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    clips.colour_tone_clip(path, scenes=[("green", 550)], seconds=2.0, size=(320, 180))
    return path
