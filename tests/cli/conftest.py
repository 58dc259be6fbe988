"""Fixtures of the command line."""

from collections.abc import Iterator

import pytest

from tests.cli.forks import Forks


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks() as loaded:
        yield loaded
