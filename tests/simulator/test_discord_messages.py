"""The simulated Discord's rules for messages: lengths, files, replies, edits, pings, nonces, reactions, threads."""

from pathlib import Path
from typing import Any

import discord
import pytest

from tests.simulator.discord_material import call, logged_in, refused, running, send, write
from tests.simulator.discord_server import Clock, DiscordServer, ImpossibleError, NotSeenError

MESSAGE = "/channels/{channel_id}/messages/{message_id}"


def row(*items: dict[str, Any]) -> dict[str, Any]:
    return {"type": 1, "components": list(items)}


def button(custom_id: str = "a", **facts: Any) -> dict[str, Any]:
    return {"type": 2, "style": 1, "label": "Go", "custom_id": custom_id, **facts}


def select(options: int = 1, **facts: Any) -> dict[str, Any]:
    listed = [{"label": str(number), "value": str(number)} for number in range(options)]
    return {"type": 3, "custom_id": "s", "options": listed, **facts}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"content": "x" * 2001}, 50035),
        ({"content": ""}, 50006),
        ({"content": " \n"}, 50006),
        ({"components": [row(button())]}, 50006),
        ({"content": "x", "flags": 1 << 6}, 50035),
        ({"content": "x", "embeds": [{"title": "x" * 257}]}, 50035),
        ({"content": "x", "embeds": [{"description": "x" * 4000}, {"description": "x" * 2001}]}, 50035),
        ({"content": "x", "embeds": [{}] * 11}, 50035),
        ({"content": "x", "nonce": "x" * 26}, 50035),
        ({"content": "x", "components": [row(button())] * 6}, 50035),
        ({"content": "x", "components": [row(*(button(str(number)) for number in range(6)))]}, 50035),
        ({"content": "x", "components": [row(button("x" * 101))]}, 50035),
        ({"content": "x", "components": [row(button(label="x" * 81))]}, 50035),
        ({"content": "x", "components": [row(button("same"), button("same"))]}, 50035),
        ({"content": "x", "components": [row(button(label=None))]}, 50035),
        ({"content": "x", "components": [row(button(style=5, url="https://example.org"))]}, 50035),
        ({"content": "x", "components": [row(button(), select())]}, 50035),
        ({"content": "x", "components": [row(select(26))]}, 50035),
        ({"content": "x", "components": [row(select(0))]}, 50035),
        ({"content": "x", "components": [button()]}, 50035),
        ({"content": "x", "components": [{"type": 10, "content": "text"}]}, 50035),
        ({"content": "x", "flags": 1 << 15, "components": [{"type": 10, "content": "text"}]}, 50035),
        ({"flags": 1 << 15, "components": [{"type": 10, "content": "x" * 4001}]}, 50035),
        ({"flags": 1 << 15, "components": [{"type": 10, "content": "x"}] * 41}, 50035),
        ({"content": "x", "allowed_mentions": {"parse": ["users"], "users": ["1"]}}, 50035),
        ({"content": "x", "allowed_mentions": {"parse": ["all"]}}, 50035),
        ({"content": "x", "attachments": [{"id": 0}]}, 50035),
        ({"content": "x", "message_reference": {"message_id": "1"}}, 50035),
    ],
)
async def test_what_discord_does_not_take_is_refused(body: dict[str, Any], code: int) -> None:
    async with DiscordServer() as server:
        general = server.guild("Film club").channel("general")
        async with logged_in(server) as bot:
            assert await refused(send(bot, general, **body)) == (400, code)
        assert server.bot.messages() == ()


async def test_what_just_fits_is_taken() -> None:
    rows = [row(*(button(f"{line}-{place}", label="x" * 80) for place in range(5))) for line in range(4)]
    async with DiscordServer() as server:
        general = server.guild("Film club").channel("general")
        async with logged_in(server) as bot:
            await send(bot, general, content="🙂" * 2000, components=[*rows, row(select(25))], nonce="x" * 25)
            await send(bot, general, flags=1 << 15, components=[{"type": 10, "content": "x" * 4000}])
        first, second = server.bot.messages()
        assert len(first.buttons) == 20
        assert second.text == "x" * 4000


async def test_files_are_limited_in_size_and_number(tmp_path: Path) -> None:
    async with DiscordServer() as server:
        club = server.guild("Film club")
        general, other = club.channel("general"), club.channel("other")
        async with logged_in(server) as bot:
            assert await refused(send(bot, other, {"big.bin": bytes(10 * 1024 * 1024 + 1)})) == (413, 40005)
            together = {f"{number}.bin": bytes(9 * 1024 * 1024) for number in range(3)}
            assert await refused(send(bot, other, together)) == (413, 40005)
            assert await refused(send(bot, other, {f"{n}.txt": b"x" for n in range(11)})) == (400, 50035)
            await send(bot, general, {"just.bin": bytes(10 * 1024 * 1024)})
            described = [{"id": 1, "description": "a frame", "filename": "other name?.png"}]
            await send(bot, general, {"a.md": b"a", "b.png": b"b"}, attachments=described)
            long = [{"id": 0, "description": "x" * 1025}]
            assert await refused(send(bot, general, {"a.md": b"a"}, attachments=long)) == (400, 50035)
        just, two = server.bot.messages()
        assert just.files[0].size == 10 * 1024 * 1024
        assert [(file.name, file.description) for file in two.files] == [("a.md", None), ("other_name.png", "a frame")]
        assert two.files[1].title == "other name?"


async def test_edits_change_only_what_they_say() -> None:
    async with DiscordServer() as server:
        club = server.guild("Film club")
        general, anna = club.channel("general"), club.member("Anna")
        async with logged_in(server) as bot:
            sent = await send(bot, general, {"a.md": b"a"}, content="one", components=[row(button())])
            message = server.bot.messages()[0]
            ids = {"channel_id": general.id, "message_id": message.id}
            await call(bot, "PATCH", MESSAGE, None, {"content": "two"}, **ids)
            assert (message.content, len(message.files), len(message.buttons)) == ("two", 1, 1)
            kept = [{"id": sent["attachments"][0]["id"]}, {"id": 0}]
            await call(bot, "PATCH", MESSAGE, {"b.md": b"b"}, {"attachments": kept, "components": []}, **ids)
            assert ([file.name for file in message.files], message.buttons) == (["a.md", "b.md"], ())
            nothing = {"attachments": [], "content": None}
            assert await refused(call(bot, "PATCH", MESSAGE, None, nothing, **ids)) == (400, 50006)
            theirs = await anna.post("mine", to=general)
            other = {"channel_id": general.id, "message_id": theirs.id}
            assert await refused(call(bot, "PATCH", MESSAGE, None, {"content": "x"}, **other)) == (403, 50005)
            assert [content for _, content in message.edits] == ["two", "two"]


async def test_deleted_messages_are_unknown_and_others_need_a_permission() -> None:
    async with DiscordServer() as server:
        club = server.guild("Film club")
        general, anna = club.channel("general"), club.member("Anna")
        async with logged_in(server) as bot:
            sent = await send(bot, general, content="one")
            ids = {"channel_id": general.id, "message_id": sent["id"]}
            await call(bot, "DELETE", MESSAGE, **ids)
            for method, body in (("GET", None), ("DELETE", None), ("PATCH", {"content": "x"})):
                assert await refused(call(bot, method, MESSAGE, None, body, **ids)) == (404, 10008)
            theirs = await anna.post("mine", to=general)
            ids = {"channel_id": general.id, "message_id": theirs.id}
            assert await refused(call(bot, "DELETE", MESSAGE, **ids)) == (403, 50013)
            club.change_bot(("manage_messages",))
            await call(bot, "DELETE", MESSAGE, **ids)
            assert theirs.deleted
            direct = await anna.dm("mine")
            ids = {"channel_id": direct.channel.id, "message_id": direct.id}
            assert await refused(call(bot, "DELETE", MESSAGE, **ids)) == (403, 50003)
            assert await refused(call(bot, "GET", MESSAGE, channel_id=1, message_id=1)) == (404, 10003)


@pytest.mark.parametrize(
    ("allowed", "pings"),
    [
        (None, ("Anna", "Chen", "@mods", "@everyone")),
        ({"parse": []}, ()),
        ({"parse": [], "replied_user": True}, ("Anna",)),
        ({"parse": ["roles"]}, ("@mods",)),
        ({"parse": ["everyone"]}, ("@everyone",)),
        ({"users": ["chen"], "replied_user": False}, ("Chen",)),
    ],
)
async def test_pings_are_what_allowed_mentions_lets_through(
    allowed: dict[str, Any] | None, pings: tuple[str, ...]
) -> None:
    async with DiscordServer() as server:
        club = server.guild("Film club")
        general, anna, chen = club.channel("general"), club.member("Anna"), club.member("Chen")
        mods = club.role("mods", mentionable=True)
        asked = await anna.post("question", to=general)
        if allowed and allowed.get("users"):
            allowed = {**allowed, "users": [str(chen.id)]}
        body: dict[str, Any] = {"content": f"{chen.mention} {mods.mention} @everyone"}
        body["message_reference"] = {"message_id": str(asked.id)}
        async with logged_in(server) as bot:
            sent = await send(bot, general, **body, **({"allowed_mentions": allowed} if allowed is not None else {}))
        message = server.bot.messages()[0]
        assert message.pings == pings
        assert {user["global_name"] for user in sent["mentions"]} == {"Anna", "Chen"} & set(pings)
        assert sent["mention_everyone"] is ("@everyone" in pings)


async def test_a_ping_by_an_edit_is_seen_and_everyone_needs_the_permission() -> None:
    async with DiscordServer() as server:
        club = server.guild("Film club")
        general, anna = club.channel("general", deny_bot=("mention_everyone",)), club.member("Anna")
        mods = club.role("mods")
        async with logged_in(server) as bot:
            sent = await send(bot, general, content=f"@everyone @here {mods.mention}")
            message = server.bot.messages()[0]
            assert message.pings == ()
            ids = {"channel_id": general.id, "message_id": sent["id"]}
            await call(bot, "PATCH", MESSAGE, None, {"content": anna.mention}, **ids)
            assert message.pings == ("Anna",)


async def test_a_repeated_nonce_gives_the_first_message() -> None:
    clock = Clock()
    async with DiscordServer(clock=clock) as server:
        general = server.guild("Film club").channel("general")
        async with logged_in(server) as bot:
            channel = await bot.fetch_channel(general.id)
            assert isinstance(channel, discord.TextChannel)
            first = await channel.send("one", nonce="job-1")
            again = await channel.send("two", nonce="job-1")
            assert (again.id, again.content) == (first.id, "one")
            await send(bot, general, content="without enforce_nonce", nonce="job-1")
            clock.advance(600)
            assert (await channel.send("three", nonce="job-1")).id != first.id
        assert [message.content for message in server.bot.messages()] == ["one", "without enforce_nonce", "three"]


async def test_reactions_are_counted_and_checked() -> None:
    async with DiscordServer() as server:
        club = server.guild("Film club")
        general, anna = club.channel("general"), club.member("Anna")
        asked = await anna.post("question", to=general)
        async with logged_in(server) as bot:
            channel = await bot.fetch_channel(general.id)
            assert isinstance(channel, discord.TextChannel)
            message = await channel.fetch_message(asked.id)
            await message.add_reaction("👀")
            await anna.react(asked, "👀")
            assert asked.reactions == {"👀": ("Kibitz", "Anna")}
            assert bot.user is not None
            await message.remove_reaction("👀", bot.user)
            assert asked.reactions == {"👀": ("Anna",)}
            assert await refused(message.add_reaction("no emoji")) == (400, 10014)
            assert await refused(message.remove_reaction("👀", anna)) == (403, 50013)  # type: ignore[arg-type] # has an id
            fetched = await channel.fetch_message(asked.id)
            assert [(str(item.emoji), item.count, item.me) for item in fetched.reactions] == [("👀", 1, False)]


async def test_history_comes_in_pages_and_is_empty_without_the_permission() -> None:
    async with DiscordServer() as server:
        club = server.guild("Film club")
        general, anna = club.channel("general"), club.member("Anna")
        posted = [await anna.post(f"@bot {number}", to=general) for number in range(7)]
        async with logged_in(server) as bot:
            channel = await bot.fetch_channel(general.id)
            assert isinstance(channel, discord.TextChannel)

            async def ids(**where: Any) -> list[int]:
                return [posted.index(server.world.messages[item.id]) async for item in channel.history(**where)]

            def at(number: int) -> discord.Object:
                return discord.Object(posted[number].id)

            assert await ids(limit=3) == [6, 5, 4]
            assert await ids(limit=2, before=at(4)) == [3, 2]
            assert await ids(limit=2, after=at(1)) == [2, 3]
            assert sorted(await ids(limit=3, around=at(3))) == [2, 3, 4]
            general.deny_bot("read_message_history")
            assert await ids(limit=3) == []
            path = "/channels/{channel_id}/messages?limit=101"
            assert await refused(call(bot, "GET", path, channel_id=general.id)) == (400, 50035)


async def test_a_thread_begins_at_a_message_and_goes_on_by_itself() -> None:
    async def answer(message: discord.Message) -> None:
        if isinstance(message.channel, discord.Thread):
            await message.channel.send(f"in {message.channel.name}: {message.content}")

    async with DiscordServer(message_content_allowed=True) as server:
        club = server.guild("Film club")
        general, anna = club.channel("general"), club.member("Anna")
        asked = discord.Intents(guilds=True, guild_messages=True, message_content=True)
        async with running(server, asked=asked, on_hear=answer) as bot:
            start = await anna.post("@bot a film", to=general)
            thread = await anna.start_thread(start, "About the film")
            assert thread.id == start.id
            said = await anna.post("and now?", to=thread)
            reply = await server.bot.reply(to=said)
            assert (reply.content, reply.channel) == ("in About the film: and now?", thread)
            second = await anna.post("@bot another", to=general)
            await server.bot.until(lambda: len(bot.heard) == 3)
            opened = await bot.heard[-1].create_thread(name="Mine")
            assert opened.owner_id == server.bot.account.id
            assert second.thread is not None
            thread.archive(locked=True)
            assert await refused(send(bot, thread, content="late")) == (400, 50083)


async def test_direct_messages_are_opened_and_may_be_closed() -> None:
    async with DiscordServer() as server:
        anna = server.person("Anna")
        shy = server.person("Shy", accepts_direct_messages=False)
        async with logged_in(server) as bot:
            await (await bot.fetch_user(anna.id)).send("hello")
            assert [message.content for message in anna.direct().seen_by(anna)] == ["hello"]
            assert await refused((await bot.fetch_user(shy.id)).send("hello")) == (403, 50007)
            assert await refused(bot.fetch_user(1)) == (404, 10013)


async def test_people_cannot_do_what_their_client_does_not_offer(tmp_path: Path) -> None:
    clip = write(tmp_path, "clip.mp4")
    async with DiscordServer() as server:
        club = server.guild("Film club")
        general, anna, chen = club.channel("general"), club.member("Anna"), club.member("Chen")
        closed = club.channel("closed", deny_everyone=("send_messages",))
        message = await anna.post("one", to=general)
        for attempt in (
            anna.post("x" * 2001, to=general),
            anna.post("", to=general),
            anna.post("x", *([clip] * 11), to=general),
            chen.edit(message, "mine now"),
            chen.delete(message),
            chen.post("x", to=closed),
            anna.slash("ask", question="?", to=general),
            anna.press(message, "Cancel"),
        ):
            with pytest.raises(ImpossibleError):
                await attempt
        with pytest.raises(NotSeenError, match=r"It said:\n  nothing"):
            await server.bot.reply(to=message, timeout=0.05)
