"""Which question is to be answered: typed, else asked aloud in the clip, else what happens there."""

import re
from collections.abc import Sequence

from bot.domain.answer import Question, QuestionSource
from bot.domain.visible import visible

DEFAULT_QUESTIONS = {"en": "What happens here?", "zh": "这里发生了什么？"}

_SENTENCE = re.compile(r"[^.!?。！？]+[.!?。！？]*")
_MARKED = re.compile(r"[?？]\s*$")
_ENGLISH_OPENING = re.compile(
    r"^(?:(?:and|so|but|okay|ok|hey|please|well|now)[,\s]+)*"
    r"(?:who|whom|whose|what|what's|whats|when|where|which|why|how|"
    r"(?:is|are|was|were|do|does|did|can|could|would|will|should|shall|have|has|had)\s+"
    r"(?:i|you|we|he|she|it|they|there|this|that|these|those|the|a|an|anyone|anybody|someone|somebody)|"
    r"tell\s+me|explain|describe)\b",
    re.IGNORECASE,
)
_CHINESE = re.compile(r"[吗呢么]\s*$|什么|谁|哪|为什么|怎么|几[个点次]|多少|是不是|有没有|能不能")


def is_question(sentence: str) -> bool:
    """True for a sentence that asks, in English or Chinese, with or without punctuation."""
    text = sentence.strip()
    return bool(_MARKED.search(text) or _ENGLISH_OPENING.match(text) or _CHINESE.search(text.rstrip("。.")))


def spoken_question(spoken: Sequence[str]) -> str | None:
    """The last sentence in the clip that asks; None when nobody asks. `spoken` is in order of time."""
    sentences = [part.strip() for words in spoken for part in _SENTENCE.findall(words)]
    return next((sentence for sentence in reversed(sentences) if is_question(sentence)), None)


def choose_question(typed: str | None, spoken: Sequence[str], *, language: str | None) -> Question:
    """The typed question wins; then the clip's own; then the default one in `language` (BCP 47)."""
    if typed is not None and typed.strip():
        return Question(source=QuestionSource.TYPED, text=typed.strip(), language=language)
    asked = spoken_question(spoken)
    if asked is not None:
        return Question(source=QuestionSource.SPOKEN, text=visible(asked), language=language)
    default = DEFAULT_QUESTIONS.get((language or "en").split("-")[0].lower(), DEFAULT_QUESTIONS["en"])
    return Question(source=QuestionSource.DEFAULT, text=default, language=language)
