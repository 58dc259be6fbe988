"""Every hook is tried, described in both languages, and used by the project itself. Each test lists what is missing."""

import ast
import inspect
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.hooks import (
    Caption,
    CaptionRequest,
    ConversationKey,
    Heard,
    HeardUtterance,
    MediaKind,
    MediaProbe,
    Permission,
    Plugin,
    Received,
    RunStarted,
    VoiceTurn,
    hookimpl,
)
from bot.hooks.specs import DOORS, HookKind, Specs
from bot.testkit.kit import Kit

ROOT = Path(__file__).parents[2]
USERS = ("bot/plugins/**/*.py", "bot/services/*.py", "bot/discord_io/*.py", "bot/hiring.py", "cogs/*.py")

CALLED: list[str] = []


def noting(name: str) -> Callable[..., object]:
    """An implementation of a hook that takes all it can be given, and leaves everything as it is."""
    names = list(inspect.signature(getattr(Specs, name)).parameters)
    empty = {"register_tools": "[]", "register_commands": "[]", "register_cogs": "[]"}
    returned = empty.get(name, "{}" if DOORS[name].kind is HookKind.OFFER else "None")
    source = f"async def {name}({', '.join(names)}):\n    CALLED.append({name!r})\n    return {returned}\n"
    made: dict[str, Callable[..., object]] = {}
    exec(source, {"CALLED": CALLED}, made)  # the arguments must have their names
    return hookimpl(made[name])


Witness = type(
    "Witness",
    (Plugin,),
    {"name": "witness", "version": "1", "permissions": frozenset(Permission), **{name: noting(name) for name in DOORS}},
)


def reach(kit: Kit, name: str) -> None:
    """What brings a hook about."""
    frames = kit.frames(1)
    turn = VoiceTurn(job_id="", asker_ids=(1,))
    values = {
        "screen_ask": Received(question="Why?"),
        "edit_received": Received(question="Why?"),
        "on_probed": MediaProbe(kind=MediaKind.VIDEO, container="mp4", size_bytes=1, duration_seconds=1.0),
        "edit_frames": CaptionRequest(frames=frames),
        "on_sound": kit.sound(0.1),
        "edit_heard": Heard(),
        "edit_timeline": kit.timeline().build(),
        "edit_prompt": kit.prompt(),
        "edit_answer": "Well.",
        "edit_sentence": "Well.",
        "edit_speech": kit.sound(0.1),
        "on_utterance": HeardUtterance(person_id=1, name="Ann", text="hi", start_seconds=0, end_seconds=1),
        "on_turn_started": turn,
        "on_turn_interrupted": turn,
        "on_job_event": RunStarted(job_id="j", at_seconds=0.0),
        "export_person": 1,
    }
    if name in values:
        getattr(kit, name)(values[name])
    elif name == "edit_captions":
        kit.edit_captions((Caption(at_seconds=0, since_seconds=0, text="a"),), frames)
    elif name == "on_forget":
        kit.forget(key=ConversationKey(server_id=1, channel_id=2))
    elif name == "on_stop":
        kit.stop("witness")


@pytest.mark.parametrize("name", DOORS)
def test_every_hook_reaches_a_plugin_that_hangs_on_it(kibitz: Kit, name: str) -> None:
    CALLED.clear()
    kibitz.start(Witness)
    reach(kibitz, name)
    assert name in CALLED


@pytest.mark.parametrize("page", ["docs/plugins.md", "docs/plugins.zh-CN.md"])
def test_every_hook_has_its_heading(page: str) -> None:
    headings = re.findall(r"^### (\w+)$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert [name for name in DOORS if name not in headings] == []


def test_every_hook_is_used_by_the_project() -> None:
    """By a plugin that is shipped, or by our own rooms, which hang on the same hooks."""
    used = {
        node.name
        for pattern in USERS
        for path in ROOT.glob(pattern)
        if "hookimpl" in (text := path.read_text(encoding="utf-8"))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and any(ast.unparse(decorator).startswith("hookimpl") for decorator in node.decorator_list)
    }
    assert [name for name in DOORS if name not in used] == []
