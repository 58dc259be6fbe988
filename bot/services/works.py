"""The wall between whoever takes a question and whoever answers it; behind it may stand another process."""

from collections.abc import Callable
from typing import Protocol

from bot.domain.answer import WantedCall
from bot.domain.ask import Ask
from bot.domain.conversation import PlaceSettings
from bot.domain.events import RunListener
from bot.services.chat import Done


class Works(Protocol):
    """Does what is asked: ChatService in this process, RemoteWorks in another."""

    async def serve(self, ask: Ask, place: PlaceSettings, listener: RunListener) -> Done:
        """What came of it; words of the answer and progress come to the listener. Raises BotError."""
        ...

    async def carry_out(self, call: WantedCall, ask: Ask) -> str:
        """What a tool says to a call that the asker agreed to. Raises BotError."""
        ...


class Elsewhere(Protocol):
    """What other gateways have ordered."""

    async def elsewhere(self) -> tuple[Ask, ...]:
        """What is not done yet."""
        ...

    async def stop(self, which: Callable[[Ask], bool]) -> None:
        """Of that, these end, and nothing is kept of them after this returns. Raises MemoryFault."""
        ...
