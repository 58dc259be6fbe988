"""Fixtures that tests of every room may ask for, and the order of the rooms."""

import pytest

from tests.databases import database, migrated, postgres, where

__all__ = ["database", "migrated", "postgres", "where"]

# Their files are short. They come last, so that no worker is left alone with a long one at the end.
_SHORT_ROOMS = {"discord_io", "domain", "locales"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.parent.name in _SHORT_ROOMS)
