"""`doctor`: what is here, what answers, and what to do about the rest."""

import asyncio
import importlib.util
import os
import platform
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

import typer

from bot import __version__
from bot.app import App, where_of
from bot.config import Settings
from bot.database.upgrade import is_current
from bot.database.where import Where
from bot.discord_io.token_check import check_token
from bot.domain.errors import BotError, MemoryFault, VoiceError
from bot.domain.role import Role
from bot.hiring import endpoint_of
from bot.hooks.registry import Plugins
from bot.media.sandbox import available_layers
from bot.media.tools import MediaTools, media_tools
from bot.providers.offline import OfflineTool, offline_tools
from bot.providers.openai.endpoint import Endpoint, Flavour
from bot.providers.openai.model_check import EndpointState, ModelState, check_models
from bot.voice.opus import ensure_opus

_SOON = timedelta(days=90)
_LEAST_FREE_BYTES = 500 * 2**20


class Verdict(StrEnum):
    """How a check ended; only FAIL makes the exit code 1."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of the report."""

    verdict: Verdict
    what: str


async def examine(app: App) -> bool:
    """Print every check; True when nothing that is needed is missing. Pays for nothing."""
    settings = app.settings
    tools, here, states, token = await asyncio.gather(
        media_tools(app.crew.limits),
        offline_tools(settings.offline.tesseract_languages),
        asyncio.gather(*(_ask(settings, role) for role in Role)),
        _token(settings),
    )
    checks = [
        Check(verdict=Verdict.OK, what=f"kibitz {__version__} on Python {platform.python_version()}"),
        Check(verdict=Verdict.OK, what=f"preset {settings.models.preset}: {settings.preset_reason}"),
        *_media(tools, settings),
        _sandbox(settings),
        _opus(),
        _davey(),
        token,
        await _database(where_of(settings)),
        _at_rest(settings),
        _disk(settings.data.directory, "the database"),
        *_offline(here, settings),
        *(check for role, state in zip(Role, states, strict=True) for check in _role(settings, role, state)),
        _disk(app.workspaces, "temporary files"),
        *_plugins(app.plugins),
    ]
    for check in checks:
        typer.echo(f"{check.verdict.value:<5} {check.what}")
    return all(check.verdict is not Verdict.FAIL for check in checks)


async def _ask(settings: Settings, role: Role) -> EndpointState | None:
    endpoint = endpoint_of(settings, role)
    return None if endpoint is None else await check_models(endpoint, settings.role(role).models)


def _media(tools: MediaTools, settings: Settings) -> Iterator[Check]:
    if tools.version is None:
        yield Check(verdict=Verdict.FAIL, what="ffmpeg and ffprobe do not run; install the package ffmpeg")
        return
    yield Check(verdict=Verdict.OK, what=f"ffmpeg {tools.version}")
    if not tools.is_patched:
        yield Check(
            verdict=Verdict.FAIL if settings.media.require_patched_ffmpeg else Verdict.WARN,
            what="this ffmpeg has known holes (CVE-2026-8461); use 7.1.5 or newer on a public server",
        )
    if settings.media.extra_formats:
        names = ", ".join(settings.media.extra_formats)
        yield Check(verdict=Verdict.WARN, what=f"old formats are opened besides everyday ones: {names}")
    missing = (*tools.missing_encoders, *tools.missing_decoders)
    if missing:
        yield Check(verdict=Verdict.FAIL, what=f"this ffmpeg lacks {', '.join(missing)}; install a full build")
    else:
        yield Check(verdict=Verdict.OK, what="codecs for clips, uploads and voice messages")


def _sandbox(settings: Settings) -> Check:
    landlock, seccomp = available_layers()
    active = ["resource limits", "allowlists"]
    active += [f"Landlock {landlock}"] if landlock else []
    active += ["seccomp"] if seccomp else []
    if landlock and seccomp:
        return Check(verdict=Verdict.OK, what=f"sandbox: {', '.join(active)}")
    verdict = Verdict.FAIL if settings.media.sandbox == "required" else Verdict.WARN
    lacks = " and ".join(name for name, there in (("Landlock", landlock), ("seccomp", seccomp)) if not there)
    return Check(verdict=verdict, what=f"sandbox: only {', '.join(active)}; this kernel lacks {lacks}")


def _opus() -> Check:
    try:
        ensure_opus()
    except VoiceError:
        return Check(verdict=Verdict.WARN, what="libopus is missing; voice channels need the package libopus0")
    return Check(verdict=Verdict.OK, what="libopus")


def _davey() -> Check:
    if importlib.util.find_spec("davey") is None:
        what = (
            "davey is missing; voice channels need it, because Discord encrypts them: install the packages of the lock"
        )
        return Check(verdict=Verdict.WARN, what=what)
    return Check(verdict=Verdict.OK, what="davey for encrypted voice channels")


def _offline(tools: Iterable[OfflineTool], settings: Settings) -> Iterator[Check]:
    """A tool that is missing is a failure for a role that works here, a warning where it is the last resort."""
    for tool in tools:
        if tool.present:
            yield Check(verdict=Verdict.OK, what=f"{tool.name} for {tool.role} on this machine")
        elif settings.role(tool.role).is_offline or settings.offline.fallback:
            verdict = Verdict.FAIL if settings.role(tool.role).is_offline else Verdict.WARN
            yield Check(verdict=verdict, what=f"{tool.name} is missing; install the package {tool.package}")


def _role(settings: Settings, role: Role, state: EndpointState | None) -> Iterator[Check]:
    if state is None:
        done = "off" if role is Role.EMBEDDINGS else "on this machine"
        yield Check(verdict=Verdict.OK, what=f"{role}: {done}")
        return
    where = f"{role} at {state.endpoint.host}"
    if state.error is not None:
        yield Check(verdict=Verdict.FAIL, what=state.error.public)
        return
    yield from _models(where, state.models)
    if _reads_little(state.endpoint, settings, role):
        yield Check(
            verdict=Verdict.WARN,
            what=f"{where}: Ollama reads 4,096 tokens unless OLLAMA_CONTEXT_LENGTH is set where it runs",
        )


def _models(where: str, models: Iterable[ModelState]) -> Iterator[Check]:
    today = datetime.now(UTC).date()
    usable = [model for model in models if model.is_offered]
    for model in models:
        if not model.is_offered:
            verdict = Verdict.WARN if usable else Verdict.FAIL
            yield Check(verdict=verdict, what=f"{where}: {model.model} is not offered; choose another model")
        elif model.ends_on is not None and model.ends_on - today <= _SOON:
            yield Check(verdict=Verdict.WARN, what=f"{where}: {model.model} ends on {model.ends_on}")
        else:
            ends = f", ends on {model.ends_on}" if model.ends_on else ""
            yield Check(verdict=Verdict.OK, what=f"{where}: {model.model}{ends}")


def _reads_little(endpoint: Endpoint, settings: Settings, role: Role) -> bool:
    return endpoint.known_flavour is Flavour.OLLAMA and role is Role.CHAT and settings.chat.context_tokens <= 4096


def _disk(folder: Path, use: str) -> Check:
    folder = _existing(folder)
    free = shutil.disk_usage(folder).free
    text = f"{free / 2**30:.1f} GiB free for {use}"
    if free < _LEAST_FREE_BYTES:
        return Check(verdict=Verdict.FAIL, what=f"only {text}; make room")
    return Check(verdict=Verdict.OK, what=text)


def _existing(folder: Path) -> Path:
    return next(parent for parent in (folder, *folder.absolute().parents) if parent.is_dir())


def _plugins(plugins: Plugins) -> Iterator[Check]:
    """Those that should run; they were started for this."""
    for plugin in plugins.kinds():
        yield Check(verdict=Verdict.OK, what=f"plugin {plugin.name} {plugin.version}")
    for name, why in plugins.failed().items():
        yield Check(verdict=Verdict.FAIL, what=f"plugin {name}: {'; '.join(why.splitlines())}")


async def _token(settings: Settings) -> Check:
    token = settings.discord.token
    if token is None:
        what = "no DISCORD_TOKEN: only the command line works; `python -m bot run` says how to get one"
        return Check(verdict=Verdict.WARN, what=what)
    try:
        await check_token(settings.discord, token.get_secret_value())
    except BotError as error:
        return Check(verdict=Verdict.FAIL, what=error.public)
    return Check(verdict=Verdict.OK, what="Discord accepts the token")


def _at_rest(settings: Settings) -> Check:
    """Kibitz encrypts only keys to answers; words are read by whoever reads the disk."""
    where = settings.data.directory if settings.data.url is None else "its server"
    what = f"what is remembered lies in {where} as it was said; keep that on an encrypted disk"
    return Check(verdict=Verdict.OK, what=what)


async def _database(where: Where) -> Check:
    """Looks, and changes nothing."""
    if not os.access(_existing(where.directory), os.W_OK):
        return Check(verdict=Verdict.FAIL, what=f"nothing can be written to the data folder {where.directory}")
    if where.url is None and not where.file.exists():
        return Check(verdict=Verdict.OK, what=f"no database yet; the first start makes {where.file}")
    try:
        is_ready = await is_current(where)
    except MemoryFault as error:
        return Check(verdict=Verdict.FAIL, what=error.public)
    what = f"database {where.file}" if where.url is None else "database in PostgreSQL"
    return Check(verdict=Verdict.OK, what=what + ("" if is_ready else ", upgraded at the next start"))
