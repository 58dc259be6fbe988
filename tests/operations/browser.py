"""A headless Chromium, driven over its debugging protocol: one start for many looks at a page."""

import asyncio
import base64
import io
import re
import shutil
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from PIL import Image

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# Each text with the least contrast between its colour and what is painted below it, as WCAG 2 counts it.
CONTRASTS = """
(() => {
  const parse = (text) => { const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number); return [r, g, b, a]; };
  const over = (top, low) => [0, 1, 2].map((i) => top[i] * top[3] + low[i] * (1 - top[3])).concat([1]);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (node) => {
    const chain = [];
    for (let one = node; one; one = one.parentElement) chain.unshift(parse(getComputedStyle(one).backgroundColor));
    return chain.reduce((low, top) => over(top, low), [255, 255, 255, 1]);
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const words = walker.currentNode.textContent.trim(), node = walker.currentNode.parentElement;
    if (!words || node.closest("style")) continue;
    const style = getComputedStyle(node), low = ground(node);
    const ink = over(parse(node.namespaceURI.endsWith("svg") ? style.fill : style.color), low);
    const [one, two] = [light(ink), light(low)].sort((a, b) => b - a);
    found.push([words, (one + 0.05) / (two + 0.05)]);
  }
  return found;
})()
"""

# What sticks out of the window to the right.
OVERFLOWS = """
[...document.querySelectorAll("body *")]
  .filter((node) => !node.closest("thead") || innerWidth > 700)
  .filter((node) => node.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
  .map((node) => node.outerHTML.slice(0, 80))
  .concat(document.documentElement.scrollWidth > document.documentElement.clientWidth ? ["the document"] : [])
"""


def chromium() -> str:
    """The program; the test is skipped where there is none."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium is installed; `.ci/setup tests` does it where it can")
    return found


class Browser:
    """One tab, in which pages run no scripts."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self._session: str | None = None
        self.requests: list[str] = []
        self.complaints: list[str] = []

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command; its result."""
        self._number += 1
        number = self._number
        await self._socket.send_json(
            {"id": number, "method": method, "params": parameters}
            | ({} if self._session is None else {"sessionId": self._session})
        )
        return await self._until(lambda told: told.get("id") == number)

    async def open(self) -> None:
        target = await self.call("Target.createTarget", url="about:blank")
        attached = await self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            await self.call(f"{domain}.enable")
        await self.call("Emulation.setScriptExecutionDisabled", value=True)

    async def look(self, address: str, *, width: int, height: int, scheme: str) -> None:
        """Load a page into a window of this size."""
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        await self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        await self.call("Page.navigate", url=address)
        await self._until(lambda told: told.get("method") == "Page.loadEventFired")

    async def evaluate(self, expression: str) -> Any:
        """What an expression gives; ours, as the page's own scripts are off."""
        found = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    async def screenshot(self) -> Image.Image:
        shot = await self.call("Page.captureScreenshot", format="png")
        return Image.open(io.BytesIO(base64.b64decode(shot["data"]))).convert("RGB")

    async def _until(self, is_it: Any) -> dict[str, Any]:
        async with asyncio.timeout(60):
            async for message in self._socket:
                told: dict[str, Any] = message.json()
                if told.get("method") == "Network.requestWillBeSent":
                    self.requests.append(told["params"]["request"]["url"])
                if told.get("method") == "Log.entryAdded":
                    self.complaints.append(told["params"]["entry"]["text"])
                if is_it(told):
                    assert "error" not in told, told["error"]
                    return told.get("result", {})
        raise AssertionError("the browser ended")


@asynccontextmanager
async def open_browser(profile: Path) -> AsyncGenerator[Browser]:
    """Started without its own network chatter; ended with the block."""
    process = await asyncio.create_subprocess_exec(
        chromium(),
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--no-first-run",
        "--hide-scrollbars",
        "--remote-debugging-port=0",
        f"--user-data-dir={profile}",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr
    try:
        async with asyncio.timeout(60):
            while not (found := re.search(rb"ws://\S+", line := await process.stderr.readline())):
                assert line, "Chromium ended before it listened"
        draining = asyncio.create_task(process.stderr.read())
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(found[0].decode(), max_msg_size=0) as socket,
        ):
            browser = Browser(socket)
            await browser.open()
            yield browser
            await socket.send_json({"id": 0, "method": "Browser.close", "params": {}})
        await asyncio.wait({draining}, timeout=20)
    finally:
        if process.returncode is None:
            try:
                await asyncio.wait_for(process.wait(), 10)
            except TimeoutError:
                print("Chromium had to be killed", file=sys.stderr)
                process.kill()
                await process.wait()
