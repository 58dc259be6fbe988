"""What the end of a sentence tells, language by language: whether more is to come."""

import re
from enum import StrEnum

from bot.voice.plain_words import NO_PHRASES, Phrases, is_unspaced
from bot.voice.word_lists import by_language, phrases

SHORTEST_SENTENCE_WORDS = 3
SHORTEST_SENTENCE_CHARACTERS = 4
"""Of scripts without spaces."""
_LOOKED_BACK = 5
_LOOKED_THROUGH = 60

_LEADS_ON = by_language("leads_on")
_MAY_STRAND = by_language("may_strand")
_ASKS = by_language("asks")
_COMMON = by_language("common_words")
_WHOLE_REMARKS = phrases("whole_remarks")
_SCRIPTS = (
    (re.compile("[\u3041-\u30ff]"), "ja"),
    (re.compile("[\u3400-\u9fff]"), "zh"),
    (re.compile("[\uac00-\ud7af]"), "ko"),
    (re.compile("[\u0400-\u04ff]"), "ru"),
)


class Ending(StrEnum):
    """How a stretch of words ends, by its words alone."""

    WHOLE = "whole"
    OPEN = "open"
    """It may end so, or go on."""
    UNFINISHED = "unfinished"


def ending_of(words: tuple[str, ...], *, language: str | None = None) -> Ending:
    """`language` (BCP 47) is what is expected; the words themselves count for more."""
    if words in _WHOLE_REMARKS:
        return Ending.WHOLE
    spoken = _language(words, (language or "").split("-")[0].lower())
    if _ends_with(words, _LEADS_ON.get(spoken, NO_PHRASES)):
        return Ending.UNFINISHED
    is_question = bool(_ASKS.get(spoken, NO_PHRASES).lengths_at(words, 0)) and len(words) >= SHORTEST_SENTENCE_WORDS
    if _ends_with(words, _MAY_STRAND.get(spoken, NO_PHRASES)) and not is_question:
        return Ending.OPEN
    is_short = len(words) < (
        SHORTEST_SENTENCE_CHARACTERS if words and is_unspaced(words[-1]) else SHORTEST_SENTENCE_WORDS
    )
    return Ending.OPEN if is_short else Ending.WHOLE


def _language(words: tuple[str, ...], expected: str) -> str:
    """The language of the words: by their script, else by the small words among them."""
    text = "".join(words[-_LOOKED_THROUGH:])
    for script, language in _SCRIPTS:
        if script.search(text):
            return language

    def known(language: str) -> float:
        lists = (_LEADS_ON[language], _MAY_STRAND[language], _ASKS[language], _COMMON[language])
        return sum(any((word,) in phrases for phrases in lists) for word in words[-_LOOKED_THROUGH:])

    return max(_COMMON, key=lambda language: (known(language) + (language == expected), language == "en"))


def _ends_with(words: tuple[str, ...], phrases: Phrases) -> bool:
    return any(words[-length:] in phrases for length in range(1, min(_LOOKED_BACK, len(words)) + 1))
