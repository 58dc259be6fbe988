"""What somebody wants to be watched: found in a question, kept within limits, and recognised in captions."""

import re
from collections.abc import Iterable

MOST_NAMES = 8
LONGEST_NAME = 80

_END = r"(?=\s*[:：,，.。;；!！?？\n]|\s+(?:when|while|until|till|if|as|because)\b|$)"
_ENGLISH = re.compile(
    r"(?:^|[.!?。！？\n])\s*(?:please\s+)?(?:watch|keep an eye on|focus on|pay attention to|look out for)\s+"
    rf"(?P<names>[^:：,，.。;；!！?？\n]{{2,{2 * LONGEST_NAME}}}?){_END}",
    re.IGNORECASE,
)
_CHINESE = re.compile(
    r"(?:^|[.!?。！？，,\n])\s*请?(?:帮我)?(?:盯着|盯住|盯紧|看住|留意|关注)"
    rf"(?P<names>[^:：,，.。;；!！?？\n]{{1,{LONGEST_NAME}}}?)\s*(?=[:：,，.。;；!！?？\n]|$)"
)
_DETERMINER = re.compile(r"^(?:the|an?|this|that|these|those|my|your|his|her|our|their)\s+", re.IGNORECASE)
_CHINESE_DETERMINER = re.compile(r"^(?:[那这]一?[个辆只条位台架名些]|一[个辆只条位台架名])")
_AND = re.compile(r"\s+and\s+|\s*[、&]\s*", re.IGNORECASE)
_CHINESE_AND = re.compile(r"\s*[和与跟、]\s*")
# Words for the clip itself, and words that name nothing.
_NO_NAMES = frozenset(
    {"clip", "video", "film", "recording", "it", "this", "that", "them", "everything", "closely", "carefully"}
    | {"what", "how", "whether", "视频", "片段", "录像", "这", "那", "它", "什么", "一下"}
)
_WORD = re.compile(r"[\u3400-\u9fff\u3040-\u30ff\uac00-\ud7af]+|[^\W_]+")
_FILLERS = frozenset({"the", "a", "an", "of", "in", "on", "with", "and"})


def tidy(names: Iterable[str]) -> tuple[str, ...]:
    """On one line each, within length, none twice, the first of them when there are too many."""
    short = (" ".join(name.split())[:LONGEST_NAME].strip() for name in names)
    return tuple({name.casefold(): name for name in short if name}.values())[:MOST_NAMES]


def listed(text: str) -> tuple[str, ...]:
    """Names that somebody typed one after the other."""
    return tidy(re.split(r"[,，、;；\n]", text))


def names_in(question: str) -> tuple[str, ...]:
    """What a question such as "watch the red car: …" or "盯着红色的车" asks to be watched; empty where it does not."""
    named = [
        *(name for found in _ENGLISH.finditer(question) for name in _english(found["names"])),
        *(name for found in _CHINESE.finditer(question) for name in _CHINESE_AND.split(found["names"])),
    ]
    bare = (_CHINESE_DETERMINER.sub("", _DETERMINER.sub("", name.strip())) for name in named)
    return tidy(name for name in bare if name.casefold() not in _NO_NAMES)


def _english(named: str) -> list[str]:
    """The first, and what follows it with an article: "the car and the dog", not "the car and tell me"."""
    first, *others = _AND.split(named.strip())
    return [first, *(other for other in others if _DETERMINER.match(other))]


def mentions(caption: str, name: str) -> bool:
    """Whether all words of a name stand in a caption, in one number or the other."""
    told = caption.casefold()
    words = set(map(_singular, _WORD.findall(told)))
    wanted = [word for word in _WORD.findall(name.casefold().replace("的", " ")) if word not in _FILLERS]
    return bool(wanted) and all(_singular(word) in words if word.isascii() else word in told for word in wanted)


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
