"""No words reach people on Discord past the catalogues."""

import ast
import re

import pytest

from tests.catalogue import our_sources

SHOWN = {"content", "label", "placeholder", "title", "description"}
SENDING = {"send", "reply", "send_message", "show", "finish", "add", "fail"}
NAMING = {"command", "context_menu", "ContextMenu", "Group", "Choice", "describe", "rename"}
OURS = [name for name in our_sources() if name.startswith(("bot/discord_io/", "cogs/"))]


def bare_texts(source: str) -> list[int]:
    """The lines with words that are handed to Discord as they are."""
    bare: list[int] = []
    for call in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)):
        name = ast.unparse(call.func).rpartition(".")[2]
        values = [word.value for word in call.keywords if word.arg in SHOWN or (name in NAMING and word.arg != "value")]
        values += call.args[:1] if name in SENDING else []
        bare += [value.lineno for value in values if _has_words(value)]
    return bare


def _has_words(value: ast.expr) -> bool:
    if not isinstance(value, ast.Constant | ast.JoinedStr | ast.BinOp):
        return False
    literals = [node.value for node in ast.walk(value) if isinstance(node, ast.Constant)]
    return any(isinstance(text, str) and re.search(r"[^\W\d_]{2}", text) for text in literals)


@pytest.mark.parametrize("name", OURS)
def test_no_text_bypasses_the_catalogues(name: str) -> None:
    assert bare_texts(our_sources()[name]) == []


@pytest.mark.parametrize(
    "call",
    [
        'channel.send("Hello there")',
        'Button(label="Stop", custom_id="x")',
        'surface.finish(f"Done {n}")',
        'app_commands.command(name="ask")',
        'app_commands.describe(question="What to ask")',
    ],
)
def test_a_text_that_does_is_told(call: str) -> None:
    assert bare_texts(call) == [1]


def test_a_text_from_a_catalogue_is_fine() -> None:
    assert bare_texts('send(words("Hi")); Button(label=words("Hi"), custom_id="x"); describe(x=locale_str("Hi"))') == []
