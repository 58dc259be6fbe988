"""The page of requirements names each of them once, says how far it holds, and leads to tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in (ROOT / "docs/requirements.md").read_text(encoding="utf-8").splitlines()
    if re.match(r"\| R\d", line)
]
STATES = {"holds", "partly", "open", "does not apply"}


def test_every_requirement_stands_there_once_in_order() -> None:
    assert [row[0] for row in ROWS] == [f"R{number}" for number in range(1, 49)]
    assert [row[0] for row in ROWS if len(row) != 5] == []


def test_every_state_is_one_that_is_explained_and_is_shown_or_says_why_not() -> None:
    assert {row[2] for row in ROWS} <= STATES
    unshown = [row[0] for row in ROWS if row[2] in {"holds", "partly"} and "`tests/" not in row[3]]
    unsaid = [row[0] for row in ROWS if row[2] in {"partly", "open", "does not apply"} and row[4] == "–"]
    assert (unshown, unsaid) == ([], [])


def test_every_test_that_is_named_exists() -> None:
    missing = []
    for row in ROWS:
        for file, _, name in (shown.partition("::") for shown in re.findall(r"`(tests/[^`]+)`", row[3])):
            path = ROOT / file
            text = path.read_text(encoding="utf-8") if path.is_file() else ""
            if not text or (name and not re.search(rf"^\s*(?:async )?def {name}\(", text, re.MULTILINE)):
                missing.append(f"{row[0]}: {file}::{name}")
    assert missing == []
