"""Saying an answer while it is still being written: sentences in, one voice clip out."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager

from bot.domain.answer import Usage
from bot.domain.errors import MediaError, ProviderCategory, ProviderError
from bot.domain.events import Stage
from bot.domain.media import AudioChunk, VoiceClip
from bot.domain.occasion import Occasion
from bot.domain.role import Role
from bot.domain.timeline import Notice, NoticeCode
from bot.hooks.specs import Specs
from bot.media.encode import VoiceClipEncoder
from bot.pipeline import notices
from bot.pipeline.crew import Crew
from bot.pipeline.run import Run
from bot.pipeline.sentences import SentenceSplitter, SpokenText
from bot.pipeline.together import first_cause, together
from bot.providers.base import SpeechEnd, SpeechRequest
from bot.providers.streams import closing

log = logging.getLogger(__name__)

_AHEAD = 2  # sentences being synthesized beyond the one that is heard


async def say(run: Run, crew: Crew, text: str) -> VoiceClip:
    """A text that is written already. Raises ProviderError when nothing of it could be spoken."""
    speaker, splitter = Speaker(run, crew), SentenceSplitter()
    async with speaker.speaking():
        for sentence in (*splitter.feed(text), *splitter.finish()):
            speaker.say(sentence)
    if speaker.clip is None:
        raise ProviderError(
            "speech_missing",
            "The answer could not be spoken. Try again later; the text stands.",
            category=ProviderCategory.SERVER,
        )
    return speaker.clip


async def voiced(
    crew: Crew,
    words: str,
    *,
    occasion: Occasion,
    used: Callable[[list[Usage]], None],
    noticed: Callable[[Notice], None],
) -> AsyncGenerator[AudioChunk]:
    """The sound of one sentence in the crew's voice, as it comes. Raises ProviderError; whoever leaves it early closes
    it."""
    words = await crew.hooks.edit(Specs.edit_sentence, words, occasion)
    if not words.strip():
        return
    request = SpeechRequest(text=words, voice=crew.voice, language=crew.voice_language or crew.answer_language)
    async with crew.gates[Role.SPEECH], closing(crew.synthesizer.speak(request)) as items:
        async for item in items:
            match item:
                case AudioChunk():
                    yield await crew.hooks.edit(Specs.edit_speech, item, occasion)
                case SpeechEnd():
                    used([item.usage])
                case _:
                    noticed(item)


class Speaker:
    """Takes sentences with `say` while `speaking` is open; `clip` holds the result afterwards, None without sound."""

    def __init__(self, run: Run, crew: Crew) -> None:
        self._run = run
        self._crew = crew
        self._spoken = SpokenText()
        self._characters = 0
        self._unspoken = 0
        self._sentences: asyncio.Queue[str | None] = asyncio.Queue()  # bounded by max_spoken_characters
        self.clip: VoiceClip | None = None

    def say(self, sentence: str) -> None:
        """Queue one sentence; beyond the limit of an answer nothing more is said, and a notice tells."""
        words = self._spoken.of(sentence)
        if not words or self._run.has_notice(NoticeCode.SPEECH_SHORTENED):
            return
        if self._characters and self._characters + len(words) > self._crew.max_spoken_characters:
            self._run.notice(notices.SPEECH_SHORTENED)
            return
        self._characters += len(words)
        self._sentences.put_nowait(words)

    @asynccontextmanager
    async def speaking(self) -> AsyncGenerator[None]:
        """Speak in the background while the body writes; leaving the body waits for the last sentence."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._speak())
                yield
                self._sentences.put_nowait(None)
        except BaseExceptionGroup as failures:
            raise first_cause(failures) from None

    async def _speak(self) -> None:
        """A voice that fails leaves a notice; the text stands without it."""
        first = await self._sentences.get()
        if first is None:
            return
        try:
            async with self._run.stage(Stage.SPEECH):
                self.clip = await self._record(first)
        except MediaError as error:
            log.warning("job %s: no voice clip: %s", self._run.job_id, error.code)
        if self.clip is None:
            self._run.notice(notices.SPEECH_MISSING)
        elif self._unspoken:
            self._run.notice(notices.SPEECH_INTERRUPTED)

    async def _record(self, first: str) -> VoiceClip | None:
        async with VoiceClipEncoder(self._crew.limits) as encoder:
            ahead: asyncio.Queue[asyncio.Queue[AudioChunk | None] | None] = asyncio.Queue(_AHEAD)
            _, heard = await together(self._synthesize_all(first, ahead), self._play(ahead, encoder))
            return await encoder.finish() if heard else None

    async def _synthesize_all(self, first: str, ahead: asyncio.Queue[asyncio.Queue[AudioChunk | None] | None]) -> None:
        """Synthesize sentences a little ahead of what is heard."""
        sentence: str | None = first
        async with asyncio.TaskGroup() as group:
            while sentence is not None:
                chunks: asyncio.Queue[AudioChunk | None] = asyncio.Queue()  # bounded by the sentence's length
                await ahead.put(chunks)
                group.create_task(self._synthesize(sentence, chunks))
                sentence = await self._sentences.get()
        await ahead.put(None)

    async def _play(
        self, ahead: asyncio.Queue[asyncio.Queue[AudioChunk | None] | None], encoder: VoiceClipEncoder
    ) -> bool:
        """Pass the sentences' sound on in order; True when there was any."""
        any_sound = False
        while (chunks := await ahead.get()) is not None:
            while (chunk := await chunks.get()) is not None:
                self._run.audio(chunk)
                await encoder.write(chunk)
                any_sound = True
        return any_sound

    def _voiced(self, sentence: str) -> AsyncGenerator[AudioChunk]:
        run = self._run
        return voiced(self._crew, sentence, occasion=run.occasion, used=run.used, noticed=run.notice)

    async def _synthesize(self, sentence: str, chunks: asyncio.Queue[AudioChunk | None]) -> None:
        try:
            async with aclosing(self._voiced(sentence)) as sound:
                async for chunk in sound:
                    chunks.put_nowait(chunk)
        except ProviderError as error:
            log.warning("job %s: a sentence was not spoken: %s", self._run.job_id, error.code)
            self._unspoken += 1
        finally:
            chunks.put_nowait(None)
