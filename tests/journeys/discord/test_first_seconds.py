"""Asked while the bot is still coming online."""

from pathlib import Path

from bot.discord_io.client import KibitzClient
from tests.journeys.discord.held import held
from tests.simulator.discord_server import Channel, DiscordServer, Person
from tests.simulator.openai_server import OpenAIEmulator


async def test_what_this_process_was_asked_is_not_begun_again_as_left_by_an_earlier_one(
    discord: DiscordServer, bot: KibitzClient, cloud: OpenAIEmulator, general: Channel, anna: Person, snap: Path
) -> None:
    """The library is ready only seconds after the first messages; what an earlier process left waits for that."""
    with held(cloud, "answer") as mind:
        asked = await anna.post("@bot what colour?", snap, to=general)
        await discord.bot.until(lambda: bool(mind.begun["answer"]))
        assert await bot.house.desk.resume(bot) == 0
    answer = await discord.bot.reply(asked)
    assert answer.content.startswith("It is green.")
    assert mind.begun["answer"] == 1
