"""What this room asks of the talk in voice channels, wherever it is held: bot/services/voice has it."""

from collections.abc import Callable
from typing import Protocol

from bot.domain.conversation import MediaSource, PlaceSettings
from bot.domain.voice import VoiceLine
from bot.domain.voice_session import LeaveReason, SpokenLine, VoiceFollower, VoiceStatus


class Talk(Protocol):
    """One conversation. Used on the event loop."""

    @property
    def captions(self) -> bool:
        """Whether the follower is told what people say."""
        ...

    @captions.setter
    def captions(self, are_on: bool) -> None: ...

    def status(self) -> VoiceStatus: ...

    def lines(self) -> tuple[SpokenLine, ...]:
        """What was said, in order, by people who agreed to be heard and by the bot."""
        ...

    def stop(self) -> bool:
        """Silent at once; whether there was something to stop."""
        ...

    def say(self, text: str) -> None:
        """A short notice, spoken when nobody speaks."""
        ...

    def mute(self, person_id: int) -> None: ...

    def unmute(self, person_id: int) -> None: ...

    def refresh(self) -> None:
        """Who may talk is to be asked again."""
        ...

    def clip_posted(self, sources: tuple[MediaSource, ...], *, person_id: int, name: str) -> None:
        """Questions may be about these from now on."""
        ...

    async def aclose(self, reason: LeaveReason = LeaveReason.ASKED) -> None:
        """The follower is told of the end, once."""
        ...


class Talks(Protocol):
    """All of them."""

    async def open(
        self,
        line: VoiceLine,
        *,
        place: PlaceSettings,
        follower: VoiceFollower,
        may_talk: Callable[[int], bool],
        locale: str,
        bot_name: str,
    ) -> Talk:
        """Begin a conversation on a line. Raises VoiceError."""
        ...

    def consent_changed(self, person_id: int, *, is_given: bool) -> None:
        """Holds at once, everywhere."""
        ...

    async def forget_person(self, person_id: int) -> None:
        """They are not heard any more, and what was heard of them is gone."""
        ...
