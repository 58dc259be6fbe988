"""What a hook costs where no plugin hangs on it, and how long a plugin on its own thread takes to be asked."""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from bot.domain.media import AudioChunk
from bot.hooks.caller import Hooks
from bot.hooks.specs import Specs
from bot.hooks.values import Received
from tests.bench.report import Report, Row, table
from tests.hooks.writing import write_plugin
from tests.plugins.hosting import hosting, occasion, prompt

_ROUNDS = 9
_CALLS = 20_000
_ASKED = 500
_MOST_MICROSECONDS = 50.0

_PLUGIN = """
@hookimpl
async def edit_answer(self, sentence):
    return sentence
@hookimpl
async def edit_prompt(self, prompt):
    return prompt
"""


async def run(_folder: Path) -> Report:
    """Each kind of call on hooks that nobody hangs on, beside awaiting nothing; then a plugin that changes nothing."""
    hooks, where, asked, chunk = Hooks(), occasion(), prompt("one line"), AudioChunk(rate_hz=16_000, pcm=bytes(640))

    async def watch() -> None:
        hooks.watch(Specs.on_sound, chunk, where)

    kinds: dict[str, Callable[[], Awaitable[object]]] = {
        "edit": lambda: hooks.edit(Specs.edit_prompt, asked, where),
        "screen": lambda: hooks.screen(Specs.screen_ask, Received(), where),
        "watch": watch,
        "gather": lambda: hooks.gather(Specs.export_person, 1),
        "recipe": lambda: hooks.recipe(where, Specs.edit_frames, Specs.edit_captions, Specs.register_captioners),
    }
    nothing = await _microseconds(lambda: asyncio.sleep(0), _CALLS)
    alone = {kind: await _microseconds(call, _CALLS) for kind, call in kinds.items()}
    with tempfile.TemporaryDirectory(prefix="kibitz-bench-") as folder:
        plugins_folder = Path(folder) / "plugins"
        write_plugin(plugins_folder, "idle", _PLUGIN)
        async with hosting(Path(folder), {"idle": {}}, directory=plugins_folder) as plugins:
            with_one = {
                "edit_answer": await _microseconds(
                    lambda: plugins.hooks.edit(Specs.edit_answer, "a sentence", where), _ASKED
                ),
                "edit_prompt": await _microseconds(lambda: plugins.hooks.edit(Specs.edit_prompt, asked, where), _ASKED),
            }
    lines = [("nothing awaited once", f"{nothing:.2f}"), *((kind, f"{cost:.2f}") for kind, cost in alone.items())]
    lines += [(f"{name}, one plugin that changes nothing", f"{cost:.0f}") for name, cost in with_one.items()]
    text = f"A call of a hook, median of {_ROUNDS} rounds.\n\n" + table(("", "microseconds"), lines)
    slowest = max(alone, key=lambda kind: alone[kind])
    free = Row(name="hooks.no_plugin", value=alone[slowest], unit="us", reference=_MOST_MICROSECONDS, target=1)
    asked_one = Row(name="hooks.one_plugin", value=with_one["edit_prompt"], unit="us", reference=nothing)
    return Report(text=text, rows=(free, asked_one))


async def _microseconds(call: Callable[[], Awaitable[object]], count: int) -> float:
    rounds: list[float] = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        for _ in range(count):
            await call()
        rounds.append((time.perf_counter() - began) / count * 1e6)
    return statistics.median(rounds)
