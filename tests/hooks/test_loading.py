"""Plugins are found, checked, started, switched and reloaded; one that cannot be used says why and stops nobody."""

import asyncio
from pathlib import Path

import pytest

from bot.domain.errors import PluginError, SettingsError
from bot.hooks.registry import Plugins
from bot.hooks.specs import Specs
from bot.hooks.status import PluginState
from tests.hooks.writing import write_plugin
from tests.plugins.hosting import hosting, occasion

HELLO = "@hookimpl\nasync def edit_answer(self, sentence): return 'hello'"

REFUSED = {
    "misspelt": (
        "@hookimpl\ndef edit_anwser(self, sentence): ...",
        "edit_anwser, which does not exist. Did you mean edit_answer?",
    ),
    "unmarked": ("def edit_anser(self, sentence): ...", "edit_anser (edit_answer?), which is not marked as a hook"),
    "arguments": (
        "@hookimpl\ndef edit_answer(self, words): ...",
        "edit_answer with arguments that this hook does not have",
    ),
    "wrapping": ("@hookimpl(wrapper=True)\ndef edit_answer(self, sentence): yield", "wraps a hook"),
    "newer": ("requires = '>=99'", "needs Kibitz >=99"),
    "unsure": ("requires = 'soon'", "requires soon, which is no version"),
    "modest": ("permissions = frozenset()\n@hookimpl\ndef edit_answer(self, sentence): ...", "need words"),
    "hoarder": ("permissions = frozenset()\ntables = (RecordTable(name='t'),)", "need records"),
    "renamed": ("name = 'other'", "calls itself other"),
    "wordy": (
        "@hookimpl\ndef register_tools(self):\n"
        "    return [ModelTool(name='a tool', description='x', parameters={}, call=print)]",
        "a name that models do not take",
    ),
    "chatty": ("summary = 7\npermissions = [Permission.WORDS]", "wrong type: summary, permissions"),
    "failing": ("def __init__(self, kibitz, settings): raise KeyError", "start raised KeyError"),
    "unready": ("@hookimpl\nasync def on_start(self): raise OSError", "on_start raised OSError"),
    "generous": ("@hookimpl\ndef register_tools(self): return 'all'", "returned str instead of a list"),
    "nameless": ("@hookimpl\ndef register_captioners(self): return [1]", "something else than offers by their names"),
}
BROKEN = {
    "syntax": ("x = (", "could not be loaded: SyntaxError at syntax.py:1"),
    "missing": ("import no_such_package_at_all", "needs the Python package no_such_package_at_all"),
    "exits": ("import sys; sys.exit(1)", "could not be loaded: SystemExit"),
    "empty": ("", "not exactly one class"),
}


async def status_of(plugins: Plugins, name: str) -> tuple[PluginState, str]:
    status = next(one for one in await plugins.statuses() if one.name == name)
    return status.state, str(status.why)


async def test_plugins_that_cannot_be_used_say_why_and_the_others_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name, (body, _) in REFUSED.items():
        write_plugin(tmp_path / "p", name, body)
    for name, (text, _) in BROKEN.items():
        (tmp_path / "p" / f"{name}.py").write_text(text)
    write_plugin(tmp_path / "p", "good", HELLO)
    names = [*REFUSED, *BROKEN, "absent", "good"]
    async with hosting(tmp_path, {name: {} for name in names}, directory=tmp_path / "p", may_fail=True) as plugins:
        for name, (_, why) in {**REFUSED, **BROKEN}.items():
            state, told = await status_of(plugins, name)
            assert state is PluginState.FAILED, name
            assert why in told, name
            assert f"plugin {name} does not run" in caplog.text
        assert "There is no plugin absent" in (await status_of(plugins, "absent"))[1]
        assert await plugins.hooks.edit(Specs.edit_answer, "x", occasion()) == "hello"
        for name in REFUSED:
            with pytest.raises(PluginError):
                await plugins.enable(name)
        assert await plugins.hooks.edit(Specs.edit_answer, "x", occasion()) == "hello"


async def test_wrong_settings_are_named_with_their_place(tmp_path: Path) -> None:
    write_plugin(
        tmp_path / "p",
        "polite",
        "settings_model = Manners\n" + HELLO,
        before="class Manners(PluginSettings):\n    times: int = 1\n",
    )
    async with hosting(tmp_path, {"polite": {"times": "often"}}, directory=tmp_path / "p", may_fail=True) as plugins:
        state, why = await status_of(plugins, "polite")
        assert state is PluginState.FAILED
        assert "KIBITZ_PLUGINS__POLITE__TIMES" in why
        with pytest.raises(SettingsError):
            await plugins.enable("polite")


async def test_a_reload_takes_settings_as_they_stand_by_then(tmp_path: Path) -> None:
    body = "settings_model = Manners\n@hookimpl\ndef edit_answer(self, sentence): return sentence * self.settings.times"
    write_plugin(tmp_path / "p", "polite", body, before="class Manners(PluginSettings):\n    times: int = 1\n")
    async with hosting(tmp_path, {"polite": {}}, directory=tmp_path / "p") as plugins:
        assert await plugins.hooks.edit(Specs.edit_answer, "a", occasion()) == "a"
        (tmp_path / "empty.toml").write_text("[plugins.polite]\ntimes = 3\n")
        await plugins.reload("polite")
        assert await plugins.hooks.edit(Specs.edit_answer, "a", occasion()) == "aaa"
        (tmp_path / "empty.toml").write_text("[plugins.polite]\ntimes = 'often'\n")
        with pytest.raises(SettingsError):
            await plugins.reload("polite")
        assert await plugins.hooks.edit(Specs.edit_answer, "a", occasion()) == "aaa"


async def test_an_offer_that_nobody_makes_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_plugin(tmp_path / "p", "greeter", HELLO)
    async with hosting(tmp_path, {"greeter": {}}, directory=tmp_path / "p", KIBITZ_PLUGINS__CAPTIONS="dusc"):
        assert "[plugins] captions: no plugin that runs offers dusc" in caplog.text


async def test_a_folder_that_cannot_be_read_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with hosting(tmp_path, {"focus": {}}, directory=tmp_path / "absent"):
        assert "[plugins] directory cannot be read: FileNotFoundError" in caplog.text


async def test_nothing_of_a_plugin_runs_before_it_is_switched_on(tmp_path: Path) -> None:
    write_plugin(tmp_path / "p", "quiet", HELLO, before="raise SystemExit")
    async with hosting(tmp_path, {}, directory=tmp_path / "p") as plugins:
        assert await status_of(plugins, "quiet") == (PluginState.OFF, "None")


async def test_a_plugin_is_switched_on_and_off_for_good(tmp_path: Path) -> None:
    write_plugin(tmp_path / "p", "greeter", HELLO)
    async with hosting(tmp_path, {}, directory=tmp_path / "p") as plugins:
        with pytest.raises(PluginError, match=r"There are: .*greeter"):
            await plugins.enable("greeting")
        with pytest.raises(PluginError, match="not switched on"):
            await plugins.reload("greeter")
        status = await plugins.enable("greeter")
        assert (status.state, status.version, status.hooks) == (PluginState.ON, "1.0", ("edit_answer",))
        assert (await plugins.enable("greeter")).state is PluginState.ON
    async with hosting(tmp_path, {}, directory=tmp_path / "p") as plugins:
        assert await plugins.hooks.edit(Specs.edit_answer, "x", occasion()) == "hello"
        await plugins.disable("greeter")
        assert await plugins.hooks.edit(Specs.edit_answer, "x", occasion()) == "x"
    async with hosting(tmp_path, {}, directory=tmp_path / "p") as plugins:
        assert (await status_of(plugins, "greeter"))[0] is PluginState.OFF
    (tmp_path / "data" / "plugins.json").write_text("{")
    async with hosting(tmp_path, {"greeter": {}}, directory=tmp_path / "p") as plugins:
        assert (await status_of(plugins, "greeter"))[0] is PluginState.ON


async def test_a_reload_reads_the_code_anew_and_lets_what_is_under_way_end(tmp_path: Path) -> None:
    slow = "@hookimpl\nasync def edit_answer(self, sentence):\n    await asyncio.sleep(0.2)\n    return '{}'"
    stop = "\n@hookimpl\nasync def on_stop(self): (self.kibitz.folder / 'stopped').touch()"
    write_plugin(tmp_path / "p", "greeter", slow.format("old") + stop)
    async with hosting(tmp_path, {"greeter": {}}, directory=tmp_path / "p") as plugins:
        under_way = asyncio.create_task(plugins.hooks.edit(Specs.edit_answer, "x", occasion()))
        await asyncio.sleep(0.05)
        write_plugin(tmp_path / "p", "greeter", slow.format("newer"), version="2.0")
        assert (await plugins.reload("greeter")).version == "2.0"
        assert await plugins.hooks.edit(Specs.edit_answer, "x", occasion()) == "newer"
        assert await under_way == "old"
    assert (tmp_path / "data" / "plugins" / "greeter" / "stopped").exists()


@pytest.mark.parametrize("body", ["x = (", "@hookimpl\nasync def on_start(self): raise OSError"])
async def test_a_reload_that_fails_leaves_the_old_one_running(tmp_path: Path, body: str) -> None:
    write_plugin(tmp_path / "p", "greeter", HELLO)
    async with hosting(tmp_path, {"greeter": {}}, directory=tmp_path / "p") as plugins:
        write_plugin(tmp_path / "p", "greeter", body)
        with pytest.raises(PluginError):
            await plugins.reload("greeter")
        assert await plugins.hooks.edit(Specs.edit_answer, "x", occasion()) == "hello"


async def test_a_folder_and_a_project_are_plugins_as_well(tmp_path: Path) -> None:
    package = tmp_path / "p" / "packed"
    package.mkdir(parents=True)
    (package / "words.py").write_text("SAID = 'from a package'\n")
    write_plugin(tmp_path / "p", "draft", "")
    (tmp_path / "p" / "draft.py").unlink()
    head = "from bot.hooks import *\nfrom .words import SAID\n\nclass It(Plugin):\n    name = '{}'\n"
    body = "    permissions = frozenset(Permission)\n    @hookimpl\n"
    body += "    def edit_answer(self, sentence): return sentence + SAID\n"
    (package / "__init__.py").write_text(head.format("packed") + body)
    project = tmp_path / "p" / "a-project"
    (project / "kibitz_drafted").mkdir(parents=True)
    (project / "pyproject.toml").write_text(
        '[project]\nname="x"\n[project.entry-points."kibitz.plugins"]\ndrafted = "kibitz_drafted:It"\n'
    )
    (project / "kibitz_drafted" / "words.py").write_text("SAID = ' and a project'\n")
    (project / "kibitz_drafted" / "__init__.py").write_text(head.format("drafted") + body)
    (tmp_path / "p" / "broken-project").mkdir()
    (tmp_path / "p" / "broken-project" / "pyproject.toml").write_text("[")
    async with hosting(tmp_path, {"packed": {}, "drafted": {}}, directory=tmp_path / "p") as plugins:
        said = await plugins.hooks.edit(Specs.edit_answer, "", occasion())
        assert said == "from a package and a project"


async def test_what_a_plugin_declares_can_be_looked_at_before(tmp_path: Path) -> None:
    write_plugin(tmp_path / "p", "open_book", "summary = 'Reads.'\nkeeps = 'Nothing.'\n" + HELLO)
    async with hosting(tmp_path, {}, directory=tmp_path / "p") as plugins:
        status = await plugins.look("open_book")
        assert (status.state, status.summary, status.keeps) == (PluginState.OFF, "Reads.", "Nothing.")
        assert "words" in status.permissions
        assert not plugins.hooks.has(Specs.edit_answer)


async def test_the_start_and_the_stop_happen_once(tmp_path: Path) -> None:
    write_plugin(
        tmp_path / "p",
        "living",
        """
        def _note(self, what):
            with (self.kibitz.folder / "life").open("a") as life:
                life.write(what)
        @hookimpl
        def on_start(self): self._note("a")
        @hookimpl
        async def on_stop(self): self._note("z")
        """,
    )
    async with hosting(tmp_path, {"living": {}}, directory=tmp_path / "p") as plugins:
        await plugins.disable("living")
        await plugins.enable("living")
    assert (tmp_path / "data" / "plugins" / "living" / "life").read_text() == "azaz"


async def test_a_thread_that_never_comes_back_does_not_hold_up_the_end(tmp_path: Path) -> None:
    write_plugin(
        tmp_path / "p",
        "stuck",
        """
        @hookimpl
        def edit_answer(self, sentence):
            while not (self.kibitz.folder / "go").exists():
                time.sleep(0.01)
        """,
    )
    quick = {"KIBITZ_PLUGINS__TIMEOUT_SECONDS": "0.1", "KIBITZ_PLUGINS__FAILURES": "1"}
    async with hosting(tmp_path, {"stuck": {}}, directory=tmp_path / "p", may_fail=True, **quick) as plugins:
        assert await plugins.hooks.edit(Specs.edit_answer, "x", occasion()) == "x"
        assert (await status_of(plugins, "stuck"))[0] is PluginState.FAILED
    (tmp_path / "data" / "plugins" / "stuck" / "go").touch()
