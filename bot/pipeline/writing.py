"""The words of an answer on their way to people: as they come, or sentence by sentence where a plugin edits them."""

from collections.abc import Callable
from typing import Protocol

from bot.hooks.specs import Specs
from bot.pipeline.crew import Crew
from bot.pipeline.run import Run
from bot.pipeline.sentences import SentenceSplitter


class Splitter(Protocol):
    """Cuts an answer into what is said in one go."""

    def feed(self, delta: str) -> list[str]: ...

    def finish(self) -> list[str]: ...


class Writer:
    """Of one answer: tells the listener of the run its words and `on_sentence` its sentences, as `splitter` cuts them.
    What a plugin leaves of a sentence stands between the spaces and line breaks that were around it."""

    def __init__(self, run: Run, crew: Crew, *, splitter: Splitter, on_sentence: Callable[[str], None]) -> None:
        self._run = run
        self._hooks = crew.hooks
        self._splitter = splitter
        self._on_sentence = on_sentence
        self._held = ""
        self._held_sentences = SentenceSplitter(crew.answer_language or "en")
        self._said: list[str] = []

    @property
    def said(self) -> str:
        """What people were told so far."""
        return "".join(self._said)

    @property
    def has_begun(self) -> bool:
        """Whether any words came, which may be held back still."""
        return bool(self._said or self._held)

    async def write(self, words: str, *, apart: bool = False) -> None:
        """The next words; `apart`: with a space before them, if there is none."""
        if not words:
            return
        if apart and not (words[0].isspace() or self._said[-1][-1].isspace()):
            words = f" {words}"
        if self._held or self._hooks.has(Specs.edit_answer):
            self._held += words
            words = await self._edited(self._held_sentences.feed(words))
        self._say(words)

    async def flush(self) -> None:
        """Nothing is held back any more."""
        if self._held:
            self._say(await self._edited(self._held_sentences.finish()) + self._held)
            self._held = ""

    async def end(self) -> str:
        """The whole answer."""
        await self.flush()
        self._tell(self._splitter.finish())
        return self.said.strip()

    async def _edited(self, sentences: list[str]) -> str:
        parts: list[str] = []
        for sentence in sentences:
            before, found, after = self._held.partition(sentence)
            if found:
                parts += [before, await self._hooks.edit(Specs.edit_answer, sentence, self._run.occasion)]
                self._held = after
        return "".join(parts)

    def _say(self, words: str) -> None:
        if words:
            self._said.append(words)
            self._run.text(words)
            self._tell(self._splitter.feed(words))

    def _tell(self, sentences: list[str]) -> None:
        for sentence in sentences:
            self._run.sentence()
            self._on_sentence(sentence)
