"""The simulated Discord's REST answers have the shapes of Discord's API description, and it takes what that allows."""

import io
import json
import re
from pathlib import Path
from typing import Any

import discord
import jsonschema
import pytest
from discord import app_commands
from referencing import Registry, Resource

from tests.simulator.discord_material import QUIET, TinyBot, refused, running, write
from tests.simulator.discord_server import Channel, DiscordServer, MadeClip, Upload
from tests.simulator.discord_server.places import FORUM
from tests.simulator.discord_server.records import Request

DESCRIPTION = Path(__file__).parents[2].parent / "shared" / "specs" / "discord-openapi.json"
_ROOT = "urn:discord"
_PARAMETER = re.compile(r"\{\w+\}")


class Contract:
    """The API description by method and path, whose parameters have no names here."""

    def __init__(self, description: dict[str, Any]) -> None:
        dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
        self._registry: Registry[Any] = Registry().with_resource(
            _ROOT, Resource.from_contents({**dialect, **_relax(description)})
        )
        self._operations = {
            (method.upper(), _PARAMETER.sub("{}", path)): (path, method, operation)
            for path, item in description["paths"].items()
            for method, operation in item.items()
            if isinstance(operation, dict)
        }

    def knows(self, request: Request) -> bool:
        return self._key(request) in self._operations

    def _key(self, request: Request) -> tuple[str, str]:
        return request.method, _PARAMETER.sub("{}", request.template)

    def check(self, request: Request) -> str:
        """Raises AssertionError unless body and answer are as described. Gives what was checked. The tree of form
        errors is left out: the description takes its codes for numbers."""
        path, method, operation = self._operations[self._key(request)]
        place = f"#/paths/{path.replace('~', '~0').replace('/', '~1')}/{method}"
        wanted = operation.get("requestBody", {}).get("content", {})
        if request.body is not None and request.status < 300 and "application/json" in wanted:
            self._validate(f"{place}/requestBody/content/application~1json/schema", _as_read(request.body))
        status = str(request.status) if str(request.status) in operation["responses"] else "4XX"
        answer = operation["responses"][status]
        if "$ref" in answer:
            place, answered = answer["$ref"], True
            request.answer.pop("errors", None)
        else:
            place, answered = f"{place}/responses/{status}", "content" in answer
        if answered:
            self._validate(f"{place}/content/application~1json/schema", request.answer)
        else:
            assert request.answer is None
        return f"{request.method} {path} {status}"

    def _validate(self, place: str, value: Any) -> None:
        validator = jsonschema.Draft202012Validator({"$ref": f"{_ROOT}{place}"}, registry=self._registry)
        error = jsonschema.exceptions.best_match(validator.iter_errors(json.loads(json.dumps(value))))
        if error is not None:
            raise AssertionError(f"{place}: {error.json_path}: {error.message[:500]}")


def _as_read(node: Any) -> Any:
    """Ids that discord.py sends as numbers, as the strings that Discord reads them as."""
    if isinstance(node, list):
        return [_as_read(item) for item in node]
    if not isinstance(node, dict):
        return str(node) if isinstance(node, int) and node > 1 << 50 else node
    return {
        key: [{**item, "id": str(item["id"])} for item in value] if key == "attachments" else _as_read(value)
        for key, value in node.items()
    }


def _relax(node: Any) -> Any:
    """`oneOf` as `anyOf`, because the options of the description overlap."""
    if isinstance(node, list):
        return [_relax(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {"anyOf" if key == "oneOf" else key: _relax(value) for key, value in node.items()}


@pytest.fixture(scope="module")
def contract() -> Contract:
    if not DESCRIPTION.exists():
        pytest.skip("Discord's API description is not here")
    return Contract(json.loads(DESCRIPTION.read_text(encoding="utf-8")))


class Buttons(discord.ui.View):
    @discord.ui.button(label="More", custom_id="more")
    async def more(self, interaction: discord.Interaction[Any], button: discord.ui.Button[Any]) -> None:
        await interaction.response.edit_message(content="more", view=None)

    @discord.ui.select(custom_id="speak", options=[discord.SelectOption(label="Always", description="Aloud")])
    async def speak(self, interaction: discord.Interaction[Any], select: discord.ui.Select[Any]) -> None:
        await interaction.response.defer()


async def use_everything(server: DiscordServer, folder: Path) -> None:
    """Calls every route that the bot could use, and is refused a few times."""
    clip = write(folder, "clip.mp4")

    async def ask(interaction: discord.Interaction[Any], question: str, clip: discord.Attachment | None = None) -> None:
        await interaction.response.defer(ephemeral=question == "secret")
        await interaction.edit_original_response(content="answer", view=Buttons())
        await interaction.original_response()
        more = await interaction.followup.send("more", file=discord.File(io.BytesIO(b"x"), "a.md"), wait=True)
        await more.delete()

    async def menu(interaction: discord.Interaction[Any], message: discord.Message) -> None:
        await interaction.response.send_message("at once", allowed_mentions=QUIET)

    def prepare(bot: TinyBot) -> None:
        bot.tree.add_command(app_commands.Command(name="ask", description="A question", callback=ask))
        bot.tree.add_command(app_commands.ContextMenu(name="Ask about this", callback=menu))

    club = server.guild("Film club")
    general, anna = club.channel("general"), club.member("Anna")
    quiet = club.channel("quiet", deny_bot=("send_messages",))
    forum = club.channel("forum", type=FORUM)
    stage = club.stage_channel("stage")
    await anna.join_voice(club.voice_channel("voice"))
    async with running(server, prepare=prepare, shard_count=None) as bot:
        await bot.tree.sync(guild=discord.Object(club.id))
        await bot.tree.fetch_commands()
        asked = await anna.slash("ask", question="what?", clip=clip, to=general)
        answer = await asked.reply()
        await server.bot.until(lambda: asked.follow_ups and asked.follow_ups[0].deleted)
        await anna.choose(answer, "speak", ["Always"])
        await anna.press(answer, "More")
        await anna.slash("ask", question="secret", to=anna.direct())
        made = MadeClip(participants=(anna,), game="Rocket Racer")
        posted = await anna.post("@bot a film", clip, Upload(name="made.mp4", data=b"x", clip=made), to=general)
        await anna.menu("Ask about this", posted)
        await post_and_read(bot, general, posted.id, anna.id)
        assert (await refused((await bot.fetch_channel(quiet.id)).send("x")))[0] == 403  # type: ignore[union-attr] # is text
        assert (await refused(bot.fetch_channel(1)))[0] == 404
        for fetch in (bot.fetch_guild(club.id), bot.fetch_user(anna.id), bot.application_info()):
            await fetch
        guild = bot.get_guild(club.id)
        assert guild is not None
        await guild.fetch_channels()
        await guild.fetch_roles()
        await guild.fetch_member(anna.id)
        await guild.active_threads()
        await use_voice(bot, guild, stage, anna.id)
        post = await anna.start_post(forum, "A film", "Who knows it?", clip)
        thread = await bot.fetch_channel(post.channel.id)
        assert isinstance(thread, discord.Thread)
        await thread.fetch_message(thread.id)
        await thread.fetch_member(anna.id)
        assert [item.id async for item in bot.fetch_guilds()] == [club.id]


async def use_voice(bot: TinyBot, guild: discord.Guild, stage: Channel, person: int) -> None:
    anna = guild.get_member(person)
    assert anna is not None
    await anna.fetch_voice()
    assert (await refused(guild.me.fetch_voice())) == (404, 10065)
    voice = await guild.get_channel(stage.id).connect(timeout=5)  # type: ignore[union-attr] # a stage
    await guild.me.fetch_voice()
    await guild.me.request_to_speak()
    assert (await refused(guild.me.edit(suppress=False))) == (403, 50013)
    await voice.disconnect(force=True)


async def post_and_read(bot: TinyBot, general: Channel, posted: int, person: int) -> None:
    channel = await bot.fetch_channel(general.id)
    assert isinstance(channel, discord.TextChannel)
    message = await channel.fetch_message(posted)
    reply = await message.reply("words", view=Buttons(), embed=discord.Embed(title="x"), nonce="job-1")
    await reply.edit(content="other words", attachments=[discord.File(io.BytesIO(b"x"), "a.md", description="text")])
    await message.add_reaction("👀")
    assert [item async for item in channel.history()] != []
    assert bot.user is not None
    await message.remove_reaction("👀", bot.user)
    thread = await message.create_thread(name="About it")
    await thread.send("in the thread")
    await thread.edit(archived=True)
    await channel.typing()
    assert (await refused(channel.send("x" * 2001))) == (400, 50035)
    await reply.delete()
    await (await bot.fetch_user(person)).send("direct")


async def test_every_answer_and_request_is_as_described(contract: Contract, tmp_path: Path) -> None:
    async with DiscordServer() as server:
        await use_everything(server, tmp_path)
    asked = [request for request in server.requests if request.template != "cdn"]
    assert server.unknown_requests == []
    assert [request for request in asked if not contract.knows(request)] == []
    wrong: dict[str, None] = {}
    checked: set[str] = set()
    for request in asked:
        try:
            checked.add(contract.check(request))
        except AssertionError as error:
            wrong[f"{request.method} {request.template} {request.status}: {error}"] = None
    assert list(wrong) == [], "\n".join(wrong)
    assert len(checked) > 30
