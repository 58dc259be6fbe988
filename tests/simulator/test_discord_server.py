"""The simulated Discord and the unmodified discord.py: a person asks, the bot answers."""

from pathlib import Path

import aiohttp
import discord

from tests.simulator.discord_material import QUIET, command, running, write
from tests.simulator.discord_server import DiscordServer


async def test_a_mention_with_a_clip_is_answered_in_one_edited_message(tmp_path: Path) -> None:
    clip = write(tmp_path, "clip.mp4", b"not really a film")

    async def answer(message: discord.Message) -> None:
        async with message.channel.typing():
            reply = await message.reply("Reading…", mention_author=False, allowed_mentions=QUIET)
        data = await message.attachments[0].read()
        await reply.edit(content=f"{len(data)} bytes, asked: {message.content}")

    async with DiscordServer() as server:
        club = server.guild("Film club")
        general = club.channel("general")
        anna = club.member("Anna")
        async with running(server, on_hear=answer):
            asked = await anna.post("what is this?", clip, to=general, mention_bot=True)
            reply = await server.bot.reply(to=asked, settled=lambda message: bool(message.edits))
        assert reply.content == f"17 bytes, asked: {server.bot.mention} what is this?"
        assert reply.reference is asked
        assert reply.pings == ()
        assert server.bot.typing(general)
        assert general.seen_by(anna) == (asked, reply)
        assert server.unknown_requests == []


async def test_a_command_is_deferred_and_answered_with_a_file(tmp_path: Path) -> None:
    clip = write(tmp_path, "clip.mp4", b"0123456789")

    async def ask(interaction: discord.Interaction, question: str, clip: discord.Attachment | None = None) -> None:
        await interaction.response.defer()
        data = await clip.read() if clip else b""
        await interaction.edit_original_response(content=f"{question} {len(data)} {interaction.locale}")
        await interaction.followup.send("more", file=discord.File(tmp_path / "clip.mp4", "answer.md"))

    async with DiscordServer() as server:
        club = server.guild("Film club")
        general = club.channel("general")
        chen = club.member("Chen", locale="zh-CN")
        async with running(server, prepare=lambda bot: command(bot, ask)):
            asked = await chen.slash("ask", question="what?", clip=clip, to=general)
            assert asked.acknowledged_with == 5
            assert asked.acknowledged_after_seconds is not None
            answer = await asked.reply()
            more = await server.bot.reply(to=asked, settled=lambda message: bool(message.files))
        assert answer.content == "what? 10 zh-CN"
        assert more.files[0].name == "answer.md"
        assert more.files[0].bytes == b"0123456789"
        assert more.files[0].content_type == "text/markdown; charset=utf-8"
        assert "Chen used /ask question:what? clip:clip.mp4" in server.transcript(general)
        assert server.unknown_requests == []


async def test_without_the_token_or_a_known_route_nothing_is_told() -> None:
    async with DiscordServer() as server, aiohttp.ClientSession() as session:
        async with session.get(f"{server.api_url}/users/@me") as response:
            assert response.status == 401
            assert await response.json() == {"message": "401: Unauthorized", "code": 0}
        async with session.get(f"{server.api_url}/users/@me/pets") as response:
            assert response.status == 404
        assert server.unknown_requests == ["GET /api/v10/users/@me/pets"]
        assert server.refusals == {401: 1}


async def test_the_bot_learns_of_servers_channels_and_members() -> None:
    async with DiscordServer() as server:
        club = server.guild("Film club", locale="de")
        general = club.channel("general")
        mods = club.role("mods", permissions=("manage_messages",))
        anna = club.member("Anna", roles=[mods], nick="Ann")
        async with running(server) as bot:
            known = bot.get_guild(club.id)
            assert known is not None
            assert known.preferred_locale is discord.Locale.german
            assert [channel.name for channel in known.text_channels] == ["general"]
            member = await known.fetch_member(anna.id)
            assert (member.display_name, member.roles[-1].name) == ("Ann", "mods")
            assert (await bot.fetch_channel(general.id)).id == general.id
            assert (await bot.fetch_guild(club.id)).name == "Film club"
            assert (await known.query_members(user_ids=[anna.id]))[0].id == anna.id
            later = server.guild("Later")
            await server.bot.until(lambda: bot.get_guild(later.id) is not None)
            later.remove_bot()
            await server.bot.until(lambda: bot.get_guild(later.id) is None)
