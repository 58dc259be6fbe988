"""Ways to talk without a command: mentions, replies, direct messages, voice messages, channels with all answered."""

import logging
import re
from dataclasses import dataclass, field

import discord
from discord.ext import commands

from bot.discord_io.attachments import sources_of
from bot.discord_io.call import mentions_us, words_of
from bot.discord_io.client import KibitzClient
from bot.discord_io.gatekeeper import Gatekeeper
from bot.discord_io.identity import key_of, locale_of, ref_of, settings_channel
from bot.discord_io.permissions import SEND
from bot.discord_io.reception import Reception, Wish, person_of
from bot.discord_io.wall import lacking
from bot.domain.conversation import AnswersWhen, MediaSource, PlaceSettings
from bot.domain.errors import BotError
from bot.memory.store import Memory
from bot.services.access import may_ask

log = logging.getLogger(__name__)

_HAN = re.compile(r"[\u3400-\u9fff]")
_NOT_CHINESE = re.compile(r"[\u3040-\u30ff\uac00-\ud7af]")  # kana and hangul stand beside Han in other languages


@dataclass(frozen=True, slots=True, kw_only=True)
class _Replied:
    """The message that a message replies to, as far as it can be seen; `is_hidden`: it is there, and cannot."""

    job_id: str | None = None
    clips: tuple[MediaSource, ...] = field(default=())
    is_ours: bool = False
    is_hidden: bool = False


class Chat(commands.Cog):
    """Listens to messages."""

    def __init__(self, client: KibitzClient) -> None:
        self._client = client
        self._reception: Reception = client.house.reception
        self._keeper: Gatekeeper = client.house.keeper
        self._memory: Memory = client.house.memory

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        if message.author.bot or message.webhook_id is not None:
            return
        if self._client.silenced.is_silent(message.channel.id):
            return
        if message.type in {discord.MessageType.default, discord.MessageType.reply}:
            self._client.tasks.spawn(self._read(message), name="message")

    async def _read(self, message: discord.Message) -> None:
        """Counted among the work that a stopping bot waits for, so that what was posted to it is kept."""
        is_called = message.guild is None or self._replies_to_us(message) or mentions_us(message, self._client.user)
        if not is_called and not self._client.house.settings.discord.message_content:
            return
        try:
            replied = await self._replied(message)
            place = await self._memory.settings_for(key_of(message).server_id, settings_channel(message))
            if not is_called and not _is_for_all(message, place):
                return
            refusal = await self._keeper.refusal(message, place, is_called=is_called)
        except BotError as error:
            if is_called:
                await self._reception.by_message(
                    message,
                    Wish(),
                    client=self._client,
                    place=PlaceSettings(),
                    locale=locale_of(message),
                    problem=error,
                )
            return
        if self._keeper.is_silent(refusal):
            log.info("message %d is not answered: %s", message.id, refusal.code if refusal else "")
            return
        await self._answer(message, replied, place, refusal)

    async def _answer(
        self, message: discord.Message, replied: _Replied, place: PlaceSettings, refusal: BotError | None
    ) -> None:
        question = words_of(message, self._client.user)
        own = sources_of(message)
        voice = next((source for source in own if source.is_voice_message), None) if question is None else None
        clips = tuple(source for source in own if source is not voice)
        wish = Wish(
            question=question,
            clips=clips or replied.clips,
            voice_question=voice,
            follows=replied.job_id,
            speak=True if voice else None,
        )
        locale = "zh-CN" if _is_chinese(question or "") else place.language or locale_of(message)
        problem = refusal or (_switched_off() if place.answers is AnswersWhen.NEVER else None)
        problem = problem or _problem(
            wish, replied, has_words=bool(message.content or own), is_by_role=bool(message.role_mentions)
        )
        self._client.tasks.spawn(_type(message.channel), name="typing")
        await self._reception.by_message(
            message, wish, client=self._client, place=place, locale=locale, problem=problem
        )

    async def _replied(self, message: discord.Message) -> _Replied:
        """What a reply replies to. The author of a message is never hidden, its content may be."""
        reference = message.reference
        if reference is None or reference.message_id is None or message.type is not discord.MessageType.reply:
            return _Replied()
        target = reference.resolved
        if not isinstance(target, discord.Message):
            return _Replied(is_hidden=True)
        turn = await self._memory.turn_of_message(ref_of(target))
        job_id = None if turn is None else turn.job_id
        if self._replies_to_us(message):
            return _Replied(job_id=job_id, is_ours=True)
        clips = sources_of(target)
        return _Replied(job_id=job_id, clips=clips, is_hidden=not (clips or target.content or job_id))

    def _replies_to_us(self, message: discord.Message) -> bool:
        target = message.reference and message.reference.resolved
        return (
            message.type is discord.MessageType.reply
            and isinstance(target, discord.Message)
            and target.author == self._client.user
        )


def _is_for_all(message: discord.Message, place: PlaceSettings) -> bool:
    """Whether a message that does not call us is answered; one of a person who may not ask is mere talk."""
    says_something = bool(message.content or sources_of(message))
    return place.answers is AnswersWhen.ALWAYS and says_something and may_ask(person_of(message.author), place)


def _is_chinese(text: str) -> bool:
    return _HAN.search(text) is not None and _NOT_CHINESE.search(text) is None


def _switched_off() -> BotError:
    return BotError("switched_off", "In this channel I answer commands only. Use /ask.")


def _problem(wish: Wish, replied: _Replied, *, has_words: bool, is_by_role: bool) -> BotError | None:
    """Why a message cannot be understood: Discord hides from us what it says or what it replies to."""
    if replied.is_ours and not has_words:
        return BotError(
            "message_hidden",
            "Discord shows me only messages that mention me. Reply with the mention switched on, or use /ask.",
        )
    if is_by_role and not has_words:
        return BotError(
            "message_hidden",
            "Discord hides that message from me, because it mentions my role. Mention me by name, or use /ask.",
        )
    if replied.is_hidden and not wish.clips and wish.voice_question is None:
        return BotError(
            "reply_hidden",
            "Discord does not show me the message you reply to. Open its menu, choose Apps and then Ask about this.",
        )
    return None


async def _type(channel: discord.abc.Messageable) -> None:
    """Show at once that something happens; the progress follows."""
    if lacking(channel, SEND):
        return
    try:
        await channel.typing()
    except discord.HTTPException as error:
        log.debug("typing was refused: %s", error.code)


async def setup(client: KibitzClient) -> None:
    """Called by the library when the extension is loaded."""
    await client.add_cog(Chat(client))
