"""/admin for whoever runs the bot, who is kept out, and what a server may narrow down."""

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import discord as library
import pytest

from bot.config.access import AccessSettings
from bot.database.where import Where
from bot.discord_io.client import KibitzClient
from tests.journeys.discord.conftest import StartBot, is_kept
from tests.journeys.discord.eyes import bill, notes, words
from tests.journeys.discord.held import held
from tests.simulator.discord_server import Channel, DiscordServer, Guild, Person
from tests.simulator.openai_server import OpenAIEmulator

KEPT_OUT = "⚠️ You cannot use this bot. Questions about that go to whoever runs it."
SERVER_REFUSED = "⚠️ This server cannot use this bot. Questions about that go to whoever runs it."
PAUSED = "⚠️ I am paused for now and take no new questions: We move house."
ONLY_OPERATOR = "⚠️ Only whoever runs this bot can use /admin."
CLOSED = "⚠️ I may not be used in this channel. Ask me in another one."
MANAGERS = "Only people who may manage this server"


@pytest.fixture
def olga(club: Guild, discord: DiscordServer) -> Person:
    """She runs the bot, and the server."""
    person = club.member("Ola", roles=[club.role("heads", permissions=["administrator"])])
    discord.app.owner = person
    return person


@pytest.fixture
async def bot(start: StartBot, olga: Person) -> AsyncIterator[KibitzClient]:
    """Online when it is known who runs it."""
    async with start() as client:
        yield client


async def said(who: Person, command: str, where: Channel, **options: object) -> str:
    """What a command says, to the person alone."""
    answer = await (await who.slash(command, to=where, **options)).reply()
    assert answer.ephemeral_for is who
    return answer.content


async def answered(person: Person, channel: Channel, discord: DiscordServer) -> str:
    """To a mention."""
    return words(await discord.bot.reply(await person.post("@bot Who are you?", to=channel)))


@pytest.mark.usefixtures("bot")
async def test_status_and_a_blocked_server(olga: Person, anna: Person, general: Channel, club: Guild) -> None:
    lines = (await said(olga, "admin status", general)).splitlines()
    assert lines[0].startswith("**Kibitz ")
    assert lines[1:5] == [
        "Servers: 1",
        "Shards of this process: 1 of 1 connected",
        "Questions in flight: 0",
        "Voice channels: 0",
    ]
    assert "Backup: none was made on schedule yet" in lines
    assert lines[-1] == "Blocked people and servers: 0"
    assert await said(olga, "admin block", general, server=str(club.id)) == f"Blocked: server {club.id}"
    assert await said(anna, "ask", general, question="And now?") == SERVER_REFUSED
    assert (await said(olga, "admin block", general, server="here")).startswith("⚠️ That is no id of a server.")
    assert await said(olga, "admin unblock", general, server=str(club.id)) == f"No longer blocked: {club.id}"


@pytest.mark.usefixtures("bot")
async def test_whoever_is_blocked_is_refused_at_once_and_keeps_their_rights(
    olga: Person, anna: Person, ben: Person, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator
) -> None:
    assert not (await answered(anna, general, discord)).startswith("⚠️")
    paid = bill(cloud)
    assert await said(olga, "admin block", general, person=anna) == f"Blocked: person {anna.id}"
    assert await said(anna, "ask", general, question="And now?") == KEPT_OUT
    assert await said(anna, "memory show", general) == KEPT_OUT
    assert await anna.autocomplete("memory clear", focus="fact", fact="", to=general) == ()
    silent = await anna.post("@bot And now?", to=general)
    assert not (await said(anna, "privacy", general)).startswith("⚠️"), "what is kept of them stays theirs"
    assert not (await answered(ben, general, discord)).startswith("⚠️")
    assert discord.bot.replies(silent) == ()
    assert bill(cloud)["answers"] == paid["answers"] + 1
    listed = await said(olga, "admin blocks", general)
    assert listed.startswith(f"Person {anna.id} (<@{anna.id}>), blocked ")
    assert await said(olga, "admin unblock", general, person=anna) == f"No longer blocked: {anna.id}"
    assert not (await answered(anna, general, discord)).startswith("⚠️")
    assert (await said(olga, "admin block", general, person=olga)).startswith("⚠️ That person runs this bot")


@pytest.mark.usefixtures("bot")
async def test_old_buttons_of_whoever_is_blocked_only_end_what_is_theirs(
    olga: Person, club: Guild, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator, snap: Path
) -> None:
    otto = club.member("Otto", roles=[club.role("staff", permissions=["manage_guild"])])
    answer = await discord.bot.reply(await otto.post("@bot what colour?", snap, to=general))
    panel = await (await otto.slash("settings", where="channel", to=general)).reply()
    form = await otto.press(panel, "Voice…")
    paid, holds = bill(cloud), panel.content
    await said(olga, "admin block", general, person=otto)
    for button in ("Ask more", "Transcript", "Frames", "Speak"):
        assert words(await (await otto.press(answer, button)).reply()) == KEPT_OUT
    for button in ("News here", "Back to the defaults"):
        assert words(await (await otto.press(panel, button)).reply()) == KEPT_OUT
    assert form.modal is not None
    assert words(await (await otto.submit(form, {form.modal.inputs[0].label: "alto"})).reply()) == KEPT_OUT
    assert (panel.content, bill(cloud)) == (holds, paid)
    await otto.press(answer, "Delete")
    await discord.bot.until(lambda: answer.deleted, what="the answer to be deleted")


@pytest.mark.parametrize("way", ["blocked", "no longer among those who may"])
async def test_what_goes_on_for_whoever_is_kept_out_from_now_on_ends(
    way: str,
    start: StartBot,
    olga: Person,
    anna: Person,
    ben: Person,
    club: Guild,
    general: Channel,
    discord: DiscordServer,
    cloud: OpenAIEmulator,
) -> None:
    """What is worked on and what waits; that of others goes on, and always that of whoever runs the bot."""
    async with start(JOBS__MAX_RUNNING=3, JOBS__MAX_RUNNING_PER_SERVER=3) as bot:
        with held(cloud, "answer") as mind:
            running = [await one.post("@bot one?", to=club.channel("one")) for one in (anna, ben, olga)]
            await discord.bot.until(lambda: mind.begun["answer"] == 3)
            waiting = [await one.post("@bot two?", to=club.channel("two")) for one in (anna, ben)]
            await discord.bot.until(lambda: all(discord.bot.replies(asked) for asked in waiting))
            if way == "blocked":
                await said(olga, "admin block", general, person=anna)
            else:
                bot.house.gate.apply(AccessSettings(allowed_person_ids=(ben.id,)))
                await said(olga, "admin reload", general)
            for asked in (running[0], waiting[0]):
                assert words(await discord.bot.reply(asked)) == "Stopped. Nothing more is spent on this."
            assert {ask.asker_id for ask in bot.house.desk.in_flight()} == {ben.id, olga.id}
        for asked in (running[1], running[2], waiting[1]):
            assert words(await discord.bot.reply(asked)) == "It is green."


async def test_servers_that_are_not_named_are_left(start: StartBot, club: Guild, discord: DiscordServer) -> None:
    other = discord.guild("Chess club")
    async with start(ACCESS__ALLOWED_SERVER_IDS=str(club.id), ACCESS__LEAVE_REFUSED_SERVERS="true") as client:
        await discord.bot.until(lambda: [guild.id for guild in client.guilds] == [club.id], timeout=10)
        assert not other.has_bot


async def test_a_pause_tells_its_reason_and_outlives_a_restart(
    start: StartBot, olga: Person, anna: Person, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator
) -> None:
    async with start():
        assert (await said(olga, "admin pause", general, reason="We move house.")).startswith("Paused.")
        assert await answered(anna, general, discord) == PAUSED
    async with start():
        assert await said(anna, "ask", general, question="And now?") == PAUSED
        assert bill(cloud) == {}
        assert await said(olga, "admin resume", general) == "Questions are taken again."
        assert await said(olga, "admin resume", general) == "The bot was not paused."
        assert not (await answered(anna, general, discord)).startswith("⚠️")


@pytest.mark.usefixtures("bot")
async def test_a_message_to_all_goes_only_where_it_was_asked_for(
    olga: Person, club: Guild, general: Channel, discord: DiscordServer, refused: Counter[int]
) -> None:
    quiet, shut = club.channel("quiet"), club.channel("shut")
    opened = await olga.slash("admin broadcast", to=general)
    assert words(await (await olga.submit(opened, {"What it says": "Hello"})).reply()).startswith("⚠️ No channel has")
    for channel in (quiet, shut):
        panel = await (await olga.slash("settings", where="channel", to=channel)).reply()
        await olga.press(panel, "News here")
        await discord.bot.until(lambda panel=panel: "News of whoever" in panel.content, timeout=10)
    shut.deny_bot("send_messages")
    opened = await olga.slash("admin broadcast", to=general)
    preview = await (await olga.submit(opened, {"What it says": "Hello @everyone\nWe *move*."})).reply()
    assert preview.content == "⚠️ This goes out. Channels: 2, servers: 1\n\nHello @everyone\nWe *move*."
    before = len(quiet.messages)
    await olga.press(preview, "Send")
    await discord.bot.until(lambda: preview.content == "Channels that got it: 1. Not reached: 1.", timeout=10)
    refused[403] += 1
    [news] = quiet.messages[before:]
    assert news.content.startswith("Hello @everyone\nWe *move*.\n-# From whoever runs this bot.")
    assert not news.pings
    opened = await olga.slash("admin broadcast", to=general)
    again = await (await olga.submit(opened, {"What it says": "Once more"})).reply()
    assert words(again) == "⚠️ A message went out just now. The next one may in 10 minutes."


async def test_of_strangers_nothing_is_kept_until_they_say_so(
    start: StartBot, anna: Person, discord: DiscordServer, tmp_path: Path
) -> None:
    sam = discord.person("Sam")
    async with start():
        first = await discord.bot.reply(await sam.dm("Do you know zanzibar?"))
        assert notes(first)[-1].startswith("⚠️ We share no server, so I keep nothing of this")
        second = await discord.bot.reply(await sam.dm("And again zanzibar?"))
        assert not any("share no server" in note for note in notes(second)), "told once"
        member = await discord.bot.reply(await anna.dm("Do you know casablanca?"))
        assert not any("share no server" in note for note in notes(member))
        await sam.slash("optin", to=sam.direct())
        await discord.bot.reply(await sam.dm("Do you know timbuktu?"))
    where = Where(directory=tmp_path / "data")
    assert [await is_kept(where, word) for word in ("zanzibar", "casablanca", "timbuktu")] == [False, True, True]


async def test_direct_messages_for_members_only(start: StartBot, anna: Person, discord: DiscordServer) -> None:
    sam = discord.person("Sam")
    async with start(ACCESS__DMS="members"):
        assert words(await discord.bot.reply(await sam.dm("Hello"))).startswith("⚠️ I do not answer here.")
        assert not words(await discord.bot.reply(await anna.dm("Hello"))).startswith("⚠️")


@pytest.mark.usefixtures("bot")
async def test_channels_and_features_can_be_narrowed_down(
    olga: Person, anna: Person, club: Guild, general: Channel, discord: DiscordServer
) -> None:
    quiet = club.channel("quiet")
    panel = await (await olga.slash("settings", to=general)).reply()

    async def turned(work: Any) -> None:
        before = len(panel.edits)
        await work
        await discord.bot.until(lambda: len(panel.edits) > before, timeout=10)

    await turned(olga.press(panel, "Where…"))
    await turned(olga.choose(panel, "Not here", [quiet]))
    await turned(olga.press(panel, "Back"))
    assert panel.content.splitlines()[-1] == f"Not in: <#{quiet.id}>"
    await turned(olga.press(panel, "Who may use me…"))
    await turned(olga.press(panel, "More…"))
    await turned(olga.choose(panel, "May have words written down", [club.role("scribes")]))
    assert await said(anna, "ask", quiet, question="And now?") == CLOSED
    silent = await anna.post("@bot And now?", to=quiet)
    assert words(await (await anna.slash("transcribe", to=general)).reply()).startswith(
        "⚠️ Here only people with certain roles may have words written down."
    )
    assert not (await answered(anna, general, discord)).startswith("⚠️")
    assert discord.bot.replies(silent) == ()


GUARDED = {"settings", "plugins", "admin"}
"""What changes a server or the bot: Discord asks for a permission, and so do we."""

GUARDED_INSIDE: dict[str, list[dict[str, object]]] = {
    "voice auto on": [{}],
    "voice auto off": [{}],
    "forget": [{"what": "this channel"}, {"what": "everything here"}],
}
"""Beside what everybody may do, so Discord cannot ask; we do."""

OPEN = {
    *("ask", "summarize", "transcribe", "timeline", "storyboard", "help", "privacy", "stop", "usage"),
    *("export", "optin", "optout", "memory show", "memory search", "memory remember", "memory clear"),
    *("voice join", "voice leave", "voice status", "voice notes", "voice mute me", "voice unmute me"),
    *("voice consent yes", "voice consent no", "voice captions on", "voice captions off"),
}


def leaves(command: dict[str, Any], way: tuple[str, ...] = ()) -> list[tuple[str, list[dict[str, Any]]]]:
    """Every command as it is typed, with its options."""
    options = command.get("options") or []
    below = [option for option in options if option["type"] in (1, 2)]
    here = (*way, command["name"])
    if not below:
        return [(" ".join(here), options)]
    return [leaf for option in below for leaf in leaves(option, here)]


async def test_no_command_that_changes_anything_is_left_to_discord_alone(
    bot: KibitzClient, olga: Person, anna: Person, general: Channel, discord: DiscordServer, club: Guild
) -> None:
    commands = [one for one in discord.world.commands.visible(club.id) if one["type"] == 1]
    named = {command["name"]: leaves(command) for command in commands}
    everything = {name for found in named.values() for name, _ in found}
    guarded = {name for name in everything if name.split()[0] in GUARDED}
    assert everything - guarded - GUARDED_INSIDE.keys() == OPEN, "say of a new command who may use it"
    for command in commands:
        is_guarded = command["name"] in GUARDED
        assert (command["default_member_permissions"] is not None) is is_guarded, command["name"]
        command["default_member_permissions"] = None  # as a server can decide for itself
    for name, options in (leaf for found in named.values() for leaf in found):
        needed: dict[str, object] = {option["name"]: "mcp" for option in options if option.get("required")}
        for given in [needed] if name in guarded else GUARDED_INSIDE.get(name, []):
            answer = await (await anna.slash(name, to=general, **given)).reply()
            assert answer.content.startswith("⚠️ Only "), f"{name}: {answer.content}"
            assert answer.ephemeral_for is anna
    assert await said(anna, "admin status", general) == ONLY_OPERATOR
    assert MANAGERS in await said(anna, "settings", general)


ASKING_THE_GATE = {"JobButton", "_More", "_Question", "_Panel", "_VoiceForm", "_Consent", "HearButton"}
"""Buttons and forms for everybody, closed to whoever is kept out when they are pressed, but for what ends one's own."""

NOT_ASKING = {"_Confirmation": "what it confirms asks, unless it takes back", "_Message": "the operator's"}


@pytest.mark.usefixtures("bot")
async def test_of_every_button_and_form_it_is_known_who_may_use_it() -> None:
    def named(kind: type[Any]) -> set[str]:
        below = kind.__subclasses__()
        ours = {one.__name__ for one in below if one.__module__.split(".")[0] in {"bot", "cogs"}}
        return ours.union(*map(named, below))

    found = named(library.ui.View) | named(library.ui.Modal) | named(library.ui.DynamicItem)
    assert found == ASKING_THE_GATE | NOT_ASKING.keys(), "say of a new one whether it asks the gate"
