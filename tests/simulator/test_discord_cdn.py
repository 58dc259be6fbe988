"""The simulated CDN: signed addresses that end, claims that lie, and what a fetcher must bear."""

from pathlib import Path

import aiohttp
import discord

from tests.simulator.discord_material import running, write
from tests.simulator.discord_server import Clock, DiscordServer, Upload

GONE = "This content is no longer available."


async def fetch(url: str) -> tuple[int, str, bytes]:
    async with aiohttp.ClientSession() as session, session.get(url, allow_redirects=False) as response:
        return response.status, response.headers.get("Content-Type", ""), await response.read()


async def test_an_address_ends_and_reading_the_message_again_gives_a_fresh_one(tmp_path: Path) -> None:
    clock = Clock()
    clip = write(tmp_path, "clip.mp4", b"bytes")
    async with DiscordServer(clock=clock) as server:
        anna = server.person("Anna")
        async with running(server) as bot:
            posted = await anna.dm("look", clip)
            await server.bot.until(lambda: bot.heard)
            message = bot.heard[0]
            url = message.attachments[0].url
            assert url.startswith(server.cdn_hosts[0])
            assert message.attachments[0].proxy_url.startswith(server.cdn_hosts[1])
            assert await fetch(url) == (200, "video/mp4", b"bytes")
            server.expire(posted)
            assert await fetch(url) == (404, "text/plain; charset=utf-8", GONE.encode())
            fresh = (await message.channel.fetch_message(message.id)).attachments[0].url
            assert (await fetch(fresh))[0] == 200
            clock.advance(24 * 3600 + 1)
            assert (await fetch(fresh))[0] == 404
            again = (await message.channel.fetch_message(message.id)).attachments[0].url
            assert (await fetch(again))[0] == 200
            path, _, query = again.partition("?")
            assert (await fetch(path))[0] == 404
            assert (await fetch(f"{path}?{query.replace('hm=', 'hm=0')}"))[0] == 404
            assert (await fetch(f"{path}x?{query}"))[0] == 404


async def test_a_file_has_the_type_its_uploader_claims_and_a_cleaned_name() -> None:
    lie = Upload(name="../@everyone my film(1).mp4", data=b"no film", content_type="image/png")
    nameless = Upload(name="电影.mp4", data=b"x")
    async with DiscordServer() as server:
        anna = server.person("Anna")
        async with running(server) as bot:
            await anna.dm("look", lie, nameless)
            await server.bot.until(lambda: bot.heard)
            first, second = bot.heard[0].attachments
            assert (first.filename, first.content_type) == ("everyone_my_film1.mp4", "image/png")
            assert (second.filename, second.title) == ("unknown.mp4", "电影")
            assert (await fetch(first.url))[1] == "image/png"


async def test_an_option_lies_under_an_ephemeral_address(tmp_path: Path) -> None:
    clip = write(tmp_path, "clip.mp4")
    urls: list[str] = []

    async def ask(interaction: discord.Interaction, clip: discord.Attachment) -> None:
        urls.append(clip.url)
        assert clip.ephemeral
        await interaction.response.send_message("ok")

    async with DiscordServer() as server:
        club = server.guild("Film club")
        general, anna = club.channel("general"), club.member("Anna")
        tree = discord.app_commands.Command(name="ask", description="A question", callback=ask)
        async with running(server, prepare=lambda bot: bot.tree.add_command(tree)):
            asked = await anna.slash("ask", clip=clip, to=general)
        assert "/ephemeral-attachments/" in urls[0]
        assert (await fetch(urls[0]))[0] == 200
        server.expire(asked)
        assert (await fetch(urls[0]))[0] == 404


async def test_the_cdn_fails_and_redirects_on_order(tmp_path: Path) -> None:
    clip = write(tmp_path, "clip.mp4")
    async with DiscordServer() as server:
        anna = server.person("Anna")
        async with running(server) as bot:
            await anna.dm("look", clip)
            await server.bot.until(lambda: bot.heard)
            url = bot.heard[0].attachments[0].url
            server.fail("GET /attachments/", status=503)
            server.fail("GET /attachments/", status=302, headers={"Location": "http://127.0.0.1:1/"}, body=b"")
            assert [(await fetch(url))[0] for _ in range(3)] == [503, 302, 200]
