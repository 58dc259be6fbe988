"""Voice messages as Discord wants them: one sound, its length, its shape, no words."""

import base64
from collections.abc import AsyncGenerator
from dataclasses import dataclass

import discord
import pytest

from bot.discord_io.voice_message import NOT_ALLOWED, send_voice_message
from bot.domain.conversation import MessageRef
from bot.domain.media import VoiceClip
from tests.simulator.discord_material import TinyBot, logged_in, ogg, send
from tests.simulator.discord_server import Channel, DiscordServer, Message

CLIP = VoiceClip(duration_seconds=1.4999, waveform=bytes(range(0, 255, 17)), ogg=ogg(1.5))
VOICE_MESSAGE, SILENT = 1 << 13, 1 << 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    server: DiscordServer
    channel: Channel
    bot: TinyBot

    async def speak(
        self, clip: VoiceClip = CLIP, *, reply_to: int | None = None, nonce: str = "a.v", silent: bool = False
    ) -> MessageRef:
        return await send_voice_message(
            self.bot.http, self.channel.id, clip, reply_to=reply_to, nonce=nonce, silent=silent
        )

    @property
    def said(self) -> tuple[Message, ...]:
        return self.server.bot.messages(in_=self.channel)


@pytest.fixture
async def scene() -> AsyncGenerator[Scene]:
    async with DiscordServer() as server:
        channel = server.guild("Film club").channel("general")
        async with logged_in(server) as bot:
            yield Scene(server=server, channel=channel, bot=bot)


async def test_it_is_a_voice_message_with_its_true_shape(scene: Scene) -> None:
    ref = await scene.speak()
    (message,) = scene.said
    (sound,) = message.files
    assert ref == MessageRef(channel_id=scene.channel.id, message_id=message.id)
    assert (message.is_voice_message, message.flags, message.content) == (True, VOICE_MESSAGE, "")
    assert (sound.bytes, sound.duration_secs) == (CLIP.ogg, 1.5)
    assert base64.b64decode(sound.waveform or "") == CLIP.waveform


async def test_it_replies_without_a_ping_and_quietly_when_asked_to(scene: Scene) -> None:
    words = await send(scene.bot, scene.channel, content="The answer.")
    await scene.speak(reply_to=int(words["id"]), silent=True)
    text, voice = scene.said
    assert (voice.reference, voice.pings, voice.flags) == (text, (), VOICE_MESSAGE | SILENT)


async def test_it_stands_alone_when_the_words_are_gone(scene: Scene) -> None:
    words = await send(scene.bot, scene.channel, content="The answer.")
    await scene.bot.http.delete_message(scene.channel.id, words["id"])
    await scene.speak(reply_to=int(words["id"]))
    assert (scene.said[-1].is_voice_message, scene.said[-1].reference) == (True, None)


async def test_sent_again_under_its_number_it_is_there_once(scene: Scene) -> None:
    assert await scene.speak() == await scene.speak()
    assert len(scene.said) == 1


async def test_a_busy_discord_gets_the_whole_sound_again(scene: Scene) -> None:
    scene.server.fail("POST /channels", status=429, retry_after=0.05)
    await scene.speak()
    assert [file.bytes for message in scene.said for file in message.files] == [CLIP.ogg]


async def test_where_it_is_not_allowed_discord_says_so_with_a_known_code(scene: Scene) -> None:
    scene.channel.deny_bot("send_voice_messages")
    with pytest.raises(discord.HTTPException) as caught:
        await scene.speak()
    assert caught.value.code in NOT_ALLOWED
    assert scene.said == ()


async def test_a_shape_discord_does_not_take_has_a_known_code(scene: Scene) -> None:
    with pytest.raises(discord.HTTPException) as caught:
        await scene.speak(VoiceClip(duration_seconds=1.5, waveform=bytes(257), ogg=ogg(1.5)))
    assert caught.value.code in NOT_ALLOWED
