"""What strangers or models wrote, so that Discord shows exactly these words and does nothing else with them."""

import re

from bot.domain.links import LINK, coded_links, whole

# Controls, format characters (bidirectional, zero width, tags), surrogates, variation selectors, fillers and what else
# has no shape of its own. Line and paragraph separators become line ends before. Number signs of Arabic, Syriac and
# Kaithi are format characters by name but can be seen, so they stay.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_LINE_END = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_FENCE = re.compile(r"^([ \t]*)```([^`\n]*)(?:\n|\Z)(.*?)(?:^[ \t]*```[ \t]*$\n?|\Z)", re.MULTILINE | re.DOTALL)
_LANGUAGE = re.compile(r"[A-Za-z0-9_+.-]{1,20}")
_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n){2,}")
_TIME = r"\d{1,3}:\d\d(?::\d\d)?"
_ACTIVE = re.compile(
    rf"""
      (?P<link>{LINK})
    | @(?P<everyone>everyone|here)
    | (?P<bullet>^[ \t]*\*(?=[ ]))
    | (?P<time>\[{_TIME}(?:[–-]{_TIME})?\](?!\())
    | (?P<mark>[\\`*_~|\[\]<>#]|:(?!\d\d:)(?=[\w+-]{{1,64}}:))
    """,
    re.VERBOSE | re.MULTILINE | re.IGNORECASE,
)
_MARK = re.compile(r"[\\`*_~|\[\]<>#:]")
_OURS = re.compile(r"(<t:\d{1,12}(?::[A-Za-z])?>|<#\d{15,20}>)")
_LIVE = re.compile(r"(?<=\])(?=[(\[:])|<(?=[A-Za-z/!?])|&(?=#?\w{1,32};)")


def safe(text: str) -> str:
    """The words as Discord markdown. While words still come, pass the whole text so far, each time anew.

    Code fences that open a line and list markers keep their meaning; all other markdown, mentions, timestamps and
    emoji codes are shown as the characters they are, links and invites as inline code. A fence left open is closed.
    A time or a stretch of time in brackets needs no escape, unless a bracket after it would make a link of it.
    """
    text = visible(text)
    shown: list[str] = []
    at = 0
    for fence in _FENCE.finditer(text):
        shown += [_prose(text[at : fence.start()]), _fenced(*fence.groups())]
        at = fence.end()
    return "".join([*shown, _prose(text[at:])]).strip()


def plain(sentence: str) -> str:
    """A sentence about what went wrong, of ours or of a plugin's: its points in time and channels stay what they are,
    all else is shown as it is."""
    return "".join(part if at % 2 else _prose(visible(part)) for at, part in enumerate(_OURS.split(sentence)))


def document(text: str) -> str:
    """The words for a file of Markdown, as they were written, save that nothing in them is a link, a picture that is
    fetched, or HTML."""
    text = visible(text)
    shown: list[str] = []
    at = 0
    for fence in _FENCE.finditer(text):
        shown += [_dead(text[at : fence.start()]), _fenced(*fence.groups())]
        at = fence.end()
    return "".join([*shown, _dead(text[at:])])


def visible(text: str) -> str:
    """The text without characters nobody sees; every kind of line end is a newline."""
    return _INVISIBLE.sub("", _LINE_END.sub("\n", text))


def _fenced(indent: str, info: str, code: str) -> str:
    """A fence at the start of its line, where no list can tear it. An empty one would swallow the text up to the next,
    so it is none. Three backticks inside would end it, so they are shown by their double, U+02CB."""
    language = info.strip()
    if language and not _LANGUAGE.fullmatch(language):
        language, code = "", f"{language}\n{code}"
    if not code.strip():
        return _prose(f"{language}\n")
    code = re.sub(rf"^{indent}", "", code, flags=re.MULTILINE).strip("\n")
    code = re.sub("`{3,}", lambda run: "\u02cb" * len(run[0]), code)
    return f"```{language}\n{code}\n```\n"


def _prose(text: str) -> str:
    text = _BLANK_LINES.sub("\n\n", text)
    shown: list[str] = []
    at = 0
    is_after_code = False

    def plain(words: str) -> None:
        nonlocal is_after_code
        if words:
            shown.append(words)
            is_after_code = False

    def code(words: str) -> None:
        """Two pieces of code side by side are one: their backticks would pair up otherwise."""
        nonlocal is_after_code
        shown.append(f"{shown.pop()[:-1]}{words}`" if is_after_code else f"`{words}`")
        is_after_code = True

    for found in _ACTIVE.finditer(text):
        plain(text[at : found.start()])
        at = found.end()
        if link := found["link"]:
            code(whole(link))
            plain(_escape(link.removeprefix(whole(link))))
        elif found["everyone"]:
            plain("@")
            code(found["everyone"])
        else:
            plain(found["bullet"] or found["time"] or _escape(found["mark"]))
    plain(text[at:])
    return "".join(shown)


def _dead(text: str) -> str:
    return coded_links(_LIVE.sub(r"\\\g<0>", text))


def _escape(words: str) -> str:
    return _MARK.sub(r"\\\g<0>", words)
