"""Logging to stderr, plain or as JSON lines, with secrets cut out of every line."""

import json
import logging
import math
import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from types import TracebackType
from typing import TextIO

from bot.config import LogSettings
from bot.config.secrets import SECRET
from bot.domain.money import PAYING

CUT = "[secret]"

_END = r"[^\s\"'\\,;&<>]+"
_CUTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?i)\b(bearer|basic)(\s+)[A-Za-z0-9._~+/=\-]{8,}"), rf"\1\2{CUT}"),
    (
        re.compile(
            r"(?i)((?<![a-z_\-])(?:(?:x|bot|access|refresh|auth|discord|openai|client|kibitz_[a-z]+_)[_\-])*"
            r"(?:authorization|api[_\-]?key|token|secret|password)[\"']?\s*[:=]\s*[\"']?(?:(?:bearer|basic|bot)\s+)?)"
            + _END
        ),
        rf"\1{CUT}",
    ),
    (re.compile(r"(?i)([\"'](?:hm|ex|is|sig|signature)[\"']\s*[:,=]\s*[\"'])" + _END), rf"\1{CUT}"),
    (
        re.compile(
            r"(?i)((?:[?&]|\\u0026|&amp;|%26|%3F)"
            r"(?:hm|ex|is|sig|signature|token|key|api[_\-]?key|access_token|x-amz-[a-z\-]+|se|sp|sv)(?:=|%3D))" + _END
        ),
        rf"\1{CUT}",
    ),
    (re.compile(r"(/(?:webhooks|interactions)/\d+/)[A-Za-z0-9_\-]+"), rf"\1{CUT}"),
    (re.compile(r"(://)[^\s/@]+@"), rf"\1{CUT}@"),
    (SECRET, CUT),
)

_OURS = frozenset({"bot", "cogs", "kibitz", "__main__"})
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


def set_up_logging(settings: LogSettings, *, secrets: Iterable[str] = ()) -> None:
    """Make one handler on stderr the only one of the process. `secrets` are values to cut wherever they appear.

    Libraries are heard from WARNING, and from INFO when our level is debug: below that they log what is sent.
    """
    cutter = _Cutter(secrets)
    handler = _Stderr(
        _JsonLines(cutter) if settings.format == "json" else _Plain(cutter),
        cutter,
        libraries_from=logging.INFO if settings.level == "debug" else logging.WARNING,
    )
    # Each retry that succeeds in the end is nobody's business; one that does not is told as what it is.
    logging.getLogger("stamina").setLevel(logging.WARNING if settings.level == "debug" else logging.ERROR)
    threading.excepthook = _of_a_thread
    sys.excepthook = _of_the_process
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = _of_nobody
    logging.captureWarnings(capture=True)
    logging.basicConfig(handlers=[handler], level=settings.level.upper(), force=True)


def _of_a_thread(failed: threading.ExceptHookArgs) -> None:
    """Python would print the message, in which anybody's words may stand."""
    name = failed.thread.name if failed.thread is not None else "a thread"
    place = traceback.extract_tb(failed.exc_traceback)[-1:]
    where = f"{place[0].filename}:{place[0].lineno}" if place else "no place"
    logging.getLogger(__name__).error("%s ended with %s at %s", name, failed.exc_type.__name__, where)


def _of_the_process(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """The last words of a process: where it ended, without the message."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    where = "".join(traceback.format_tb(trace)).rstrip()
    logging.getLogger(__name__).critical("ended with %s\n%s", kind.__name__, where)


def _of_nobody(failed: "sys.UnraisableHookArgs") -> None:
    """What went wrong where nobody could be told, such as while something was thrown away."""
    place = traceback.extract_tb(failed.exc_traceback)[-1:]
    where = f"{place[0].filename}:{place[0].lineno}" if place else "no place"
    logging.getLogger(__name__).error("%s at %s was heard by nobody", failed.exc_type.__name__, where)


def cut_also(secrets: Iterable[str]) -> None:
    """Cut these as well from now on."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, _Stderr):
            handler.cutter.add(secrets)


class _Cutter:
    """A redactor whose secrets may become more."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = frozenset(secrets)
        self._redact = redactor(self._secrets)

    def add(self, secrets: Iterable[str]) -> None:
        self._secrets |= frozenset(secrets)
        self._redact = redactor(self._secrets)

    def __call__(self, text: str) -> str:
        return self._redact(text)


def redactor(secrets: Iterable[str] = ()) -> Callable[[str], str]:
    """A function that cuts what looks like a secret, and these secrets however they look, out of a text."""
    known = sorted({secret for secret in secrets if secret}, key=len, reverse=True)
    exact = re.compile("|".join(map(re.escape, known))) if known else None

    def redact(text: str) -> str:
        if exact is not None:
            text = exact.sub(CUT, text)
        for pattern, replacement in _CUTS:
            text = pattern.sub(replacement, text)
        return text

    return redact


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to whatever sys.stderr is at that moment."""

    def __init__(self, formatter: logging.Formatter, cutter: _Cutter, *, libraries_from: int) -> None:
        super().__init__()
        self.cutter = cutter
        self.setFormatter(formatter)
        self.addFilter(lambda record: record.levelno >= libraries_from or record.name.partition(".")[0] in _OURS)

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # the library's name
        """The library would print the arguments; the place is enough to repair the call."""
        if sys.stderr is not None and not sys.stderr.closed:
            sys.stderr.write(f"A log line could not be written: {record.pathname}, line {record.lineno}\n")


class _Plain(logging.Formatter):
    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        return self._redact(super().format(record))


class _JsonLines(logging.Formatter):
    """One object per line; `job_id` wherever the line was written for a job, an exception in one field."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        facts: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        facts |= {name: value for name, value in record.__dict__.items() if name not in _STANDARD}
        if record.exc_info:
            facts["error"] = self.formatException(record.exc_info)
        if job_id := PAYING.get().job_id:
            facts.setdefault("job_id", job_id)
        return json.dumps({name: self._quiet(value) for name, value in facts.items()}, ensure_ascii=False)

    def _quiet(self, value: object) -> object:
        is_plain = value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value))
        return value if is_plain else self._redact(str(value))
