"""What plugins bring to Discord: commands it would not take are left out, and a word to whoever runs the bot."""

from collections.abc import AsyncIterator, Sequence
from types import SimpleNamespace
from typing import Any

import discord
import pytest
from discord import TeamMemberRole
from discord.app_commands import Choice, Command
from discord.ext import commands

from bot.config import Settings
from bot.discord_io.operator import Operator
from bot.discord_io.plugin_commands import flaw_of
from bot.discord_io.plugin_fittings import PluginFittings
from bot.domain.sentence import sentence
from bot.hooks import CommandCall, CommandOption, OptionKind, SlashCommand
from bot.tasks import Tasks


async def nothing(call: CommandCall) -> str:
    return ""


def command(name: str = "chime", description: str = "Chime", **more: Any) -> SlashCommand:
    return SlashCommand(name=name, description=description, run=nothing, **more)


def option(name: str = "bell", description: str = "Which", **more: Any) -> CommandOption:
    return CommandOption(name=name, description=description, **more)


def many(count: int) -> tuple[CommandOption, ...]:
    return tuple(option(f"bell{number}") for number in range(count))


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (command("Chime"), "small letters"),
        (command("let it"), "small letters"),
        (command("x" * 33), "small letters"),
        (command(""), "small letters"),
        (command(options=(option("Bell"),)), "small letters"),
        (command(description=""), "1 to 100"),
        (command(description="x" * 101), "1 to 100"),
        (command(options=(option(description=""),)), "1 to 100"),
        (command(options=(option(choices=("x" * 101,)),)), "1 to 100"),
        (command("ask"), "a command with this name"),
        (command("提问"), "a command with this name"),
        (command(options=many(26)), "more options"),
        (command(options=(option(choices=tuple(map(str, range(26)))),)), "more options"),
        (
            command(
                options=tuple(
                    option(f"bell{place}", choices=tuple(f"{'x' * 90}{one}" for one in range(25))) for place in range(2)
                )
            ),
            "more options",
        ),
        (command(options=(option(), option())), "differ"),
        (command(options=(option(choices=("a", "a")),)), "differ"),
        (command(options=(option(choices=("1",), kind=OptionKind.NUMBER),)), "only texts"),
    ],
)
def test_what_discord_would_not_take_is_told(wrong: SlashCommand, why: str) -> None:
    flaw = flaw_of(wrong, {"ask", "提问"})
    assert flaw is not None
    assert why in flaw


def test_what_discord_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert flaw_of(command("钟_敲-1", options=(option("钟"), *many(24))), {"ask"}) is None
    monkeypatch.setattr(
        "bot.discord_io.plugin_commands.catalogue", lambda _: SimpleNamespace(of={"chime": "Let it"}.get)
    )
    flaw = flaw_of(command(), ())
    assert flaw is not None, "a translation counts as well"


class Plugins:
    """Those of a test."""

    def __init__(self) -> None:
        self.guest = SimpleNamespace(name="chime")
        self.all: list[SlashCommand] = []

    def commands(self) -> Sequence[tuple[Any, SlashCommand]]:
        return [(self.guest, command) for command in self.all]

    def cogs(self) -> Sequence[tuple[Any, str]]:
        return [(self.guest, "nowhere.at_all")]


@pytest.fixture
async def client() -> AsyncIterator[commands.Bot]:
    async with commands.Bot(command_prefix=(), intents=discord.Intents.none()) as bot:
        yield bot


async def test_commands_stand_in_the_tree_as_long_as_they_are_offered(client: commands.Bot) -> None:
    plugins: Any = Plugins()
    fittings = PluginFittings(client, plugins, memory=Any, settings=Settings())
    options = (
        option("loud-ness", kind=OptionKind.NUMBER),
        option("times", kind=OptionKind.WHOLE_NUMBER, is_required=True),
        option("bell", choices=("small", "large")),
        option("echo", kind=OptionKind.YES_NO),
    )
    plugins.all = [command(options=options, for_moderators=True), command("Wrong"), command("toll")]
    await fittings.renew()
    assert [why.partition(" ")[0] for why in fittings.refused["chime"]] == ["The", "/Wrong"]
    chime = client.tree.get_command("chime")
    assert isinstance(chime, Command)
    assert chime.default_permissions == discord.Permissions(manage_guild=True)
    assert [(one.display_name, one.type.name, one.required) for one in chime.parameters] == [
        ("times", "integer", True),
        ("loud-ness", "number", False),
        ("bell", "string", False),
        ("echo", "boolean", False),
    ]
    assert chime.parameters[2].choices == [Choice(name=name, value=name) for name in ("small", "large")]

    toll = client.tree.get_command("toll")
    plugins.all = [command("ring"), plugins.all[2]]
    await fittings.renew()
    assert {one.name for one in client.tree.get_commands()} == {"ring", "toll"}
    assert client.tree.get_command("toll") is toll, "what stays is not touched"

    plugins.all = [command(f"ring{number}") for number in range(101)]
    await fittings.renew()
    assert len(client.tree.get_commands()) == 100
    assert "no more than 100" in fittings.refused["chime"][-1]


class Told:
    """A Discord that takes direct messages to everybody but person 3."""

    def __init__(self, team: Any = None) -> None:
        self.application = SimpleNamespace(owner=SimpleNamespace(id=1), team=team)
        self.said: list[tuple[int, str]] = []

    def get_user(self, person_id: int) -> None:
        return None

    async def fetch_user(self, person_id: int) -> Any:
        async def send(text: str, **_: object) -> None:
            if person_id == 3:
                raise discord.DiscordException
            self.said.append((person_id, text))

        return SimpleNamespace(send=send)


async def test_the_operator_is_told_once_an_hour_in_their_language(caplog: pytest.LogCaptureFixture) -> None:
    now, tasks = 0.0, Tasks()
    client: Any = Told()
    operator = Operator(client, tasks, clock=lambda: now)
    failed = sentence("The clip has no sound.")
    for plugin in ("a", "a", "b"):
        operator.tell(plugin, failed)
    operator.tell("a", sentence("Something *else*."))
    await tasks.finish(1)
    no_sound = (1, "⚠️ The clip has no sound.")
    assert client.said == [no_sound, no_sound, (1, r"⚠️ Something \*else\*.")]
    operator.speaks(2, "de")
    operator.speaks(1, "zh-CN")
    now = 3600.0
    operator.tell("a", failed)
    await tasks.finish(1)
    assert client.said[3:] == [(1, "⚠️ 片段没有声音。")]
    assert caplog.text == ""


async def test_of_a_team_those_are_told_who_may_change_the_bot(caplog: pytest.LogCaptureFixture) -> None:
    roles = {2: TeamMemberRole.developer, 3: TeamMemberRole.admin, 4: TeamMemberRole.read_only}
    members = [SimpleNamespace(id=person_id, role=role) for person_id, role in roles.items()]
    client: Any = Told(team=SimpleNamespace(owner_id=5, members=members))
    tasks = Tasks()
    operator = Operator(client, tasks)
    assert operator.ids() == {2, 3, 5}
    operator.tell("a", sentence("No."))
    await tasks.finish(1)
    assert sorted(client.said) == [(2, "⚠️ No."), (5, "⚠️ No.")]
    assert "the operator could not be told: DiscordException" in caplog.text
    client.application = None
    assert operator.ids() == frozenset()
