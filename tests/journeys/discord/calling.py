"""What people do in stories of voice channels: call the bot, agree to be heard, speak, read what is said of it."""

from pathlib import Path

from tests import clips
from tests.simulator.discord_server import Channel, DiscordServer, Message, Person
from tests.simulator.discord_voice import Speaker, sound

LISTENING = "🎙️ **I am listening in this channel.**"
LONG = " ".join(f"This is sentence number {number} of a long story." for number in range(20))

UNHURRIED = {"VOICE__ACKNOWLEDGE_SECONDS": 0}
"""Nothing is said before an answer that takes long, as it does on a machine that has much else to do."""


def spoken(words: str, folder: Path) -> bytes:
    """Somebody who says this: PCM."""
    path = folder / "spoken.wav"
    clips.speech(words, path)
    return sound.read_wave(path)


def notice_in(discord: DiscordServer, channel: Channel) -> Message:
    """The one message that says that the bot listens, or has left."""
    [notice] = notices_in(discord, channel)
    return notice


def notices_in(discord: DiscordServer, channel: Channel) -> list[Message]:
    """What everybody there sees of the bot."""
    return [post for post in discord.bot.messages(in_=channel) if not post.deleted and post.ephemeral_for is None]


async def answer(person: Person, command: str, to: Channel, **options: object) -> str:
    """What a command says to who used it, and to nobody else."""
    asked = await person.slash(command, to=to, **options)

    def is_theirs(message: Message) -> bool:
        return message.ephemeral_for is person and bool(message.content)

    return (await person.world.witness.reply(asked, settled=is_theirs)).content


async def agrees(person: Person, notice: Message, button: str = "Hear me") -> str:
    """Press a button under the notice, and read what that means."""
    pressed = await person.press(notice, button)
    return (await person.world.witness.reply(pressed, settled=lambda reply: bool(reply.content))).content


async def come(discord: DiscordServer, person: Person, channel: Channel) -> tuple[Speaker, Message]:
    """Go into a voice channel and call the bot; gives what the person speaks with, and the notice."""
    speaker = await person.join_voice(channel)
    assert (await answer(person, "voice join", channel)).startswith(f"I am in {channel.mention}.")
    await channel.call.settled()
    return speaker, notice_in(discord, channel)
