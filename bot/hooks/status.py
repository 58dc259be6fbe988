"""Plugins at a glance, as lists show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from bot.domain.sentence import Sentence
from bot.hooks.guest import Guest
from bot.hooks.loader import Found, Source
from bot.hooks.offers import Work
from bot.hooks.plugin import Plugin
from bot.hooks.specs import DOORS
from bot.hooks.values import Permission

_NO_OFFERS: Mapping[Work, Sequence[str]] = {}


class PluginState(StrEnum):
    """`failed`: it should run, but could not be started or was switched off for its failures."""

    ON = "on"
    OFF = "off"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginStatus:
    """A plugin at a glance. What follows `state` is known only of one whose code was loaded. `why`: why it failed."""

    name: str
    source: Source
    where: str
    state: PluginState
    version: str = ""
    summary: str = ""
    permissions: tuple[Permission, ...] = ()
    keeps: str = ""
    sends: str = ""
    hooks: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()
    failures: int = 0
    why: Sentence | None = None


def status_of(
    found: Found,
    kind: type[Plugin] | None,
    *,
    guest: Guest | None = None,
    offers: Mapping[Work, Sequence[str]] = _NO_OFFERS,
    why: Sentence | None = None,
) -> PluginStatus:
    """`kind` None: its code was not loaded. `guest` None: it does not run, because of `why` if it should."""
    if guest is not None:
        state, why = PluginState.ON, guest.last_failure
    else:
        state = PluginState.OFF if why is None else PluginState.FAILED
    status = PluginStatus(name=found.name, source=found.source, where=found.where, state=state, why=why)
    if kind is None:
        return status
    return replace(
        status,
        version=kind.version,
        summary=kind.summary,
        permissions=tuple(sorted(kind.permissions)),
        keeps=kind.keeps,
        sends=kind.sends,
        hooks=hooks_of(kind),
        offers=tuple(f"{work.value}: {name}" for work, names in offers.items() for name in names),
        failures=0 if guest is None else guest.failures,
    )


def hooks_of(kind: type[Plugin]) -> tuple[str, ...]:
    """Those it has, in the order of the specs."""
    return tuple(name for name in DOORS if hasattr(kind, name))
