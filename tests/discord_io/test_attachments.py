"""Attachments: downloaded from Discord's hosts only, within the limit, to the end, and found again when expired."""

import asyncio
import gzip
import stat
from collections.abc import AsyncGenerator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import aiohttp
import pytest
from aiohttp import web

from bot.config import DiscordSettings, MediaSettings, Settings
from bot.discord_io import attachments
from bot.discord_io.attachments import AttachmentFetcher, open_fetcher, read_again, sources_of
from bot.domain.conversation import MediaSource
from bot.domain.errors import MediaError
from tests.discord_io.bots import connected
from tests.simulator.discord_server import DiscordServer, Upload, VoiceMessage

MIB = 2**20
CLIP = bytes(range(256)) * 1000


class Cdn:
    """A host that answers as it is told, once per request, the last answer from then on."""

    def __init__(self) -> None:
        self.answers: list[web.Response | str] = []
        self.requests: list[web.Request] = []
        self.origin = ""

    def source(self, path: str = "/attachments/1/2/clip.mp4?ex=a&is=b&hm=c%2F", **changes: object) -> MediaSource:
        source = MediaSource(
            channel_id=1, message_id=3, attachment_id=2, url=f"{self.origin}{path}", size_bytes=len(CLIP)
        )
        return replace(source, **changes)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, web.Response):
            return web.Response(status=answer.status, body=answer.body, headers=answer.headers)
        response = web.StreamResponse()
        if answer == "cut off":
            response.content_length = len(CLIP)
            await response.prepare(request)
            await response.write(CLIP[:1000])
            assert request.transport
            request.transport.close()
        else:  # without a length: a byte too long, or endless
            response.enable_chunked_encoding()
            await response.prepare(request)
            await response.write(bytes(MIB + 1))
            while answer == "endless" and request.transport and not request.transport.is_closing():
                await response.write(CLIP)
                await asyncio.sleep(0)
        return response


@pytest.fixture
async def cdn() -> AsyncGenerator[Cdn]:
    cdn = Cdn()
    application = web.Application()
    application.router.add_get("/{path:.*}", cdn.handle)
    runner = web.AppRunner(application, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    cdn.origin = f"http://{host}:{port}"
    yield cdn
    await runner.cleanup()


class Rereader:
    """Reads a message again, as far as it is told."""

    def __init__(self) -> None:
        self.fresh: MediaSource | None = None
        self.asked: list[MediaSource] = []

    async def __call__(self, source: MediaSource) -> MediaSource | None:
        self.asked.append(source)
        return self.fresh


@pytest.fixture
def rereader() -> Rereader:
    return Rereader()


@pytest.fixture
async def fetcher(cdn: Cdn, rereader: Rereader) -> AsyncGenerator[AttachmentFetcher]:
    settings = Settings(discord=DiscordSettings(cdn_hosts=(cdn.origin,)), media=MediaSettings(max_megabytes=1))
    async with open_fetcher(settings, rereader) as fetcher:
        yield fetcher


async def refused(fetcher: AttachmentFetcher, source: MediaSource, folder: Path) -> str:
    with pytest.raises(MediaError) as caught:
        await fetcher.fetch(source, folder)
    assert list(folder.iterdir()) == [], "what was begun is removed"
    assert "http" not in str(caught.value)
    return caught.value.code


async def test_the_bytes_are_saved_for_our_eyes_only(cdn: Cdn, fetcher: AttachmentFetcher, tmp_path: Path) -> None:
    cdn.answers = [web.Response(body=CLIP)]
    path = await fetcher.fetch(cdn.source(), tmp_path)
    assert path == tmp_path / "clip-2"
    assert path.read_bytes() == CLIP
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_the_request_says_nothing_of_us_and_keeps_the_signature(
    cdn: Cdn, fetcher: AttachmentFetcher, tmp_path: Path
) -> None:
    cdn.answers = [web.Response(body=CLIP, headers={"Set-Cookie": "a=b"})]
    await fetcher.fetch(cdn.source(), tmp_path)
    await fetcher.fetch(cdn.source(), tmp_path)
    for request in cdn.requests:
        assert request.raw_path == "/attachments/1/2/clip.mp4?ex=a&is=b&hm=c%2F"
        assert request.headers["Accept-Encoding"] == "identity"
        assert "Authorization" not in request.headers
        assert "Cookie" not in request.headers


async def test_a_proxy_of_the_environment_is_not_used(
    cdn: Cdn, fetcher: AttachmentFetcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    cdn.answers = [web.Response(body=CLIP)]
    assert await fetcher.fetch(cdn.source(), tmp_path)


@pytest.mark.parametrize(
    "url",
    [
        "https://cdn.discordapp.com.evil.example/attachments/1/2/a",
        "https://evil.example/cdn.discordapp.com/",
        "http://cdn.discordapp.com/attachments/1/2/a",
        "https://cdn.discordapp.com:8443/attachments/1/2/a",
        "https://user@cdn.discordapp.com/attachments/1/2/a",
        "https://cdn.discordapp.com@evil.example/a",
        "https://127.0.0.1/attachments/1/2/a",
        "https://[::1]/a",
        "file:///etc/passwd",
        "//cdn.discordapp.com/a",
        "",
    ],
)
async def test_other_hosts_are_not_asked(url: str, tmp_path: Path, rereader: Rereader) -> None:
    source = MediaSource(channel_id=1, message_id=3, attachment_id=2, url=url, size_bytes=1)
    async with open_fetcher(Settings(), rereader) as fetcher:
        assert await refused(fetcher, source, tmp_path) == "media_host_refused"


async def test_a_fresh_address_on_another_host_is_not_asked_either(
    cdn: Cdn, fetcher: AttachmentFetcher, rereader: Rereader, tmp_path: Path
) -> None:
    cdn.answers = [web.Response(status=403)]
    rereader.fresh = cdn.source(url="https://evil.example/a")
    assert await refused(fetcher, cdn.source(), tmp_path) == "media_host_refused"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(cdn: Cdn, fetcher: AttachmentFetcher, tmp_path: Path, status: int) -> None:
    cdn.answers = [web.Response(status=status, headers={"Location": f"{cdn.origin}/elsewhere"})]
    assert await refused(fetcher, cdn.source(), tmp_path) == "media_unavailable"
    assert {request.path for request in cdn.requests} == {"/attachments/1/2/clip.mp4"}


async def test_what_says_it_is_too_large_is_not_asked_for(cdn: Cdn, fetcher: AttachmentFetcher, tmp_path: Path) -> None:
    assert await refused(fetcher, cdn.source(size_bytes=MIB + 1), tmp_path) == "media_too_large"
    assert cdn.requests == []


async def test_a_length_above_the_limit_is_believed(cdn: Cdn, fetcher: AttachmentFetcher, tmp_path: Path) -> None:
    cdn.answers = [web.Response(body=bytes(MIB + 1))]
    assert await refused(fetcher, cdn.source(), tmp_path) == "media_too_large"


@pytest.mark.parametrize("length", ["a byte too long", "endless"])
async def test_a_file_without_a_length_is_stopped_at_the_limit(
    cdn: Cdn, fetcher: AttachmentFetcher, tmp_path: Path, length: str
) -> None:
    cdn.answers = [length]
    assert await refused(fetcher, cdn.source(), tmp_path) == "media_too_large"


async def test_no_byte_beyond_the_limit_reaches_the_disk(
    cdn: Cdn, fetcher: AttachmentFetcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []

    @contextmanager
    def saving(path: Path) -> Iterator[SimpleNamespace]:
        path.touch()
        yield SimpleNamespace(write=lambda block: written.append(len(block)))

    monkeypatch.setattr(attachments, "_saving", saving)
    cdn.answers = ["endless"]
    assert await refused(fetcher, cdn.source(), tmp_path) == "media_too_large"
    assert MIB - 2**16 < sum(written) <= MIB
    assert max(written) <= 2**16


class Fetching(NamedTuple):
    """A fetcher and what it is to fetch."""

    fetcher: AttachmentFetcher
    source: MediaSource


class RawHost:
    """A host that says what it is told, byte for byte, then goes on with `more` for as long as it is listened to."""

    def __init__(self) -> None:
        self.says = b""
        self.more = b""
        self.holds = False
        self.asked = 0
        self._open: set[asyncio.Task[None]] = set()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked += 1
        self._open.add(asyncio.current_task())
        with closing(writer), suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(self.says)
            await writer.drain()
            if self.holds:
                await reader.read()
            while self.more:
                writer.write(self.more)
                await writer.drain()
                await asyncio.sleep(0.01)

    async def aclose(self) -> None:
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)


@pytest.fixture
async def raw(rereader: Rereader, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[tuple[RawHost, Fetching]]:
    monkeypatch.setattr(attachments, "_TIMES", aiohttp.ClientTimeout(total=0.6, connect=0.5, sock_read=0.3))
    host = RawHost()
    server = await asyncio.start_server(host.handle, "127.0.0.1", 0)
    origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    settings = Settings(discord=DiscordSettings(cdn_hosts=(origin,)), media=MediaSettings(max_megabytes=1))
    source = MediaSource(channel_id=1, message_id=3, attachment_id=2, url=f"{origin}/a", size_bytes=10)
    async with open_fetcher(settings, rereader) as fetcher:
        yield host, Fetching(fetcher, source)
    server.close()
    await host.aclose()


async def test_no_more_is_taken_than_was_announced(raw: tuple[RawHost, Fetching], tmp_path: Path) -> None:
    """What follows is either left or, read together with it, makes the whole answer wrong."""
    host, (fetcher, source) = raw
    host.says = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\n" + bytes(2 * MIB)
    with suppress(MediaError):
        assert (await fetcher.fetch(source, tmp_path)).stat().st_size == 10
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) in {0, 10}


@pytest.mark.parametrize(
    ("says", "more"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X-Flood: " + b"a" * 9000 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nContent-Length: 99\r\n\r\n", b""),
        (b"not even HTTP\r\n\r\n", b""),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    ],
    ids=["endless headers", "negative length", "two lengths", "no HTTP", "endless hints"],
)
async def test_a_host_that_misuses_the_protocol(
    raw: tuple[RawHost, Fetching], tmp_path: Path, says: bytes, more: bytes
) -> None:
    host, (fetcher, source) = raw
    host.says, host.more = says, more
    assert await refused(fetcher, source, tmp_path) in {"media_unavailable", "media_cut_off"}
    assert host.asked <= 2


@pytest.mark.parametrize("more", [b"", b"1\r\na\r\n"], ids=["silent", "a byte at a time"])
async def test_a_host_that_takes_all_the_time_there_is(
    raw: tuple[RawHost, Fetching], tmp_path: Path, more: bytes
) -> None:
    host, (fetcher, source) = raw
    host.says, host.more = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", more
    host.holds = not more
    assert await refused(fetcher, source, tmp_path) == "media_unavailable"


async def test_the_limit_itself_is_allowed(cdn: Cdn, fetcher: AttachmentFetcher, tmp_path: Path) -> None:
    cdn.answers = [web.Response(body=bytes(MIB))]
    path = await fetcher.fetch(cdn.source(size_bytes=MIB), tmp_path)
    assert path.stat().st_size == MIB


async def test_packed_bytes_stay_packed(cdn: Cdn, fetcher: AttachmentFetcher, tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(64 * MIB))
    cdn.answers = [web.Response(body=bomb, headers={"Content-Encoding": "gzip"})]
    path = await fetcher.fetch(cdn.source(), tmp_path)
    assert path.read_bytes() == bomb


@pytest.mark.parametrize("status", [403, 404, 410])
async def test_an_expired_address_is_replaced_once(
    cdn: Cdn, fetcher: AttachmentFetcher, rereader: Rereader, tmp_path: Path, status: int
) -> None:
    cdn.answers = [web.Response(status=status), web.Response(body=CLIP)]
    rereader.fresh = cdn.source("/fresh")
    path = await fetcher.fetch(cdn.source(), tmp_path)
    assert path.read_bytes() == CLIP
    assert [request.path for request in cdn.requests] == ["/attachments/1/2/clip.mp4", "/fresh"]
    assert rereader.asked == [cdn.source()]


async def test_an_address_that_stays_expired_is_told(
    cdn: Cdn, fetcher: AttachmentFetcher, rereader: Rereader, tmp_path: Path
) -> None:
    cdn.answers = [web.Response(status=404)]
    rereader.fresh = cdn.source("/fresh")
    assert await refused(fetcher, cdn.source(), tmp_path) == "media_expired"
    assert len(cdn.requests) == 2
    rereader.fresh = None
    assert await refused(fetcher, cdn.source(), tmp_path) == "media_expired"


async def test_a_download_that_is_cut_off_is_begun_anew_once(
    cdn: Cdn, fetcher: AttachmentFetcher, tmp_path: Path
) -> None:
    cdn.answers = ["cut off", web.Response(body=CLIP)]
    path = await fetcher.fetch(cdn.source(), tmp_path)
    assert path.read_bytes() == CLIP
    cdn.answers = ["cut off"]
    path.unlink()
    assert await refused(fetcher, cdn.source(), tmp_path) == "media_cut_off"
    assert len(cdn.requests) == 4


async def test_a_server_that_fails_is_asked_twice(cdn: Cdn, fetcher: AttachmentFetcher, tmp_path: Path) -> None:
    cdn.answers = [web.Response(status=502), web.Response(body=CLIP)]
    assert (await fetcher.fetch(cdn.source(), tmp_path)).read_bytes() == CLIP
    cdn.answers = [web.Response(status=502)]
    (tmp_path / "clip-2").unlink()
    assert await refused(fetcher, cdn.source(), tmp_path) == "media_unavailable"


async def test_nobody_at_the_address(cdn: Cdn, tmp_path: Path, rereader: Rereader) -> None:
    settings = Settings(discord=DiscordSettings(cdn_hosts=("http://127.0.0.1:9",)))
    async with open_fetcher(settings, rereader) as fetcher:
        source = cdn.source(url="http://127.0.0.1:9/a")
        assert await refused(fetcher, source, tmp_path) == "media_unavailable"


async def test_a_folder_that_takes_nothing(cdn: Cdn, fetcher: AttachmentFetcher, tmp_path: Path) -> None:
    cdn.answers = [web.Response(body=CLIP)]
    with pytest.raises(MediaError) as caught:
        await fetcher.fetch(cdn.source(), tmp_path / "gone")
    assert caught.value.code == "media_not_saved"


async def test_a_link_in_the_place_of_the_file_is_not_followed(
    cdn: Cdn, fetcher: AttachmentFetcher, tmp_path: Path
) -> None:
    cdn.answers = [web.Response(body=CLIP)]
    folder, victim = tmp_path / "folder", tmp_path / "victim"
    folder.mkdir()
    (folder / "clip-2").symlink_to(victim)
    with pytest.raises(MediaError):
        await fetcher.fetch(cdn.source(), folder)
    assert not victim.exists()


# With Discord around it


async def test_all_attachments_of_a_message_and_of_what_it_forwards(tmp_path: Path) -> None:
    async with DiscordServer(message_content_allowed=True) as server:
        guild = server.guild("Friends")
        channel, ann = guild.channel("general"), guild.member("Ann")
        async with connected(server, message_content=True) as client:
            posted = await ann.post(
                "look", Upload(name="a.mp4", data=CLIP), Upload(name="b.txt", data=b"b"), to=channel
            )
            recording = tmp_path / "recording.ogg"
            recording.write_bytes(b"OggS")
            spoken = await ann.post("", VoiceMessage(recording, duration_secs=2), to=channel)
            forwarded = await ann.forward(posted, to=channel)
            place = client.get_partial_messageable(channel.id)
            one, voice, passed_on = [
                sources_of(await place.fetch_message(message.id)) for message in (posted, spoken, forwarded)
            ]
    assert [source.size_bytes for source in one] == [len(CLIP), 1]
    assert {(source.channel_id, source.message_id) for source in one} == {(channel.id, posted.id)}
    assert [source.is_voice_message for source in (*one, *voice)] == [False, False, True]
    assert [source.size_bytes for source in passed_on] == [len(CLIP), 1]
    assert {source.message_id for source in passed_on} == {forwarded.id}


async def test_an_expired_link_is_found_again_through_its_message(tmp_path: Path) -> None:
    async with DiscordServer(message_content_allowed=True) as server:
        guild = server.guild("Friends")
        channel, ann = guild.channel("general"), guild.member("Ann")
        discord_settings = DiscordSettings(cdn_hosts=server.cdn_hosts)
        async with (
            connected(server, message_content=True) as client,
            open_fetcher(Settings(discord=discord_settings), partial(read_again, client)) as fetcher,
        ):
            posted = await ann.post("look", Upload(name="a.mp4", data=CLIP), to=channel)
            (source,) = sources_of(await client.get_partial_messageable(channel.id).fetch_message(posted.id))
            server.expire(posted)
            assert (await fetcher.fetch(source, tmp_path)).read_bytes() == CLIP
            for gone in (replace(source, message_id=0), replace(source, attachment_id=1)):
                server.expire(posted)
                with pytest.raises(MediaError) as caught:
                    await fetcher.fetch(gone, tmp_path)
                assert caught.value.code == "media_expired"
            server.expire(posted)
            server.fail(f"/messages/{posted.id}", status=0, times=9)
            with pytest.raises(MediaError) as caught:
                await fetcher.fetch(source, tmp_path)
            assert caught.value.code == "media_unavailable"
            server.heal()
            await ann.delete(posted)
            with pytest.raises(MediaError) as caught:
                await fetcher.fetch(source, tmp_path)
            assert caught.value.code == "media_expired"
