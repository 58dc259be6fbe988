"""The whole bot among people: a simulated Discord on one side, an emulated cloud on the other."""

import asyncio
import os
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web

from bot.database.engine import open_database
from bot.database.where import Where
from bot.discord_io.client import KibitzClient
from tests import clips
from tests.databases import holds
from tests.journeys.discord.eyes import AttentiveMind
from tests.simulator.discord_server import Channel, DiscordServer, Guild, NotSeenError, Person, VoiceMessage
from tests.simulator.openai_server import HonestMind, OpenAIEmulator
from tests.simulator.openai_server.sound import decode_sound
from tests.simulator.running import running_bot

StartBot = Callable[..., AbstractAsyncContextManager[KibitzClient]]
StartOn = Callable[[Where], StartBot]
MakeClip = Callable[..., Path]
MakeSound = Callable[[str, HonestMind], Awaitable[Path]]


@pytest.fixture
async def discord() -> AsyncIterator[DiscordServer]:
    async with DiscordServer() as server:
        yield server


@pytest.fixture
def refused() -> Counter[int]:
    """Refusals (HTTP status: how many) that a journey provokes; empty unless it says so."""
    return Counter()


@pytest.fixture(autouse=True)
def decency(discord: DiscordServer, refused: Counter[int]) -> Iterator[None]:
    """What holds at the end of every journey: nobody was pinged, nothing unknown or forbidden was tried, far less was
    refused than bans an address, and no click was left without an answer."""
    yield
    assert [message.content for message in discord.bot.messages() if message.pings] == []
    assert discord.unknown_requests == []
    assert discord.refusals == refused
    assert discord.most_refused <= 100
    assert [interaction.name for interaction in discord.interactions if interaction.failed] == []


@pytest.fixture(autouse=True)
async def tidiness(
    request: pytest.FixtureRequest, discord: DiscordServer, cloud: OpenAIEmulator, tmp_path: Path
) -> AsyncIterator[None]:
    """The bot leaves nothing behind: no task, no child process, no folder of a job."""
    for name in {"where", "queue"} & set(request.fixturenames):
        request.getfixturevalue(name)  # its server is a process that stays
    before = _children()
    yield
    try:
        await discord.bot.until(lambda: not (_tasks() or _children() - before), timeout=10)
    except NotSeenError:
        assert (_tasks(), _children() - before) == ([], set())
    assert [path.name for path in (tmp_path / "data" / "work").glob("job-*")] == []


def _tasks() -> list[str]:
    """Of the bot and its libraries; those of the simulated servers and of the test itself are known by their code. The
    library's alarm clock of a panel (such as /settings) ends with the loop, and the look whether a press was answered
    (cogs/errors.py) by itself."""
    tasks = [task for task in asyncio.all_tasks() if task.get_name() != "discord.py: on_interaction"]
    files = {task.get_name(): getattr(task.get_coro(), "cr_code", None) for task in tasks}
    ours = (str(Path(web.__file__).parent / "web"), str(Path(__file__).parents[2]), "pytest_asyncio", "discord/ui/view")
    return [
        name for name, code in files.items() if code is not None and not any(part in code.co_filename for part in ours)
    ]


def _children() -> set[int]:
    """Processes that this one has started and that still run."""
    found: set[int] = set()
    for path in Path("/proc", str(os.getpid()), "task").glob("*/children"):
        with suppress(FileNotFoundError):  # a thread that ended while we looked
            found |= {int(pid) for pid in path.read_text().split()}
    return found


@pytest.fixture
def club(discord: DiscordServer) -> Guild:
    """A server with an owner, Olga, and the bot."""
    guild = discord.guild("Film club")
    guild.member("Olga")
    return guild


@pytest.fixture
def general(club: Guild) -> Channel:
    return club.channel("general")


@pytest.fixture
def lounge(club: Guild) -> Channel:
    """A voice channel."""
    return club.voice_channel("Lounge")


@pytest.fixture
def anna(club: Guild) -> Person:
    """A member without any office."""
    return club.member("Anna")


@pytest.fixture
def ben(club: Guild) -> Person:
    """Another."""
    return club.member("Ben")


@pytest.fixture
def mona(club: Guild) -> Person:
    """She looks after messages."""
    return club.member("Mona", roles=[club.role("mods", permissions=["manage_messages"])])


@pytest.fixture
def start(discord: DiscordServer, cloud: OpenAIEmulator, tmp_path: Path, migrated: Path) -> StartBot:
    """`async with start(JOBS__MAX_RUNNING=1):` the bot is online; the next start has the same data. Its tables are
    there already."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    shutil.copy(migrated, data / "kibitz.db")

    def started(**settings: object) -> AbstractAsyncContextManager[KibitzClient]:
        return running_bot(discord, cloud, tmp_path / "data", **settings)

    return started


@pytest.fixture
def start_on(discord: DiscordServer, cloud: OpenAIEmulator) -> StartOn:
    """`start` for a database of tests/databases.py: `start_on(where)`."""

    def of(where: Where) -> StartBot:
        def started(**settings: object) -> AbstractAsyncContextManager[KibitzClient]:
            return running_bot(discord, cloud, where.directory, DATA__URL=where.url or "", **settings)

        return started

    return of


async def eventually(look: Callable[[], Awaitable[bool]]) -> None:
    """Wait until the bot has taken in what it was told, which shows nowhere on Discord."""
    async with asyncio.timeout(20):
        while True:
            if await look():
                return
            await asyncio.sleep(0.02)


async def is_kept(where: Where, words: str) -> bool:
    """Whether the data of a bot that has stopped still holds these words anywhere."""
    async with open_database(where) as database:
        return await holds(where, database, words)


@pytest.fixture
async def bot(start: StartBot, club: Guild) -> AsyncIterator[KibitzClient]:
    """The bot, online during the whole journey."""
    async with start() as client:
        yield client


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> MakeClip:
    """`clip("red", "blue")`: a video of these colours, two seconds each, with a tone for each; the first is 440 hertz,
    then 660, 330, … `first_tone` begins later in that row. The same file for the same words."""
    folder = tmp_path_factory.mktemp("clips")

    def made(*colours: str, first_tone: int = 0) -> Path:
        path = folder / f"{'-'.join(colours)}-{first_tone}.mp4"
        if not path.exists():
            tones = clips.TONES_HZ[first_tone:]
            clips.colour_tone_clip(path, scenes=list(zip(colours, tones, strict=False)), seconds=2.0, size=(160, 90))
        return path

    return made


@pytest.fixture(scope="session")
def snap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The least a clip can be: half a second of green without sound."""
    path = tmp_path_factory.mktemp("snap") / "snap.mp4"
    clips.colour_tone_clip(path, scenes=[("green", 440)], seconds=0.5, fps=4, size=(160, 90), sound=False)
    return path


@pytest.fixture(scope="session")
def voice_message(tmp_path_factory: pytest.TempPathFactory) -> VoiceMessage:
    """A recording that the cloud hears as "tone 440 hertz"."""
    path = tmp_path_factory.mktemp("voice") / "voice.ogg"
    clips.tone(path, seconds=0.6)
    return VoiceMessage(path)


@pytest.fixture
def attentive(cloud: OpenAIEmulator) -> AttentiveMind:
    """Answers then begin with the question."""
    cloud.mind = mind = AttentiveMind()
    return mind


@pytest.fixture(scope="session")
def say(tmp_path_factory: pytest.TempPathFactory) -> MakeSound:
    """`await say("Hello", mind)`: a recording of these words, which that mind understands."""
    folder = tmp_path_factory.mktemp("sounds")

    async def made(text: str, mind: HonestMind) -> Path:
        path = folder / f"{text.lower().replace(' ', '-').strip('?.')}.ogg"
        if not path.exists():
            clips.speech(text, path)
        mind.learn_speech((await decode_sound(path.read_bytes(), ".ogg")).samples, text)
        return path

    return made


@pytest.fixture(scope="session")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A green picture."""
    path = tmp_path_factory.mktemp("photos") / "photo.png"
    clips.picture(path, size=(160, 90))
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Something to ask about: what an answer says of it, the small print below, what else there is to press, and what
    understanding it costs."""

    file: Path
    evidence: str
    notes: list[str]
    buttons: list[str]
    bill: dict[str, int]


@pytest.fixture(params=["video", "sound", "picture"])
async def piece(
    request: pytest.FixtureRequest, clip: MakeClip, photo: Path, say: MakeSound, attentive: AttentiveMind
) -> Piece:
    """A red video with a tone; a recording of a sentence; a green picture, which the chat model sees itself."""
    match request.param:
        case "video":
            return Piece(
                file=clip("red"),
                evidence="The picture is red, of medium brightness [0:00]. tone 440 hertz [0:00].",
                notes=[],
                buttons=["Transcript", "Frames"],
                bill={"captions": 1, "transcripts": 1},
            )
        case "sound":
            return Piece(
                file=await say("The exit is on the left", attentive),
                evidence="The exit is on the left [0:00].",
                notes=["⚠️ The file holds only sound, no picture."],
                buttons=["Transcript"],
                bill={"transcripts": 1},
            )
        case _:
            return Piece(
                file=photo,
                evidence="The picture is green, of medium brightness [0:00].",
                notes=["⚠️ This is a still picture: it has no motion and no sound."],
                buttons=["Transcript", "Frames"],
                bill={},
            )
