"""Talk in voice channels: the calls that are open, one per server, and what holds for all of them."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from bot.config.voice import VoiceSettings
from bot.domain.answer import AnswerMode
from bot.domain.conversation import PlaceSettings
from bot.domain.errors import VoiceError
from bot.domain.events import RunListener
from bot.domain.timeline import Notice
from bot.domain.voice import VoiceLine
from bot.domain.voice_session import LeaveReason, VoiceFollower
from bot.pipeline.crew import Crew
from bot.providers.base import StreamingTranscriber
from bot.services.voice.means import MakesEncoders, Means, Remembers, Understands
from bot.services.voice.place import Place
from bot.services.voice.session import HearsFrames, VoiceSession
from bot.voice.ears import EarLimits, Ears
from bot.voice.encoding import FrameEncoder


class VoiceService:
    """For one crew. `consents` tells who of these people agreed to be heard (Memory.audible)."""

    def __init__(
        self,
        crew: Crew,
        remembrance: Remembers,
        clips: Understands,
        transcriber: StreamingTranscriber,
        *,
        settings: VoiceSettings,
        consents: Callable[..., Awaitable[frozenset[int]]],
        mode: AnswerMode = AnswerMode.AUTO,
        max_clips: int = 4,
        standing: tuple[Notice, ...] = (),
        ears: Callable[[EarLimits], HearsFrames] = Ears,
        encoder: MakesEncoders = FrameEncoder,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._means = Means(
            crew=crew,
            remembrance=remembrance,
            clips=clips,
            transcriber=transcriber,
            encoder=encoder,
            settings=settings,
            mode=mode,
            max_clips=max_clips,
            standing=standing,
        )
        self._consents = consents
        self._ears = ears
        self._clock = clock
        self._sessions: dict[int | None, VoiceSession] = {}

    async def open(
        self,
        line: VoiceLine,
        *,
        place: PlaceSettings,
        follower: VoiceFollower,
        may_talk: Callable[[int], bool] = lambda _person_id: True,
        locale: str = "en-US",
        bot_name: str = "Kibitz",
        listener: RunListener | None = None,
    ) -> VoiceSession:
        """Begin a call on this line, which belongs to it from now on. `may_talk`: see Presence. Raises VoiceError, the
        line is closed then."""
        self._means.transcriber.prepare()
        settings = self._means.settings
        server_id = line.key.server_id
        refusal = self._refusal(server_id)
        if refusal is not None:
            await line.aclose()
            raise refusal
        session = VoiceSession(
            self._means,
            line,
            Place.of(lambda: line.key, self._means.crew, place, locale=locale, bot_name=bot_name),
            ears=self._ears(
                EarLimits(
                    pause_seconds=settings.pause_seconds,
                    longest_utterance_seconds=settings.longest_utterance_seconds,
                    max_people=settings.max_people,
                )
            ),
            follower=follower,
            may_talk=may_talk,
            agreed=self._consents,
            left=self._leave,
            clock=self._clock,
            listener=listener,
        )
        self._sessions[server_id] = session
        session.captions = place.captions
        session.start()
        return session

    def session(self, server_id: int) -> VoiceSession | None:
        """The call of a server; None: there is none."""
        return self._sessions.get(server_id)

    @property
    def sessions(self) -> tuple[VoiceSession, ...]:
        return tuple(self._sessions.values())

    def consent_changed(self, person_id: int, *, is_given: bool) -> None:
        """They agreed to be heard, or took it back; at once, everywhere."""
        for session in self.sessions:
            session.consent(person_id, is_given=is_given)

    def hush(self, which: Callable[[int], bool]) -> None:
        """These are not heard any more in calls they are in, nor answered."""
        for session in self.sessions:
            status = session.status()
            for person_id in filter(which, (*status.heard, *status.unheard)):
                session.consent(person_id, is_given=False)

    async def forget_person(self, person_id: int) -> None:
        """Nothing of theirs is left here, or on its way into the memory, when it returns."""
        for session in self.sessions:
            session.consent(person_id, is_given=False)
        await asyncio.gather(*(session.finish_keeping() for session in self.sessions))

    async def aclose(self) -> None:
        """Leave everywhere."""
        await asyncio.gather(*(session.aclose(LeaveReason.STOPPING) for session in self.sessions))

    def _refusal(self, server_id: int | None) -> VoiceError | None:
        if server_id in self._sessions:
            return VoiceError("voice_here_already", "I am in a voice channel of this server already. Ask me there.")
        if len(self._sessions) >= self._means.settings.max_channels:
            return VoiceError(
                "voice_busy", "I am in as many voice channels as I can be at once. Try again when I have left one."
            )
        return None

    def _leave(self, session: VoiceSession) -> None:
        self._sessions = {server: one for server, one in self._sessions.items() if one is not session}
