"""Plugins written as files, as an operator has them."""

from pathlib import Path
from textwrap import dedent, indent

_HEAD = """\
import asyncio, sys, threading, time
from dataclasses import replace
from bot.hooks import *

{before}

class Written(Plugin):
    name = "{name}"
    version = "{version}"
    permissions = frozenset(Permission)
"""


def write_plugin(folder: Path, name: str, body: str, *, before: str = "", version: str = "1.0") -> Path:
    """A plugin NAME.py with this class body; names of bot.hooks are there."""
    folder.mkdir(exist_ok=True)
    head = _HEAD.format(name=name, version=version, before=dedent(before))
    path = folder / f"{name}.py"
    path.write_text(head + indent(dedent(body), "    ") + "\n", encoding="utf-8")
    return path
