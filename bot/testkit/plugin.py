"""The fixture `kibitz` for tests of plugins; pytest loads this module wherever Kibitz is installed."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from bot.testkit.kit import Kit


@pytest.fixture
def kibitz(tmp_path: Path) -> "Iterator[Kit]":
    """A bot to try plugins in; see docs/plugins.md."""
    kit: Kit = import_module("bot.testkit.kit").Kit(tmp_path / "kibitz")  # dear, so only where a test asks for it
    try:
        yield kit
        kit.check()
    finally:
        kit.close()
