"""Names of languages, for menus to choose one from."""

from babel import Locale, UnknownLocaleError

from bot.locales.catalogue import Catalogue


def language_name(tag: str, words: Catalogue) -> str:
    """A language (BCP 47) in its own words, and in the reader's where they differ; an unknown tag as it is."""
    try:
        language = Locale.parse(tag, sep="-")
    except (ValueError, UnknownLocaleError):
        return tag
    if language.script:
        language = Locale(language.language, script=language.script)
    own = language.get_display_name() or tag
    read = language.get_display_name(words.locale) or tag
    return own if own.casefold() == read.casefold() else f"{own} · {read}"
