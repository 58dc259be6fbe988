"""/forget and the menu entry Forget this: me, a clip, a channel, a server; asked once more before anything goes."""

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import discord
from discord import app_commands
from discord.app_commands import locale_str
from discord.ext import commands

from bot.discord_io.asker import asker_of
from bot.discord_io.client import KibitzClient
from bot.discord_io.confirmation import confirm
from bot.discord_io.identity import ref_of, user_id
from bot.discord_io.links import has_links, linked_messages
from bot.discord_io.memory_pages import forgotten_page
from bot.discord_io.reception import person_of, scope_of
from bot.discord_io.withdrawal import Withdrawal
from bot.domain.conversation import ConversationKey
from bot.domain.errors import BotError
from bot.domain.recollection import Forgotten
from bot.locales import catalogue
from bot.memory.store import Memory
from bot.services.access import may_steer

log = logging.getLogger(__name__)

Interaction = discord.Interaction[Any]

_NOBODY = 0
_TURNS_LOOKED_AT = 50
_EVER = datetime(2015, 1, 1, tzinfo=UTC)  # before it there was no Discord
_LONGEST_LINK = 200


class Forgetting(commands.Cog):
    """Everything it says is for the person alone."""

    def __init__(self, client: KibitzClient) -> None:
        self._client = client
        self._tree = client.tree
        self._memory: Memory = client.house.memory
        self._withdrawal: Withdrawal = client.house.withdrawal
        self._menu = app_commands.ContextMenu(name=locale_str("Forget this"), callback=self.forget_this)

    async def cog_load(self) -> None:
        self._tree.add_command(self._menu)

    async def cog_unload(self) -> None:
        self._tree.remove_command(self._menu.name, type=self._menu.type)

    @app_commands.command(
        name=locale_str("forget"), description=locale_str("Make me forget you, a clip, this channel, or this server")
    )
    @app_commands.rename(what=locale_str("what"), message=locale_str("message"))
    @app_commands.describe(
        what=locale_str("What I should forget; I ask once more before it goes"),
        message=locale_str("For a clip: the link of its message; without one, the latest here is meant"),
    )
    @app_commands.choices(
        what=[
            app_commands.Choice(name=locale_str("me"), value="me"),
            app_commands.Choice(name=locale_str("this clip"), value="clip"),
            app_commands.Choice(name=locale_str("this channel"), value="channel"),
            app_commands.Choice(name=locale_str("everything here"), value="everything"),
        ]
    )
    @app_commands.checks.cooldown(6, 60, key=user_id)
    async def forget(
        self, interaction: Interaction, what: str, message: app_commands.Range[str, 1, _LONGEST_LINK] | None = None
    ) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        if message is not None and what != "clip":
            raise BotError("link_for_clip", "A message link says which clip is meant. Choose “this clip” with it.")
        match what:
            case "me":
                await self._me(interaction)
            case "clip":
                await self._clip(interaction, message)
            case "channel":
                await self._channel(interaction)
            case _:
                await self._everything(interaction)

    async def _me(self, interaction: Interaction) -> None:
        words = catalogue(interaction.locale.value)
        held = await self._memory.holdings(interaction.user.id)
        questions = words.plural("{n} question", "{n} questions", len(held.turns) + len(held.waiting))
        clips = words.plural("{n} clip", "{n} clips", sum(clip.was_posted for clip in held.clips))
        facts = words.plural("{n} pinned fact", "{n} pinned facts", len(held.facts))
        question = words(
            "Everything I keep of you will be forgotten, in all servers and direct messages: {questions} with the "
            "answers, {clips} you posted, {facts}, and answers to others that rest on your words. In voice channels I "
            "do not hear you until you agree again. What you chose with /optout stays.",
            questions=questions,
            clips=clips,
            facts=facts,
        )
        await self._ask(interaction, question, lambda: self._withdrawal.person(interaction.user.id))

    async def _channel(self, interaction: Interaction) -> None:
        words, key = catalogue(interaction.locale.value), scope_of(interaction).key
        if key.server_id is not None and not person_of(interaction.user).is_moderator:
            raise BotError(
                "not_moderator",
                "Only people who may manage messages here can make me forget this channel. Ask one of them, or use "
                "/forget for yourself.",
            )
        question = words(
            "Everything I remember of this place will be forgotten, whoever said it: questions, answers, pinned facts, "
            "summaries, and clips that were shown nowhere else. Threads have a memory of their own. The messages on "
            "Discord stay."
        )
        await self._ask(interaction, question, lambda: self._withdrawal.place(key))

    async def _everything(self, interaction: Interaction) -> None:
        words, key = catalogue(interaction.locale.value), scope_of(interaction).key
        server_id, guild = key.server_id, interaction.guild
        if server_id is None or guild is None:
            await self._channel(interaction)
            return
        if not interaction.permissions.manage_guild:
            raise BotError(
                "not_manager",
                "Only people who may manage this server can make me forget all of it. Ask one of them, or use /forget "
                "for yourself.",
            )
        places = [place.id for place in (*guild.channels, *guild.threads)]
        question = words(
            "Everything I remember of this whole server will be forgotten, whoever said it, with all settings made "
            "here. The messages on Discord stay."
        )
        await self._ask(interaction, question, lambda: self._withdrawal.server(server_id, channels=places))

    async def _clip(self, interaction: Interaction, link: str | None) -> None:
        words, key = catalogue(interaction.locale.value), scope_of(interaction).key
        clips, owners = await (self._latest(interaction, key) if link is None else self._linked(interaction, link))
        if not clips:
            raise BotError(
                "no_clip_known",
                "I remember no clip here. Add the link of its message, or use the menu of its message.",
            )
        person = person_of(interaction.user)
        if key.server_id is not None and not any(may_steer(person, owner) for owner in owners):
            raise BotError(
                "not_your_clip",
                "Only who posted that clip, who asked about it, and moderators can make me forget it.",
            )
        question = words.plural(
            "What I know of this clip will be forgotten, with all questions about it, in this whole server or "
            "conversation. The message on Discord stays.",
            "What I know of these {n} clips will be forgotten, with all questions about them, in this whole server or "
            "conversation. The message on Discord stays.",
            len(clips),
        )

        async def forget() -> Forgotten:
            return _together([await self._withdrawal.clip(sha256, key) for sha256 in sorted(clips)])

        await self._ask(interaction, question, forget)

    async def _latest(self, interaction: Interaction, key: ConversationKey) -> tuple[set[str], set[int]]:
        """The clips of the newest turn here about any, who posted them, and who asked about them."""
        asker = asker_of(interaction)
        turns = await self._memory.recent(key, since=_EVER, limit=_TURNS_LOOKED_AT)
        seen = [turn for turn in turns if turn.clips and all(asker.may_read(clip.source) for clip in turn.clips)]
        clips = {clip.sha256 for clip in seen[-1].clips} if seen else set[str]()
        about = [turn for turn in seen if any(clip.sha256 in clips for clip in turn.clips)]
        posters = {clip.source.author_id for turn in about for clip in turn.clips if clip.sha256 in clips}
        return clips, {*posters, *(turn.asker_id for turn in about)}

    async def _linked(self, interaction: Interaction, link: str) -> tuple[set[str], set[int]]:
        """The clips of the message a link leads to, and whose they are. Raises BotError for one not followed."""
        if not has_links(link):
            raise BotError("no_link", "That is no link to a message. Open the menu of the message and copy its link.")
        clips: set[str] = set()
        owners: set[int] = set()
        for message in await linked_messages(link, asker=interaction.user, guild=interaction.guild):
            owners.add(message.author.id)
            turn = await self._memory.turn_of_message(ref_of(message))
            if turn is not None:
                clips.update(clip.sha256 for clip in turn.clips)
                owners.add(turn.asker_id)
            for attachment_id in await self._memory.attachments_of(ref_of(message)):
                digest = await self._memory.digest_of(attachment_id)
                clips |= set() if digest is None else {digest}
        return clips, owners

    async def forget_this(self, interaction: Interaction, message: discord.Message) -> None:
        """An answer of ours as its asker's or a moderator's, any other message as its author's or a moderator's."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        words, ref = catalogue(interaction.locale.value), ref_of(message)
        turn = await self._memory.turn_of_message(ref)
        is_ours = message.author == self._client.user
        if turn is None and (is_ours or not await self._memory.attachments_of(ref)):
            raise BotError("message_unknown", "I remember nothing of that message.")
        owner = message.author.id
        if is_ours:
            owner = _NOBODY if turn is None else turn.asker_id
        if not may_steer(person_of(interaction.user), owner):
            raise BotError("not_yours", "Only the person who asked, and moderators, can do that.")
        if is_ours and turn is not None:
            job_id = turn.job_id
            question = words("That question and its answer will be forgotten. The message on Discord stays.")
            await self._ask(interaction, question, lambda: self._withdrawal.turn(job_id))
            return
        question = words(
            "What that message asked, and what I know of its clips, will be forgotten, with all questions about them. "
            "The message on Discord stays."
        )
        await self._ask(interaction, question, lambda: self._withdrawal.messages([ref]))

    async def _ask(self, interaction: Interaction, question: str, forget: Callable[[], Awaitable[Forgotten]]) -> None:
        words = catalogue(interaction.locale.value)

        async def work() -> str:
            gone = await forget()
            log.info("forgotten by hand: %d questions, %d clips, %d facts", len(gone.jobs), len(gone.clips), gone.facts)
            return forgotten_page(gone, words)

        await confirm(interaction, words, question=question, label=words("Forget"), work=work)


def _together(gone: list[Forgotten]) -> Forgotten:
    return Forgotten(
        jobs=frozenset(job for one in gone for job in one.jobs),
        clips=frozenset(clip for one in gone for clip in one.clips),
        facts=sum(one.facts for one in gone),
        resting=sum(one.resting for one in gone),
        records=sum(one.records for one in gone),
    )


async def setup(client: KibitzClient) -> None:
    """Called by the library when the extension is loaded."""
    await client.add_cog(Forgetting(client))
