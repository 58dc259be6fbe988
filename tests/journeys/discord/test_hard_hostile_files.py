"""Files that are not what they say, lie elsewhere, or are none: one sentence each, nothing fetched from strangers."""

import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from tests import clips
from tests.journeys.discord.conftest import StartBot
from tests.simulator.discord_server import Channel, DiscordServer, Message, Person, Upload
from tests.simulator.discord_server.uploads import File
from tests.simulator.openai_server import HonestMind, OpenAIEmulator

ANSWER = "It is green."
EXECUTABLE = b"MZ\x90\x00" + bytes(range(256)) * 40
UNKNOWN = "That is not a video, sound or picture I know. Send MP4, WebM, MP3 or JPEG."
REFUSED = {
    "notes.txt": (b"just some words\n" * 50, UNKNOWN),
    "setup.mp4": (EXECUTABLE, UNKNOWN),
    "empty.mp4": (b"", "The file is empty."),
    "half.mp4": (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"\0" * 400, "The file is damaged or incomplete."),
    "list.mp4": (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", UNKNOWN),
    "concat.mp4": (b"ffconcat version 1.0\nfile /etc/passwd\n", UNKNOWN),
    "page.webm": (b"<html><script>alert(1)</script></html>", UNKNOWN),
    "drawing.png": (b'<svg xmlns="http://www.w3.org/2000/svg"><image href="http://127.0.0.1:9/x"/></svg>', UNKNOWN),
}


@pytest.fixture(autouse=True)
def short_words(cloud: OpenAIEmulator) -> None:
    cloud.mind = HonestMind(answers=ANSWER)


@asynccontextmanager
async def stranger(body: bytes) -> AsyncIterator[tuple[str, list[str]]]:
    """A server that is not Discord's: its origin, and who came by."""
    seen: list[str] = []

    async def serve(request: web.Request) -> web.Response:
        seen.append(request.path)
        return web.Response(body=body)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", seen
    finally:
        await runner.cleanup()


def said(message: Message) -> str:
    assert message.content.startswith("⚠️ ")
    assert message.content.splitlines()[-1].startswith("-# Job ")
    return message.content


@pytest.mark.usefixtures("bot")
@pytest.mark.parametrize("name", REFUSED)
async def test_a_file_that_is_no_clip(
    name: str, discord: DiscordServer, cloud: OpenAIEmulator, general: Channel, anna: Person
) -> None:
    data, says = REFUSED[name]
    by_post = await discord.bot.reply(await anna.post("@bot what?", Upload(name=name, data=data), to=general))
    asked = await anna.slash("ask", question="what?", clip=Upload(name=name, data=data), to=general)
    assert says in said(by_post)
    assert said(by_post).splitlines()[0] == said(await asked.reply()).splitlines()[0]
    assert cloud.requests == []


@pytest.mark.usefixtures("bot")
async def test_a_clip_of_no_length(
    discord: DiscordServer, cloud: OpenAIEmulator, general: Channel, anna: Person, tmp_path: Path
) -> None:
    """A track without a frame, and a video of a single one."""
    header = struct.pack(">I4s4sI4s", 20, b"ftyp", b"isom", 512, b"isom")
    nothing = header + struct.pack(">I4s", 8, b"mdat")
    answer = await discord.bot.reply(await anna.post("@bot what?", Upload(name="no.mp4", data=nothing), to=general))
    assert "damaged or incomplete" in said(answer)
    clips.moving_clip(tmp_path / "one.mp4", seconds=0.01, fps=10, sound=False)
    answer = await discord.bot.reply(await anna.post("@bot what?", tmp_path / "one.mp4", to=general))
    assert answer.content.splitlines()[0] == ANSWER


@pytest.mark.usefixtures("bot")
async def test_ten_files_at_once(
    discord: DiscordServer, cloud: OpenAIEmulator, general: Channel, anna: Person, snap: Path
) -> None:
    files = [Upload(name=f"{n}.mp4", data=snap.read_bytes() + struct.pack(">I4sQ", 16, b"free", n)) for n in range(10)]
    answer = await discord.bot.reply(await anna.post("@bot what?", *files, to=general))
    assert answer.content.splitlines()[0] == ANSWER
    assert "Only the first 4 of 10 clips were used." in answer.content
    assert sum(request.template == "cdn" for request in discord.requests) == 4


@pytest.mark.usefixtures("bot")
async def test_a_bad_file_among_good_ones_is_left_out(
    discord: DiscordServer, general: Channel, anna: Person, snap: Path
) -> None:
    asked = await anna.post("@bot what?", snap, Upload(name="setup.mp4", data=EXECUTABLE), to=general)
    answer = await discord.bot.reply(asked)
    assert answer.content.splitlines()[0] == ANSWER
    assert "Clip 2 was left out." in answer.content


@pytest.mark.parametrize(("declared", "fetched"), [(5, 1), (10**12, 0)])
async def test_a_size_that_is_a_lie(
    declared: int,
    fetched: int,
    start: StartBot,
    discord: DiscordServer,
    cloud: OpenAIEmulator,
    general: Channel,
    anna: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Too small: it is stopped at the limit. Too large: it is not even asked for."""
    monkeypatch.setattr(File, "size", property(lambda _: declared))
    async with start(MEDIA__MAX_MEGABYTES=1):
        big = Upload(name="big.mp4", data=b"\0" * (3 * 2**20))
        answer = await discord.bot.reply(await anna.post("@bot what?", big, to=general))
    assert "The file is larger than 1 MiB; send a shorter clip." in said(answer)
    assert sum(request.template == "cdn" for request in discord.requests) == fetched
    assert cloud.requests == []


@pytest.mark.usefixtures("bot")
@pytest.mark.parametrize("disguise", ["{host}", "http://cdn.discordapp.com@{name}", "{host}/cdn.discordapp.com"])
async def test_an_address_elsewhere_is_not_opened(
    disguise: str, discord: DiscordServer, cloud: OpenAIEmulator, general: Channel, anna: Person, snap: Path
) -> None:
    async with stranger(snap.read_bytes()) as (host, seen):
        discord.world.cdn.origin = disguise.format(host=host, name=host.removeprefix("http://"))
        answer = await discord.bot.reply(await anna.post("@bot what?", snap, to=general))
        assert "This file does not lie on Discord's own servers, so it was not opened." in said(answer)
        asked = await anna.slash("ask", question="what?", clip=snap, to=general)
        assert "Post it as an attachment." in said(await asked.reply())
    assert seen == []
    assert cloud.requests == []


@pytest.mark.usefixtures("bot")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(
    status: int, discord: DiscordServer, cloud: OpenAIEmulator, general: Channel, anna: Person, snap: Path
) -> None:
    async with stranger(snap.read_bytes()) as (host, seen):
        discord.fail("/attachments/", status=status, times=9, headers={"Location": f"{host}/clip.mp4"})
        answer = await discord.bot.reply(await anna.post("@bot what?", snap, to=general))
        assert "Discord did not hand out this file." in said(answer)
    assert seen == []
    assert cloud.requests == []


@pytest.mark.usefixtures("bot")
async def test_an_address_in_the_words_is_not_opened(
    discord: DiscordServer, general: Channel, anna: Person, snap: Path
) -> None:
    async with stranger(snap.read_bytes()) as (host, seen):
        asked = await anna.post(f"@bot what is in {host}/clip.mp4 ?", to=general)
        assert (await discord.bot.reply(asked)).content == ANSWER
        commanded = await anna.slash("ask", question=f"what is in {host}/clip.mp4 ?", to=general)
        assert (await commanded.reply()).content == ANSWER
    assert seen == []


@pytest.mark.usefixtures("bot")
@pytest.mark.parametrize(
    ("link", "says"),
    [
        ("https://discord.com/channels/111111111111111111/111111111111111111/111111111111111111", "another server"),
        ("https://discord.com/channels/@me/111111111111111111/111111111111111111", "you cannot read"),
        ("{general}/111111111111111111", "no longer there"),
        (" ".join(["{general}/11111111111111111" + str(number) for number in range(4)]), "At most 3 message links"),
    ],
)
async def test_a_link_that_leads_nowhere(
    link: str, says: str, discord: DiscordServer, cloud: OpenAIEmulator, general: Channel, anna: Person
) -> None:
    question = f"what is in {link.format(general=general.url)}"
    answer = await discord.bot.reply(await anna.post(f"@bot {question}", to=general))
    assert says in said(answer)
    asked = await anna.slash("ask", question=question, to=general)
    assert says in said(await asked.reply())
    assert cloud.requests == []
