"""`usage`: what was spent and what may be, as a person and as a script reads it."""

import json
from datetime import UTC, datetime

from bot.cli.usage import usage_as_json, usage_as_text
from bot.domain.money import Allowance, CapKind
from bot.jobs.ledger import Spent
from tests.cli.forks import Forks
from tests.cli.test_commands import ROOT, environment

DAY = Allowance(
    kind=CapKind.DAY, cap_usd=20.0, spent_usd=1.6, reserved_usd=0.02, resets_at=datetime(2026, 12, 1, tzinfo=UTC)
)
EVER = Allowance(kind=CapKind.ALL, cap_usd=None, spent_usd=41.2, reserved_usd=0.0, resets_at=None)
SPENT = (
    Spent(server_id=5, role="captions", model="gpt-6-luna", calls=122, usd=0.41),
    Spent(server_id=None, role="chat", model="gpt-6-luna", calls=64, usd=0.031),
)


def test_of_a_new_bot_nothing_is_told(forks: Forks, tmp_path) -> None:
    settings = environment(KIBITZ_DATA__DIRECTORY=str(tmp_path / "data"), KIBITZ_BUDGET__TOTAL_USD="100")
    done = forks.run("usage", cwd=ROOT, env=settings)
    assert done.returncode == 0, done.stderr
    today, ever, nothing = done.stdout.decode().splitlines()
    assert today.startswith("today   $0.00 of $20.00, $20.00 left, anew at ")
    assert ever == "ever    $0.00 of $100.00, $100.00 left"
    assert nothing == "Nothing was spent in the last 30 days."


def test_a_line_for_each_limit_server_role_and_model() -> None:
    today, ever, _, days, head, first, second = usage_as_text([DAY, EVER], SPENT, days=7).splitlines()
    assert today.startswith("today   $1.60 of $20.00, $18.38 left, $0.020 held back, anew at ")
    assert ever == "ever    $41.20, no limit"
    assert days == "The last 7 days:"
    assert head.split() == ["server", "role", "model", "calls", "cost"]
    assert first.split() == ["5", "captions", "gpt-6-luna", "122", "$0.41"]
    assert second.split() == ["-", "chat", "gpt-6-luna", "64", "$0.031"]


def test_the_same_for_scripts() -> None:
    told = json.loads(json.dumps(usage_as_json([DAY, EVER], SPENT, days=7)))
    assert told["days"] == 7
    assert told["limits"][0] == {
        "kind": "day",
        "cap_usd": 20.0,
        "spent_usd": 1.6,
        "reserved_usd": 0.02,
        "resets_at": "2026-12-01T00:00:00+00:00",
        "room_usd": 18.38,
    }
    assert told["spent"][1] == {"server_id": None, "role": "chat", "model": "gpt-6-luna", "calls": 64, "usd": 0.031}
