"""Files of translations (.po), read and made ready to look up."""

from collections.abc import Sequence
from gettext import GNUTranslations
from io import BytesIO
from string import Formatter
from typing import IO

from babel import Locale
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

_Field = tuple[str, str | None, str | None]
_COUNT: _Field = ("n", "", None)  # every counted sentence is given it; a form for one may leave it out


def read(written: IO[bytes], locale: Locale) -> Catalog:
    """Raises PoFileError, ValueError or LookupError for a file that is damaged."""
    return read_po(written, locale=locale, abort_invalid=True)


def translations(messages: Catalog) -> GNUTranslations:
    """For looking texts up; without those that have no translation, or one that is marked as doubtful."""
    compiled = BytesIO()
    write_mo(compiled, messages)
    compiled.seek(0)
    return GNUTranslations(compiled)


def misfit(messages: Catalog) -> int | None:
    """The line of the first text whose translation fills in other {names} than it does; None if every one fits."""
    return next((message.lineno or 0 for message in messages if message.id and not _fits(message)), None)


def _fits(message: Message) -> bool:
    english, said = _forms(message.id), [form for form in _forms(message.string) if form]
    if message.fuzzy:
        return True
    try:
        wanted = _fields(english[-1])
    except ValueError:
        return True  # no template, so nobody fills it in
    given = {_COUNT} if len(english) > 1 else set[_Field]()
    try:
        return all(_fields(form) | given == wanted | given for form in said)
    except ValueError:
        return False


def _forms(text: str | Sequence[str] | None) -> Sequence[str]:
    return [text] if isinstance(text, str) else text or ()


def _fields(template: str) -> set[_Field]:
    return {(name, form, conversion) for _, name, form, conversion in Formatter().parse(template) if name is not None}
