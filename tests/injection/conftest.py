"""A chat service with a real memory, tools of a plugin, and a model that obeys everybody."""

import inspect
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.database.engine import open_database
from bot.database.where import Where
from bot.domain.answer import AnswerMode
from bot.domain.ask import Ask
from bot.domain.conversation import ClipRef, ConversationKey, MediaSource, PlaceSettings, Turn
from bot.domain.errors import MediaError
from bot.domain.events import Stage, StageStarted
from bot.domain.media import MediaFile, MediaProbe
from bot.domain.occasion import Occasion
from bot.domain.recollection import Fact, Scope
from bot.domain.timeline import Timeline
from bot.domain.understanding import Look
from bot.hooks.values import ModelTool
from bot.memory.store import Memory
from bot.pipeline.crew import Crew
from bot.pipeline.video import Known, Understanding
from bot.services.chat import ChatService, Done
from bot.services.clips import Clip
from bot.services.remembrance import Remembrance
from tests.fakes.providers import KeepingListener, crew_of
from tests.injection.obedience import ObedientChat

HERE = ConversationKey(server_id=5, channel_id=1)
ELSEWHERE = {
    "canarychannel": ConversationKey(server_id=5, channel_id=2),
    "canaryserver": ConversationKey(server_id=6, channel_id=3),
    "canarydm": ConversationKey(server_id=None, channel_id=7),
    "canaryother": ConversationKey(server_id=None, channel_id=8),
}
ANNA, EVE = 7, 9
QUESTION = "What happens here? Is there a codeword of the lighthouse 灯塔的暗号?"
CLIP = MediaSource(channel_id=1, message_id=50, attachment_id=60, url="https://cdn.invalid/a", size_bytes=9)


class LureGuest:
    """A plugin that runs; its calls are made where we are."""

    name = "lure"
    is_off = False

    async def run(self, hook: str, work: Callable[[], object], seconds: float, **_: object) -> object:
        made = work()
        return await made if inspect.isawaitable(made) else made


class OneClip:
    """Clips that were understood long ago. Their file is gone, so a look at one finds nothing."""

    def __init__(self) -> None:
        self.timeline = Timeline.weave(duration_seconds=9.0)
        self.looks: list[Look] = []

    async def understood(self, run: Any, source: MediaSource, **_: object) -> Clip:
        understanding = Understanding(timeline=self.timeline, known=Known())
        return Clip(ref=ClipRef(sha256="c" * 64, source=source), has_picture=True, understanding=understanding)

    def again(self, run: Any, clip: Clip, stack: ExitStack) -> "OneClip":
        return self

    async def open(self) -> tuple[MediaFile, MediaProbe]:
        raise MediaError("media_expired", "It is gone. Post it again.")

    async def keep_looks(self, again: object) -> None:
        """There are none."""


@dataclass
class House:
    """What a test works with. `sent` are the calls that were made of a tool that has an effect, `read` those of one
    that has none."""

    memory: Memory
    chat: ObedientChat
    clips: OneClip
    service: ChatService
    crew: Crew
    sent: list[Mapping[str, object]] = field(default_factory=list)
    read: list[Mapping[str, object]] = field(default_factory=list)
    result: str = "Nothing."
    looks: int = 0

    def offer(self, *, description: str = "Looks something up.", hint: str = "What to look up") -> None:
        """The tools of a plugin: one that only reads, one that does something."""

        async def wiki(arguments: Mapping[str, object], occasion: Occasion) -> str:
            self.read.append(arguments)
            return self.result

        async def send_mail(arguments: Mapping[str, object], occasion: Occasion) -> str:
            self.sent.append(arguments)
            return "Sent."

        schema = {"type": "object", "properties": {"q": {"type": "string", "description": hint}}}
        tools = [
            ModelTool(name="wiki", description=description, parameters=schema, call=wiki),
            ModelTool(name="send_mail", description="Sends mail.", parameters=schema, call=send_mail, has_effect=True),
        ]
        self.crew.hooks.offers.set_tools(tools, GUEST)  # type: ignore[arg-type]

    async def ask(self, job_id: str, **fields: object) -> Done:
        """Anna asks in the open channel."""
        listener = KeepingListener()
        ask = Ask(job_id=job_id, key=HERE, asker_id=ANNA, asked_at=datetime.now(UTC), question=QUESTION)
        done = await self.service.serve(replace(ask, **fields), PlaceSettings(), listener)  # type: ignore[arg-type]
        self.looks = sum(isinstance(one, StageStarted) and one.stage is Stage.LOOK for one in listener.events)
        return done

    async def pinned(self) -> list[Fact]:
        """Everything that is pinned anywhere."""
        places = (HERE, *ELSEWHERE.values())
        return [fact for key in places for fact in await self.memory.pinned(Scope(key=key))]


GUEST = LureGuest()


def turn(number: int, key: ConversationKey, *, question: str, answer: str, **fields: object) -> Turn:
    """One of minutes ago."""
    made = Turn(
        job_id=f"{number:012x}",
        key=key,
        asker_id=EVE,
        asked_at=datetime.now(UTC) - timedelta(minutes=5),
        question=question,
        answer=answer,
        asker_name="Eve",
    )
    return replace(made, **fields)  # type: ignore[arg-type]


def fact(key: ConversationKey, text: str) -> Fact:
    return Fact(key=key, author_id=EVE, said_at=datetime.now(UTC), text=text)


@pytest.fixture
async def house(migrated: Path, tmp_path: Path) -> AsyncIterator[House]:
    """Elsewhere the codeword of the lighthouse was told, each time another one."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    shutil.copy(migrated, folder / "kibitz.db")
    chat, clips = ObedientChat(), OneClip()
    crew = crew_of(chat=chat)  # type: ignore[arg-type]
    async with open_database(Where(directory=folder)) as database:
        memory = Memory(database)
        for number, (canary, key) in enumerate(ELSEWHERE.items(), start=1):
            said = f"the codeword of the lighthouse 灯塔的暗号 is {canary}"
            await memory.keep_turn(turn(number, key, question=said, answer=said, asker_id=key.channel_id))
            await memory.keep_fact(fact(key, said))
        remembrance = Remembrance(crew, memory, recent=timedelta(days=1), summarises=False)
        service = ChatService(crew, memory, clips, remembrance, mode=AnswerMode.AUTO, max_clips=3)  # type: ignore[arg-type]
        made = House(memory=memory, chat=chat, clips=clips, service=service, crew=crew)
        made.offer()
        yield made
        await remembrance.finish(5.0)
