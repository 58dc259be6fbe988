"""Plugins in a voice channel: a good one is told what is said, and bad ones change nothing of a turn."""

from pathlib import Path

import pytest

from tests.hooks.writing import write_plugin
from tests.journeys.discord.calling import UNHURRIED, agrees, come, notices_in, spoken
from tests.journeys.discord.conftest import StartBot
from tests.simulator.discord_server import Channel, DiscordServer, Person
from tests.simulator.openai_server import ChatCall, HonestMind, OpenAIEmulator

QUESTION = "What colour is the sign?"
BAD = {
    "raises": "raise ValueError",
    "hangs": "await asyncio.sleep(30)",
    "blocks": "time.sleep(0.6)",
    "lies": "return 42",
    "leaks": "asyncio.create_task(asyncio.sleep(30))",
}
HOOKS = (
    "edit_received",
    "edit_prompt",
    "edit_answer",
    "edit_sentence",
    "edit_speech",
    "on_utterance",
    "on_turn_started",
    "on_turn_interrupted",
    "on_job_event",
)
GOOD = """
def _note(self, what):
    with (self.kibitz.folder / "noted").open("a") as noted:
        noted.write(what + "\\n")
@hookimpl
async def on_utterance(self, utterance, occasion):
    self._note(f"utterance {utterance.text} {occasion.surface} {utterance.sound.duration_seconds > 0.5}")
@hookimpl
async def on_turn_started(self, turn, occasion):
    self._note(f"turn {len(turn.asker_ids)} {occasion.locale}")
@hookimpl
async def edit_prompt(self, prompt, occasion):
    return prompt_with_lines(prompt, "mood", ["cheerful"])
"""


@pytest.fixture
async def discord():
    async with DiscordServer(message_content_allowed=True) as server:
        yield server


async def test_bad_plugins_change_nothing_of_a_spoken_turn(
    start: StartBot,
    discord: DiscordServer,
    cloud: OpenAIEmulator,
    lounge: Channel,
    anna: Person,
    tmp_path: Path,
) -> None:
    plugins = tmp_path / "plugins"
    for name, body in BAD.items():
        write_plugin(plugins, name, "\n".join(f"@hookimpl\nasync def {hook}(self):\n    {body}" for hook in HOOKS))
    write_plugin(plugins, "good", GOOD)
    cloud.mind = HonestMind(answers="It is red.", hears=lambda _audio, _call: QUESTION)
    async with start(PLUGINS__ENABLED=",".join([*BAD, "good"]), PLUGINS__DIRECTORY=str(plugins), **UNHURRIED) as bot:
        told: list[str] = []
        bot.house.plugins.told.append(told.append)
        speaker, notice = await come(discord, anna, lounge)
        await agrees(anna, notice)
        said = await speaker.say(spoken(QUESTION, tmp_path))
        await speaker.hear_something(after=said.audible_until)
        await bot.house.plugins.reload("good")
        await discord.bot.until(lambda: any(post.content.startswith("🎤") for post in notices_in(discord, lounge)))
        [twin] = [post.content for post in notices_in(discord, lounge) if post.content.startswith("🎤")]
        assert twin == f"🎤 Anna: {QUESTION}\n💬 It is red."
        assert bot.house.voice.call_in(lounge.guild.id)
        states = {status.name: str(status.state) for status in await bot.house.plugins.statuses()}
        assert states["good"] == "on"
        assert {states[name] for name in ("raises", "hangs", "lies")} == {"failed"}
        assert all("failed too often" in one for one in told)
        assert any(isinstance(call, ChatCall) and 'MOOD "cheerful"' in call.text for call in cloud.requests)
    noted = (bot.house.settings.data.directory / "plugins" / "good" / "noted").read_text().splitlines()
    assert f"utterance {QUESTION} voice True" in noted
    assert any(line.startswith("turn 1 ") for line in noted)
    assert discord.voice.violations == []
