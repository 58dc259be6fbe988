"""Slash commands of plugins, as Discord takes them: checked, in its languages, answered within their time."""

import re
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from inspect import Parameter, Signature
from typing import Any

import discord
from discord import app_commands
from discord.app_commands import locale_str

from bot.discord_io.identity import settings_channel, user_id
from bot.discord_io.private_page import show_page
from bot.discord_io.reception import is_public, person_of, scope_of
from bot.discord_io.safe_text import safe
from bot.domain.errors import BotError, PluginError
from bot.domain.occasion import Occasion, Surface
from bot.domain.sentence import Sentence, sentence
from bot.hooks.checks import NonsenseError
from bot.hooks.guest import Guest
from bot.hooks.values import CommandCall, CommandOption, OptionKind, OptionValue, SlashCommand
from bot.locales import catalogue
from bot.memory.store import Memory
from bot.services.access import check_may_ask

Interaction = discord.Interaction[Any]
Made = app_commands.Command[Any, ..., Any]

_theirs = locale_str
"""A text of a plugin, which the plugin's own catalogue translates."""

_SECONDS = 20.0
_LONGEST_ANSWER = 20_000
_LONGEST_TEXT = 100
_LARGEST = 8000
_MOST = 25
_NAME = re.compile(r"[-_\w\u0900-\u097f\u0e00-\u0e7f]{1,32}")
_KINDS: Mapping[OptionKind, type] = {
    OptionKind.TEXT: str,
    OptionKind.WHOLE_NUMBER: int,
    OptionKind.NUMBER: float,
    OptionKind.YES_NO: bool,
}


def flaw_of(command: SlashCommand, taken: Collection[str]) -> Sentence | None:
    """Why Discord would not take a command; one that it does not take keeps all others from being told to it. `taken`:
    names of other commands in all languages."""
    names = [command.name, *(option.name for option in command.options)]
    texts = [
        command.description,
        *(option.description for option in command.options),
        *(choice for option in command.options for choice in option.choices),
    ]
    if any(not _NAME.fullmatch(said) or said != said.lower() for name in names for said in in_all_languages(name)):
        return sentence(
            "/{command} is left out: names have 1 to 32 small letters, digits, - and _, in every language.",
            command=command.name[:32],
        )
    if any(not 1 <= len(said) <= _LONGEST_TEXT for text in texts for said in in_all_languages(text)):
        return sentence(
            "/{command} is left out: descriptions and choices have 1 to 100 letters, in every language.",
            command=command.name,
        )
    if not set(in_all_languages(command.name)).isdisjoint(taken):
        return sentence("/{command} is left out: there is a command with this name.", command=command.name)
    counts = [len(command.options), *(len(option.choices) for option in command.options)]
    size = sum(max(map(len, in_all_languages(text))) for text in (*names, *texts, *texts[len(command.options) + 1 :]))
    if max(counts) > _MOST or size > _LARGEST:
        return sentence("/{command} is left out: it has more options or choices than fit.", command=command.name)
    if len(set(names[1:])) < len(names) - 1 or any(_is_odd(option) for option in command.options):
        return sentence(
            "/{command} is left out: names of options differ, so do choices, and only texts have choices.",
            command=command.name,
        )
    return None


def _is_odd(option: CommandOption) -> bool:
    has_others = bool(option.choices) and option.kind is not OptionKind.TEXT
    return has_others or len(set(option.choices)) < len(option.choices)


def in_all_languages(text: str) -> Iterator[str]:
    """A text and its translations."""
    yield text
    for locale in discord.Locale:
        said = catalogue(locale.value).of(text)
        if said != text:
            yield said


def command_of(guest: Guest, command: SlashCommand, memory: Memory, *, language: str | None) -> Made:
    """The command for the tree; its flaws were looked for. `language` is that of answers where a place has none."""
    options = {f"option_{number}": option for number, option in enumerate(command.options)}

    async def used(interaction: Interaction, **given: OptionValue | None) -> None:
        chosen = {options[place].name: value for place, value in given.items() if value is not None}
        await interaction.response.defer(ephemeral=not _is_shown(interaction, command), thinking=True)
        call = await _call(interaction, chosen, memory, language)
        words = catalogue(call.occasion.locale)
        said = safe(words.of(await _run(guest, command, call)))
        is_private = not _is_shown(interaction, command)
        await show_page(interaction, said or "✅", name=f"{command.name}.md", is_private=is_private)

    interaction = Parameter("interaction", Parameter.POSITIONAL_OR_KEYWORD, annotation=Interaction)
    # The library reads the options of a command from the signature of its function.
    used.__signature__ = Signature([interaction, *map(_parameter, options, options.values())])  # pyright: ignore[reportFunctionMemberAccess]  # a function has whatever it is given
    app_commands.rename(**{place: _theirs(option.name) for place, option in options.items()})(used)
    app_commands.describe(**{place: _theirs(option.description) for place, option in options.items()})(used)
    app_commands.choices(**{place: _choices(option) for place, option in options.items() if option.choices})(used)
    app_commands.checks.cooldown(10, 60, key=user_id)(used)
    if command.for_moderators:
        app_commands.default_permissions(manage_guild=True)(used)
        app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)(used)
        app_commands.allowed_installs(guilds=True, users=False)(used)
    return app_commands.Command(name=_theirs(command.name), description=_theirs(command.description), callback=used)


def _parameter(place: str, option: CommandOption) -> Parameter:
    kind = _KINDS[option.kind]
    if option.is_required:
        return Parameter(place, Parameter.KEYWORD_ONLY, annotation=kind)
    return Parameter(place, Parameter.KEYWORD_ONLY, annotation=kind | None, default=None)


def _choices(option: CommandOption) -> list[app_commands.Choice[str]]:
    return [app_commands.Choice(name=_theirs(choice), value=choice) for choice in option.choices]


def _is_shown(interaction: Interaction, command: SlashCommand) -> bool:
    return command.is_public and is_public(interaction)


async def _call(
    interaction: Interaction, options: Mapping[str, OptionValue], memory: Memory, language: str | None
) -> CommandCall:
    """Raises BotError for somebody who may not ask there."""
    key, person = scope_of(interaction).key, person_of(interaction.user)
    place = await memory.settings_for(key.server_id, settings_channel(interaction))
    check_may_ask(person, place)
    occasion = Occasion(
        job_id="",
        surface=Surface.CHAT,
        key=key,
        asker_id=person.person_id,
        locale=interaction.locale.value,
        language=place.language or language,
        voice=place.voice,
    )
    return CommandCall(occasion=occasion, person_id=person.person_id, is_moderator=person.is_moderator, options=options)


async def _run(guest: Guest, command: SlashCommand, call: CommandCall) -> str:
    """What the plugin says. Raises BotError with a sentence that people may read."""
    hook = f"/{command.name}"
    try:
        said = await guest.run(hook, partial(command.run, call), _SECONDS)
        if not isinstance(said, str):
            raise guest.fail(hook, NonsenseError(f"returned {type(said).__name__} instead of a text"))
        if len(said) > _LONGEST_ANSWER:
            raise guest.fail(hook, NonsenseError("returned a text that is too long"))
    except PluginError as error:
        if error.code not in {"plugin_failed", "plugin_off"}:
            raise _told(error, call) from error
        raise BotError(
            "plugin_command", "This command comes from a plugin, which did not do its work. Try again later."
        ) from error
    except BotError as error:
        raise _told(error, call) from error
    return said


def _told(error: BotError, call: CommandCall) -> BotError:
    """A plugin's own sentence, in the language of whoever used the command."""
    return BotError(error.code, catalogue(call.occasion.locale).of(error.public))
