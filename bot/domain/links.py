"""Links in words of strangers and models: where each begins and ends."""

import re

# A link ends at space, at what Discord ends it at, and at East Asian writing, which follows without a space.
_REST = r"[^\s<>`\u2e80-\ua4cf\uac00-\ud7af\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff]*"
LINK = rf"(?:[a-z][a-z0-9+.-]{{0,30}}://|www\.|discord(?:app)?\.[a-z]{{2,4}}/|dis\.gd/){_REST}"
"""A pattern (letters of both cases) of what Discord or a reader of Markdown makes a link or an invite of."""

_LINKS = re.compile(LINK, re.IGNORECASE)
_AFTER_LINKS = ".,;:!?'\"]}"
_TICK = re.compile(r"\\*`")


def whole(link: str) -> str:
    """A link that was found, without what belongs to the sentence around it."""
    return link.rstrip(_AFTER_LINKS if "(" in link else f"{_AFTER_LINKS})")


def split_links(text: str) -> list[str]:
    """The words cut where links begin and end: every second piece is a link, the others are what stands between."""
    pieces: list[str] = []
    at = 0
    for found in _LINKS.finditer(text):
        link = whole(found[0])
        pieces += [text[at : found.start()], link]
        at = found.start() + len(link)
    return [*pieces, text[at:]]


def without_links(text: str) -> str:
    """The words with a space for each link."""
    return " ".join(split_links(text)[::2])


def coded_links(text: str) -> str:
    """The words with each link as inline code of Markdown, which nothing opens or fetches. Where there is one, there is
    no other code, whose marks would pair up with its own."""
    pieces = split_links(text)
    if len(pieces) == 1:
        return text
    return "".join(f"`{piece}`" if at % 2 else _TICK.sub(r"\\`", piece) for at, piece in enumerate(pieces))
