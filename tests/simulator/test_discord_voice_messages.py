"""The simulated Discord's rules for voice messages."""

import base64
from pathlib import Path
from typing import Any

import discord
import pytest

from tests.simulator.discord_material import call, logged_in, ogg, refused, running, send, write
from tests.simulator.discord_server import DiscordServer, VoiceMessage

VOICE = 1 << 13
GOOD: dict[str, Any] = {"id": 0, "duration_secs": 1.5, "waveform": base64.b64encode(bytes(range(200))).decode()}


def described(**changes: Any) -> dict[str, Any]:
    facts = {key: value for key, value in {**GOOD, **changes}.items() if value is not None}
    return {"flags": VOICE, "attachments": [facts]}


async def test_a_voice_message_is_sent_as_a_reply_and_cannot_be_edited() -> None:
    async with DiscordServer() as server:
        general = server.guild("Film club").channel("general", deny_bot=("attach_files",))
        async with logged_in(server) as bot:
            text = await send(bot, general, content="the words")
            reference = {"message_reference": {"message_id": text["id"]}}
            sent = await send(bot, general, {"voice-message.ogg": ogg()}, **described(), **reference)
            assert sent["attachments"][0]["duration_secs"] == 1.5
            message = server.bot.messages()[1]
            assert message.is_voice_message
            assert message.files[0].is_voice_message
            assert message.reference is server.bot.messages()[0]
            path = "/channels/{channel_id}/messages/{message_id}"
            edit = call(bot, "PATCH", path, None, {"content": "x"}, channel_id=general.id, message_id=sent["id"])
            assert await refused(edit) == (400, 50162)


@pytest.mark.parametrize(
    ("body", "files", "code"),
    [
        ({**described(), "content": "words"}, {"a.ogg": b"x"}, 50159),
        ({**described(), "embeds": [{"title": "x"}]}, {"a.ogg": b"x"}, 50159),
        (described(), {"a.ogg": b"x", "b.ogg": b"x"}, 50160),
        (described(), {"a.mp4": b"x"}, 50160),
        (described(duration_secs=None), {"a.ogg": b"x"}, 50161),
        (described(waveform=None), {"a.ogg": b"x"}, 50161),
        (described(waveform="no base64!"), {"a.ogg": b"x"}, 50161),
        (described(waveform=base64.b64encode(bytes(257)).decode()), {"a.ogg": b"x"}, 50161),
    ],
)
async def test_a_voice_message_stands_alone_and_has_its_facts(
    body: dict[str, Any], files: dict[str, bytes], code: int
) -> None:
    async with DiscordServer() as server:
        general = server.guild("Film club").channel("general")
        async with logged_in(server) as bot:
            assert await refused(send(bot, general, files, **body)) == (400, code)


async def test_a_voice_message_needs_its_own_permission() -> None:
    async with DiscordServer() as server:
        general = server.guild("Film club").channel("general", deny_bot=("send_voice_messages",))
        async with logged_in(server) as bot:
            assert await refused(send(bot, general, {"a.ogg": ogg()}, **described())) == (400, 50173)
            await send(bot, general, {"a.ogg": ogg()})
        assert not server.bot.messages()[0].is_voice_message


async def test_a_person_sends_one(tmp_path: Path) -> None:
    sound = VoiceMessage(write(tmp_path, "recording.ogg", ogg(2.5)))
    async with DiscordServer() as server:
        anna = server.person("Anna")
        async with running(server) as bot:
            await anna.dm("", sound)
            await server.bot.until(lambda: bot.heard)
            attachment = bot.heard[0].attachments[0]
            assert attachment.is_voice_message()
            assert attachment.duration == 2.5
            assert isinstance(bot.heard[0].channel, discord.DMChannel)
            assert bot.heard[0].flags.voice
