"""Data among rules: marked so that nothing in it can pose as ours."""

import hashlib
import re
from collections.abc import Sequence

_FENCED = re.compile(r"<evidence ([0-9a-f]{16})>\n(.*)\n</evidence \1>", re.DOTALL)


def fenced(lines: Sequence[str]) -> str:
    """The fence carries a digest of what it encloses, which nobody can write into the clip beforehand, and stays the
    same for the same evidence, so that prompt caches hold."""
    body = "\n".join(lines)
    fence = hashlib.sha256(body.encode()).hexdigest()[:16]
    return f"<evidence {fence}>\n{body}\n</evidence {fence}>"


def unfenced(evidence: str) -> list[str]:
    """The lines between the marks; all of the text where there are none."""
    found = _FENCED.fullmatch(evidence)
    body = evidence if found is None else found[2]
    return body.split("\n") if body else []
