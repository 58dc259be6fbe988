"""Commands in the languages Discord shows them in: Chinese of both countries, and English for everybody else."""

import importlib
import pkgutil
import unicodedata
from collections.abc import Iterator
from typing import Any

import discord
import pytest
from discord import Locale
from discord.app_commands import Command, CommandTree, Group, TranslationContext, TranslationContextLocation, locale_str
from discord.ext import commands

import cogs
from bot.discord_io.translator import CommandTranslator

CONTEXT = TranslationContext(TranslationContextLocation.other, None)
CHINESE = {"zh-CN", "zh-TW"}
SLASH_COMMANDS = [
    command
    for module in pkgutil.iter_modules(cogs.__path__, "cogs.")
    for cog in vars(importlib.import_module(module.name)).values()
    if isinstance(cog, type) and issubclass(cog, commands.Cog) and cog.__module__ == module.name
    for command in cog.__cog_app_commands__
]


@pytest.mark.parametrize(
    ("locale", "text", "said"),
    [
        (Locale.chinese, "The clip has no sound.", "片段没有声音。"),
        (Locale.taiwan_chinese, "The clip has no sound.", "片段没有声音。"),
        (Locale.british_english, "The clip has no sound.", None),
        (Locale.german, "The clip has no sound.", None),
        (Locale.chinese, "a text without translation", None),
    ],
)
async def test_a_text_is_said_in_the_readers_language(locale: Locale, text: str, said: str | None) -> None:
    assert await CommandTranslator().translate(locale_str(text), locale, CONTEXT) == said


def may_be_typed(name: str) -> bool:
    """Discord: up to 32 letters, digits, "-", "_" and "'", in lower case."""
    fits = all(letter in "-_'" or unicodedata.category(letter)[0] in "LN" for letter in name)
    return fits and name == name.lower() and 0 < len(name) <= 32


def typed(payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A command and everything below it that has a name to type."""
    yield payload
    for option in payload.get("options", ()):
        yield from typed(option)


@pytest.mark.parametrize("command", SLASH_COMMANDS, ids=lambda command: command.name)
async def test_a_command_is_shown_in_chinese(command: Command[Any, Any, Any] | Group) -> None:
    tree = CommandTree(discord.Client(intents=discord.Intents.none()))
    payload = await command.get_translated_payload(tree, CommandTranslator())
    for part in typed(payload):
        names, described = part["name_localizations"], part["description_localizations"]
        assert names.keys() == described.keys() == CHINESE, part["name"]
        assert all(map(may_be_typed, [part["name"], *names.values()])), part["name"]
        assert all(0 < len(text) <= 100 for text in [part["description"], *described.values()]), part["name"]
        for choice in part.get("choices", ()):
            assert choice["name_localizations"].keys() == CHINESE, choice["name"]
        said = [option["name_localizations"]["zh-CN"] for option in part.get("options", ())]
        assert len(said) == len(set(said)), "two options of one name"


def test_the_commands_were_found() -> None:
    assert {"ask", "settings", "help"} <= {command.name for command in SLASH_COMMANDS}
