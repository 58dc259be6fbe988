"""Sound into words: decode, cut at silences and transcribe, each while the others go on."""

import asyncio
import logging
from collections import Counter
from contextlib import aclosing

from bot.domain.errors import MediaError, ProviderError
from bot.domain.events import Stage
from bot.domain.media import AudioChunk, MediaFile, MediaKind, MediaProbe, Silence
from bot.domain.role import Role
from bot.domain.speech import Segment
from bot.domain.timeline import Notice, NoticeCode
from bot.domain.understanding import Heard
from bot.hooks.specs import Specs
from bot.media.audio import AudioEnd, cut_audio
from bot.pipeline import notices
from bot.pipeline.crew import Crew
from bot.pipeline.run import Run
from bot.pipeline.together import together
from bot.providers.base import TranscriptRequest

log = logging.getLogger(__name__)

_TAIL_SECONDS = 5.0


class Listening:
    """The sound of one clip on its way into words; `segments` grows out of order while pieces come back.

    `failure` is the first of the transcriber's.
    """

    def __init__(self, run: Run, crew: Crew) -> None:
        self._run = run
        self._crew = crew
        self._pieces: asyncio.Queue[AudioChunk | None] = asyncio.Queue()  # bounded by limits.max_seconds
        self._languages: Counter[str] = Counter()
        self._sound_seconds = 0.0
        self._done_seconds = 0.0
        self._missing_seconds = 0.0
        self.notices: list[Notice] = []
        self._edited: Heard | None = None
        self.failure: ProviderError | None = None
        self.segments: list[Segment] = []
        self.silences: list[Silence] = []
        self.end_seconds = 0.0

    @property
    def got_nothing(self) -> bool:
        """The transcriber failed on every piece."""
        return self.failure is not None and not self._done_seconds

    @property
    def has_sound(self) -> bool:
        """There was something to hear."""
        return self._sound_seconds > 0

    @property
    def language(self) -> str | None:
        """The language most segments are in, as far as the transcribers tell."""
        return self._languages.most_common(1)[0][0] if self._languages else None

    @property
    def heard(self) -> Heard:
        """What is known when the whole clip was listened to."""
        return self._edited or Heard(
            segments=tuple(self.segments),
            silences=tuple(self.silences),
            language=self.language,
            has_sound=self.has_sound,
            end_seconds=self.end_seconds,
            notices=tuple(self.notices),
        )

    def _note(self, *notices: Notice) -> None:
        self.notices += notices
        self._run.notice(*notices)

    async def listen(self, file: MediaFile, probe: MediaProbe) -> MediaError | None:
        """Listen to the whole clip; return what made its sound useless, None when it is not."""
        if probe.audio is None:
            if probe.kind is not MediaKind.PICTURE:
                self._note(notices.NO_SOUND)
            return None
        try:
            await together(self._cut(file, probe), self._transcribe_all())
        except MediaError as error:
            log.info("job %s: sound unusable: %s", self._run.job_id, error.code)
            return error
        if self.failure is not None:
            self._note(notices.transcript_missing(self._missing_seconds, self._sound_seconds, self.failure))
        elif self._sound_seconds and not self.segments and not self._run.has_notice(NoticeCode.TRANSCRIPT_MISSING):
            self._note(notices.NO_SPEECH)
        self._edited = await self._crew.hooks.edit(Specs.edit_heard, self.heard, self._run.occasion)
        return None

    async def _cut(self, file: MediaFile, probe: MediaProbe) -> None:
        """Sound in pieces for the transcriber; silence stays here."""
        run = self._run
        async with run.stage(Stage.AUDIO), aclosing(cut_audio(file, probe, self._crew.limits)) as items:
            async for item in items:
                match item:
                    case AudioChunk():
                        self._sound_seconds += item.duration_seconds
                        self._crew.hooks.watch(Specs.on_sound, item, run.occasion)
                        self._pieces.put_nowait(item)
                    case Silence():
                        self.silences.append(item)
                    case AudioEnd():
                        self.end_seconds = item.decoded_seconds
                        if item.is_silent:
                            self._note(notices.SILENT_SOUND)
                        if item.damaged:
                            self._note(notices.FILE_DAMAGED)
        self._pieces.put_nowait(None)

    async def _transcribe_all(self) -> None:
        """Transcribe pieces at once, as they come."""
        piece = await self._pieces.get()
        if piece is None:
            return
        async with self._run.stage(Stage.TRANSCRIPT), asyncio.TaskGroup() as group:
            while piece is not None:
                group.create_task(self._transcribe(piece))
                piece = await self._pieces.get()

    async def _transcribe(self, piece: AudioChunk) -> None:
        run = self._run
        async with self._crew.gates[Role.TRANSCRIPTS]:
            request = TranscriptRequest(
                chunk=piece,
                previous_text=self._tail_before(piece.offset_seconds),
                keywords=(*self._crew.keywords, *self._run.hints),
                language=self._crew.spoken_language,
            )
            try:
                result = await self._crew.transcriber.transcribe(request)
            except ProviderError as error:
                log.warning("job %s: %.1f s without transcript: %s", run.job_id, piece.duration_seconds, error.code)
                self._missing_seconds += piece.duration_seconds
                self.failure = self.failure or error
                return
        run.used(result.usages)
        self._note(*result.notices)
        transcript = result.transcript
        self.segments += transcript.segments
        if transcript.language:
            self._languages[transcript.language] += len(transcript.segments)
        self._done_seconds += piece.duration_seconds
        run.progress(Stage.TRANSCRIPT, round(self._done_seconds, 2), round(self._sound_seconds, 2))

    def _tail_before(self, at_seconds: float) -> str:
        """What was said just before, where that is known already."""
        before = [s for s in self.segments if 0 <= at_seconds - s.end_seconds < _TAIL_SECONDS]
        return max(before, key=lambda segment: segment.end_seconds).text if before else ""
