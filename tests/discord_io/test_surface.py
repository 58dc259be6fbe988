"""A job shows itself in one message, wherever it was asked, and nothing of it is lost on the way."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import discord
import pytest
from discord import app_commands

from bot.discord_io.posting import OutgoingFile
from bot.discord_io.surface import InteractionSurface, MessageSurface, RestoredSurface, Surface
from bot.domain.conversation import MessageRef
from bot.domain.errors import DeliveryError
from bot.domain.media import VoiceClip
from bot.locales import catalogue
from tests.simulator.discord_material import TinyBot, command, ogg, running
from tests.simulator.discord_server import Channel, DiscordServer, Guild, Interaction, Message, Person

JOB = "0123456789ab"
WORDS = catalogue(None)
SUPPRESS_EMBEDS, SILENT, VOICE_MESSAGE = 1 << 2, 1 << 12, 1 << 13
NOTES = OutgoingFile(name="notes.md", data=b"notes")
CLIP = VoiceClip(duration_seconds=1.5, waveform=b"\x00\x80\xff", ogg=ogg(1.5))


def button(label: str) -> discord.ui.View:
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label=label, custom_id=label))
    return view


def labels(message: Message) -> list[str]:
    return [shown.label for shown in message.buttons]


@dataclass(slots=True, kw_only=True)
class Scene:
    """A server with a channel, Anna in it, and a bot that hands over what it gets."""

    server: DiscordServer
    club: Guild
    general: Channel
    anna: Person
    bot: TinyBot
    commands: "asyncio.Queue[discord.Interaction[Any]]" = field(default_factory=asyncio.Queue)

    @property
    def said(self) -> list[Message]:
        """What the bot has in the channel now."""
        return [message for message in self.server.bot.messages(in_=self.general) if not message.deleted]

    @property
    def posts(self) -> int:
        """How often the bot tried to post."""
        return self.server.count("POST", "/channels/{channel_id}/messages")

    async def asked(self) -> tuple[Message, MessageSurface]:
        post = await self.anna.post("A question", to=self.general)
        await self.server.bot.until(lambda: self.bot.heard)
        return post, self.on_message(self.bot.heard[-1])

    def on_message(self, message: discord.Message) -> MessageSurface:
        return MessageSurface(message, client=self.bot, job_id=JOB, words=WORDS, clock=self.server.clock)

    async def command(
        self, *, to: Channel | None = None, ephemeral: bool = False, **options: Any
    ) -> tuple[Interaction, InteractionSurface]:
        asked = await self.anna.slash("private" if ephemeral else "public", to=to or self.general, **options)
        interaction = await self.commands.get()
        surface = InteractionSurface(interaction, job_id=JOB, words=WORDS, ephemeral=ephemeral, clock=self.server.clock)
        return asked, surface

    def restored(self, **options: Any) -> RestoredSurface:
        channel = self.bot.get_partial_messageable(self.general.id, guild_id=self.club.id)
        return RestoredSurface(channel, client=self.bot, job_id=JOB, words=WORDS, clock=self.server.clock, **options)


@pytest.fixture
async def scene() -> AsyncGenerator[Scene]:
    arrived: asyncio.Queue[discord.Interaction[Any]] = asyncio.Queue()

    async def public(interaction: discord.Interaction[Any]) -> None:
        await interaction.response.defer()
        arrived.put_nowait(interaction)

    async def private(interaction: discord.Interaction[Any]) -> None:
        await interaction.response.defer(ephemeral=True)
        arrived.put_nowait(interaction)

    def prepare(bot: TinyBot) -> None:
        anywhere = {
            "allowed_installs": app_commands.AppInstallationType(guild=True, user=True),
            "allowed_contexts": app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True),
        }
        command(bot, public, "public", **anywhere)
        command(bot, private, "private", **anywhere)

    async with DiscordServer() as server:
        club = server.guild("Film club")
        general = club.channel("general")
        club.member("Olga")  # the first one owns the server
        anna = club.member("Anna")
        async with running(server, prepare=prepare) as bot:
            yield Scene(server=server, club=club, general=general, anna=anna, bot=bot, commands=arrived)
        assert server.unknown_requests == []
        assert [message.pings for message in server.bot.messages() if message.pings] == []


# A message that asked


async def test_one_message_replies_and_becomes_the_answer(scene: Scene) -> None:
    post, surface = await scene.asked()
    first = await surface.show("Reading…", view=button("Cancel"))
    assert labels(scene.said[0]) == ["Cancel"]
    await surface.show("8/24 frames", view=button("Cancel"))
    last = await surface.finish("A cat.", view=button("Delete"), files=[NOTES])
    (message,) = scene.said
    assert first == last == MessageRef(channel_id=scene.general.id, message_id=message.id)
    assert message.content == "A cat."
    assert [content for _at, content in message.edits] == ["8/24 frames", "A cat."]
    assert labels(message) == ["Delete"]
    assert message.reference is post
    assert message.flags & SUPPRESS_EMBEDS
    assert [file.bytes for file in message.files] == [b"notes"]


async def test_nobody_is_pinged_whatever_is_said(scene: Scene) -> None:
    _post, surface = await scene.asked()
    calls = f"@everyone @here <@{scene.anna.id}>"
    await surface.show(calls)
    await surface.show(f"{calls} {calls}")
    await surface.finish(calls)
    await surface.add(calls)
    _asked, interactive = await scene.command()
    await interactive.show(calls)
    await interactive.finish(f"{calls}!")
    await interactive.add(calls)
    assert len(scene.said) == 4
    assert [message.pings for message in scene.said] == [()] * 4


async def test_what_was_asked_may_be_gone(scene: Scene) -> None:
    post, surface = await scene.asked()
    await scene.anna.delete(post)
    await surface.finish("A cat.")
    assert [(message.content, message.reference) for message in scene.said] == [("A cat.", None)]
    assert scene.posts == 1


async def test_without_read_message_history_the_answer_stands_alone(scene: Scene) -> None:
    _post, surface = await scene.asked()
    scene.general.deny_bot("read_message_history")
    await surface.finish("A cat.")
    assert [(message.content, message.reference) for message in scene.said] == [("A cat.", None)]


async def test_without_send_messages_the_error_names_it_and_a_sign_is_left(scene: Scene) -> None:
    post, surface = await scene.asked()
    scene.general.deny_bot("send_messages")
    with pytest.raises(DeliveryError) as caught:
        await surface.show("Reading…")
    assert caught.value.code == "discord_missing_permission"
    assert "Send Messages" in caught.value.public
    with pytest.raises(DeliveryError):
        await surface.fail(caught.value.public)
    assert list(post.reactions) == ["❌"]
    assert scene.said == []


async def test_a_deleted_message_is_not_shown_again_but_the_answer_is(scene: Scene) -> None:
    _post, surface = await scene.asked()
    await surface.show("Reading…")
    await delete(scene, scene.said[0])
    with pytest.raises(DeliveryError) as caught:
        await surface.show("8/24 frames")
    assert caught.value.code == "discord_gone"
    await surface.finish("A cat.", files=[NOTES])
    assert [(message.content, len(message.files)) for message in scene.said] == [("A cat.", 1)]


async def delete(scene: Scene, message: Message) -> None:
    """As a moderator does."""
    await scene.bot.http.delete_message(message.channel.id, message.id)


async def test_a_channel_that_is_gone_is_an_error(scene: Scene) -> None:
    _post, surface = await scene.asked()
    scene.general.delete()
    with pytest.raises(DeliveryError) as caught:
        await surface.show("Reading…")
    assert caught.value.code in {"discord_gone", "discord_missing_permission"}


@pytest.mark.parametrize("finishing", [True, False])
async def test_without_attach_files_the_words_arrive_with_a_note(scene: Scene, finishing: bool) -> None:
    _post, surface = await scene.asked()
    await surface.show("Reading…")
    scene.general.deny_bot("attach_files")
    await scene.server.bot.until(lambda: not surface.can_attach)
    await (surface.finish if finishing else surface.add)("A cat.", files=[NOTES])
    note = "-# ⚠️ notes.md is missing: I lack the permission Attach Files in this channel."
    assert (scene.said[-1].content, scene.said[-1].files) == (f"A cat.\n{note}", ())


async def test_a_permission_nobody_told_of_is_noticed_when_discord_refuses(scene: Scene) -> None:
    scene.general.deny_bot("attach_files")
    surface = scene.restored()
    assert surface.can_attach
    await surface.finish("A cat.", files=[NOTES])
    assert scene.said[0].content.startswith("A cat.\n-# ⚠️ notes.md is missing: I lack the permission")


async def test_a_file_that_is_too_large_becomes_a_sentence(scene: Scene) -> None:
    _post, surface = await scene.asked()
    large = OutgoingFile(name="board.png", data=b"x" * (10 * 1024 * 1024 + 1))
    await surface.finish("x" * 1990, files=[large, NOTES])
    words, note = scene.said
    assert (words.content, [file.name for file in words.files]) == ("x" * 1990, ["notes.md"])
    assert note.content == "-# ⚠️ board.png is missing: its 10.0 MiB are more than may be sent here."


async def test_what_discord_finds_too_large_becomes_a_sentence_as_well(scene: Scene) -> None:
    _post, surface = await scene.asked()
    scene.server.fail(
        "POST /channels",
        status=413,
        headers={"Content-Type": "application/json"},
        body=b'{"code": 40005, "message": "Request entity too large"}',
    )
    await surface.finish("A cat.", files=[NOTES])
    assert scene.said[0].content == "A cat.\n-# ⚠️ notes.md is missing: its 0.0 MiB are more than may be sent here."


async def test_pictures_have_alt_text(scene: Scene) -> None:
    _post, surface = await scene.asked()
    await surface.finish("Frames", files=[OutgoingFile(name="a.png", data=b"png", description="Two frames")])
    assert [file.description for file in scene.said[0].files] == ["Two frames"]


async def test_after_a_long_job_further_messages_are_silent(scene: Scene) -> None:
    _post, surface = await scene.asked()
    await surface.finish("one")
    await surface.add("two")
    scene.server.clock.advance(301)
    await surface.add("three")
    assert [bool(message.flags & SILENT) for message in scene.said] == [False, False, True]


async def test_a_post_sent_again_after_a_crash_appears_once_with_the_new_words(scene: Scene) -> None:
    post, surface = await scene.asked()
    await surface.show("Reading…", view=button("Cancel"))
    again = scene.restored(reply_to=MessageRef(channel_id=scene.general.id, message_id=post.id))
    await again.finish("A cat.", view=button("Delete"))
    await again.add("More.")
    assert [message.content for message in scene.said] == ["A cat.", "More."]
    assert labels(scene.said[0]) == ["Delete"]


async def test_after_a_restart_it_goes_on_with_the_message_that_was_shown(scene: Scene) -> None:
    _post, surface = await scene.asked()
    shown = await surface.show("Reading…", view=button("Cancel"))
    again = scene.restored(shown=shown)
    await again.show("8/24 frames")
    assert await again.finish("A cat.") == shown
    await again.add("More.")
    assert [message.content for message in scene.said] == ["A cat.", "More."]


async def test_failing_replaces_progress_and_stands_below_an_answer(scene: Scene) -> None:
    _post, surface = await scene.asked()
    await surface.show("Reading…", view=button("Cancel"))
    await surface.fail("No model answered. Try again later.")
    assert [(message.content, labels(message)) for message in scene.said] == [
        (f"⚠️ No model answered. Try again later.\n-# Job {JOB}", [])
    ]
    await surface.fail("Nor did the other.")
    assert [message.content[:5] for message in scene.said] == ["⚠️ No", "⚠️ No"]


async def test_calls_at_once_wait_for_each_other(scene: Scene) -> None:
    _post, surface = await scene.asked()
    await asyncio.gather(surface.show("one"), surface.show("two"), surface.finish("three"))
    assert scene.posts == 1
    assert [message.content for message in scene.said] == ["three"]


async def test_a_voice_message_replies_to_the_last_words(scene: Scene) -> None:
    _post, surface = await scene.asked()
    await surface.finish("A cat.")
    await surface.add("It runs.")
    ref = await surface.voice(CLIP)
    voice = scene.said[-1]
    assert (ref.message_id, voice.is_voice_message, voice.reference) == (voice.id, True, scene.said[1])


@pytest.mark.parametrize("is_known", [True, False])
async def test_where_there_may_be_no_voice_message_the_sound_is_a_file(scene: Scene, is_known: bool) -> None:
    scene.general.deny_bot("send_voice_messages")
    surface: Surface = (await scene.asked())[1] if is_known else scene.restored()
    await surface.finish("A cat.")
    await surface.voice(CLIP)
    sound = scene.said[-1]
    assert not sound.is_voice_message
    assert [(file.name, file.bytes) for file in sound.files] == [("answer.ogg", CLIP.ogg)]
    assert scene.posts == (2 if is_known else 3)


# A command that asked


async def test_the_deferred_response_is_filled_and_followed(scene: Scene) -> None:
    asked, surface = await scene.command()
    await surface.show("Reading…", view=button("Cancel"))
    await surface.show("8/24 frames", view=button("Cancel"))
    await surface.finish("A cat.", view=None)
    await surface.add("More.", view=button("Delete"), files=[NOTES])
    original, further = asked.messages
    assert (original.content, labels(original), further.content, labels(further)) == ("A cat.", [], "More.", ["Delete"])
    assert [file.bytes for file in further.files] == [b"notes"]


async def test_what_is_private_stays_private(scene: Scene) -> None:
    asked, surface = await scene.command(ephemeral=True)
    await surface.show("Reading…")
    await surface.finish("A cat.")
    await surface.add("More.")
    await surface.voice(CLIP)
    await surface.fail("No more.")
    assert len(asked.messages) == 4
    assert all(message.ephemeral_for for message in asked.messages)
    assert [file.name for file in asked.messages[2].files] == ["answer.ogg"]


async def test_a_response_that_was_deleted_is_followed_by_the_answer(scene: Scene) -> None:
    asked, surface = await scene.command()
    await surface.show("Reading…")
    await delete(scene, asked.messages[0])
    with pytest.raises(DeliveryError) as caught:
        await surface.show("8/24 frames")
    assert caught.value.code == "discord_gone"
    await surface.finish("A cat.")
    await surface.finish("Two cats.")
    assert [message.content for message in scene.said] == ["Two cats."]


async def test_without_send_messages_a_command_is_answered_all_the_same(scene: Scene) -> None:
    scene.general.deny_bot("send_messages")
    asked, surface = await scene.command()
    await surface.show("Reading…")
    await surface.finish("A cat.")
    await surface.add("More.")
    assert [message.content for message in asked.messages] == ["A cat.", "More."]


async def test_the_voice_of_a_command_is_a_file_where_there_may_be_none(scene: Scene) -> None:
    scene.general.deny_bot("send_voice_messages")
    asked, surface = await scene.command()
    await surface.finish("A cat.")
    await surface.voice(CLIP)
    assert [file.name for file in asked.messages[1].files] == ["answer.ogg"]


async def test_the_voice_of_a_command_is_native_where_it_may_be(scene: Scene) -> None:
    _asked, surface = await scene.command()
    await surface.finish("A cat.")
    await surface.voice(CLIP)
    assert (scene.said[1].is_voice_message, scene.said[1].reference) == (True, scene.said[0])


async def test_before_the_token_ends_it_goes_on_below(scene: Scene) -> None:
    _asked, surface = await scene.command()
    await surface.show("Reading…", view=button("Cancel"))
    scene.server.clock.advance(14 * 60 + 1)
    await surface.show("8/24 frames", view=button("Cancel"))
    old, new = scene.said
    assert (old.content, labels(old)) == ("This goes on below.", [])
    assert (new.content, labels(new), new.reference) == ("8/24 frames", ["Cancel"], old)
    scene.server.clock.advance(60)
    await surface.finish("A cat.", files=[NOTES])
    await surface.add("More.")
    await surface.voice(CLIP)
    assert [message.content for message in scene.said] == ["This goes on below.", "A cat.", "More.", ""]
    assert scene.said[1].files
    assert scene.said[3].is_voice_message


async def test_a_refused_token_is_no_end(scene: Scene) -> None:
    """As after a sleep of the machine: the clock of the bot knows nothing of it."""
    asked = await scene.anna.slash("public", to=scene.general)
    surface = InteractionSurface(await scene.commands.get(), job_id=JOB, words=WORDS, clock=lambda: 0.0)
    await surface.show("Reading…")
    scene.server.clock.advance(16 * 60)
    await surface.finish("A cat.")
    assert [message.content for message in scene.said] == ["This goes on below.", "A cat."]
    assert asked.messages[0].content == "This goes on below."


async def test_an_answer_that_is_complete_is_not_replaced_when_more_comes_late(scene: Scene) -> None:
    _asked, surface = await scene.command()
    await surface.finish("A cat.")
    scene.server.clock.advance(15 * 60)
    await surface.add("More.")
    assert [message.content for message in scene.said] == ["A cat.", "More."]


async def test_what_is_private_goes_on_in_direct_messages(scene: Scene) -> None:
    asked, surface = await scene.command(ephemeral=True)
    await surface.show("Reading…")
    scene.server.clock.advance(14 * 60 + 1)
    await surface.finish("A cat.")
    assert asked.messages[0].content == "This goes on in our direct messages."
    assert [message.content for message in scene.anna.direct().seen_by(scene.anna)] == ["A cat."]


async def test_where_the_token_is_all_there_is_it_is_used_to_its_end(scene: Scene) -> None:
    carl = scene.server.person("Carl", accepts_direct_messages=False)
    scene.anna = carl
    elsewhere = scene.server.guild("Elsewhere", bot=False).channel("talk")
    elsewhere.guild.member(carl)
    asked, surface = await scene.command(to=elsewhere, ephemeral=True)
    await surface.show("Reading…")
    scene.server.clock.advance(14 * 60 + 1)
    await surface.show("8/24 frames")
    await surface.show("9/24 frames")
    assert asked.messages[0].content == "9/24 frames"
    assert scene.server.refusals.total() == 1
    scene.server.clock.advance(60)
    with pytest.raises(DeliveryError) as caught:
        await surface.finish("A cat.")
    assert caught.value.code == "discord_gone"


async def test_when_the_channel_was_closed_meanwhile_the_token_is_still_used(scene: Scene) -> None:
    asked, surface = await scene.command()
    await surface.show("Reading…")
    scene.general.deny_bot("send_messages")
    channel = scene.bot.get_channel(scene.general.id)
    assert isinstance(channel, discord.TextChannel)
    await scene.server.bot.until(lambda: not channel.permissions_for(channel.guild.me).send_messages)
    scene.server.clock.advance(14 * 60 + 1)
    await surface.finish("A cat.")
    assert [message.content for message in asked.messages] == ["A cat."]


async def test_a_command_in_direct_messages(scene: Scene) -> None:
    direct = scene.anna.direct()
    _asked, surface = await scene.command(to=direct)
    await surface.show("Reading…")
    scene.server.clock.advance(14 * 60 + 1)
    await surface.finish("A cat.")
    await surface.voice(CLIP)
    shown = direct.seen_by(scene.anna)
    assert [message.content for message in shown] == ["This goes on below.", "A cat.", ""]
    assert shown[2].is_voice_message
