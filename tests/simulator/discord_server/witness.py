"""Looks at what the bot did, and waits for what it is about to do."""

from collections.abc import Callable

from tests.simulator.discord_server.interactions import Interaction
from tests.simulator.discord_server.messages import Message
from tests.simulator.discord_server.places import Channel
from tests.simulator.discord_server.transcript import line
from tests.simulator.discord_server.world import Account, World

Settled = Callable[[Message], bool]


class Bot:
    """The bot as others see it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._handed_out: set[int] = set()

    @property
    def account(self) -> Account:
        return self._world.bot

    @property
    def mention(self) -> str:
        return self._world.bot.mention

    @property
    def is_online(self) -> bool:
        return any(session.connection is not None for session in self._world.gateway.sessions)

    async def online(self, *, shards: int = 1, timeout: float = 20) -> None:
        """Waits until that many shards have a session."""

        def enough() -> bool | None:
            return sum(item.connection is not None for item in self._world.gateway.sessions) >= shards or None

        closed = self._world.gateway.close_codes
        await self._world.until(enough, timeout, lambda: f"the bot is not online; close codes: {closed}")

    def messages(self, in_: Channel | None = None) -> tuple[Message, ...]:
        """All it ever sent, oldest first, deleted and ephemeral ones included."""
        everything = self._world.messages.values()
        return tuple(item for item in everything if item.by_bot and in_ in {None, item.channel} and item.type != 21)

    def replies(self, to: Message | Interaction) -> tuple[Message, ...]:
        """Its messages that answer `to`: replies to it, answers and follow-ups of an interaction, replies to those,
        and what it posted in the same place afterwards without saying to whom."""
        answers: list[Message] = list(to.messages) if isinstance(to, Interaction) else []
        since = to.id
        for message in self.messages(to.channel):
            if message.id <= since or message in answers:
                continue
            direct = message.reference is to or message.reference in answers
            loose = message.reference is None and message.interaction is None
            if direct or loose:
                answers.append(message)
        return tuple(sorted(answers, key=lambda item: item.id))

    async def reply(self, to: Message | Interaction, *, timeout: float = 30, settled: Settled | None = None) -> Message:
        """Waits for the first answer to `to` that is settled: it says something, and has no enabled button any more
        whose custom id contains "cancel"."""
        is_settled = settled or _default

        def look() -> Message | None:
            if isinstance(to, Interaction):
                to.look()
            found = (item for item in self.replies(to) if not item.deleted and is_settled(item))
            return next(found, None)

        return await self._world.until(look, timeout, lambda: self._not_seen(to, self.replies(to)))

    async def next_message(
        self, *, in_: Channel | None = None, timeout: float = 30, settled: Settled | None = None
    ) -> Message:
        """Waits for a message of the bot that this method has not returned before. It need not be settled."""

        def look() -> Message | None:
            for message in self.messages(in_):
                if message.id not in self._handed_out and (settled is None or settled(message)):
                    self._handed_out.add(message.id)
                    return message
            return None

        return await self._world.until(look, timeout, lambda: self._not_seen(None, self.messages(in_)))

    async def until(self, look: Callable[[], object], *, timeout: float = 30, what: str = "it") -> None:
        """Waits until `look()` is true."""
        await self._world.until(lambda: look() or None, timeout, lambda: self._not_seen(what, self.messages()))

    def typing(self, in_: Channel) -> tuple[float, ...]:
        """When it showed that it is typing there, in seconds since the server started."""
        return tuple(item.at_seconds for item in self._world.typing if item.channel is in_)

    def _not_seen(self, to: object, seen: tuple[Message, ...]) -> str:
        lines = "\n".join(f"  {line(message)}" for message in seen) or "  nothing"
        failed = f"\n{to.failed}" if isinstance(to, Interaction) and to.failed else ""
        about = f" to {to.content!r}" if isinstance(to, Message) else f" for {to!r}" if to else ""
        return f"the bot did not say what the test waits for{about}. It said:\n{lines}{failed}"


def _default(message: Message) -> bool:
    return message.is_settled
