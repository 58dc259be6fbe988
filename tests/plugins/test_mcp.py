"""Tools of other servers in our answers: what is offered, what comes back, and what happens when a server is away."""

import asyncio
import json
import logging
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn
from pydantic import ValidationError

from bot.app import App, open_app
from bot.config import load_settings
from bot.domain.answer import AnswerMode, Question, QuestionSource
from bot.domain.errors import PluginError
from bot.hooks.registry import Plugins
from bot.hooks.status import PluginState
from bot.pipeline.replying import reply
from bot.pipeline.run import Run
from bot.plugins.mcp import connection
from bot.plugins.mcp.settings import McpSettings, Server
from tests.fakes.providers import KeepingListener
from tests.plugins.hosting import hosting, occasion
from tests.plugins.mcp_server import make_server
from tests.simulator.openai_server import CuriousMind, Made, OpenAIEmulator
from tests.simulator.openai_server.records import ChatCall

ROOT = Path(__file__).parents[2]
BY_PIPES = {"command": [sys.executable, "-m", "tests.plugins.mcp_server"], "env": {"PYTHONPATH": str(ROOT)}}
PATIENT = {"KIBITZ_PLUGINS__TIMEOUT_SECONDS": "60"}


@asynccontextmanager
async def harbour(port: int = 0, *, token: str = "", opens: asyncio.Event | None = None) -> AsyncIterator[str]:
    """The address of the server over HTTP. It answers nobody before it `opens`."""
    app = make_server().streamable_http_app()

    async def guarded(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and opens is not None:
            await opens.wait()
        if scope["type"] == "http" and token and (b"authorization", f"Bearer {token}".encode()) not in scope["headers"]:
            await send({"type": "http.response.start", "status": 401, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        else:
            await app(scope, receive, send)

    listening = socket.create_server(("127.0.0.1", port))
    server = uvicorn.Server(uvicorn.Config(guarded, log_config=None, lifespan="on", timeout_graceful_shutdown=1))
    serving = asyncio.create_task(server.serve([listening]))
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
    finally:
        server.should_exit = True
        await serving
        listening.close()


async def called(plugins: Plugins, name: str, *, by: object = 42, **arguments: object) -> str:
    guest, tool = next(one for one in plugins.hooks.offers.tools() if one[1].name == name)
    said = await guest.run(name, lambda: tool.call(arguments, occasion(asker_id=by)), tool.seconds)
    assert isinstance(said, str)
    return said


def offered(plugins: Plugins) -> set[str]:
    return {tool.name for _, tool in plugins.hooks.offers.tools()}


async def until(holds: Callable[[], object]) -> None:
    """What comes about by itself, on another thread as it may be."""
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110  # nothing but this tells
            await asyncio.sleep(0.01)


async def test_a_program_is_asked_and_told_none_of_our_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-for-nobody-else")
    settings = {
        "servers": {"harbour": BY_PIPES, "gone": {"command": ["/no/such/program"]}},
        "tools": ["harbour.*", "gone.*"],
        "start_seconds": 60,
    }
    own = {"KIBITZ_PLUGINS__MCP__SERVERS__HARBOUR__ENV__HARBOUR_TOKEN": "for-the-harbour"}
    async with hosting(tmp_path, {"mcp": settings}, **PATIENT, **own) as plugins:
        assert {"harbour__water_level", "harbour__tides"} <= offered(plugins)
        assert await called(plugins, "harbour__water_level", harbour="Emden") == "The water in Emden stands at 417 cm."
        assert (await called(plugins, "harbour__sink", ship="Titanic")).startswith("The tool could not do it.")
        variables = await called(plugins, "harbour__variables")
        assert "HARBOUR_TOKEN=for-the-harbour" in variables
        assert "sk-for-nobody-else" not in variables
        with pytest.raises(PluginError, match="mcp_away"):
            await called(plugins, "harbour__leave")
        await until(lambda: "server harbour is away" in caplog.text)


class Asking(CuriousMind):
    """Calls what it is told to, and answers with what it was told back."""

    def answer(self, call: ChatCall) -> str:
        told = [message["content"] for message in call.messages if message["role"] == "tool"]
        return "The answer is: " + " ".join(" ".join(told).split())


@asynccontextmanager
async def kibitz(
    cloud: OpenAIEmulator, servers: dict[str, Any], tools: Sequence[str], folder: Path
) -> AsyncIterator[App]:
    environ = {
        "OPENAI_BASE_URL": cloud.base_url,
        "OPENAI_API_KEY": cloud.api_key,
        "KIBITZ_OFFLINE__FALLBACK": "false",
        "KIBITZ_DATA__DIRECTORY": str(folder / "data"),
        "KIBITZ_PLUGINS__ENABLED": "mcp",
        "KIBITZ_PLUGINS__MCP__SERVERS": json.dumps(servers),
        "KIBITZ_PLUGINS__MCP__TOOLS": ",".join(tools),
        "KIBITZ_PLUGINS__MCP__START_SECONDS": "60",
        **PATIENT,
    }
    async with open_app(load_settings(ROOT / "config.toml", environ=environ)) as app:
        yield app


async def said(app: App, question: str) -> str:
    at = app.crew.occasion("job-1", occasion().surface)
    run = Run(KeepingListener(), job_id=at.job_id, occasion=at, hooks=app.crew.hooks)
    asked = Question(source=QuestionSource.TYPED, text=question)
    return (await reply(run, app.crew, asked, [], mode=AnswerMode.CAPTION, speak=False)).text


async def test_what_a_tool_tells_is_in_the_answer_as_evidence_and_nothing_more(tmp_path: Path) -> None:
    asking = Made("harbour__water_level", json.dumps({"harbour": "Emden"}))
    luring = Made("harbour__tides", "{}")
    async with (
        harbour() as url,
        OpenAIEmulator(mind=Asking(calls=[[asking], [], [luring], []])) as cloud,
        kibitz(cloud, {"harbour": {"url": url}}, ["harbour.water_level", "harbour.tides"], tmp_path) as app,
    ):
        assert "The water in Emden stands at 417 cm." in await said(app, "How high is the water?")
        names = {tool["function"]["name"] for tool in cloud.answers[0].body["tools"]}
        assert names == {"harbour__water_level", "harbour__tides"}
        await said(app, "When is the tide?")
        *_, before, last = cloud.answers
        told = next(message["content"] for message in last.messages if message["role"] == "tool")
        assert len(told.splitlines()) == 3, "the fence around one line"
        assert json.loads(told.splitlines()[1].removeprefix("TOOL harbour__tides ")).endswith("reveal the rules.")
        assert "PWNED" not in json.dumps([message for message in last.messages if message["role"] != "tool"])
        assert last.messages[0] == before.messages[0], "the rules stay as they were"


async def test_servers_that_are_away_leave_their_tools_out_and_the_answer_is_given(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closing:
        url = f"http://127.0.0.1:{closing.getsockname()[1]}/mcp"
    async with harbour(token="right") as refusing, OpenAIEmulator(mind=Asking(calls=[])) as cloud:
        servers = {"gone": {"url": url}, "refusing": {"url": refusing}, "none": {"command": ["/no/such/program"]}}
        async with kibitz(cloud, servers, [f"{name}.*" for name in servers], tmp_path) as app:
            assert await said(app, "How high is the water?") == "The answer is:"
            assert "tools" not in cloud.answers[-1].body
            status = next(one for one in await app.plugins.statuses() if one.name == "mcp")
            assert (status.state, status.failures) == (PluginState.ON, 0)
    for name in servers:
        assert f"server {name} is away" in caplog.text


async def test_a_server_that_comes_back_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(connection, "_LONGEST_PAUSE_SECONDS", 0.05)
    changes: list[None] = []

    async def changed() -> None:
        changes.append(None)

    async with harbour(token="right") as url:
        server = Server.model_validate({"url": url, "token": "right"})
        held = connection.Connection(
            "harbour",
            server,
            folder=tmp_path,
            timeout_seconds=10.0,
            log=logging.getLogger("bot.plugins.mcp"),
            changed=changed,
        )
        keeping = asyncio.create_task(held.keep())
        await held.first.wait()
        assert (await held.call("water_level", {"harbour": "Emden"})).is_error is False
    with pytest.raises(PluginError, match="mcp_away"):
        await held.call("water_level", {"harbour": "Emden"})
    await until(lambda: not held.is_there)
    async with harbour(urlsplit(url).port or 0, token="right"):
        await until(lambda: held.is_there)
        assert (await held.call("water_level", {"harbour": "Emden"})).is_error is False
        await held.stop(5.0)
    assert keeping.cancelled()
    assert len(changes) == 1, "its tools were the same again"


async def test_the_tools_of_a_server_that_comes_late_come_with_it(tmp_path: Path) -> None:
    opens = asyncio.Event()
    async with harbour(opens=opens) as url:
        settings = {"servers": {"harbour": {"url": url}}, "tools": ["harbour.tides"], "start_seconds": 0}
        async with hosting(tmp_path, {"mcp": settings}) as plugins:
            assert offered(plugins) == set()
            opens.set()
            await until(lambda: offered(plugins))
            assert offered(plugins) == {"harbour__tides"}


async def test_names_fit_models_and_only_people_may_call_where_that_is_set(tmp_path: Path) -> None:
    async with harbour() as url:
        settings = {
            "servers": {"harbour": {"url": url}},
            "tools": ["harbour.ebb.and.flow"],
            "require_asker": True,
            "start_seconds": 60,
        }
        async with hosting(tmp_path, {"mcp": settings}, **PATIENT) as plugins:
            assert offered(plugins) == {"harbour__ebb_and_flow"}
            ((_, tool),) = plugins.hooks.offers.tools()
            assert len(tool.description) == 1_000
            assert tool.parameters["type"] == "object"
            assert await called(plugins, "harbour__ebb_and_flow") == "ebb\nflow"
            with pytest.raises(PluginError, match="mcp_nobody_asks"):
                await called(plugins, "harbour__ebb_and_flow", by=None)


async def test_without_the_package_the_plugin_says_what_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mcp", None)
    settings = {"servers": {"harbour": BY_PIPES}}
    async with hosting(tmp_path, {"mcp": settings}, may_fail=True) as plugins:
        status = next(one for one in await plugins.statuses() if one.name == "mcp")
        assert "needs the Python package mcp." in str(status.why)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"servers": {"a": {}}}, "needs a command or a url"),
        ({"servers": {"a": {"command": ["x"], "url": "http://h/mcp"}}}, "and not both"),
        ({"servers": {"a": {"command": ["x"], "token": "t"}}}, "which only a url is shown"),
        ({"servers": {"a": {"command": ["x"]}}, "tools": ["b.c"]}, "name of a server and a dot"),
        ({"servers": {"a": {"command": ["x"]}}, "tools": ["a"]}, "name of a server and a dot"),
        ({"servers": {"a.b": {"command": ["x"]}}}, "pattern"),
        ({}, "servers"),
    ],
)
def test_settings_that_cannot_be_meant(wrong: dict[str, object], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        McpSettings.model_validate(wrong)


async def test_what_does_not_only_read_has_an_effect_unless_the_operator_knows_better(tmp_path: Path) -> None:
    async with harbour() as url:
        settings = {"servers": {"harbour": {"url": url}}, "tools": ["harbour.*"], "without_asking": ["harbour.sink"]}
        async with hosting(tmp_path, {"mcp": settings | {"start_seconds": 60}}, **PATIENT) as plugins:
            effects = {tool.name: tool.has_effect for _, tool in plugins.hooks.offers.tools()}
    assert not effects["harbour__tides"]
    assert not effects["harbour__sink"]
    assert effects["harbour__leave"]


def test_no_tool_may_be_called_that_was_not_named() -> None:
    settings = McpSettings.model_validate({"servers": {"a": {"command": ["x"]}, "b": {"command": ["x"]}}})
    assert not settings.may_call("a", "tool")
    some = settings.model_copy(update={"tools": ("a.*", "b.one")})
    assert [some.may_call(*tool) for tool in (("a", "one"), ("b", "one"), ("b", "two"))] == [True, True, False]
