"""Hooks are called in order, each within its time, and what goes wrong stays with the plugin."""

import asyncio
from pathlib import Path

import pytest

from bot.domain.errors import PluginError
from bot.domain.media import AudioChunk
from bot.domain.timeline import Moment, MomentKind, Timeline
from bot.hooks import Received, hookimpl
from bot.hooks.caller import SCREEN_FAILED, Hooks
from bot.hooks.registry import Plugins
from bot.hooks.specs import Specs
from bot.hooks.status import PluginState
from tests.hooks.writing import write_plugin
from tests.plugins.hosting import hosting, occasion, prompt

QUICK = {"KIBITZ_PLUGINS__TIMEOUT_SECONDS": "0.2", "KIBITZ_PLUGINS__FAILURES": "100"}


async def said(plugins: Plugins, sentence: str = "hello") -> str:
    return await plugins.hooks.edit(Specs.edit_answer, sentence, occasion())


async def why(plugins: Plugins, name: str) -> str:
    return next(str(status.why) for status in await plugins.statuses() if status.name == name)


async def told_of(plugins: Plugins, name: str, failure: str) -> None:
    while failure not in await why(plugins, name):  # noqa: ASYNC110  # there is nothing to wait on but the list itself
        await asyncio.sleep(0.01)


async def test_without_plugins_a_value_stays_what_it_was() -> None:
    hooks, value = Hooks(), prompt()
    assert await hooks.edit(Specs.edit_prompt, value, occasion()) is value
    assert await hooks.screen(Specs.screen_ask, Received(), occasion()) is None
    assert await hooks.gather(Specs.export_person, 1) == []
    assert not hooks.has(Specs.edit_prompt, Specs.on_sound)


async def test_plugins_are_asked_in_the_order_of_the_settings(tmp_path: Path) -> None:
    for name in ("aa", "bb", "cc"):
        first = "(tryfirst=True)" if name == "cc" else ""
        write_plugin(
            tmp_path / "p", name, f"@hookimpl{first}\ndef edit_answer(self, sentence): return sentence + ' {name}'"
        )
    async with hosting(tmp_path, {"bb": {}, "aa": {}, "cc": {}}, directory=tmp_path / "p") as plugins:
        assert await said(plugins) == "hello cc bb aa"


async def test_none_leaves_the_value_and_arguments_may_be_left_out(tmp_path: Path) -> None:
    write_plugin(tmp_path / "p", "silent", "@hookimpl\nasync def edit_answer(self): return None")
    write_plugin(tmp_path / "p", "asker", "@hookimpl\ndef edit_answer(self, occasion): return str(occasion.asker_id)")
    async with hosting(tmp_path, {"silent": {}, "asker": {}}, directory=tmp_path / "p") as plugins:
        assert await said(plugins) == "42"


BAD = {
    "raises": "async def edit_answer(self, sentence): raise KeyError(sentence)",
    "leaves": "def edit_answer(self, sentence): sys.exit(3)",
    "hangs": "async def edit_answer(self, sentence): await asyncio.sleep(30)",
    "blocks": "def edit_answer(self, sentence): time.sleep(1)",
    "lies": "async def edit_answer(self, sentence): return 42",
    "talks": "async def edit_answer(self, sentence): return 'x' * 50_000",
    "stops": "def edit_answer(self, sentence): raise StopIteration",
    "cancels": "async def edit_answer(self, sentence): asyncio.current_task().cancel(); await asyncio.sleep(0)",
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_plugin_is_felt_by_nobody_else(tmp_path: Path, name: str) -> None:
    write_plugin(tmp_path / "p", name, f"@hookimpl\n{BAD[name]}")
    write_plugin(tmp_path / "p", "good", "@hookimpl\ndef edit_answer(self, sentence): return sentence.upper()")
    async with hosting(tmp_path, {name: {}, "good": {}}, directory=tmp_path / "p", may_fail=True, **QUICK) as plugins:
        assert await said(plugins) == "HELLO"
        status = next(one for one in await plugins.statuses() if one.name == name)
        assert status.failures == 1
        assert status.why is not None
        assert "edit_answer" in status.why


async def test_what_a_plugin_raises_is_told_without_anybodys_words(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_plugin(tmp_path / "p", "raises", f"@hookimpl\n{BAD['raises']}")
    async with hosting(tmp_path, {"raises": {}}, directory=tmp_path / "p", may_fail=True) as plugins:
        await said(plugins, "the secret word")
        assert "KeyError" in await why(plugins, "raises")
        assert "raises.py:" in await why(plugins, "raises")
    assert "KeyError" in caplog.text
    assert "secret word" not in caplog.text


async def test_a_plugin_that_blocks_holds_up_nobody_while_it_does(tmp_path: Path) -> None:
    write_plugin(
        tmp_path / "p",
        "blocks",
        """
        seen = 0
        @hookimpl
        def edit_answer(self, sentence):
            time.sleep(0.6)
        """,
    )
    async with hosting(tmp_path, {"blocks": {}}, directory=tmp_path / "p", may_fail=True, **QUICK) as plugins:
        beats = 0

        async def beat() -> None:
            nonlocal beats
            while True:
                await asyncio.sleep(0.005)
                beats += 1

        beating = asyncio.create_task(beat())
        assert await said(plugins) == "hello"
        assert await said(plugins) == "hello"  # at once: it has not come back yet
        beating.cancel()
        assert beats > 5
        assert "has not come back" in await why(plugins, "blocks")


async def test_three_failures_switch_a_plugin_off_and_the_operator_is_told(tmp_path: Path) -> None:
    write_plugin(tmp_path / "p", "raises", f"@hookimpl\n{BAD['raises']}")
    async with hosting(tmp_path, {"raises": {}}, directory=tmp_path / "p", may_fail=True) as plugins:
        told: list[str] = []
        plugins.told.append(told.append)
        for _ in range(5):
            assert await said(plugins) == "hello"
        await asyncio.sleep(0)
        assert len(told) == 1
        assert "raises failed too often" in told[0]
        status = next(one for one in await plugins.statuses() if one.name == "raises")
        assert status.state is PluginState.FAILED
        assert not plugins.hooks.has(Specs.edit_answer)


async def test_an_error_for_people_is_no_failure(tmp_path: Path) -> None:
    write_plugin(tmp_path / "p", "strict", "@hookimpl\ndef edit_answer(self): raise BotError('not_here', 'Not here.')")
    async with hosting(tmp_path, {"strict": {}}, directory=tmp_path / "p") as plugins:
        for _ in range(5):
            assert await said(plugins) == "hello"


@pytest.mark.parametrize(
    ("body", "missing"),
    [
        ("await self.kibitz.records.find('nowhere')", "tables with nowhere"),
        ("await self.kibitz.complete('rules', 'text', occasion)", "permissions with model"),
    ],
)
async def test_what_was_not_declared_is_a_failure_that_says_so(tmp_path: Path, body: str, missing: str) -> None:
    declared = "permissions = frozenset({Permission.WORDS, Permission.RECORDS})"
    hook = f"@hookimpl\nasync def edit_answer(self, sentence, occasion): {body}"
    write_plugin(tmp_path / "p", "shy", f"{declared}\n{hook}")
    async with hosting(tmp_path, {"shy": {}}, directory=tmp_path / "p", may_fail=True) as plugins:
        assert await said(plugins) == "hello"
        assert missing in await why(plugins, "shy")


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ("return None", None),
        ("return 'Not  today.'", "Not today."),
        ("raise ValueError", SCREEN_FAILED),
        ("return 7", SCREEN_FAILED),
        ("await asyncio.sleep(30)", SCREEN_FAILED),
        ("raise BotError('closed', 'Closed.')", SCREEN_FAILED),
    ],
)
async def test_a_screen_that_fails_says_no(tmp_path: Path, body: str, refusal: str | None) -> None:
    write_plugin(tmp_path / "p", "door", f"@hookimpl\nasync def screen_ask(self, received, occasion):\n    {body}")
    async with hosting(tmp_path, {"door": {}}, directory=tmp_path / "p", may_fail=True, **QUICK) as plugins:
        assert await plugins.hooks.screen(Specs.screen_ask, Received(question="?"), occasion()) == refusal


async def test_watchers_are_not_waited_for_and_come_before_what_is_asked_later(tmp_path: Path) -> None:
    write_plugin(
        tmp_path / "p",
        "ears",
        """
        heard = 0
        @hookimpl
        def on_sound(self, chunk):
            self.heard += 1
        @hookimpl
        async def edit_answer(self, sentence):
            return str(self.heard)
        """,
    )
    write_plugin(tmp_path / "p", "deaf", "@hookimpl\nasync def on_sound(self, chunk): raise OSError")
    async with hosting(tmp_path, {"ears": {}, "deaf": {}}, directory=tmp_path / "p", may_fail=True, **QUICK) as plugins:
        for _ in range(50):
            plugins.hooks.watch(Specs.on_sound, AudioChunk(rate_hz=16_000, pcm=b""), occasion())
        assert await said(plugins) == "50"
        await told_of(plugins, "deaf", "on_sound raised OSError")


async def test_watchers_that_hang_cannot_pile_up(tmp_path: Path) -> None:
    write_plugin(tmp_path / "p", "slow", "@hookimpl\ndef on_sound(self): time.sleep(0.5)")
    async with hosting(tmp_path, {"slow": {}}, directory=tmp_path / "p", may_fail=True) as plugins:
        told: list[str] = []
        plugins.told.append(told.append)
        for _ in range(600):
            plugins.hooks.watch(Specs.on_sound, AudioChunk(rate_hz=16_000, pcm=b""), occasion())
        await asyncio.sleep(0)
        assert len(told) == 1


async def test_tasks_left_behind_are_cancelled_and_told(tmp_path: Path) -> None:
    write_plugin(
        tmp_path / "p",
        "leaky",
        """
        @hookimpl
        async def edit_answer(self, sentence):
            self.task = asyncio.create_task(asyncio.sleep(60))
        @hookimpl
        async def edit_sentence(self, sentence):
            return "cancelled" if self.task.cancelled() else "running"
        """,
    )
    async with hosting(tmp_path, {"leaky": {}}, directory=tmp_path / "p", may_fail=True) as plugins:
        assert await said(plugins) == "hello"
        await told_of(plugins, "leaky", "left 1 tasks")
        assert await plugins.hooks.edit(Specs.edit_sentence, "x", occasion()) == "cancelled"


async def test_tasks_of_the_start_and_those_it_spawned_live_until_the_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_plugin(
        tmp_path / "p",
        "busy",
        """
        beats = 0
        async def _beat(self):
            while True:
                await asyncio.sleep(0.001)
                self.beats += 1
        @hookimpl
        async def on_start(self):
            self.kibitz.spawn(self._beat(), name="beat")
        @hookimpl
        async def edit_answer(self, sentence):
            before = self.beats
            await asyncio.sleep(0.02)
            return "alive" if self.beats > before else "dead"
        """,
    )
    async with hosting(tmp_path, {"busy": {}}, directory=tmp_path / "p") as plugins:
        assert await said(plugins) == "alive"
        assert await said(plugins) == "alive"


async def test_a_caller_that_gives_up_is_no_failure_of_the_plugin(tmp_path: Path) -> None:
    write_plugin(
        tmp_path / "p",
        "slow",
        """
        @hookimpl
        async def edit_answer(self, sentence):
            if sentence == "wait":
                await asyncio.sleep(30)
            return sentence.upper()
        """,
    )
    async with hosting(tmp_path, {"slow": {}}, directory=tmp_path / "p") as plugins:
        waiting = asyncio.create_task(said(plugins, "wait"))
        await asyncio.sleep(0.05)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert await said(plugins) == "HELLO"


async def test_times_outside_of_the_clip_are_nonsense(tmp_path: Path) -> None:
    body = """
        @hookimpl
        async def edit_timeline(self, timeline):
            late = Moment(kind=MomentKind.SEEN, start_seconds={start}, end_seconds={end}, text="a ghost")
            return replace(timeline, moments=(*timeline.moments, late))
    """
    spans = {"late": ("90.0", "91.0"), "back": ("2.0", "1.0"), "nan": ("float('nan')", "1.0"), "good": ("0.5", "1.0")}
    for name, (start, end) in spans.items():
        write_plugin(tmp_path / "p", name, body.format(start=start, end=end))
    was = Timeline(
        duration_seconds=5.0, moments=(Moment(kind=MomentKind.SEEN, start_seconds=0.0, end_seconds=5.0, text="a cat"),)
    )
    async with hosting(tmp_path, {name: {} for name in spans}, directory=tmp_path / "p", may_fail=True) as plugins:
        timeline = await plugins.hooks.edit(Specs.edit_timeline, was, occasion())
        assert [moment.start_seconds for moment in timeline.moments] == [0.0, 0.5]
        for name, what in {
            "late": "outside of the clip",
            "back": "outside of the clip",
            "nan": "wrong moments",
        }.items():
            assert what in await why(plugins, name)


async def test_fields_of_wrong_types_are_nonsense(tmp_path: Path) -> None:
    write_plugin(
        tmp_path / "p",
        "sloppy",
        "@hookimpl\ndef edit_prompt(self, prompt): return replace(prompt, tools=['search'], rules=None)",
    )
    async with hosting(tmp_path, {"sloppy": {}}, directory=tmp_path / "p", may_fail=True) as plugins:
        was = prompt()
        assert await plugins.hooks.edit(Specs.edit_prompt, was, occasion()) is was
        assert "rules" in await why(plugins, "sloppy")


async def test_a_part_of_an_export_that_is_none_is_left_out(tmp_path: Path) -> None:
    parts = {"good": "ExportPart(title='T', lines=('a',))", "nothing": "None", "wrong": "'words'"}
    for name, part in parts.items():
        write_plugin(tmp_path / "p", name, f"@hookimpl\ndef export_person(self, person_id): return {part}")
    async with hosting(tmp_path, {name: {} for name in parts}, directory=tmp_path / "p", may_fail=True) as plugins:
        given = await plugins.hooks.gather(Specs.export_person, 1)
        assert [(name, part and part.lines) for name, part in given] == [("good", ("a",)), ("nothing", None)]
        assert "ExportPart" in await why(plugins, "wrong")


class _Own:
    """Ours, which lives where we live."""

    @hookimpl
    async def edit_answer(self, sentence: str) -> str:
        return f"<{sentence}>"


async def test_our_own_hooks_are_called_where_we_are() -> None:
    hooks = Hooks()
    hooks.admit(_Own(), "own")
    assert await hooks.edit(Specs.edit_answer, "a", occasion()) == "<a>"
    hooks.dismiss("own")
    assert await hooks.edit(Specs.edit_answer, "a", occasion()) == "a"
    with pytest.raises(PluginError, match="edit_anwser"):
        hooks.admit(type("Slip", (), {"edit_anwser": hookimpl(lambda self, sentence: None)})(), "slip")
