"""Translations that plugins bring; every catalogue looks here after its own."""

from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.messages.pofile import PoFileError

from bot.domain.errors import BotError
from bot.domain.sentence import Sentence, sentence
from bot.locales import po

_MOST_BYTES = 2**20
_COUNTS = range(1000)  # the rule of plurals in a file is tried with these

# By language, with who brought it. Tuples are replaced, never changed: plugins read on threads of their own.
_brought: dict[str, tuple[tuple[str, GNUTranslations], ...]] = {}


class Contributed(NullTranslations):
    """What plugins have brought by the time it is asked, in one language; what came first wins."""

    def __init__(self, language: str) -> None:
        super().__init__()
        self._language = language

    def gettext(self, message: str) -> str:
        for _, translations in _brought.get(self._language, ()):
            if (said := translations.gettext(message)) != message:
                return said
        return message

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        for _, translations in _brought.get(self._language, ()):
            if (said := translations.ngettext(msgid1, msgid2, n)) not in (msgid1, msgid2):
                return said
        return super().ngettext(msgid1, msgid2, n)


def contribute(owner: str, folder: Path) -> None:
    """The catalogues in a folder (de.po, or any .po in de/LC_MESSAGES), in place of what this owner brought before.

    Raises BotError, and changes nothing, when one of them cannot be used.
    """
    files = sorted([*folder.glob("*.po"), *folder.glob("*/LC_MESSAGES/*.po")])
    if not files:
        raise _refusal(
            sentence(
                "There are no translations in {folder}, which the plugin {plugin} names for them. "
                "Put a file there, such as de.po, or name another folder.",
                plugin=owner,
                folder=folder,
            )
        )
    found: list[tuple[Locale, GNUTranslations]] = []
    for path in files:
        file = path.relative_to(folder)
        try:
            locale = _locale(file.parts[0].removesuffix(".po"), [locale for locale, _ in found])
            found.append((locale, _read(path, locale)))
        except _UnusableError as error:
            raise _refusal(
                sentence(
                    "The catalogue {file} of the plugin {plugin} cannot be used. {reason}",
                    file=file.as_posix(),
                    plugin=owner,
                    reason=error.reason,
                )
            ) from error
    withdraw(owner)
    for locale, translations in found:
        _brought[locale.language] = (*_brought.get(locale.language, ()), (owner, translations))


def withdraw(owner: str) -> None:
    """What this owner brought is not looked at any more."""
    for language, brought in list(_brought.items()):
        _brought[language] = tuple(one for one in brought if one[0] != owner)


def is_brought(language: str) -> bool:
    """Whether any plugin says anything in it."""
    return bool(_brought.get(language))


@lru_cache
def language_of(locale: str) -> str:
    """The language of "zh-TW" or "en_GB"; each has one catalogue, whatever the script or country."""
    return locale.replace("_", "-").partition("-")[0].lower()


class _UnusableError(Exception):
    def __init__(self, reason: Sentence) -> None:
        super().__init__(reason)
        self.reason = reason


def _locale(name: str, others: list[Locale]) -> Locale:
    try:
        locale = Locale.parse(name.replace("-", "_"))
    except (ValueError, UnknownLocaleError) as error:
        raise _UnusableError(sentence("Name it after its language, as in de.po or zh_CN.po.")) from error
    if any(other.language == locale.language and other != locale for other in others):
        raise _UnusableError(sentence("Another one is of the same language. Keep one of them."))
    return locale


def _read(path: Path, locale: Locale) -> GNUTranslations:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise _UnusableError(sentence("It is larger than 1 MiB. Leave out what the plugin does not say."))
        with path.open("rb") as written:
            messages = po.read(written, locale)
        if (line := po.misfit(messages)) is not None:
            raise _UnusableError(
                sentence(
                    "The translation of line {line} has other names in {{braces}}. Keep them as they are.", line=line
                )
            )
        translations = po.translations(messages)
        for n in _COUNTS:
            translations.ngettext("", "", n)
    except OSError as error:
        raise _UnusableError(sentence("Let the account this program runs as read it, or remove it.")) from error
    except (PoFileError, ValueError, LookupError, ArithmeticError) as error:
        raise _UnusableError(sentence("It is damaged. See what msgfmt --check says of it.")) from error
    return translations


def _refusal(public: Sentence) -> BotError:
    return BotError("plugin_catalogue", public)
