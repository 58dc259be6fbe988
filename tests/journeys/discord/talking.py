"""What people do in many stories: ask and wait for the answer, agree to what is gone for good then."""

from pathlib import Path

from tests.simulator.discord_server import Channel, DiscordServer, Message, Person


async def ask(discord: DiscordServer, person: Person, question: str, channel: Channel, *files: Path) -> Message:
    """The message that asked, when it is answered."""
    asked = await person.post(f"@bot {question}", *files, to=channel)
    await discord.bot.reply(asked)
    return asked


async def agree(discord: DiscordServer, person: Person, asked: Message, button: str = "Forget") -> str:
    """Press the red button, or another, and read what went."""
    assert asked.buttons[0].style == 4, "the button that does it is red"
    before = len(asked.edits)
    await person.press(asked, button)
    await discord.bot.until(lambda: len(asked.edits) > before, what="the confirmation to change")
    assert asked.buttons == ()
    return asked.content
