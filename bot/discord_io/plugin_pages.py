"""Plugins in words, for whoever runs the bot: which there are, and what one of them may do, keeps and sends."""

from collections.abc import Mapping, Sequence

from bot.discord_io.parts import first
from bot.discord_io.safe_text import safe
from bot.domain.errors import SettingsError
from bot.domain.sentence import Sentence, sentence
from bot.hooks.loader import Source
from bot.hooks.plugin import Plugin
from bot.hooks.status import PluginState, PluginStatus
from bot.hooks.values import Permission
from bot.locales import Catalogue

_LONGEST_CHOICE = 100
_LONGEST_QUESTION = 1900
_SIGNS = {PluginState.ON: "🟢", PluginState.OFF: "⚪", PluginState.FAILED: "🔴"}
_STATES = {
    PluginState.ON: sentence("runs"),
    PluginState.OFF: sentence("is off"),
    PluginState.FAILED: sentence("should run, but does not"),
}
_SOURCES = {
    Source.SHIPPED: sentence("shipped with Kibitz"),
    Source.PACKAGE: sentence("from an installed package"),
    Source.DIRECTORY: sentence("from the folder of plugins"),
}
PERMISSIONS: Mapping[Permission, Sentence] = {
    Permission.PICTURES: sentence("sees the pictures of clips"),
    Permission.SOUND: sentence("hears clips and voices"),
    Permission.WORDS: sentence("reads and changes what is asked, seen, heard and answered"),
    Permission.MODEL: sentence("asks the chat model, which costs"),
    Permission.NETWORK: sentence("uses the network"),
    Permission.PROGRAMS: sentence("starts programs"),
    Permission.RECORDS: sentence("keeps records"),
    Permission.COMMANDS: sentence("adds commands"),
    Permission.DISCORD: sentence("acts on Discord as the bot"),
}
"""What a plugin may do, in words that go on from its name."""


def list_page(statuses: Sequence[PluginStatus], refused: Mapping[str, Sequence[Sentence]], words: Catalogue) -> str:
    """All plugins, a line for each and below it what is wrong. `refused`: by plugin, what of it is not there."""
    if not statuses:
        return words("There are no plugins.")
    lines = [f"**{words('Plugins')}**"]
    for status in statuses:
        version = f" {safe(status.version)}" if status.version else ""
        summary = f": {safe(words.of(status.summary))}" if status.summary else ""
        lines.append(f"{_SIGNS[status.state]} **{safe(status.name)}**{version}{summary}")
        lines += [f"-# ⚠️ {line}" for line in _wrong(status, refused, words)]
    lines.append(f"-# {words('/plugins show tells what one of them does, keeps and sends.')}")
    return "\n".join(lines)


def show_text(status: PluginStatus, refused: Mapping[str, Sequence[Sentence]], words: Catalogue) -> str:
    """One plugin: what it declares, and how it does."""
    head = f"{_SIGNS[status.state]} **{safe(status.name)}** {safe(status.version)}".rstrip()
    lines = [f"{head} ({words.of(_STATES[status.state])}; {words.of(_SOURCES[status.source])}: {safe(status.where)})"]
    lines += _declared(status, words)
    if status.offers:
        lines.append(words("It offers: {offers}.", offers=safe(", ".join(status.offers))))
    if status.failures:
        lines.append(words.plural("It failed {n} time.", "It failed {n} times.", status.failures))
    return "\n".join([*lines, *(f"⚠️ {line}" for line in _wrong(status, refused, words))])


def enabling_text(status: PluginStatus, words: Catalogue) -> str:
    """What is asked before a plugin is switched on."""
    asked = words("Switch on the plugin {plugin}?", plugin=f"**{safe(status.name)}** {safe(status.version)}")
    trust = words("A plugin is code with all rights of the bot. Switch on only what you trust.")
    return first("\n".join([asked, *_declared(status, words), trust]), _LONGEST_QUESTION)


def problem_text(error: SettingsError, plugin: str, words: Catalogue) -> str:
    """Everything that is wrong with the settings of a plugin, line by line."""
    head = words("The settings of the plugin {plugin} are refused:", plugin=safe(plugin))
    return first("\n".join([f"⚠️ {head}", *(f"- {safe(str(problem))}" for problem in error.problems)]))


def plugin_choice(status: PluginStatus, words: Catalogue) -> str:
    """A plugin in a menu of Discord's."""
    said = f"{status.name} ({words.of(_STATES[status.state])})"
    return said[:_LONGEST_CHOICE]


def privacy_lines(kinds: Sequence[Plugin], words: Catalogue) -> list[str]:
    """Of each plugin that runs and keeps or sends something."""
    lines: list[str] = []
    for kind in kinds:
        about = [safe(words.of(text)) for text in (kind.keeps, kind.sends) if text]
        if about:
            lines.append("- " + words("Plugin {plugin}: {about}", plugin=safe(kind.name), about=" ".join(about)))
    return [words("Plugins of this bot keep or send something, too:"), *lines] if lines else []


def _declared(status: PluginStatus, words: Catalogue) -> list[str]:
    may = [words.of(PERMISSIONS[permission]) for permission in status.permissions]
    lines = [safe(words.of(status.summary))] if status.summary else []
    lines.append(words("It may: {what}.", what="; ".join(may)) if may else words("It asks for no permissions."))
    lines.append(
        words("It keeps: {what}", what=safe(words.of(status.keeps)))
        if status.keeps
        else words("It says that it keeps nothing.")
    )
    lines.append(
        words("It sends: {what}", what=safe(words.of(status.sends)))
        if status.sends
        else words("It says that it sends nothing.")
    )
    if status.hooks:
        lines.append(words("Its hooks: {hooks}", hooks=", ".join(f"`{hook}`" for hook in status.hooks)))
    return lines


def _wrong(status: PluginStatus, refused: Mapping[str, Sequence[Sentence]], words: Catalogue) -> list[str]:
    whys = [*([] if status.why is None else [status.why]), *refused.get(status.name, ())]
    return [safe(line) for why in whys for line in words.of(why).splitlines()]
