"""Calls the hooks: in order, each within its time, so that none that fails is felt by anybody but the operator."""

import asyncio
import hashlib
import inspect
import logging
import math
import uuid
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import pluggy

from bot.domain.answer import Usage
from bot.domain.errors import BotError, PluginError
from bot.domain.occasion import Occasion, Surface
from bot.domain.sentence import Sentence, sentence
from bot.hooks.checks import NonsenseError, check_edit, check_offers, check_part, check_refusal
from bot.hooks.guest import Guest
from bot.hooks.offers import HOOK_OF_WORK, Offers, Work
from bot.hooks.specs import DOORS, PROJECT, Door, HookKind, Specs

log = logging.getLogger(__name__)

Value = TypeVar("Value")
Given = TypeVar("Given")
P = ParamSpec("P")

SCREEN_FAILED = sentence("A safety check of this bot could not be made, so I do not go on. Try again later.")
_LOOKS_LIKE_A_HOOK = ("register_", "screen_", "edit_", "on_", "export_")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Impl:
    """`guest` None: our own, called where we are and without a limit."""

    door: Door
    function: Callable[..., object]
    names: tuple[str, ...]
    guest: Guest | None
    rank: tuple[int, int]


class Hooks:
    """The hooks and who hangs on them. `seconds` overrides the limits of all hooks (0: each its own), `voice_seconds`
    is the longest wait while somebody waits for a spoken answer. `offers`: what plugins can do."""

    def __init__(self, *, seconds: float = 0.0, voice_seconds: float = 0.3, offers: Offers | None = None) -> None:
        self.offers = offers or Offers()
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(Specs)
        self._seconds = seconds
        self._voice_seconds = voice_seconds
        self._places: dict[str, int] = {}
        self._guests: dict[str, Guest] = {}
        self._impls: dict[str, tuple[_Impl, ...]] = {}
        self._payers: dict[str, Callable[[Iterable[Usage]], None]] = {}

    # Who hangs on them.

    def admit(self, plugin: object, name: str, *, guest: Guest | None = None, place: int = 0) -> None:
        """Hang up the hooks of a plugin; the lower its place the earlier it is called. Raises PluginError, and nothing
        hangs then."""
        _check_marks(plugin, name)
        try:
            self._manager.register(plugin, name)
            self._manager.check_pending()
            self._check_plain(name)
        except (pluggy.PluginValidationError, ValueError) as error:
            if self._manager.has_plugin(name):
                self._manager.unregister(name=name)
            raise _refused(name, error) from error
        self._places[name] = place
        if guest is not None:
            self._guests[name] = guest
        self._sort()

    def _check_plain(self, name: str) -> None:
        callers: Iterable[pluggy.HookCaller] = self._manager.get_hookcallers(self._manager.get_plugin(name)) or ()
        for caller in callers:
            mine = [impl for impl in caller.get_hookimpls() if impl.plugin_name == name]
            if any(impl.wrapper or impl.hookwrapper for impl in mine):
                raise pluggy.PluginValidationError(self._manager.get_plugin(name), "wrapper")

    def own(self, name: str) -> list[object]:
        """What those without a guest give for a hook that is given nothing; they are asked at once."""
        return [impl.function() for impl in self._impls.get(name, ()) if impl.guest is None]

    def add_own_offers(self, work: Work) -> None:
        """What we do ourselves."""
        for offered in self.own(HOOK_OF_WORK[work]):
            self.offers.add(work, check_offers(offered))

    def dismiss(self, name: str) -> None:
        """Take the hooks of a plugin down; calls under way end as they do."""
        if self._manager.has_plugin(name):
            self._manager.unregister(name=name)
        self._places.pop(name, None)
        self._guests.pop(name, None)
        self._sort()

    def _sort(self) -> None:
        impls: dict[str, tuple[_Impl, ...]] = {}
        for name, door in DOORS.items():
            caller: pluggy.HookCaller = getattr(self._manager.hook, name)
            found = [
                _Impl(
                    door=door,
                    function=impl.function,
                    names=impl.argnames,
                    guest=self._guests.get(impl.plugin_name),
                    rank=(1 + impl.trylast - impl.tryfirst, self._places[impl.plugin_name]),
                )
                for impl in caller.get_hookimpls()
            ]
            if found:
                impls[name] = tuple(sorted(found, key=lambda impl: impl.rank))
        self._impls = impls

    def has(self, *specs: Callable[..., object]) -> bool:
        """Whether anybody hangs on one of these."""
        return any(spec.__name__ in self._impls for spec in specs)

    # Calling them.

    async def edit(
        self,
        spec: Callable[Concatenate[Specs, Value, P], Awaitable[Value | None]],
        value: Value,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Value:
        """The value as the plugins leave it, one after the other."""
        impls = self._impls.get(spec.__name__)
        if impls is None:
            return value
        for impl in impls:
            try:
                changed = await self._call(impl, spec, value, *args, **kwargs)
                if changed is not None:
                    check_edit(impl.door.name, value, changed)
                    value = cast("Value", changed)
            except NonsenseError as nonsense:
                _failed(impl, nonsense)
            except BotError as error:
                log.info("hook %s: %s", impl.door.name, error.code)
        return value

    async def screen(
        self, spec: Callable[Concatenate[Specs, P], Awaitable[str | None]], *args: P.args, **kwargs: P.kwargs
    ) -> Sentence | None:
        """The first refusal; None: nobody objects. Who fails refuses."""
        for impl in self._impls.get(spec.__name__, ()):
            try:
                answer = await self._call(impl, spec, *args, **kwargs)
                if isinstance(answer, Sentence) and impl.guest is None:
                    return answer
                if answer is not None:
                    return Sentence.of(check_refusal(answer))
            except NonsenseError as nonsense:
                _failed(impl, nonsense)
                return SCREEN_FAILED
            except BotError as error:
                log.warning("hook %s: %s", impl.door.name, error.code)
                return SCREEN_FAILED
        return None

    def watch(self, spec: Callable[Concatenate[Specs, P], Awaitable[None]], *args: P.args, **kwargs: P.kwargs) -> None:
        """Tell all; nobody is waited for."""
        for impl in self._impls.get(spec.__name__, ()):
            work = partial(impl.function, **_given(impl, spec, args, kwargs))
            if impl.guest is not None:
                impl.guest.watch(impl.door.name, work, self._limit(impl.door, args))
            else:
                _inline_watch(impl, work)

    async def gather(
        self, spec: Callable[Concatenate[Specs, P], Awaitable[Given]], *args: P.args, **kwargs: P.kwargs
    ) -> list[tuple[str, Given]]:
        """What each gives, with its name, all asked at once; who fails is left out."""
        impls = self._impls.get(spec.__name__, ())
        given = await asyncio.gather(*(self._gathered(impl, spec, *args, **kwargs) for impl in impls))
        return [one for one in given if one is not None]

    async def _gathered(self, impl: _Impl, spec: Callable[..., object], *args: Any, **kwargs: Any) -> Any:
        name = impl.guest.name if impl.guest is not None else ""
        try:
            given = await self._call(impl, spec, *args, **kwargs)
            if impl.door.kind is HookKind.EXPORT:
                check_part(given)
        except NonsenseError as nonsense:
            _failed(impl, nonsense)
            return None
        except BotError as error:
            log.warning("plugin %s: %s: %s", name, impl.door.name, error.code)
            return None
        return name, given

    async def ask(self, guest: Guest, spec: Callable[..., object], *, keeps_tasks: bool = False) -> object:
        """One plugin alone, admitted or not, for its start, its end and its offers; None where it does not have the
        hook. Raises PluginError and BotError."""
        door = DOORS[spec.__name__]
        function = getattr(guest.plugin, door.name, None)
        if function is None:
            return None
        return await guest.run(door.name, function, self._limit(door, ()), keeps_tasks=keeps_tasks)

    async def _call(self, impl: _Impl, spec: Callable[..., object], *args: Any, **kwargs: Any) -> object:
        work = partial(impl.function, **_given(impl, spec, args, kwargs))
        if impl.guest is not None:
            return await impl.guest.run(impl.door.name, work, self._limit(impl.door, args))
        result = work()
        return await result if inspect.isawaitable(result) else result

    def _limit(self, door: Door, args: Sequence[object]) -> float:
        occasion = next((arg for arg in args if isinstance(arg, Occasion)), None) if door.is_live else None
        return self._patience(door.seconds, occasion)

    def _patience(self, seconds: float, occasion: Occasion | None) -> float:
        is_voice = occasion is not None and occasion.surface is Surface.VOICE
        return min(self._seconds or seconds, self._voice_seconds if is_voice else math.inf)

    # What is known of those who hang on them.

    async def recipe(self, occasion: Occasion, *specs: Callable[..., object]) -> str:
        """What the results of these hooks depend on; empty when nobody hangs on them."""
        guests = self._on(*specs)
        if not guests:
            return ""
        parts = [await self._varied(guest, occasion) for guest in guests]
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

    def lapses(self, *specs: Callable[..., object]) -> object:
        """Equal to what it was before where all who hang on these hooks have done their work since."""
        return [(guest, guest.lapses) for guest in self._on(*specs)]

    def _on(self, *specs: Callable[..., object]) -> list[Guest]:
        impls = (impl for spec in specs for impl in self._impls.get(spec.__name__, ()))
        guests = {impl.guest.name: impl.guest for impl in impls if impl.guest is not None}
        return [guests[name] for name in sorted(guests)]

    async def _varied(self, guest: Guest, occasion: Occasion) -> tuple[str, ...]:
        """Where the plugin does not say what its work depends on, its work is nobody else's."""
        plugin = guest.plugin
        if plugin is None:
            return ()

        async def vary() -> tuple[str, ...]:
            varied: object = plugin.vary(occasion)
            varied = await varied if inspect.isawaitable(varied) else varied
            return plugin.version, plugin.settings.model_dump_json(), str(varied)

        try:
            told = await guest.run("vary", vary, self._patience(2.0, occasion))
        except BotError as error:
            log.info("plugin %s: vary: %s", guest.name, error.code)
            told = uuid.uuid4().hex
        return guest.name, str(told)

    # Who pays for what plugins ask for.

    def pays(self, job_id: str, used: Callable[[Iterable[Usage]], None]) -> None:
        """What plugins spend for this job is told to `used`, until `paid`."""
        self._payers[job_id] = used

    def paid(self, job_id: str) -> None:
        self._payers.pop(job_id, None)

    def spent(self, job_id: str, usages: Iterable[Usage]) -> None:
        """A plugin spent this for a job."""
        payer = self._payers.get(job_id)
        if payer is not None:
            payer(usages)


def _given(
    impl: _Impl, spec: Callable[..., object], args: Sequence[object], kwargs: dict[str, object]
) -> dict[str, object]:
    """The arguments that this implementation wants, by their names."""
    all_names = _NAMES[spec.__name__]
    given = {**dict(zip(all_names, args, strict=False)), **kwargs}
    return {name: given[name] for name in impl.names}


_NAMES = {name: tuple(inspect.signature(getattr(Specs, name)).parameters)[1:] for name in DOORS}


def _failed(impl: _Impl, error: NonsenseError) -> None:
    if impl.guest is not None:
        impl.guest.fail(impl.door.name, error)
    else:
        log.error("hook %s: %s", impl.door.name, error)


def _inline_watch(impl: _Impl, work: Callable[[], object]) -> None:
    try:
        work()
    except Exception:  # a hook call
        log.exception("hook %s failed", impl.door.name)


def _check_marks(plugin: object, name: str) -> None:
    """A method that is named like a hook but not marked as one would never be called."""
    for attribute in vars(type(plugin)):
        function = getattr(type(plugin), attribute)
        is_named_so = attribute.startswith(_LOOKS_LIKE_A_HOOK) and callable(function)
        if is_named_so and not hasattr(function, f"{PROJECT}_impl"):
            meant = next(iter(get_close_matches(attribute, DOORS, n=1)), None)
            said = sentence(
                "The plugin {plugin} has {method}, which is not marked as a hook. Write @hookimpl above it, or begin "
                "its name with an underscore.",
                plugin=name,
                method=attribute if meant in (None, attribute) else f"{attribute} ({meant}?)",
            )
            raise PluginError("plugin_unmarked", said)


def _refused(name: str, error: Exception) -> PluginError:
    """From pluggy's words to ours."""
    words = str(error)
    named = (word.strip("'\"") for word in words.split())
    unknown = next((word for word in named if word.startswith(_LOOKS_LIKE_A_HOOK)), "")
    if "unknown hook" in words:
        meant = next(iter(get_close_matches(unknown, DOORS, n=1)), None)
        said = sentence(
            "The plugin {plugin} has a hook {hook}, which does not exist. {hint}",
            plugin=name,
            hook=unknown,
            hint=sentence("Did you mean {meant}?", meant=meant) if meant else sentence("docs/plugins.md lists all."),
        )
        return PluginError("plugin_unknown_hook", said)
    if "argument" in words or "Argument" in words:
        said = sentence(
            "The plugin {plugin} has a hook {hook} with arguments that this hook does not have. docs/plugins.md lists "
            "them.",
            plugin=name,
            hook=unknown or "?",
        )
        return PluginError("plugin_wrong_arguments", said)
    if words == "wrapper":
        said = sentence("The plugin {plugin} wraps a hook, which is not possible here. Leave wrapper out.", plugin=name)
        return PluginError("plugin_wrapper", said)
    said = sentence("The plugin {plugin} cannot be used: two of its names are the same, or its hooks are.", plugin=name)
    return PluginError("plugin_refused", said)
