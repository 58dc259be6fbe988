"""A memory in a real database, with a clock that stands still until it is moved."""

from datetime import datetime, timedelta

import pytest

from bot.database.engine import Database
from bot.memory.store import Memory

from ..database.material import NOON


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **time: float) -> None:
        self.now += timedelta(**time)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def memory(database: Database, clock: Clock) -> Memory:
    return Memory(database, clock=clock)
