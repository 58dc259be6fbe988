"""Everything that is logged during a journey at the lowest level: no secret in any line, no words in any of ours."""

import io
import logging
import sys
import threading
from collections.abc import Iterator

import pytest

from bot.config import LogSettings
from bot.logs import redactor, set_up_logging
from tests.journeys.discord.conftest import MakeClip, StartBot
from tests.journeys.discord.eyes import words
from tests.simulator.discord_server import Channel, DiscordServer, Guild, cdn
from tests.simulator.openai_server import OpenAIEmulator

QUESTION = "Where does the zanzibar ferry leave"
STATUS_TOKEN = "canary-of-the-status-page"
LIBRARIES = ("discord", "aiohttp", "openai", "httpx2", "asyncio")


@pytest.fixture
def heard() -> Iterator[io.StringIO]:
    """What the libraries say below what is shown, with what looks like a secret cut out; afterwards all is as it
    was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    hooks = (sys.excepthook, sys.unraisablehook, threading.excepthook)
    levels = {name: logging.getLogger(name).level for name in LIBRARIES}
    root.handlers[:] = []
    written = io.StringIO()
    yield written
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    sys.excepthook, sys.unraisablehook, threading.excepthook = hooks
    logging.captureWarnings(capture=False)


@pytest.fixture
def signed(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The signature of every attachment that somebody was told of."""
    made: set[str] = set()
    sign = cdn._sign

    def kept(*args: object) -> str:
        made.add(sign(*args))
        return sign(*args)

    monkeypatch.setattr(cdn, "_sign", kept)
    return made


class _Redacting(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(name)s %(message)s")
        self._redact = redactor()

    def format(self, record: logging.LogRecord) -> str:
        return self._redact(super().format(record))


async def test_no_secret_and_no_words_reach_a_log(
    start: StartBot,
    heard: io.StringIO,
    signed: set[str],
    club: Guild,
    general: Channel,
    clip: MakeClip,
    discord: DiscordServer,
    cloud: OpenAIEmulator,
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up_logging(LogSettings(level="debug"))
    below = logging.StreamHandler(heard)
    below.setFormatter(_Redacting())
    logging.getLogger().addHandler(below)
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.DEBUG)
    yolanda = club.member("Yolanda")
    file = clip("red").with_name("holiday-in-zanzibar.mp4")
    file.write_bytes(clip("red").read_bytes())
    async with start(STATUS__TOKEN=STATUS_TOKEN):
        answer = await discord.bot.reply(await yolanda.post(f"@bot {QUESTION}?", file, to=general))
        await (await yolanda.slash("ask", question=QUESTION, to=general)).reply()
        await (await yolanda.press(answer, "Transcript")).reply()
        await discord.bot.reply(await yolanda.dm(f"{QUESTION}?"))
        await (await yolanda.slash("memory search", text="zanzibar", to=general)).reply()
        await (await yolanda.slash("export", to=general)).reply()
        discord.drop_gateway(resumable=False)
        await discord.bot.online()
        await (await yolanda.slash("ask", question=QUESTION, to=general)).reply()
    out, shown = capsys.readouterr()
    assert out == ""
    tokens = {interaction.token for interaction in discord.interactions}
    assert tokens
    assert signed
    secrets = {discord.token, cloud.api_key, STATUS_TOKEN, *tokens, *signed}
    lines = heard.getvalue()
    assert "discord.gateway" in lines, "the libraries were heard"
    assert "bot." in shown
    assert [secret for secret in secrets if secret in shown] == []
    assert [secret for secret in secrets if secret in lines] == []
    said = ("zanzibar", "holiday", "Yolanda", "tone 440", words(answer).splitlines()[0])
    assert [word for word in said if word in shown] == []
