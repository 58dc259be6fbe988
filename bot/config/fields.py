"""The kinds of values that settings hold, each with its check; no message repeats the value, which may be a secret."""

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr, StringConstraints

OFFLINE = "offline"


def _checked(value: str, schemes: set[str], example: str) -> SplitResult:
    try:
        parts = urlsplit(value)
        port_is_right = parts.port is None or parts.port > 0
    except ValueError:
        port_is_right, parts = False, urlsplit("")
    if not port_is_right or parts.scheme not in schemes or not parts.hostname or re.search(r"\s", value):
        raise ValueError(f"is not {example}.")
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds a user name or password; a key belongs in the environment.")
    if parts.query or parts.fragment:
        raise ValueError("must end with its path, without ? or #.")
    return parts


def _server_address(value: str) -> str:
    """A base address as the SDK wants it."""
    parts = _checked(value, {"http", "https"}, "a web address such as http://localhost:11434/v1")
    if parts.path.rstrip("/").endswith(("/chat/completions", "/audio/speech", "/audio/transcriptions")):
        raise ValueError("must end before the name of the endpoint, usually with /v1.")
    return value.rstrip("/")


def _api_address(value: str) -> str:
    _checked(value, {"http", "https"}, "a web address such as https://discord.com/api/v10")
    return value.rstrip("/")


def _gateway_address(value: str) -> str:
    _checked(value, {"ws", "wss"}, "a websocket address such as wss://gateway.discord.gg/")
    return value


def _collector_address(value: str) -> str:
    """The address of traces itself; that of a collector alone means the usual path."""
    parts = _checked(value, {"http", "https"}, "a web address such as http://localhost:4318")
    return value if parts.path.strip("/") else f"{value.rstrip('/')}/v1/traces"


def _host_or_origin(value: str) -> str:
    """A bare host, or scheme, host and port."""
    if re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", value):
        return value.lower()
    parts = _checked(
        value, {"http", "https"}, "a host such as cdn.discordapp.com or an origin such as http://host:8080"
    )
    if parts.path.strip("/"):
        raise ValueError("holds a path; name the host alone, or http:// or https:// with it.")
    return value.rstrip("/").lower()


def _key(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[!-~]+", value.get_secret_value()):
        raise ValueError("holds a space, a line break or a letter that no key has.")
    return value


def _database_url(value: SecretStr) -> SecretStr:
    """As libpq reads it: the host may be the folder of a socket, behind the question mark."""
    url = value.get_secret_value()
    if not url.startswith("postgresql://"):
        raise ValueError("does not begin with postgresql://.")
    try:
        parts = urlsplit(url)
        port_is_right = parts.port is None or parts.port > 0
    except ValueError:
        port_is_right, parts = False, urlsplit("")
    has_host = bool(parts.hostname) or "host=" in parts.query
    if not port_is_right or not has_host or not parts.path.strip("/") or parts.fragment or re.search(r"\s", url):
        raise ValueError("is not such an address; @ : / ? # % in a password are written as %40 %3A %2F %3F %23 %25.")
    return value


def _queue_url(value: SecretStr) -> SecretStr:
    url = value.get_secret_value()
    if url.startswith("postgresql://"):
        return _database_url(value)
    if not re.fullmatch(r"rediss?://[^\s/?#]+(/[^\s#]*)?(\?[^\s#]*)?", url):
        raise ValueError("begins with none of redis://, rediss:// and postgresql://, or is no address.")
    return value


def _folder(value: Path) -> Path:
    return value.expanduser()


def _models(value: tuple[str, ...]) -> tuple[str, ...]:
    if OFFLINE in value and len(value) > 1:
        raise ValueError(f"holds {OFFLINE} beside other models; [offline] fallback is for that.")
    return value


ServerAddress = Annotated[str, AfterValidator(_server_address)]
ApiAddress = Annotated[str, AfterValidator(_api_address)]
GatewayAddress = Annotated[str, AfterValidator(_gateway_address)]
CollectorAddress = Annotated[str, AfterValidator(_collector_address)]
HostOrOrigin = Annotated[str, AfterValidator(_host_or_origin)]
Key = Annotated[SecretStr, AfterValidator(_key)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(_database_url)]
QueueUrl = Annotated[SecretStr, AfterValidator(_queue_url)]
Folder = Annotated[Path, AfterValidator(_folder)]
ModelName = Annotated[str, StringConstraints(pattern=r"^\S+$", max_length=200)]
ModelNames = Annotated[tuple[ModelName, ...], AfterValidator(_models)]
Language = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
TesseractLanguage = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_]+$")]
Words = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class Section(BaseModel):
    """A table of config.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, str_strip_whitespace=True)


def is_secret(annotation: object) -> bool:
    """Whether a field of this type may only come from the environment or a secret file."""
    return "SecretStr" in str(annotation)
