"""The latest errors: by id, never by words."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from bot.operations.errors import Errors

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
WORDS = "Ann said the secret words"


@pytest.fixture
def errors() -> Errors:
    return Errors(now=lambda: NOW)


@pytest.fixture
def log(errors: Errors) -> Iterator[logging.Logger]:
    logger = logging.getLogger("bot.tests.errors")
    logger.addHandler(errors)
    yield logger
    logger.removeHandler(errors)


def test_the_latest_come_first_and_the_oldest_go(errors: Errors) -> None:
    for number in range(60):
        errors.note(f"code_{number}", where="answer", job_id=f"{number:012x}")
    latest = errors.latest()
    assert [one.code for one in latest] == [f"code_{number}" for number in range(59, 9, -1)]
    assert latest[0].at == NOW


def test_the_same_of_the_same_job_is_told_once(errors: Errors) -> None:
    for where in ("captions", "bot.discord_io.desk"):
        errors.note("rate_limited", where=where, job_id="0123456789ab")
    errors.note("other", where="desk", job_id="0123456789ab")
    assert [(one.code, one.where) for one in errors.latest()] == [("other", "desk"), ("rate_limited", "captions")]


def test_what_is_no_code_and_no_job_is_not_shown_as_one(errors: Errors) -> None:
    errors.note(WORDS, where="answer", job_id="123456789012345678")
    (one,) = errors.latest()
    assert (one.code, one.job_id) == ("unnamed", None)


def test_of_a_log_line_the_kind_and_the_job_are_kept(errors: Errors, log: logging.Logger) -> None:
    log.error("job %s failed", "0123456789ab", exc_info=LookupError(WORDS))
    log.error("%s could not be done", WORDS)
    log.warning("a warning is no error")
    bare, failed = errors.latest()
    assert (failed.code, failed.job_id, failed.where) == ("LookupError", "0123456789ab", "bot.tests.errors")
    assert bare.code.startswith("line-")
    assert bare.job_id is None
    assert "Ann" not in repr(errors.latest())
