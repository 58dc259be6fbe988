"""Who may see the page: this machine, who knows the token; not a page of somebody else's in a browser here."""

import pytest

from bot.config import StatusSettings
from bot.operations.door import COOKIE, Door

TOKEN = "0123456789abcdef-canary"


def door(host: str = "127.0.0.1", token: str | None = None) -> Door:
    return Door(StatusSettings.model_validate({"host": host, "token": token}), instance="1f" * 8)


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("localhost:8090", True),
        ("127.0.0.1:8090", True),
        ("127.8.9.1", True),
        ("[::1]:8090", True),
        ("LOCALHOST", True),
        ("evil.example:8090", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example", False),
        ("192.168.1.4:8090", False),
        ("[::1", False),
        ("", False),
        (None, False),
    ],
)
def test_a_name_of_somebody_else_that_leads_here_is_refused(host: str | None, is_ours: bool) -> None:
    assert door().is_addressed(host) is is_ours


def test_elsewhere_any_name_may_lead_here_because_the_token_is_asked_for() -> None:
    assert door("0.0.0.0", TOKEN).is_addressed("bot.example")


def test_without_a_token_only_this_machine_is_let_in() -> None:
    assert door().lets_in(None, {})
    assert not door("0.0.0.0").lets_in(None, {})
    assert not door("0.0.0.0").lets_in("Bearer ", {COOKIE: door("0.0.0.0").cookie + "x"})


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_with_a_token_it_is_asked_for_everywhere(host: str) -> None:
    one = door(host, TOKEN)
    assert not one.lets_in(None, {})
    assert one.lets_in(f"Bearer {TOKEN}", {})
    assert one.lets_in(f"bearer {TOKEN} ", {})
    assert one.lets_in(None, {COOKIE: one.cookie})
    for wrong in ("", "Bearer", f"Basic {TOKEN}", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", "Bearer \udc80é"):
        assert not one.lets_in(wrong, {}), wrong
    for wrong in ("", TOKEN, one.cookie[:-1], door(host, TOKEN + "2").cookie):
        assert not one.lets_in(None, {COOKIE: wrong}), "the cookie of another token, or the token itself"


def test_the_cookie_does_not_hold_the_token() -> None:
    assert TOKEN not in door("0.0.0.0", TOKEN).cookie


def test_our_own_command_line_is_known_by_what_only_it_can_read() -> None:
    assert door().knows("1f" * 8)
    assert not door().knows("")
    assert not door().knows(None)
