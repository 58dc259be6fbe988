"""Answers taken from the timeline, word for word: nothing is written that was not read, seen or heard."""

import asyncio
import re
from collections.abc import AsyncGenerator

from bot.domain.answer import Prompt
from bot.domain.role import Role
from bot.providers.base import AnswerDelta, AnswerEnd, FinishReason
from bot.providers.offline.extract import answer
from bot.providers.offline.free import free

MODEL = "extract"

_WIDE = "\u3000-\u9fff\uff00-\uffef"
_WORD = re.compile(rf"[{_WIDE}]{{1,4}}\s*|[^\s{_WIDE}]+\s*|\s+")


class OfflineChatModel:
    """A ChatModel that extracts; it never raises. Without a clip there is nothing to extract from, and it says so."""

    async def answer(self, prompt: Prompt) -> AsyncGenerator[AnswerDelta | AnswerEnd]:
        """Word by word, ended by AnswerEnd."""
        text = answer(prompt.question, prompt.timeline)
        for match in _WORD.finditer(text):
            yield AnswerDelta(text=match.group())
            await asyncio.sleep(0)
        yield AnswerEnd(reason=FinishReason.COMPLETE, usage=free(Role.CHAT, MODEL, characters=len(text)))
