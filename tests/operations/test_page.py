"""The page: that nobody's text becomes markup, and how it looks in a browser that runs no scripts."""

import random
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from bot.domain.money import Allowance, CapKind
from bot.operations import opening
from bot.operations.figures import Latency
from bot.operations.page import CSP, render_door, render_page, usd
from bot.operations.snapshot import Sources
from bot.operations.vitals import Finding, Health
from bot.tally import Figure
from tests.operations.browser import CONTRASTS, OVERFLOWS, open_browser
from tests.operations.material import CAPS, MODELS, SPOKEN_SECONDS, job, snapshot, worked
from tests.operations.test_server import served, settings

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&{{7*7}}"


class Elements(HTMLParser):
    """Every element and attribute of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self.links.update(value or "" for name, value in attrs if name in {"src", "href", "action", "content"})


def test_no_text_becomes_markup_and_nothing_comes_from_elsewhere() -> None:
    figures = worked()
    figures.observe("step_seconds", 1.0, HOSTILE)
    figures.errors.note("code", where=HOSTILE)
    page = render_page(
        snapshot(
            figures,
            name=HOSTILE,
            health=Health(findings=(Finding(name=HOSTILE, is_well=False, says=HOSTILE),), not_ready=(HOSTILE,)),
            models=tuple(replace(model, model=HOSTILE, server=HOSTILE) for model in MODELS),
        )
    )
    found = Elements(page)
    assert not {"script", "img", "iframe", "object", "link rel=stylesheet"} & found.tags
    assert not [name for name in found.attributes if name.startswith("on") or name == "style"]
    assert not [link for link in found.links if "//" in link]
    assert "49" not in re.findall(r"alert\(1\)&gt;&amp;(\S{2})", page)
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize("was_wrong", [True, False])
def test_the_page_that_asks_for_the_token(was_wrong: bool) -> None:
    page = render_door(was_wrong=was_wrong)
    assert ("That is not the token." in page) is was_wrong
    assert 'type="password"' in page
    assert "script" not in Elements(page).tags


def test_the_policy_names_the_one_style_there_is() -> None:
    assert "script-src" not in CSP
    assert CSP.startswith("default-src 'none'")
    assert "unsafe" not in CSP


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "Well</span>"),
        ({"health": Health(findings=(), not_ready=("Discord is not connected",))}, "Not ready</span>"),
        ({"health": Health(findings=(Finding(name="disk", is_well=False, says="3% free"),), not_ready=())}, "Not well"),
        ({"caps": None}, "The ledger could not be read."),
        ({"caps": ()}, "No caps are kept"),
        ({"models": ()}, "Not asked for yet."),
        ({"models": MODELS}, "2027-01-14 (in 45 days)"),
        ({"errors": ()}, "None since the start."),
        ({"up_seconds": 200_000}, "up for 2 d 7 h"),
    ],
)
def test_each_state_has_its_words(changes: dict[str, Any], said: str) -> None:
    assert said in render_page(snapshot(worked(jobs=4), **changes))


def test_before_the_first_question_the_plots_say_so() -> None:
    assert "Nothing has been asked since the start." in render_page(snapshot(worked(jobs=0)))


def test_extremes_stay_inside_the_plots() -> None:
    steps = tuple(
        Latency(name=name, p50=p50, p95=p95, count=1, recent=(p50, p95))
        for name, p50, p95 in (("fetch", 0.0, 0.0), ("probe", 1e-9, 86_400.0), ("answer", 900.0, 1e7))
    )
    caps = (
        Allowance(kind=CapKind.DAY, cap_usd=0.0, spent_usd=0.0, reserved_usd=0.0, resets_at=None),
        Allowance(kind=CapKind.ALL, cap_usd=1.0, spent_usd=7.0, reserved_usd=3.0, resets_at=None),
        Allowance(kind=CapKind.PERSON_DAY, cap_usd=None, spent_usd=7.0, reserved_usd=0.0, resets_at=None),
    )
    page = render_page(snapshot(worked(jobs=0), steps=steps, caps=caps))
    places = [float(place) for place in re.findall(r'"(-?[\d.]+)%"', page)]
    assert places
    assert all(0 <= place <= 100 for place in places)
    assert "no cap" in page


@pytest.mark.parametrize(
    ("amount", "shown"), [(0, "$0.00"), (0.0042, "$0.0042"), (0.5, "$0.50"), (1234.5, "$1,234.50")]
)
def test_small_sums_keep_their_digits(amount: float, shown: str) -> None:
    assert usd(amount) == shown


async def test_in_a_browser_without_scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "LOOK_SECONDS", 0.0)

    async def caps() -> Any:
        return CAPS

    async def look() -> Any:
        return MODELS

    sources = Sources(caps=caps, look=look, in_flight=lambda: 3, ack_ages=lambda: {0: 12.0})
    async with open_browser(tmp_path / "profile") as browser, served(settings(tmp_path), sources) as status:
        luck = random.Random(7)
        for number in range(30):
            job(status.figures, number, luck, code="media_corrupt" if number == 9 else None)
            for step, seconds in SPOKEN_SECONDS.items():
                status.figures.heard(Figure.VOICE_SECONDS, seconds, step)
        status.figures.errors.note("a_code_of_no_fewer_than_sixty_four_letters_" + "x" * 21, where="bot." + "y" * 60)
        address = status.address or ""
        shots: dict[tuple[int, str], Image.Image] = {}
        for width in (400, 1200):
            for scheme in ("light", "dark"):
                await browser.look(address, width=width, height=900, scheme=scheme)
                assert await browser.evaluate(OVERFLOWS) == []
                contrasts = await browser.evaluate(CONTRASTS)
                assert len(contrasts) > 100
                assert [(words, ratio) for words, ratio in contrasts if ratio < 4.5] == []
                shots[(width, scheme)] = await browser.screenshot()
        words = await browser.evaluate("document.body.innerText")
        assert "Everybody, today" in words
        assert "gpt-6-luna" in words
        assert "media_corrupt" in words
        assert await browser.evaluate("document.querySelectorAll('.range circle.p50').length") >= 15
        assert await browser.evaluate("getComputedStyle(document.querySelector('main')).display") == "grid"
        assert set(browser.requests) == {address}, "nothing but the document was asked for"
        assert browser.complaints == []
    for width in (400, 1200):
        light, dark = shots[(width, "light")], shots[(width, "dark")]
        assert light.size[0] == dark.size[0] == width
        assert brightness(light) > 200 > 60 > brightness(dark)
        assert ImageChops.difference(light, dark).getbbox() is not None


def brightness(shot: Image.Image) -> float:
    """From 0 to 255."""
    return ImageStat.Stat(shot.convert("L")).mean[0]
