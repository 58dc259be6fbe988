"""The pages for people say what the code does: settings, presets, commands, events, notices; links lead somewhere."""

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from discord import Permissions
from typer.main import get_command

from bot.cli.main import cli
from bot.config.names import FILE_SETTINGS, SECRETS, variable_of
from bot.config.presets import FILLED, PRESETS
from bot.database import faults
from bot.discord_io.permissions import NEEDED, missing_of
from bot.domain import events
from bot.domain.answer import Usage
from bot.domain.role import Role
from bot.domain.timeline import NoticeCode
from bot.locales import catalogue
from bot.providers.prices import prices_as_of

ROOT = Path(__file__).parent.parent
PAGES = [*ROOT.glob("README*.md"), ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("**/*.md")]
LANGUAGES = ["", ".zh-CN"]
DEFAULTS = tomllib.loads((ROOT / "config.toml").read_text(encoding="utf-8"))
EVENTS = [value for value in vars(events).values() if isinstance(value, type) and issubclass(value, events.JobEvent)]


def page(name: str, language: str) -> str:
    return (ROOT / f"{name}{language}.md").read_text(encoding="utf-8")


def rows(text: str) -> list[list[str]]:
    """The cells of every line of every table."""
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")
    ]


def shown(value: object) -> str:
    """A default as the pages show it."""
    if isinstance(value, list | tuple):
        return ", ".join(f"`{item}`" for item in value) or "`[]`"
    if value is None or value == "":
        return '`""`'
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_setting_stands_in_the_table_with_its_default(language: str) -> None:
    expected = {
        f"{section}.{name}": shown(DEFAULTS[section][name]) for section in DEFAULTS for name in DEFAULTS[section]
    }
    found: dict[str, str] = {}
    for name, default, *_ in (row for row in rows(page("docs/configuration", language)) if len(row) == 3):
        for role in Role if name.startswith("`ROLE.") else [""]:
            setting = name.strip("`").replace("ROLE", role)
            if setting.partition(".")[0] in DEFAULTS:
                found[setting] = default
    assert found == expected


def test_the_defaults_are_those_of_the_file() -> None:
    assert {section: tuple(names) for section, names in DEFAULTS.items()} == {
        s: n for s, n in FILE_SETTINGS.items() if n
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_presets_fill_stands_in_the_table(language: str) -> None:
    text = page("docs/configuration", language)
    wanted = [
        f"| `{section}.{name}` | " + " | ".join(shown(PRESETS[preset][section][name]) for preset in PRESETS) + " |"
        for section, names in PRESETS["balanced"].items()
        for name in names
    ]
    assert [line for line in wanted if line not in text] == []
    assert len(wanted) == len(FILLED)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_secret_has_its_variable(language: str) -> None:
    text = page("docs/configuration", language)
    ours = [variable_of(secret) for secret in SECRETS if secret[0] in {role.value for role in Role}]
    assert [name for name in (*ours, "OPENAI_API_KEY", "DISCORD_TOKEN") if name not in text] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_command_and_option_is_described(language: str) -> None:
    text = page("docs/cli", language)
    commands = getattr(get_command(cli), "commands")  # noqa: B009 - typer's own type does not name it
    options = {option for command in commands.values() for parameter in command.params for option in parameter.opts}
    missing = [name for name in commands if f"`{name}" not in text]
    missing += [option for option in options if option.startswith("--") and option not in text]
    assert missing == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_event_is_described_with_its_fields(language: str) -> None:
    described = {
        name: " ".join(cells[1:])
        for cells in rows(page("docs/cli", language))
        for name in re.findall(r"`([A-Z]\w+)`", cells[0])
    }
    own = {event.__name__: {field.name for field in fields(event)} - {"job_id", "at_seconds"} for event in EVENTS}
    del own["JobEvent"]
    own["UsageRecorded"] |= {field.name for field in fields(Usage)}
    assert described.keys() == own.keys()
    missing = [
        f"{name}.{field}" for name, names in own.items() for field in names if f"`{field}`" not in described[name]
    ]
    assert missing == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_notice_is_described(language: str) -> None:
    text = page("docs/failures", language)
    assert [code for code in NoticeCode if f"`{code}`" not in text] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_people_are_told_on_discord_is_listed_with_its_code(language: str) -> None:
    words = catalogue("zh-CN" if language else "en-US")
    listed = {(cells[0], cells[1]) for cells in rows(page("docs/failures", language)) if len(cells) == 3}
    told = set(sentences()) | {(fault.code, fault.public) for fault in map(faults.fault, fault_codes())}
    assert [
        pair for pair in sorted((f"`{code}`", words.of(public)) for code, public in told) if pair not in listed
    ] == []


def sentences() -> Iterator[tuple[str, str]]:
    """Code and public sentence of the errors that are raised on Discord's floors, as they stand in the code."""
    for path in (*ROOT.glob("bot/discord_io/*.py"), *ROOT.glob("bot/services/*.py"), *ROOT.glob("cogs/*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"BotError", "MediaError", "DeliveryError"}:
                code, public = node.args
                literal = public.args[0] if isinstance(public, ast.Call) else public
                if isinstance(literal, ast.Constant):
                    yield ast.literal_eval(code), ast.literal_eval(literal)


def fault_codes() -> list[str]:
    return [value for name, value in vars(faults).items() if name.isupper() and isinstance(value, str)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_permissions_of_the_invitation_are_explained(language: str) -> None:
    text = page("docs/discord", language)
    asked = [cells[0] for cells in rows(text)]
    names = [str(name) for name in missing_of(Permissions.none(), NEEDED)]
    assert [name for name in names if not any(name in cell for cell in asked)] == []
    assert set(re.findall(r"\b\d{12,}\b", text)) == {str(NEEDED.value)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_front_page_names_all_presets_and_the_day_of_the_prices(language: str) -> None:
    text = page("README", language)
    assert [preset for preset in PRESETS if f"| `{preset}` |" not in text] == []
    assert prices_as_of().isoformat() in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_front_page_leads_to_every_page_of_its_language(language: str) -> None:
    text = page("README", language)
    own = [p for p in (ROOT / "docs").glob("*.md") if p.name.endswith(".zh-CN.md") == bool(language)]
    assert [path.name for path in own if f"(docs/{path.name})" not in text] == []


def test_both_languages_show_the_same_code_and_the_same_headings() -> None:
    apart = []
    for english in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        if not english.name.endswith(".zh-CN.md") and english.name != "requirements.md":
            one, other = (p.read_text(encoding="utf-8") for p in (english, english.with_suffix(".zh-CN.md")))
            if [level for level, _ in headings(one)] != [level for level, _ in headings(other)]:
                apart.append(f"{english.name}: headings")
            if console(one) != console(other):
                apart.append(f"{english.name}: transcripts")
    assert apart == []


def headings(text: str) -> list[tuple[int, str]]:
    bare = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return [(len(marks), words) for marks, words in re.findall(r"^(#+) (.+)$", bare, re.MULTILINE)]


def console(text: str) -> list[str]:
    return re.findall(r"^```(?:console|json)\n.*?^```", text, flags=re.MULTILINE | re.DOTALL)


def test_links_inside_the_house_lead_somewhere() -> None:
    broken = []
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
            file, _, anchor = target.partition("#")
            there = (path.parent / file).resolve() if file else path
            if not there.exists() or (anchor and anchor not in anchors(there.read_text(encoding="utf-8"))):
                broken.append(f"{path.relative_to(ROOT)}: {target}")
    assert broken == []


def anchors(text: str) -> set[str]:
    """As GitHub makes them of headings."""
    return {re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-") for _, words in headings(text)}
