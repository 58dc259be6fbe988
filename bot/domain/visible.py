"""Nothing hidden reaches a model: characters no reader sees are left out of what strangers said or showed."""

import json
import re
import unicodedata

# Format characters (bidirectional controls, tags, zero width), line and paragraph separators, surrogates.
_INVISIBLE = frozenset({"Cf", "Zl", "Zp", "Cs"})
# Controls other than tabs and line ends (terminals obey some), and what has no shape of its own besides those above:
# fillers and variation selectors, of which a row can hide a whole text.
_SHAPELESS = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0000-\U000e0fff]"
)


def visible(words: str) -> str:
    """The words without characters that cannot be seen."""
    kept = _SHAPELESS.sub("", words)
    return kept if kept.isascii() else "".join(one for one in kept if unicodedata.category(one) not in _INVISIBLE)


def quoted(words: str) -> str:
    """JSON quoting keeps words on their line and inside their quotes."""
    return json.dumps(visible(words), ensure_ascii=False)
