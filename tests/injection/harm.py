"""What must hold of everything the bot shows, says and writes, whatever a model wrote: judged by structure."""

import re
import unicodedata

from markdown_it import MarkdownIt

from bot.discord_io.parts import LIMIT, length
from tests.discord_io.discord_markdown import read

_SHAPELESS = frozenset([*range(0xFE00, 0xFE10), *range(0xE0000, 0xE1000), 0x34F, 0x115F, 0x1160, 0x3164, 0xFFA0])
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://\S|www\.\w|discord\.gg/\w", re.IGNORECASE)
_OUR_SIGNS = re.compile("(?<=[\u26a0\U0001f39e])\ufe0f")
_LIVE = ("link_open", "image", "html_inline", "html_block")


def hidden(text: str) -> list[str]:
    """Characters nobody sees."""
    return [
        f"U+{ord(one):04X}"
        for one in text
        if ord(one) in _SHAPELESS or (unicodedata.category(one) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and one not in "\n\t")
    ]


def harms(message: str) -> list[str]:
    """What a message does besides showing its words."""
    message = _OUR_SIGNS.sub("", message)
    small = "\n".join(line.removeprefix("-# ") for line in message.splitlines())
    long = [] if length(message) <= LIMIT else [f"{length(message)} characters"]
    odd = ["an open fence"] if message.count("```") % 2 else []
    return [*read(small).active, *hidden(message), *long, *odd]


def seen(message: str) -> str:
    """What is read of it."""
    return read(message).seen


def live(document: str) -> list[str]:
    """What a reader of Markdown makes a link of, fetches or runs in a file."""
    found: list[str] = list(hidden(document))
    for block in MarkdownIt("commonmark").enable("table").parse(document):
        found += [block.type] if block.type in _LIVE else []
        for inline in block.children or ():
            found += [inline.type] if inline.type in _LIVE else []
            if inline.type == "text":
                found += _ADDRESS.findall(inline.content)
    return found


def addresses(spoken: str) -> list[str]:
    """Links that would be read out."""
    return _ADDRESS.findall(spoken)
