"""Fixtures that tests of every room may ask for."""

from tests.databases import database, migrated, postgres, where

__all__ = ["database", "migrated", "postgres", "where"]
