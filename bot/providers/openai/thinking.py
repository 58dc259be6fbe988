"""Removes what a model thinks aloud: `<think>…</think>` is never part of an answer."""

_OPEN = "<think>"
_CLOSE = "</think>"


class ThoughtFilter:
    """Passes text through piece by piece and drops the thoughts in it, tags split between pieces included."""

    def __init__(self) -> None:
        self._held = ""
        self._thinking = False
        self._after_thought = False

    def feed(self, piece: str) -> str:
        """The part of the text so far that is certainly no thought."""
        self._held += piece
        passed: list[str] = []
        while True:
            tag = _CLOSE if self._thinking else _OPEN
            before, found, after = self._held.partition(tag)
            if not found:
                break
            self._pass(passed, before)
            self._thinking = not self._thinking
            self._after_thought = not self._thinking
            self._held = after
        keep = _possible_start(self._held, tag)
        self._pass(passed, self._held[: len(self._held) - keep])
        self._held = self._held[len(self._held) - keep :]
        return "".join(passed)

    def finish(self) -> str:
        """What was held back in case a tag began there. A thought without an end stays a thought."""
        passed: list[str] = []
        self._pass(passed, self._held)
        self._held = ""
        return "".join(passed)

    def _pass(self, passed: list[str], text: str) -> None:
        if self._thinking:
            return
        if self._after_thought:
            text = text.lstrip()
        if text:
            self._after_thought = False
            passed.append(text)


def without_thoughts(text: str) -> str:
    """A whole text without its thoughts; a lone closing tag ends a thought that was opened by the chat template."""
    before, found, after = text.partition(_CLOSE)
    if found and _OPEN not in before:
        text = after
    thoughts = ThoughtFilter()
    return (thoughts.feed(text) + thoughts.finish()).strip()


def _possible_start(text: str, tag: str) -> int:
    """How many characters at the end of the text could be the start of the tag."""
    return next((size for size in range(min(len(tag) - 1, len(text)), 0, -1) if tag.startswith(text[-size:])), 0)
