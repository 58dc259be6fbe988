"""Live transcripts by pocketsphinx: English, each voice in a process of its own, and nothing where it only guesses."""

import asyncio
import json
import re
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel

from bot.domain.answer import Usage
from bot.domain.errors import ProviderCategory, ProviderError
from bot.domain.role import Role
from bot.domain.speech import Segment, Transcript
from bot.providers.base import StreamRequest, TranscriptPiece
from bot.providers.offline.free import free
from bot.providers.offline.process import FLITE, Worker, run_tool, start_process
from bot.providers.offline.transcriber import MODEL, UNCLEAR_SPEECH, Word, clear
from bot.tasks import Tasks

_PROGRAM = str(Path(__file__).with_name("live_recogniser.py"))
_BYTES_PER_SECOND = 2 * 16_000
_REPLY_BYTES = 2**20
_LONGEST_WAITING_SECONDS = 300.0
_LONGEST_FORGETTING_SECONDS = 5.0
_MOST_KEYWORDS = 50

_KEYWORD = re.compile(r"[a-z]{2,20}")
_PHONES = {"ax": "AH", "axr": "ER", "dx": "T", "el": "L", "em": "M", "en": "N", "nx": "N", "ux": "UW", "hv": "HH"}
_KNOWN_PHONES = "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH"


class OfflineStreamingTranscriber:
    """A StreamingTranscriber with at most `workers` recognisers; of more people at once, the later wait. One that did
    nothing for `idle_seconds` is ended; one that needs longer than `start_seconds` plus `pace` times the length of
    the sound is killed. `aclose` ends all of them."""

    def __init__(
        self, *, workers: int = 4, idle_seconds: float = 600.0, start_seconds: float = 20.0, pace: float = 3.0
    ) -> None:
        self.start_seconds = start_seconds
        self.pace = pace
        self._gate = asyncio.Semaphore(workers)
        self._idle: list[_Worker] = []
        self._idle_seconds = idle_seconds
        self._phones: dict[str, str | None] = {}
        self._tasks = Tasks()
        self._is_closed = False

    def open(self, request: StreamRequest, on_interim: Callable[[str], None]) -> "OfflineStream":
        """See StreamingTranscriber. Needs a running event loop."""
        return OfflineStream(self, self._tasks, request, on_interim)

    async def warm(self) -> None:
        """Have a recogniser ready, so that the first words need not wait for it."""
        if not self._idle:
            with suppress(ProviderError):
                worker = await self.lease()
                await self.give_back(worker)

    def prepare(self) -> None:
        """Have another one ready for the next to speak, if there may be more."""
        if not self._idle and not self._gate.locked() and not self._is_closed:
            self._tasks.spawn(self.warm(), name="readying a recogniser")

    async def aclose(self) -> None:
        """End the recognisers; streams that are open hear nothing more."""
        self._is_closed = True
        await self._tasks.finish(0.0)
        while self._idle:
            await self._idle.pop().close()

    async def lease(self) -> "_Worker":
        """A recogniser that is ready, as soon as there is one. Give it back."""
        await self._gate.acquire()
        worker = self._idle.pop() if self._idle else _Worker()
        try:
            async with asyncio.timeout(self.start_seconds):
                await worker.start()
        except (OSError, TimeoutError, ValueError) as error:
            await self._end(worker)
            raise _failed("recogniser_failed") from error
        except BaseException:
            await self._end(worker)
            raise
        return worker

    async def give_back(self, worker: "_Worker") -> None:
        """It is kept for the next stretch of speech if it can let go of this one."""
        try:
            async with asyncio.timeout(_LONGEST_FORGETTING_SECONDS):
                is_ready = not self._is_closed and await worker.forget()
        except (OSError, TimeoutError, ValueError):
            is_ready = False
        except BaseException:
            await self._end(worker)
            raise
        if not is_ready:
            await self._end(worker)
            return
        self._idle.append(worker)
        self._gate.release()
        worker.rest(self._idle_seconds, self._retire)

    async def phones_of(self, keywords: tuple[str, ...]) -> list[tuple[str, str]]:
        """How these words sound, as far as the voice of this machine can tell."""
        words = [word for keyword in keywords for word in _KEYWORD.findall(keyword.casefold())]
        known: list[tuple[str, str]] = []
        for word in list(dict.fromkeys(words))[:_MOST_KEYWORDS]:
            if word not in self._phones:
                self._phones[word] = await _phones(word)
            if (phones := self._phones[word]) is not None:
                known.append((word, phones))
                head, vowel, tail = phones.rpartition(" IH ")
                if vowel and " " in head:  # where it is not stressed, people say it either way
                    known.append((f"{word}(2)", f"{head} AH {tail}"))
        return known

    async def _end(self, worker: "_Worker") -> None:
        worker.kill()
        self._gate.release()
        await worker.close()

    def _retire(self, worker: "_Worker") -> None:
        self._idle.remove(worker)
        worker.kill()


class OfflineStream:
    """A SpeechStream. What is fed and wanted waits in line until a recogniser takes it."""

    def __init__(
        self,
        owner: OfflineStreamingTranscriber,
        tasks: Tasks,
        request: StreamRequest,
        on_interim: Callable[[str], None],
    ) -> None:
        self._owner = owner
        self._request = request
        self._on_interim = on_interim
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._more = asyncio.Event()
        self._worker: _Worker | None = None
        self._finals: list[list[Word]] = []
        self._wants: deque[asyncio.Future[None]] = deque()
        self._fed_bytes = 0
        self._settled_bytes = 0
        self._billed_bytes = 0
        self._failure: str | None = None
        self._is_closed = False
        self._is_foreign = request.language is not None and request.language.split("-")[0].lower() != "en"
        self._work: asyncio.Task[None] | None = None
        if not self._is_foreign:
            self._work = tasks.spawn(self._run(), name="recognising speech")
            self._work.add_done_callback(lambda _task: self._fail("recogniser_failed"))

    def feed(self, pcm: bytes) -> None:
        """See SpeechStream."""
        room = round(_LONGEST_WAITING_SECONDS * _BYTES_PER_SECOND) - self._waiting_bytes
        if self._is_closed or not pcm or room < len(pcm):
            return
        self._fed_bytes += len(pcm)
        if self._work is not None and not self._work.done():
            self._waiting_bytes += len(pcm)
            self._put(b"P", pcm)

    async def settle(self) -> TranscriptPiece:
        """See SpeechStream."""
        unsettled_bytes = self._fed_bytes - self._settled_bytes
        if unsettled_bytes and not self._is_foreign:
            await self._settle(self._fed_bytes, unsettled_bytes / _BYTES_PER_SECOND)
        return self._piece()

    async def aclose(self) -> None:
        """See SpeechStream."""
        self._is_closed = True
        self._fail("recogniser_failed")
        if self._work is not None:
            self._work.cancel()  # which gives the recogniser back in its own time

    async def _settle(self, size: int, seconds: float) -> None:
        if self._failure is not None or self._is_closed:
            raise _failed(self._failure or "recogniser_failed")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._wants.append(done)
        self._put(b"S", b"")
        try:
            async with asyncio.timeout(self._owner.start_seconds + self._owner.pace * seconds):
                await done
        except TimeoutError as error:
            self._fail("recogniser_timeout")
            if self._work is not None:
                self._work.cancel()
            raise _failed("recogniser_timeout") from error
        self._settled_bytes = max(self._settled_bytes, size)

    def _put(self, kind: bytes, body: bytes) -> None:
        self._waiting.append(_command(kind, body))
        self._more.set()

    async def _run(self) -> None:
        """Send what waits to a recogniser of its own, and take in what it replies."""
        try:
            words = await self._owner.phones_of(self._request.keywords)
            worker = await self._owner.lease()
            self._owner.prepare()
        except ProviderError as error:
            self._fail(error.code)
            return
        try:
            await worker.send(_command(b"B", json.dumps(words).encode()))
            sending = asyncio.create_task(self._send(worker), name="sound-to-recogniser")
            try:
                while reply := await worker.read():
                    self._take(reply)
            finally:
                sending.cancel()
                await asyncio.wait([sending])
        except (OSError, ValueError):
            self._fail("recogniser_failed")
        finally:
            await self._owner.give_back(worker)

    async def _send(self, worker: "_Worker") -> None:
        with suppress(OSError):
            while True:
                await self._more.wait()
                self._more.clear()
                while self._waiting:
                    command = self._waiting.popleft()
                    self._waiting_bytes = max(0, self._waiting_bytes - len(command) + 5)
                    await worker.send(command)

    def _take(self, reply: "_Reply") -> None:
        if reply.live is not None and not self._is_closed:
            self._on_interim(reply.live)
        if reply.final is not None:
            self._finals += [[_word(*parts) for parts in utterance] for utterance in reply.final]
            if self._wants and not (done := self._wants.popleft()).done():
                done.set_result(None)

    def _fail(self, code: str) -> None:
        """Nothing more is recognised."""
        self._failure = self._failure or code
        self._waiting.clear()
        self._waiting_bytes = 0
        while self._wants:
            if not (done := self._wants.popleft()).done():
                done.set_exception(_failed(self._failure))

    def _piece(self) -> TranscriptPiece:
        kept, unclear = clear(self._finals)
        seconds = (self._fed_bytes - self._billed_bytes) / _BYTES_PER_SECOND
        self._billed_bytes = self._fed_bytes
        segments = tuple(
            Segment(
                start_seconds=words[0].start_seconds,
                end_seconds=words[-1].end_seconds,
                text=" ".join(word.text for word in words),
            )
            for words in kept
        )
        usages: tuple[Usage, ...] = (free(Role.TRANSCRIPTS, MODEL, audio_seconds=seconds),) if seconds else ()
        return TranscriptPiece(
            transcript=Transcript(segments=segments, language="en" if segments else None),
            usages=usages,
            notices=(UNCLEAR_SPEECH,) if unclear or (self._is_foreign and self._fed_bytes) else (),
        )


class _Reply(BaseModel):
    """One line of the recogniser."""

    ready: bool = False
    live: str | None = None
    final: list[list[tuple[str, float, float, float]]] | None = None


class _Worker(Worker):
    """One recogniser process."""

    async def start(self) -> None:
        """Be there and ready. Raises OSError when it ends instead."""
        self.wake()
        if self._process is None:
            self._process = await start_process(
                [sys.executable, "-I", "-W", "ignore", _PROGRAM], max_line_bytes=_REPLY_BYTES
            )
            if await self.read() is None:
                raise OSError("it ended")

    async def send(self, command: bytes) -> None:
        """Raises OSError when it is gone."""
        if self._process is None:
            raise OSError("not started")
        self._process.stdin.write(command)
        await self._process.stdin.drain()

    async def read(self) -> _Reply | None:
        """Its next reply; None when it ended. Raises ValueError for anything else."""
        line = b"" if self._process is None else await self._process.stdout.readline()
        return _Reply.model_validate_json(line) if line else None

    async def forget(self) -> bool:
        """Let go of the stretch of speech; False when it ended instead."""
        await self.send(_command(b"E", b""))
        while (reply := await self.read()) is not None:
            if reply.ready:
                return True
        return False


async def _phones(word: str) -> str | None:
    """How an English voice says a word, in the letters of the recogniser; None where there is no such voice."""
    try:
        said = await run_tool(FLITE, ["-t", word, "-ps", "-o", "none"], wall_seconds=5.0, max_output_bytes=4096)
    except ProviderError:
        return None
    phones = [_PHONES.get(phone, phone.upper()) for phone in said.decode("ascii", "replace").split() if phone != "pau"]
    return " ".join(phones) if phones and set(phones) <= set(_KNOWN_PHONES.split()) else None


def _word(text: str, start: float, end: float, probability: float) -> Word:
    return Word(text=text, start_seconds=start, end_seconds=end, probability=probability)


def _command(kind: bytes, body: bytes) -> bytes:
    return kind + len(body).to_bytes(4, "little") + body


def _failed(code: str) -> ProviderError:
    return ProviderError(
        code, "The speech recogniser of this machine did not do its work.", category=ProviderCategory.SERVER
    )
