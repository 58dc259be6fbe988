"""Says the names and descriptions of commands in the languages Discord shows them in."""

import discord
from discord import app_commands

from bot.locales import catalogue, is_spoken


class CommandTranslator(app_commands.Translator):
    """From the catalogues. Discord shows the English text where there is no translation."""

    async def translate(
        self, string: app_commands.locale_str, locale: discord.Locale, context: app_commands.TranslationContextTypes
    ) -> str | None:
        if not is_spoken(locale.value):  # nearly all of the thousands of times that the library asks at every start
            return None
        said = catalogue(locale.value).of(string.message)
        return said if said != string.message else None
