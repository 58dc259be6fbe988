"""What people take back: it is forgotten, and what is being worked on keeps nothing of it either."""

import asyncio
from collections.abc import Collection
from functools import partial

from bot.discord_io.desk import Desk
from bot.discord_io.voice_desk import VoiceDesk
from bot.domain.ask import Ask
from bot.domain.conversation import ConversationKey, MediaSource, MessageRef, Turn
from bot.domain.recollection import Forgotten
from bot.memory.store import Memory
from bot.services.chat import TURNS_BACK
from bot.services.forget import ForgetService


class Withdrawal:
    """Each method returns when it is done, as ForgetService does, and raises MemoryFault."""

    def __init__(self, desk: Desk, memory: Memory, forget: ForgetService, calls: VoiceDesk) -> None:
        self._desk = desk
        self._calls = calls
        self._memory = memory
        self._forget = forget
        self._edits_in_order = asyncio.Lock()  # so that the last of several edits is the one that stays

    async def messages(self, messages: Collection[MessageRef]) -> Forgotten:
        """Messages are gone, or are to be as if they were, and with them what was kept because of them."""
        again = partial(self._forget.messages, messages)
        self._desk.withdraw(messages)
        self._desk.afterwards(lambda ask: any(came_from(ask, message) for message in messages), again)
        return await again()

    async def edited(self, message: MessageRef, question: str, attachments: Collection[int]) -> None:
        """A message says something else now, or has lost a file; `attachments` are those it still has."""

        async def follow() -> None:
            async with self._edits_in_order:
                if await self._memory.attachments_of(message) - set(attachments):
                    await self._forget.message(message)
                else:
                    await self._forget.edited(message, question)

        self._desk.afterwards(lambda ask: came_from(ask, message), follow)
        await follow()

    async def hidden(self, message: MessageRef) -> None:
        """A message was edited so that we cannot see any more what it says. What it asked before is taken back."""
        turn = await self._memory.turn_of_message(message)
        is_asking = any(ask.source == message for ask in self._desk.in_flight())
        if is_asking or (turn is not None and turn.source == message):
            await self.messages([message])

    async def place(self, key: ConversationKey, *, is_gone: bool = False) -> Forgotten:
        """A channel, thread or direct message, and what threads of it are just being told of it."""
        await self._calls.forget_place(key)
        await self._desk.stop(lambda ask: ask.key == key or (key.channel_id in ask.also))
        return await self._forget.place(key, is_gone=is_gone)

    async def server(self, server_id: int, *, channels: Collection[int] = ()) -> Forgotten:
        """Nothing more is done for a server, and it is forgotten."""
        await self._calls.forget_server(server_id)
        await self._desk.stop(lambda ask: ask.key.server_id == server_id)
        return await self._forget.server(server_id, channels=channels)

    async def clip(self, sha256: str, key: ConversationKey) -> Forgotten:
        """What is just being found out about clips in that server, or that direct message, may be about this one."""
        again = partial(self._forget.clip, sha256, key)
        self._desk.afterwards(lambda ask: _is_near(ask, key), again)
        return await again()

    async def turn(self, job_id: str) -> Forgotten:
        """One exchange; what goes on from it just now is left alone."""
        return await self._forget.turn(job_id)

    async def person(self, person_id: int) -> Forgotten:
        """What they want just now, and what others want of their clips, is stopped; answers to others that rest on
        their words are not kept."""
        await self._calls.forget_person(person_id)
        asks = (*self._desk.in_flight(), *await self._desk.elsewhere())
        about = {ask.job_id for ask in asks if await self._is_about(ask, person_id)}
        self._not_kept_of(person_id, besides=about)
        await self._desk.stop(lambda ask: ask.job_id in about)
        gone = await self._forget.person(person_id)
        await self._calls.forget_person(person_id)  # what was said meanwhile, while they had not taken back their yes
        return gone

    async def asked(self, person_id: int, key: ConversationKey) -> Forgotten:
        """What a person asked in one place."""
        await self._desk.stop(lambda ask: ask.asker_id == person_id and ask.key == key)
        return await self._forget.asked(person_id, key)

    async def opt_out(self, person_id: int) -> Forgotten:
        """From now on nothing of them is kept. What is being answered is answered, and then forgotten."""
        await self._calls.forget_person(person_id)
        self._not_kept_of(person_id, besides=())
        gone = await self._forget.opt_out(person_id)
        await self._calls.forget_person(person_id)
        return gone

    def _not_kept_of(self, person_id: int, *, besides: Collection[str]) -> None:
        """Of what is in flight, whatever of it rests on this person."""
        for ask in self._desk.in_flight():
            if ask.job_id not in besides:
                self._desk.afterwards(lambda other, one=ask: other is one, partial(self._drop, ask, person_id))

    async def _is_about(self, ask: Ask, person_id: int) -> bool:
        if ask.asker_id == person_id or any(source.author_id == person_id for source in _named(ask)):
            return True
        before = await self._memory.chain(ask.follows, limit=TURNS_BACK) if ask.follows else ()
        return any(clip.source.author_id == person_id for turn in before for clip in turn.clips)

    async def _drop(self, ask: Ask, person_id: int) -> None:
        """What a job that has ended kept of somebody who was forgotten meanwhile."""
        turn = await self._memory.turn(ask.job_id)
        if turn is not None and _rests_on(turn, person_id):
            await self._forget.turn(ask.job_id)
        for source in _named(ask):
            sha256 = await self._memory.digest_of(source.attachment_id) if source.author_id == person_id else None
            if sha256 is not None:
                await self._forget.clip(sha256, ask.key)


def came_from(ask: Ask, message: MessageRef) -> bool:
    """Whether that message asked, or carried a clip."""
    carriers = [MessageRef(channel_id=clip.channel_id, message_id=clip.message_id) for clip in ask.clips]
    return message in (ask.source, *carriers)


def _named(ask: Ask) -> tuple[MediaSource, ...]:
    return ask.clips if ask.voice_question is None else (*ask.clips, ask.voice_question)


def _rests_on(turn: Turn, person_id: int) -> bool:
    """Whether they asked it, posted a clip it is about, or said what its answer rests on."""
    return person_id in {turn.asker_id, *turn.people, *(clip.source.author_id for clip in turn.clips)}


def _is_near(ask: Ask, key: ConversationKey) -> bool:
    return ask.key == key if key.server_id is None else ask.key.server_id == key.server_id
