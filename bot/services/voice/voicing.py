"""An answer's sentences as sound: voiced a little ahead of what is heard, held until they may be heard."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import aclosing

from bot.domain.errors import ProviderError
from bot.domain.events import Stage
from bot.domain.media import AudioChunk
from bot.domain.timeline import NoticeCode
from bot.domain.voice import FRAME_SECONDS
from bot.pipeline import notices
from bot.pipeline.crew import Crew
from bot.pipeline.run import Run
from bot.pipeline.sentences import SpokenText
from bot.pipeline.speaking import voiced
from bot.services.voice.means import EncodesFrames, MakesEncoders
from bot.voice.heard_words import SaidSentence, heard
from bot.voice.player import Played, Player
from bot.voice.spoken_forms import SpokenForms

log = logging.getLogger(__name__)

_AHEAD_SECONDS = 5.0  # of sound that is queued before the next piece is voiced
_LARGEST_PIECE = 300
_SLICE_SECONDS = 0.1  # that is encoded in one go
_LOOK_AGAIN_SECONDS = 0.1


class Voicing:
    """Of one answer. `committed` is set when its turn is over; `speaks_ahead`: the first piece does not wait for
    that. `voiced` tells that there is sound. Nothing
    comes out before `speak`."""

    def __init__(
        self,
        run: Run,
        crew: Crew,
        player: Player,
        *,
        encoder: MakesEncoders,
        forms: SpokenForms,
        committed: asyncio.Event,
        speaks_ahead: bool,
        voiced: Callable[[], None],
        wake: Callable[[], None],
    ) -> None:
        self._run = run
        self._crew = crew
        self._player = player
        self._make_encoder = encoder
        self._forms = forms
        self._committed = committed
        self._speaks_ahead = speaks_ahead
        self._voiced = voiced
        self._wake = wake
        self._spoken = SpokenText()
        self._waiting: asyncio.Queue[str | None] = asyncio.Queue()  # bounded by the length of an answer
        self._has_room = asyncio.Event()
        self._pieces: list[str] = []
        self._held: list[list[bytes]] = []
        self._characters = 0
        self._unvoiced = 0
        self._is_whole = False
        self.generation: int | None = None

    def say(self, sentence: str) -> None:
        """Voice this next; beyond the limit of an answer nothing more is voiced, and a notice tells."""
        if self._run.has_notice(NoticeCode.SPEECH_SHORTENED):
            return
        if self._characters and self._characters + len(sentence) > self._crew.max_spoken_characters:
            self._run.notice(notices.SPEECH_SHORTENED)
            return
        self._characters += len(sentence)
        self._waiting.put_nowait(sentence)

    def end(self) -> None:
        """No sentence follows."""
        self._waiting.put_nowait(None)

    async def work(self) -> None:
        """Voice what is said, until the end of it. A voice that fails leaves a notice; the text stands without it."""
        if (first := await self._waiting.get()) is not None:
            encoder = self._make_encoder()
            try:
                async with self._run.stage(Stage.SPEECH):
                    await self._voice_all(first, encoder)
            finally:
                encoder.close()
        if not any(self._held) and self._characters:
            self._run.notice(notices.SPEECH_MISSING)
        elif self._unvoiced:
            self._run.notice(notices.SPEECH_INTERRUPTED)
        self._is_whole = True
        if self.generation is not None:
            self._player.end(self.generation)
            self._wake()

    def speak(self, generation: int) -> None:
        """Its sound goes to the player from now on."""
        self.generation = generation
        self._player.begin(generation)
        for number, frames in enumerate(self._held):
            self._player.add(generation, number, frames)
        if self._is_whole:
            self._player.end(generation)
        self._has_room.set()
        self._wake()

    @property
    def has_sound(self) -> bool:
        return any(self._held)

    @property
    def played(self) -> Played | None:
        """None before it is heard."""
        return None if self.generation is None else self._player.played(self.generation)

    @property
    def played_frames(self) -> int:
        played = self.played
        return 0 if played is None else sum(played.frames.values())

    @property
    def remaining_seconds(self) -> float:
        """What is still to be heard; infinite while that is not known."""
        return self._player.remaining_seconds if self._is_whole else float("inf")

    def said_now(self) -> tuple[str, ...]:
        """The piece that is being heard, and the one before it first."""
        left = self.played_frames
        for number, frames in enumerate(self._held):
            left -= len(frames)
            if left < 0:
                return tuple(self._pieces[max(0, number - 1) : number + 1])
        return tuple(self._pieces[-2:])

    def heard(self) -> str:
        """The words that were handed out as sound."""
        pieces = zip(self._pieces, self._held, strict=True)
        return heard([SaidSentence(text=text, frames=len(frames)) for text, frames in pieces], self.played_frames)

    async def _voice_all(self, first: str, encoder: EncodesFrames) -> None:
        piece: str | None = first
        is_last = False
        while piece is not None:
            if self._pieces or not self._speaks_ahead:
                await self._committed.wait()
            await self._room()
            if self._pieces and not is_last:
                piece, is_last = self._with_more(piece)
            await self._voice(piece, encoder)
            piece = None if is_last else await self._waiting.get()

    def _with_more(self, piece: str) -> tuple[str, bool]:
        """As much of what is written by now as is well voiced in one go, and whether that is all."""
        while not self._waiting.empty():
            following = self._waiting.get_nowait()
            if following is None:
                return piece, True
            if len(piece) + len(following) >= _LARGEST_PIECE:
                self._put_back(following)
                break
            piece = f"{piece} {following}"
        return piece, False

    def _put_back(self, sentence: str) -> None:
        later: list[str | None] = [sentence]
        while not self._waiting.empty():
            later.append(self._waiting.get_nowait())
        for one in later:
            self._waiting.put_nowait(one)

    async def _room(self) -> None:
        """Wait while enough is queued."""
        while True:
            if self.generation is None:
                if sum(map(len, self._held)) * FRAME_SECONDS < _AHEAD_SECONDS:
                    return
                await self._has_room.wait()
            ahead = self._player.remaining_seconds - _AHEAD_SECONDS
            if ahead <= 0:
                return
            await asyncio.sleep(max(_LOOK_AGAIN_SECONDS, ahead))

    async def _voice(self, piece: str, encoder: EncodesFrames) -> None:
        words = self._spoken.of(self._forms.of(piece))
        number = len(self._pieces)
        self._pieces.append(piece)
        self._held.append([])
        if not words:
            return
        try:
            run = self._run
            pieces = voiced(self._crew, words, occasion=run.occasion, used=run.used, noticed=run.notice)
            async with aclosing(pieces) as sound:
                async for chunk in sound:
                    self._run.audio(chunk)
                    await self._encode(number, chunk, encoder)
        except ProviderError as error:
            log.warning("job %s: a sentence was not spoken: %s", self._run.job_id, error.code)
            self._unvoiced += 1
        self._add(number, encoder.end())

    async def _encode(self, number: int, chunk: AudioChunk, encoder: EncodesFrames) -> None:
        for piece in slices(chunk):
            self._add(number, encoder.add(piece))
            await asyncio.sleep(0)

    def _add(self, number: int, frames: list[bytes]) -> None:
        if not frames:
            return
        is_first = not any(self._held)
        self._held[number] += frames
        if self.generation is not None:
            self._player.add(self.generation, number, frames)
            self._wake()
        if is_first:
            self._voiced()


def slices(chunk: AudioChunk) -> Iterator[AudioChunk]:
    """To be encoded one by one, so that nothing else waits for long."""
    size = 2 * round(chunk.rate_hz * _SLICE_SECONDS)
    for at in range(0, len(chunk.pcm), size):
        yield AudioChunk(rate_hz=chunk.rate_hz, pcm=chunk.pcm[at : at + size])
