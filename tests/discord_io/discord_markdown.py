"""A small reader of Discord's markdown, written apart from the code it judges: what is active, and what is seen."""

import re
from dataclasses import dataclass, field

ESCAPE = re.compile(r"\\([^0-9A-Za-z\s])")
BLOCK = re.compile(r"```(?:(?P<language>[A-Za-z0-9_+.-]*)\n)?(?P<code>.*?[^\n].*?)```", re.DOTALL)
SPAN = re.compile(r"(?P<ticks>`+)(?P<code>.+?)(?<!`)(?P=ticks)(?!`)", re.DOTALL)
LINE_START = re.compile(r"(?:^|(?<=\n))(?:[ \t]*(?:[*-]|\d+\.)[ ]+)*[ \t]*")
AT_LINE_START = re.compile(r"#{1,3}\s|-#\s|>(?:>>)?\s")
ACTIVE = re.compile(
    r"""
      <@[!&]?\d+> | <\#\d+> | @(?:everyone|here)
    | <(?:/|t:|a?:|id:|sound:)[^>\n]*> | <[^:\ >\n]+:[^\ >\n]+>
    | (?:https?|steam|discord|ftp)://\S\S+ | discord(?:app)?\.(?:gg|com/invite)/\w+ | (?<![a-zA-Z0-9])www\.\w
    | \[[^\]\n]*\]\([^)\n]*\)
    | \*\*.+?\*\* | \*(?!\s).+?\* | __.+?__ | _.+?_ | ~~.+?~~ | \|\|.+?\|\|
    | :(?!\d\d:)[\w+-]+:
    """,
    re.VERBOSE | re.DOTALL,
)
SERVER_SIDE = re.compile(r"<@[!&]?\d+>|<#\d+>|@everyone|@here")


@dataclass
class Reading:
    """`active`: constructs that do more than show characters. `seen`: what the reader sees, fences with their language.
    `uncoded`: the source outside of code, as the server searches it for mentions."""

    active: list[str] = field(default_factory=list)
    seen: str = ""
    uncoded: str = ""
    blocks: list[tuple[str, str]] = field(default_factory=list)


def read(text: str) -> Reading:
    """Read a message the way the client does: left to right, the first construct that fits wins."""
    found = Reading()
    at = 0
    while at < len(text):
        start = LINE_START.match(text, at)
        if start and (marked := AT_LINE_START.match(text, start.end())):
            found.active.append(marked[0])
        if escaped := ESCAPE.match(text, at):
            found.seen += escaped[1]
            found.uncoded += escaped[0]
            at = escaped.end()
        elif block := BLOCK.match(text, at):
            found.seen += (block["language"] or "") + "\n" + block["code"]
            found.blocks.append((block["language"] or "", block["code"].strip("\n")))
            at = block.end()
        elif span := SPAN.match(text, at):
            found.seen += span["code"]
            at = span.end()
        else:
            if active := ACTIVE.match(text, at):
                found.active.append(active[0])
            found.seen += text[at]
            found.uncoded += text[at]
            at += 1
    found.active += SERVER_SIDE.findall(found.uncoded)
    return found
