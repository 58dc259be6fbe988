"""Everything that can go wrong in words a person can use.

BotError
├── MediaError      the file cannot be used
├── ProviderError   a model or tool did not do its work
├── MemoryFault     what is remembered cannot be read or written
├── DeliveryError   Discord did not take a message
├── VoiceError      a voice channel cannot be joined, heard or spoken in
├── QuotaError      a limit of money or rate was reached; BudgetError: one of our own
├── PluginError     a plugin cannot be loaded, or cannot do its work
└── SettingsError   the configuration is refused
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.sentence import Sentence


class BotError(Exception):
    """An error with a stable `code` for logs and a `public` sentence for people.

    `public` says what happened and what to do next; it never holds text from a tool, a server or a file.
    """

    def __init__(self, code: str, public: str) -> None:
        super().__init__(code)
        self.code = code
        self.public = Sentence.of(public)

    def __str__(self) -> str:
        return f"{self.code}: {self.public}"


class MediaError(BotError):
    """A file that is broken, of an unknown kind, or beyond the limits."""


class MemoryFault(BotError):  # noqa: N818  # MemoryError is Python's own
    """The database is busy, full, broken, newer than we are, or cannot be written."""


class DeliveryError(BotError):
    """Discord did not take a message: no permission, nothing left to write to, or Discord is down."""


class VoiceError(BotError):
    """A voice channel cannot be joined, or listening or speaking there failed."""


class PluginError(BotError):
    """A plugin cannot be found, loaded or run, or asks for what it may not have or is not there."""


class ProviderCategory(StrEnum):
    """Why a provider did not answer; decides between retry, next model and telling the operator."""

    NETWORK = "network"
    INTERRUPTED = "interrupted"
    SERVER = "server"
    RATE = "rate"
    QUOTA = "quota"
    AUTH = "auth"
    REFUSED = "refused"
    GONE = "gone"
    BAD_REQUEST = "bad_request"
    TOO_LARGE = "too_large"
    WRONG_ADDRESS = "wrong_address"
    MISSING_TOOL = "missing_tool"


class ProviderError(BotError):
    """A provider failed.

    `retryable` says that the same call may succeed later; `retry_after_seconds` is the server's own wish,
    None where it has none. `request_id` is the vendor's, for the log. `never_sent`: the provider knows nothing of it.
    """

    never_sent = False

    def __init__(
        self,
        code: str,
        public: str,
        *,
        category: ProviderCategory,
        retryable: bool = False,
        retry_after_seconds: float | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(code, public)
        self.category = category
        self.retryable = retryable
        self.retry_after_seconds = retry_after_seconds
        self.request_id = request_id


class QuotaError(ProviderError):
    """No money or no rate left; `resets_at` is UTC, None when only the operator can change it."""

    def __init__(
        self,
        code: str,
        public: str,
        *,
        category: ProviderCategory = ProviderCategory.QUOTA,
        resets_at: datetime | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(code, public, category=category, request_id=request_id)
        self.resets_at = resets_at


class BudgetError(QuotaError):
    """Our own limit of money does not allow a call, or its price is not known. Says nothing about the provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsProblem:
    """One thing wrong with the configuration: where it stands and what to do."""

    where: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what} {self.remedy}"


class SettingsError(BotError):
    """The configuration is refused; `problems` lists every reason at once."""

    def __init__(self, problems: tuple[SettingsProblem, ...]) -> None:
        super().__init__("settings", "\n".join(str(problem) for problem in problems))
        self.problems = problems
