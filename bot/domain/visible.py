"""Nothing hidden reaches a model: characters no reader sees are left out of what strangers said or showed."""

import json
import unicodedata

# Format characters (bidirectional controls, tags, zero width), line and paragraph separators, surrogates.
_INVISIBLE = frozenset({"Cf", "Zl", "Zp", "Cs"})


def visible(words: str) -> str:
    """The words without characters that cannot be seen."""
    return "".join(character for character in words if unicodedata.category(character) not in _INVISIBLE)


def quoted(words: str) -> str:
    """JSON quoting keeps words on their line and inside their quotes."""
    return json.dumps(visible(words), ensure_ascii=False)
