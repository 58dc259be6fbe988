"""What is translated when, and what stays as it is."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import Field

from bot.hooks import (
    BotError,
    Heard,
    Kibitz,
    Language,
    Occasion,
    Permission,
    Plugin,
    PluginError,
    PluginSettings,
    Prompt,
    Segment,
    Surface,
    hookimpl,
    prompt_with_rule,
)
from bot.plugins.translate.languages import has_letters, is_same, is_surely_in, language_of
from bot.plugins.translate.numbered import batches, fits, numbered, read_numbered

_AT_ONCE = 3
_TRANSCRIPT_SECONDS = 25.0  # of the 30 that `edit_heard` may take
_SENTENCE_SECONDS = 4.0  # of the 5 that `edit_answer` may take
_CITED = re.compile(r"\[\d+(?::\d\d){1,2}\]")

_LINES_RULE = """\
You translate what was said in a clip into the language with the tag {language}. Translate every line on its own and \
keep its number in front of it: one line for each, as in `12. words`. Join none, leave none out, add nothing. A line \
that is in that language already is repeated as it is."""
_SENTENCE_RULE = """\
You translate one sentence into the language with the tag {language}. Keep times in brackets, such as [1:05], names, \
quotes and Markdown as they are. A sentence that is in that language already is repeated as it is."""
_ANSWER_RULE = """\
Whatever is said above about languages: answer in the language with the tag {language}, also where the question or \
the evidence is in another. Quote in the original, with the translation behind it."""
_READER_RULE = """\
Where it is unclear which language the question is in, answer in the one with the tag {language}. Quote what is in \
another language than your answer in the original, with the translation behind it."""


class TranslateSettings(PluginSettings):
    language: Language | None = Field(
        default=None, description='Language (BCP 47) everybody reads; "": that of the channel, else as Discord tells'
    )
    transcripts: bool = Field(default=True, description="Transcripts are translated")
    answers: Literal["prompt", "sentences", "off"] = Field(
        default="prompt",
        description="prompt: the model is told to answer in that language; sentences: each sentence is translated, "
        "for models that do not listen, where language or that of the channel is set; off: as it comes",
    )
    keep_original: bool = Field(default=True, description="The original stands in parentheses behind a translation")


class Translate(Plugin):
    name = "translate"
    version = "1.0"
    requires = ">=0.1"
    summary = "Transcripts and answers in the language of whoever reads them."
    permissions = frozenset({Permission.WORDS, Permission.MODEL})
    sends = "What was said in clips goes to the chat model that is configured."
    settings_model = TranslateSettings
    catalogue = Path(__file__).parent / "locales"

    def __init__(self, kibitz: Kibitz, settings: TranslateSettings) -> None:
        super().__init__(kibitz, settings)
        self._language = settings.language
        self._transcripts = settings.transcripts
        self._answers = settings.answers
        self._keep_original = settings.keep_original
        self._is_told = False

    async def vary(self, occasion: Occasion) -> str:
        return language_of(self._tag(occasion)) if self._transcripts else ""

    def _set(self, occasion: Occasion) -> str | None:
        """What somebody decided. None: the reader's is only guessed, as Discord tells little of who writes messages."""
        return self._language or occasion.language

    def _tag(self, occasion: Occasion) -> str:
        return self._set(occasion) or occasion.locale

    # Transcripts.

    @hookimpl
    async def edit_heard(self, heard: Heard, occasion: Occasion) -> Heard | None:
        language = language_of(self._tag(occasion))
        if not self._transcripts or (heard.language and is_same(heard.language, language)):
            return None
        words = [(place, " ".join(segment.text.split())) for place, segment in enumerate(heard.segments)]
        foreign = [(place, text) for place, text in words if has_letters(text) and not is_surely_in(text, language)]
        translated = await self._translated(foreign, language, occasion)
        if not translated:
            return None
        segments = tuple(
            self._with_original(segment, translated.get(place)) for place, segment in enumerate(heard.segments)
        )
        return replace(heard, segments=segments)

    def _with_original(self, segment: Segment, translation: str | None) -> Segment:
        """Times stay; where no translation came, so does the text."""
        original = " ".join(segment.text.split())
        if translation is None or translation.casefold() == original.casefold():
            return segment
        return replace(segment, text=f"{translation} ({original})" if self._keep_original else translation)

    async def _translated(self, lines: Sequence[tuple[int, str]], language: str, occasion: Occasion) -> dict[int, str]:
        """By the place of the line; what did not come back in time or in form is left out."""
        gate = asyncio.Semaphore(_AT_ONCE)
        found: dict[int, str] = {}

        async def work(batch: Sequence[tuple[int, str]]) -> None:
            texts = [text for _, text in batch]
            async with gate:
                answer = await self._asked(_LINES_RULE.format(language=language), numbered(texts), occasion)
            found.update({batch[place][0]: said for place, said in read_numbered(answer, texts).items()})

        try:
            async with asyncio.timeout(_TRANSCRIPT_SECONDS), asyncio.TaskGroup() as group:
                for batch in batches(lines):
                    group.create_task(work(batch))
        except TimeoutError:
            self.kibitz.log.warning("%d of %d lines were translated in time", len(found), len(lines))
        return found

    # Answers.

    @hookimpl
    async def edit_prompt(self, prompt: Prompt, occasion: Occasion) -> Prompt | None:
        if self._answers != "prompt":
            return None
        rule = _ANSWER_RULE if self._set(occasion) else _READER_RULE
        return prompt_with_rule(prompt, rule.format(language=self._tag(occasion)))

    @hookimpl
    async def edit_answer(self, sentence: str, occasion: Occasion) -> str | None:
        """Not in voice channels, where nobody can wait for it, nor into a language that is a guess."""
        language = self._set(occasion) if self._answers == "sentences" else None
        if language is None or occasion.surface is Surface.VOICE:
            return None
        if not has_letters(sentence) or is_surely_in(sentence, language):
            return None
        try:
            async with asyncio.timeout(_SENTENCE_SECONDS):
                answer = await self._asked(_SENTENCE_RULE.format(language=language), sentence, occasion)
        except TimeoutError:
            return None
        said = answer.strip()
        is_faithful = sorted(_CITED.findall(said)) == sorted(_CITED.findall(sentence))
        return said if is_faithful and fits(said, sentence) else None

    async def _asked(self, rules: str, text: str, occasion: Occasion) -> str:
        """Empty where the model did not answer."""
        try:
            return await self.kibitz.complete(rules, text, occasion)
        except PluginError as error:
            if not self._is_told:
                self._is_told = True
                self.kibitz.log.warning("nothing is translated: %s", error.code)
        except BotError as error:
            self.kibitz.log.info("a translation failed: %s", error.code)
        return ""
