"""Message catalogues: English sentences in the language of whoever reads them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from gettext import NullTranslations
from importlib.resources import files

from babel import Locale

from bot.domain.sentence import Sentence
from bot.locales import po
from bot.locales.contributed import Contributed, is_brought, language_of

DOMAIN = "kibitz"
ENGLISH = "en"
# The catalogue each language is served from, whatever its script or country.
TRANSLATED = {"zh": "zh_CN"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Sentences in one language; English where there is no translation. Callable: `words("Hello {name}", name=…)`."""

    locale: Locale
    translations: NullTranslations = field(repr=False)

    def __call__(self, template: str, /, **values: object) -> str:
        """The template in this language, its {names} filled in; values that are Sentences are translated, too."""
        return self.translations.gettext(template).format_map(self._said(values))

    def plural(self, one: str, many: str, n: int, /, **values: object) -> str:
        """`one` or `many`, as this language counts `n`; both may use {n}."""
        return self.translations.ngettext(one, many, n).format_map(self._said({**values, "n": n}))

    def of(self, text: str) -> str:
        """A Sentence by its template, any other text word for word."""
        if not isinstance(text, Sentence):
            return self.translations.gettext(text) if text else text
        if text.plural is None:
            return self(text.template, **text.values)
        many, n = text.plural
        return self.translations.ngettext(text.template, many, n).format_map(self._said(text.values))

    def _said(self, values: Mapping[str, object]) -> dict[str, object]:
        return {name: self.of(value) if isinstance(value, Sentence) else value for name, value in values.items()}


def catalogue(locale: str | None) -> Catalogue:
    """The sentences for a locale such as "zh-TW" or "en-GB"; English where neither we nor a plugin have others."""
    return _load(language_of(locale or ENGLISH))


def is_spoken(locale: str) -> bool:
    """Whether anything is said in a language of its own there, by us or by a plugin."""
    language = language_of(locale)
    return language in TRANSLATED or is_brought(language)


@lru_cache
def _load(language: str) -> Catalogue:
    name = TRANSLATED.get(language, ENGLISH)
    locale, translations = Locale.parse(name), NullTranslations()
    if name != ENGLISH:
        with files("bot.locales").joinpath(name, "LC_MESSAGES", f"{DOMAIN}.po").open("rb") as written:
            translations = po.translations(po.read(written, locale))
    translations.add_fallback(Contributed(language))
    return Catalogue(locale=locale, translations=translations)
