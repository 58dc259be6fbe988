"""Plugins that block, stray, lie or never end: what they do stays with them, and the operator is told."""

import asyncio
import contextlib
import gc
import threading
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from itertools import pairwise
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from bot.domain.errors import PluginError, ProviderError
from bot.domain.media import AudioChunk
from bot.domain.occasion import Surface
from bot.domain.timeline import Timeline
from bot.hooks import offers, quarters
from bot.hooks.caller import Hooks
from bot.hooks.guest import Guest
from bot.hooks.offers import Work, fused
from bot.hooks.registry import Plugins
from bot.hooks.specs import Specs
from bot.hooks.status import PluginState, PluginStatus
from bot.providers.base import AnswerDelta, CaptionRequest
from tests.hooks.writing import write_plugin
from tests.plugins.hosting import hosting, occasion, prompt

QUICK = {"KIBITZ_PLUGINS__TIMEOUT_SECONDS": "0.1", "KIBITZ_PLUGINS__FAILURES": "100"}


def with_plugin(folder: Path, body: str, *, before: str = "", **environ: str) -> AbstractAsyncContextManager[Plugins]:
    write_plugin(folder / "p", "bad", body, before=before)
    return hosting(folder, {"bad": {}}, services=None, directory=folder / "p", may_fail=True, **environ)


async def said(plugins: Plugins, sentence: str = "hello") -> str:
    return await plugins.hooks.edit(Specs.edit_answer, sentence, occasion())


async def taken(items: AsyncIterator[object], into: list[object]) -> None:
    async for item in items:
        into.append(item)


async def status(plugins: Plugins) -> PluginStatus:
    return next(one for one in await plugins.statuses() if one.name == "bad")


async def test_calls_that_waited_in_vain_do_not_keep_a_plugin_busy(tmp_path: Path) -> None:
    body = """
        calls = 0
        @hookimpl
        def edit_answer(self, sentence):
            self.calls += 1
            if self.calls == 1:
                time.sleep(0.3)
            return "fine"
        """
    async with with_plugin(tmp_path, body, **QUICK) as plugins:
        assert await asyncio.gather(*(said(plugins) for _ in range(3))) == ["hello"] * 3
        async with asyncio.timeout(10):
            while await said(plugins) != "fine":  # noqa: ASYNC110  # there is nothing to wait on but the plugin itself
                await asyncio.sleep(0.05)


async def test_what_strays_is_told_without_anybodys_words(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    body = """
        @hookimpl
        async def edit_answer(self, sentence):
            async def later(): raise KeyError(sentence)
            asyncio.create_task(later())
            asyncio.get_running_loop().call_soon(int, sentence)
            await asyncio.sleep(0)
        """
    async with with_plugin(tmp_path, body) as plugins:
        await said(plugins, "the secret word")
        async with asyncio.timeout(10):
            while (await status(plugins)).failures < 2:
                gc.collect()
                await asyncio.sleep(0)
    assert "background work raised KeyError" in caplog.text
    assert "background work raised ValueError" in caplog.text
    assert "secret" not in caplog.text


async def test_a_watcher_that_blocks_is_noticed_though_nobody_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarters, "_CANCEL_SECONDS", 0.0)
    body = "free = threading.Event()\n@hookimpl\ndef on_probed(self): self.free.wait()"
    async with with_plugin(tmp_path, body, KIBITZ_PLUGINS__TIMEOUT_SECONDS="0.02") as plugins:
        free: threading.Event = plugins.kinds()[0].free  # type: ignore[attr-defined]
        told: asyncio.Queue[str] = asyncio.Queue()
        plugins.told.append(told.put_nowait)
        plugins.hooks.watch(Specs.on_probed, None, occasion())  # pyright: ignore[reportArgumentType]  # it does not look
        assert "on_probed took longer" in await asyncio.wait_for(told.get(), 10)
        free.set()  # pyright: ignore[reportUnknownMemberType]  # the plugin is a file


async def test_only_the_watcher_that_is_late_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarters, "_CANCEL_SECONDS", 0.0)
    strayed: list[BaseException] = []
    home = quarters.Quarters("home", leaked=lambda _: None, strayed=strayed.append)
    end = threading.Event()

    async def swallow() -> None:
        while not end.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.01)

    patient, late = list[BaseException](), asyncio.Queue[BaseException]()
    home.watch(lambda: None, 0.0, lambda _: None)  # so that it is looked at once
    home.watch(lambda: asyncio.sleep(60), 60.0, patient.append)
    home.watch(swallow, 0.0, late.put_nowait)
    told = [await asyncio.wait_for(late.get(), 10) for _ in range(3)]
    assert {type(error) for error in told} == {TimeoutError}
    assert patient == strayed == []
    end.set()
    await home.aclose()


async def test_a_watcher_whose_turn_has_not_come_is_not_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarters, "_CANCEL_SECONDS", 0.0)
    strayed: list[BaseException] = []
    home = quarters.Quarters("home", leaked=lambda _: None, strayed=strayed.append)
    begun, end = threading.Event(), threading.Event()

    def block() -> None:
        begun.set()
        end.wait()

    home.watch(lambda: None, 0.0, lambda _: None)  # so that it is looked at once
    home.watch(block, 60.0, strayed.append)
    home.watch(lambda: None, 0.0, strayed.append)
    await asyncio.to_thread(begun.wait)
    for _ in range(5):
        await asyncio.sleep(0.001)
    assert strayed == []
    end.set()
    await home.settle(10)
    await home.aclose()


async def test_a_call_ends_when_its_caller_gives_up(tmp_path: Path) -> None:
    body = """
        begun, ended = threading.Event(), threading.Event()
        @hookimpl
        async def edit_answer(self):
            self.begun.set()
            try:
                await asyncio.sleep(30)
            finally:
                self.ended.set()
        """
    async with with_plugin(tmp_path, body) as plugins:
        plugin: Any = plugins.kinds()[0]
        asking = asyncio.create_task(said(plugins))
        await asyncio.to_thread(plugin.begun.wait)
        asking.cancel()
        assert await asyncio.to_thread(plugin.ended.wait, 3)
        assert (await status(plugins)).failures == 0


async def test_what_comes_after_the_end_is_no_failure_and_what_nobody_timed_took_no_time() -> None:
    guest = Guest("guest", most_failures=3, too_much=lambda _: None)
    assert "background work raised TimeoutError" in guest.fail("background work", TimeoutError()).public
    await guest.quarters.aclose()
    with pytest.raises(PluginError):
        await guest.run("edit_answer", lambda: None, 1.0)
    guest.watch("on_probed", lambda: None, 1.0)
    assert guest.failures == 2  # the first, and the watcher that was left out


async def test_who_is_told_cannot_disturb_an_answer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def tell(_: str) -> None:
        raise ValueError

    body = "@hookimpl\ndef edit_answer(self, sentence): raise KeyError"
    async with with_plugin(tmp_path, body, KIBITZ_PLUGINS__FAILURES="1") as plugins:
        plugins.told.append(tell)
        assert await said(plugins) == "hello"
        await asyncio.sleep(0)
        assert "ValueError" in caplog.text
        assert (await status(plugins)).state is PluginState.FAILED


async def test_nothing_is_asked_of_a_plugin_before_it_has_started_and_a_reload_leaves_no_gap(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    body = """
        @hookimpl
        async def on_start(self):
            await asyncio.sleep(0.02)
            self.word = "started"
        @hookimpl
        def edit_answer(self, sentence): return self.word
        @hookimpl
        async def on_stop(self):
            del self.word
            await asyncio.sleep(0.02)
        """
    async with with_plugin(tmp_path, body) as plugins:
        for change in (plugins.reload, plugins.disable, plugins.enable):
            work = asyncio.ensure_future(change("bad"))
            heard: set[str] = set()
            while not work.done():
                heard.add(await said(plugins))
                await asyncio.sleep(0)
            assert heard <= ({"started"} if change.__name__ == "reload" else {"started", "hello"})
    assert "AttributeError" not in caplog.text


async def test_the_end_waits_for_no_start(tmp_path: Path) -> None:
    write_plugin(tmp_path / "p", "bad", "@hookimpl\nasync def on_start(self): await asyncio.sleep(30)")
    async with hosting(tmp_path, {}, directory=tmp_path / "p", may_fail=True) as plugins:
        work = asyncio.create_task(plugins.enable("bad"))
        while not any(thread.name == "plugin bad" for thread in threading.enumerate()):  # noqa: ASYNC110  # nothing tells
            await asyncio.sleep(0)
    with pytest.raises(PluginError):
        await asyncio.wait_for(work, 5)
    assert not any(thread.name == "plugin bad" for thread in threading.enumerate())


@pytest.mark.parametrize(
    "body",
    [
        "def __init__(self, kibitz, settings): pass",  # has no settings then
        "async def vary(self, occasion): raise KeyError",
        "async def vary(self, occasion): await asyncio.sleep(30)",
    ],
)
async def test_where_a_plugin_does_not_say_what_its_work_depends_on_it_is_shared_with_nobody(
    tmp_path: Path, body: str
) -> None:
    hook = "\n@hookimpl\ndef edit_frames(self): ..."
    async with with_plugin(tmp_path, body + hook, **QUICK) as plugins:
        recipes = {await plugins.hooks.recipe(occasion(), Specs.edit_frames) for _ in range(3)}
        assert len(recipes) == 3
        assert "vary" in str((await status(plugins)).why)


async def test_what_work_depends_on_may_be_told_at_once_and_decides(tmp_path: Path) -> None:
    body = "def vary(self, occasion): return occasion.locale\n@hookimpl\ndef edit_frames(self): ..."
    async with with_plugin(tmp_path, body) as plugins:
        here, there = occasion(), occasion(locale="fr", surface=Surface.VOICE)
        recipe = plugins.hooks.recipe
        assert await recipe(here, Specs.edit_frames) == await recipe(here, Specs.edit_frames)
        assert await recipe(here, Specs.edit_frames) != await recipe(there, Specs.edit_frames)
        assert await recipe(here, Specs.edit_heard) == ""
        assert (await status(plugins)).failures == 0


async def test_nobody_who_waits_for_a_spoken_answer_waits_longer_than_set(tmp_path: Path) -> None:
    body = """
        async def vary(self, occasion): await asyncio.sleep(30)
        @hookimpl
        async def edit_answer(self, sentence): await asyncio.sleep(30)
        @hookimpl
        async def edit_frames(self, request): await asyncio.sleep(30)
        """
    limits = {**QUICK, "KIBITZ_PLUGINS__VOICE_SECONDS": "0.05"}
    async with with_plugin(tmp_path, body, **limits) as plugins:
        spoken = occasion(surface=Surface.VOICE)
        assert await plugins.hooks.edit(Specs.edit_answer, "hello", spoken) == "hello"
        assert "0.05 s" in str((await status(plugins)).why)
        await plugins.hooks.edit(Specs.edit_answer, "hello", occasion())
        assert "edit_answer took longer than 0.1 s" in str((await status(plugins)).why)
        await plugins.hooks.recipe(spoken, Specs.edit_frames)
        assert "vary took longer than 0.05 s" in str((await status(plugins)).why)
        await plugins.hooks.edit(
            Specs.edit_frames, CaptionRequest(frames=()), spoken
        )  # nobody is kept waiting by a look at a clip
        assert "edit_frames took longer than 0.1 s" in str((await status(plugins)).why)


async def test_a_plugin_with_a_misspelt_hook_is_not_started(tmp_path: Path) -> None:
    body = """
        @hookimpl
        def on_start(self): (self.kibitz.folder / "started").touch()
        @hookimpl
        def edit_anwser(self, sentence): ...
        """
    async with with_plugin(tmp_path, body) as plugins:
        assert "Did you mean edit_answer?" in str((await status(plugins)).why)
    assert not (tmp_path / "data" / "plugins" / "bad").exists()


async def test_lapses_tell_whether_all_did_their_work(tmp_path: Path) -> None:
    body = """
        @hookimpl
        def edit_answer(self, sentence):
            if sentence == "refused": raise BotError("no", "No.")
            if sentence == "failed": raise KeyError
        """
    async with with_plugin(tmp_path, body, KIBITZ_PLUGINS__FAILURES="2") as plugins:
        states = [plugins.hooks.lapses(Specs.edit_answer)]
        for sentence in ("fine", "refused", "failed", "failed"):
            await said(plugins, sentence)
            states.append(plugins.hooks.lapses(Specs.edit_answer))
        assert [one == other for one, other in pairwise(states)] == [True, False, False, False]
        assert plugins.hooks.lapses(Specs.edit_frames) == Hooks().lapses(Specs.edit_frames)


STREAM = """
class Model:
    async def answer(self, prompt):
        {act}
    def lines(self, timelines, question, room_tokens):
        while True: yield "x"
"""
OFFERS = """
@hookimpl
def register_chat_models(self): return {"mine": Model()}
@hookimpl
def register_fusion(self): return {"mine": Model()}
"""


@pytest.mark.parametrize(
    ("act", "most"),
    [
        ("yield AnswerDelta(text=None)", 0),
        ("yield AnswerDelta(text=chr(0xD800))", 0),
        ("yield AudioChunk(rate_hz=0, pcm=b'')", 0),
        ("yield AudioChunk(rate_hz=16_000, pcm=b'x')", 0),
        ("while True: yield AnswerDelta(text='x' * 1_000)", 9),
        ("while True: yield AnswerDelta(text='')", 625),
    ],
)
async def test_a_stream_holds_only_what_makes_sense_and_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: str, most: int
) -> None:
    monkeypatch.setitem(offers.MOST_OF_STREAM, Work.CHAT, 10_000)
    async with with_plugin(tmp_path, OFFERS, before=STREAM.format(act=act)) as plugins:
        offer = plugins.hooks.offers.chosen(Work.CHAT)
        assert offer is not None
        items: AsyncIterator[object] = plugins.hooks.offers.stream(
            offer,
            Work.CHAT,
            lambda: offer.provider.answer(None),  # type: ignore[attr-defined]
            (AnswerDelta, AudioChunk),
        )
        got: list[object] = []
        with pytest.raises(ProviderError):
            await taken(items, got)
        assert len(got) == most
        assert (await status(plugins)).failures == 1


async def test_offers_are_those_of_the_plugin_that_runs(tmp_path: Path) -> None:
    body = """
        async def _call(self, arguments, occasion): return ""
        @hookimpl
        def register_tools(self):
            return [ModelTool(name="a", description="b", parameters={}, call=self._call)]
        """
    async with with_plugin(tmp_path, body) as plugins:
        await plugins.reload("bad")
        ((guest, tool),) = plugins.hooks.offers.tools()
        assert guest.plugin is plugins.kinds()[0]
        write_plugin(tmp_path / "p", "bad", dedent(body) + "\n@hookimpl\ndef register_commands(self): raise OSError")
        with pytest.raises(PluginError):
            await plugins.reload("bad")
        assert plugins.hooks.offers.tools() == ((guest, tool),)
        await plugins.disable("bad")
        assert plugins.hooks.offers.tools() == ()


async def test_fusion_without_an_end_is_cut(tmp_path: Path) -> None:
    async with with_plugin(tmp_path, OFFERS, before=STREAM.format(act="yield")) as plugins:
        lines = await fused(plugins.hooks.offers, [Timeline(duration_seconds=1.0)], prompt().question, 1_000)
        assert lines is not None
        assert len(lines) == 20_000


@pytest.mark.parametrize(
    "wrong", ["parameters={'x': object()}", "parameters={}, seconds=1e9", "parameters={}, seconds=0"]
)
async def test_a_tool_that_no_model_could_be_offered_is_refused(tmp_path: Path, wrong: str) -> None:
    body = f"""
        async def _call(self, arguments, occasion): return ""
        @hookimpl
        def register_tools(self): return [ModelTool(name="a", description="b", call=self._call, {wrong})]
        """
    async with with_plugin(tmp_path, body) as plugins:
        assert (await status(plugins)).state is PluginState.FAILED
        assert plugins.hooks.offers.tools() == ()
