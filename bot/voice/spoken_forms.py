"""Written forms that have to be said in other words: people's mentions and code."""

import re
from collections.abc import Mapping

_MENTION = re.compile(r"<@!?(\d{1,20})>")
_FENCE = "```"


class SpokenForms:
    """Goes before SpokenText, sentence by sentence of one answer, in order; `code_words` are said for code."""

    def __init__(self, *, names: Mapping[int, str], code_words: str) -> None:
        self._names = names
        self._code_words = code_words
        self._in_code = False

    def of(self, sentence: str) -> str:
        """The sentence with names for mentions and `code_words` for a block of code that begins in it."""
        said: list[str] = []
        for number, part in enumerate(sentence.split(_FENCE)):
            if number:
                self._in_code = not self._in_code
                if self._in_code:
                    said.append(self._code_words)
            if not self._in_code:
                said.append(part)
        return _MENTION.sub(self._name, " ".join(piece.strip() for piece in said if piece.strip()))

    def _name(self, match: re.Match[str]) -> str:
        return self._names.get(int(match[1]), "")
