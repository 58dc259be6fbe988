"""Shipped plugins among people: what a channel wants watched, and who Discord says took part in a clip."""

from tests.journeys.discord.conftest import MakeClip, StartBot
from tests.journeys.discord.eyes import words
from tests.simulator.discord_server import Channel, DiscordServer, MadeClip, Person, Upload
from tests.simulator.openai_server import OpenAIEmulator


async def test_a_clip_is_watched_anew_for_what_the_channel_names_and_not_heard_anew(
    start: StartBot,
    discord: DiscordServer,
    cloud: OpenAIEmulator,
    clip: MakeClip,
    anna: Person,
    ben: Person,
    general: Channel,
) -> None:
    made = Upload(
        name="race.mp4", data=clip("red").read_bytes(), clip=MadeClip(participants=(anna, ben), game="Rocket Racer")
    )
    async with start(PLUGINS__ENABLED="focus,clip_metadata"):
        first = await discord.bot.reply(await anna.post("@bot What happens?", made, to=general))
        assert [f'PLAYER "{name}"' in cloud.answers[-1].text for name in ("Anna", "Ben")] == [True, True]
        assert 'GAME "Rocket Racer"' in cloud.answers[-1].text
        assert all("Rocket Racer" in call.prompt for call in cloud.transcriptions)
        assert "FOCUS" not in cloud.answers[-1].text
        looked, listened = len(cloud.captions), len(cloud.transcriptions)

        told = await (await ben.slash("focus", watch="red light", to=general)).reply()
        assert words(told) == "Captions here attend to: red light."
        await discord.bot.reply(await ben.post("And then?", reply_to=first, to=general))
        assert [("red light" in call.text) for call in cloud.captions[looked:]] == [True]
        assert len(cloud.transcriptions) == listened
        assert 'FOCUS "red light"' in cloud.answers[-1].text
        assert 'PLAYER "Ben"' in cloud.answers[-1].text
