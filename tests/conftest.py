"""Fixtures that tests of every room may ask for, and the order of the rooms."""

import gc

import pytest

from tests.databases import database, migrated, postgres, where
from tests.redis_server import redis

__all__ = ["database", "migrated", "postgres", "redis", "where"]

# Their files are short. They come last, so that no worker is left alone with a long one at the end.
_SHORT_ROOMS = {"discord_io", "domain", "locales"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.parent.name in _SHORT_ROOMS)


def pytest_collection_finish() -> None:
    """What is loaded by now stays: collecting garbage must not walk through it each time, nor as often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
