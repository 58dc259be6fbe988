"""Understands a question by simple rules, in English and Chinese: what it asks for, about when, about which words."""

import re
from dataclasses import dataclass, field
from enum import StrEnum


class Wanted(StrEnum):
    """What kind of thing would answer a question."""

    WHEN = "when"
    LENGTH = "length"
    SOUND = "sound"
    COLOUR = "colour"
    TEXT = "text"
    HEARD = "heard"
    SUMMARY = "summary"
    ANYTHING = "anything"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """A question taken apart. `window` are seconds; `stems` are its content words, `quotes` what stands in quotation
    marks; `topic` says that the words name what it is about; `during` is the moment it names by what happened then."""

    wanted: Wanted
    chinese: bool
    stems: frozenset[str] = field(repr=False)
    quotes: tuple[str, ...] = field(repr=False)
    topic: bool = False
    window: tuple[float, float] | None = None
    during: "Inquiry | None" = field(default=None, repr=False)


_CJK = "\u3400-\u9fff"
_HAS_CJK = re.compile(f"[{_CJK}]")
_CJK_RUN = re.compile(f"[{_CJK}]+")
_WORD = re.compile(r"[^\W_]+(?:'[a-z]+)?")
_QUOTED = re.compile(r"[\"“”「『《]([^\"“”「」『』《》]{1,80})[\"“”」』》]|(?<!\w)['‘]([^'‘’]{1,80})['’](?!\w)")

# Tried in order; the first that fits decides.
_KINDS: tuple[tuple[Wanted, re.Pattern[str]], ...] = (
    (
        Wanted.WHEN,
        re.compile(
            r"^\W*(?:and |so |but )?(?:when\b|(?:at|from|in|since|until)?\s*(?:what|which) "
            r"(?:time|second|minute|moment|point)|how (?:soon|late|early))"
            r"|什么时候|什么时间|何时|几点|第?几秒|第?几分|哪一刻"
        ),
    ),
    (Wanted.LENGTH, re.compile(r"\bhow long\b|\bduration\b|\blength of\b|多长|时长|多久|几分钟长")),
    (
        Wanted.SOUND,
        re.compile(
            r"\b(?:is|was|are|were|does|do|did|has|have) (?:there |it |the (?:clip|video|file) |this |anyone |anybody "
            r"|someone |somebody |people )+(?:have |has |contain |any |a |some |made )*"
            r"(?:sound|audio|speech|voices?|music|noise|speak\w*|talk\w*|silen\w*|quiet|mute\w*)\b"
            r"|有没有?(?:声音|人说话|人讲话|音频|语音)|有声音|是静音|安静吗"
        ),
    ),
    (Wanted.COLOUR, re.compile(r"\bcolou?rs?\b|颜色|什么色|哪种色")),
    (
        Wanted.TEXT,
        re.compile(
            r"\b(?:signs?|screens?|texts?|written|writing|slides?|titles?|captions?|subtitles?|headings?|headlines?"
            r"|labels?|banners?|posters?|reads?|read|display\w*)\b|屏幕|文字|字幕|牌子|标牌|招牌|标题|写着|写了|写的|写什么|幻灯片|字样|显示"
        ),
    ),
    (
        Wanted.HEARD,
        re.compile(
            r"\b(?:say|says|said|saying|speak\w*|spoke\w*|talk\w*|tell\w*|told|hear\w*|voices?|mention\w*|announce\w*"
            r"|words?)\b|说|讲|听到|听见|提到|台词"
        ),
    ),
    (
        Wanted.SUMMARY,
        re.compile(
            r"\bsummar\w*|\bhappen\w*|\bgo(?:es|ing)? on\b|\bdescribe\b"
            r"|\bwhat(?:'s| is| was) (?:this|that|it|in|seen|shown)\b"
            r"|\bwhat(?:'s| is) (?:the|this) (?:clip|video)\b|\babout\W*$"
            r"|发生|概括|总结|描述|讲了什么|内容|大概|这是什么"
        ),
    ),
)
_SPEECH_COLOURED = re.compile(r"讲了什么|讲的是什么")  # of a clip as a whole: what it is about

_POLITE = re.compile(r"^\W*(?:(?:can|could|will|would) you )?(?:please )?(?:tell|show) (?:me|us)\b|^请?(?:告诉我|说说)")

_DURING = re.compile(r"^(?P<main>.+?)\b(?:when|while|the moment|at the moment)\b(?P<then>.+)$", re.DOTALL)
_DURING_ZH = re.compile(r"^(?:当|在)?(?P<then>.+?)(?:的时候|的时刻|那一刻|时)[，,、]?(?P<main>.+)$", re.DOTALL)
_TOPIC = re.compile(r"\b(?:about|of|regarding|concerning)\b\s+\w|关于")

_CLOCK = re.compile(r"(?<![\d:])(?:(\d{1,2}):)?(\d{1,3}):(\d{2})(?:\.(\d))?(?![\d:])")
_SECONDS = re.compile(r"\b(?:second|sec\.?) (\d{1,5})\b|\b(\d{1,5})(?:st|nd|rd|th)? ?(?:s|secs?|seconds?)\b")
_SECONDS_ZH = re.compile(r"(?:第)?(?:(\d{1,3})分(?:钟)?)?第?(\d{1,5})秒")
_BEGINNING = re.compile(
    r"\b(?:beginning|at (?:the )?(?:very )?(?:start|first)|opening|first (?:thing|words?))\b"
    r"|开头|开始的?时|一开始|最初|片头"
)
_ENDING = re.compile(
    r"\b(?:at (?:the )?(?:very )?end|ending|in the end|finally|last (?:thing|words?)?)\b"
    r"|最后|结尾|末尾|片尾|结束时"
)
_MIDDLE = re.compile(r"\b(?:middle|halfway|half-way)\b|中间")
_AROUND_SECONDS = 1.0
_EDGE_SHARE, _EDGE_SECONDS = 0.15, 3.0

_STOP = frozenset(
    """a an the and or but if then so of to in on at by for from with without into about as is are was were be been
    being am do does did done doing have has had having will would can could should shall may might must not no yes
    it its this that these those there here he she him her his hers they them their we us our you your i me my mine
    one ones what which who whom whose when where why how whats much many long any anything some something someone
    somebody anyone anybody everyone people person clip video film movie recording picture image frame scene shown
    show shows see seen saw look looks appear appears appeared happen happens happened going goes go on say says said
    saying speak speaks spoke spoken talk talks talked tell tells told hear hears heard mention mentions mentioned
    word words sound audio speech voice sign signs screen text written write writes read reads slide title caption
    subtitle colour color colours colors time times second seconds minute minutes moment point beginning start end
    ending last first middle describe summarize summarise summary please give know just also again only exactly while
    during before after very really thing things kind""".split()  # noqa: SIM905 - a list of words reads best as words
)
_STOP_ZH = re.compile(
    "什么时候|什么|时候|哪里|哪个|哪些|怎么样|怎么|为什么|多少|多长|多久|几点|几秒|视频|片子|画面|屏幕|文字|字幕|牌子|标题|颜色|声音"
    "|有没有|是不是|说了|说的|说|讲|听到|听见|提到|写着|写了|写的|写|显示|出现|发生|时间|这个|那个|有人|里面|上面|开头|最后|结尾|中间"
    "|第几|请问|请|谁|吗|呢|么|的|了|是|在|有|和|与|上|里|中|时|当|他|她|它|们|我|你|到|过|着|个|把|被"
)
_MIN_STEM = 3


def understand(text: str, *, duration_seconds: float) -> Inquiry:
    """Take a question apart; a clip's duration tells where its beginning and end are."""
    lowered = _POLITE.sub("", text.strip().lower().replace("’", "'"))
    chinese = bool(_HAS_CJK.search(lowered))
    unquoted = _QUOTED.sub(" ", lowered)
    wanted = _wanted(unquoted)
    split = None if wanted is Wanted.WHEN else (_DURING_ZH if chinese else _DURING).match(lowered)
    if split is not None and _names_something(split["then"]) and split["main"].strip(" ?？。，,"):
        main, then = split["main"], split["then"]
        return Inquiry(
            wanted=_wanted(_QUOTED.sub(" ", main)),
            chinese=chinese,
            stems=stems(main),
            quotes=_quotes(main),
            topic=bool(_TOPIC.search(main)),
            window=_window(_QUOTED.sub(" ", main), duration_seconds),
            during=understand(then, duration_seconds=duration_seconds),
        )
    return Inquiry(
        wanted=wanted,
        chinese=chinese,
        stems=stems(lowered),
        quotes=_quotes(lowered),
        topic=bool(_TOPIC.search(unquoted)),
        window=_window(unquoted, duration_seconds),
    )


def stems(text: str) -> frozenset[str]:
    """Content words without their endings; pairs of characters for Chinese."""
    lowered = text.lower().replace("’", "'")
    found = {_stem(word) for word in _WORD.findall(_CJK_RUN.sub(" ", lowered)) if word not in _STOP}
    for run in _CJK_RUN.findall(_STOP_ZH.sub(" ", lowered)):
        found |= {run[at : at + 2] for at in range(max(len(run) - 1, 1))}
    return frozenset(found)


def _stem(word: str) -> str:
    word = word.removesuffix("'s").replace("'", "")
    for ending in ("ingly", "edly", "ing", "ied", "ies", "ed", "es", "ly", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= _MIN_STEM:
            word = word[: -len(ending)] + ("y" if ending in {"ied", "ies"} else "")
            break
    doubled = len(word) > _MIN_STEM and word[-1] == word[-2] and word[-1] not in "aeiouls"
    return word[:-1] if doubled else word.removesuffix("e") if len(word) > _MIN_STEM else word


def _wanted(text: str) -> Wanted:
    if _SPEECH_COLOURED.search(text):
        return Wanted.SUMMARY
    for wanted, pattern in _KINDS:
        if pattern.search(text):
            return wanted
    return Wanted.ANYTHING if stems(text) else Wanted.SUMMARY


def _names_something(text: str) -> bool:
    return bool(_quotes(text) or stems(text))


def _quotes(text: str) -> tuple[str, ...]:
    return tuple(quote.strip() for match in _QUOTED.findall(text) if (quote := match[0] or match[1]).strip())


def _window(text: str, duration_seconds: float) -> tuple[float, float] | None:
    """The seconds a question names; None when it names none."""
    times = [
        int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + int(tenths or 0) / 10
        for hours, minutes, seconds, tenths in _CLOCK.findall(text)
    ]
    times += [float(one or other) for one, other in _SECONDS.findall(text)]
    times += [float(minutes or 0) * 60 + float(seconds) for minutes, seconds in _SECONDS_ZH.findall(text)]
    if times:
        return min(times), max(times) + (_AROUND_SECONDS if len(times) == 1 else 0.0)
    edge = max(duration_seconds * _EDGE_SHARE, min(_EDGE_SECONDS, duration_seconds / 2))
    if _BEGINNING.search(text):
        return 0.0, edge
    if _ENDING.search(text):
        return duration_seconds - edge, duration_seconds
    if _MIDDLE.search(text):
        return duration_seconds / 3, duration_seconds * 2 / 3
    return None
