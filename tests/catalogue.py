"""Every text for people in the code, found in its syntax; `python -m tests.catalogue` brings the catalogues up to it.

Translations that still fit are kept, new texts are added without one, and texts that nobody says any more go.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po, write_po

from bot.locales.catalogue import DOMAIN, TRANSLATED

ROOT = Path(__file__).parent.parent
ENGLISH_ONLY = ("bot/cli/", "bot/config/", "bot/testkit/", "bot/__main__.py")  # the console, settings, tests of authors
COMMAND_TEXT = {"locale_str", "_T"}
WORDS = {"words", "_words"}
HEADER = """\
msgid ""
msgstr ""
"Language: {language}\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: {plural_forms}\\n"

"""

Text = str | tuple[str, str]  # a sentence, or its forms for one and for several


@dataclass(slots=True, kw_only=True)
class Said:
    """What was found: the files of each text, and calls whose text cannot be read because it is not a literal."""

    texts: dict[Text, set[str]] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)


def collect(sources: dict[str, str]) -> Said:
    """The texts in these modules, by name of file."""
    trees = {name: ast.parse(source, filename=name) for name, source in sources.items()}
    takes_public = _public_places(trees.values())
    said = Said()
    for name, tree in trees.items():
        has_words = "bot.locales" in sources[name]
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            for text in _texts(call, takes_public, has_words=has_words):
                if text is None:
                    said.unreadable.append(f"{name}, line {call.lineno}")
                else:
                    said.texts.setdefault(text, set()).add(name)
    return said


def our_sources() -> dict[str, str]:
    """The modules whose texts people read on Discord."""
    paths = [path for room in ("bot", "cogs") for path in sorted((ROOT / room).rglob("*.py"))]
    names = {path.relative_to(ROOT).as_posix(): path for path in paths}
    return {name: path.read_text("utf-8") for name, path in names.items() if not name.startswith(ENGLISH_ONLY)}


def _public_places(trees: Iterable[ast.Module]) -> dict[str, int]:
    """The callables that take a public sentence by position, and its position among the arguments."""
    places: dict[str, int] = {"BotError": 1}
    parents: dict[str, set[str]] = {}
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.ClassDef):
            parents[node.name] = {base.id for base in node.bases if isinstance(base, ast.Name)}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names = [argument.arg for argument in node.args.args if argument.arg not in ("self", "cls")]
            if "public" in names and node.name != "__init__":
                places[node.name] = names.index("public")
    while heirs := {name for name, bases in parents.items() if bases & places.keys()} - places.keys():
        places.update(dict.fromkeys(heirs, places["BotError"]))
    return places


def _texts(call: ast.Call, takes_public: dict[str, int], *, has_words: bool) -> Iterator[Text | None]:
    """The texts a call says; None for one that is not a literal."""
    owner, _, name = ast.unparse(call.func).rpartition(".")
    counts = name == "plural" and has_words and owner.rpartition(".")[2] in WORDS
    if counts or (name == "counted" and not owner):
        one, many = (_literal(argument) for argument in call.args[:2])
        yield None if one is None or many is None else (one, many)
    elif call.args and (name in COMMAND_TEXT or (name == "sentence" and not owner) or (name in WORDS and has_words)):
        yield _literal(call.args[0])
    public = [keyword.value for keyword in call.keywords if keyword.arg == "public"]
    if owner == "super()" and name == "__init__" and call.args and _literal(call.args[0]):
        public += call.args[1:2]
    elif name in takes_public:
        public += call.args[takes_public[name] :][:1]
    for value in public:
        yield from _public(value)


def _public(value: ast.expr) -> Iterator[str | None]:
    """Literals, also from both sides of a choice. Names and calls are somebody else's texts."""
    if isinstance(value, ast.IfExp):
        yield from _public(value.body)
        yield from _public(value.orelse)
    elif isinstance(value, ast.Constant | ast.JoinedStr | ast.BinOp):
        yield _literal(value)


def _literal(value: ast.expr) -> str | None:
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None


def catalogue_path(name: str) -> Path:
    return ROOT / "bot" / "locales" / name / "LC_MESSAGES" / f"{DOMAIN}.po"


def has_translation(message: Message) -> bool:
    """Fuzzy ones do not count: the text became another, for instance one that is counted."""
    strings = (message.string,) if isinstance(message.string, str | None) else message.string
    return all(strings) and not message.fuzzy


def write(path: Path, catalogue: Catalog) -> None:
    """With a header that does not change from day to day."""
    body = BytesIO()
    write_po(
        body, catalogue, width=118, omit_header=True, sort_by_file=True, ignore_obsolete=True, include_lineno=False
    )
    header = HEADER.format(language=catalogue.locale, plural_forms=catalogue.plural_forms)
    path.write_bytes(header.encode() + body.getvalue())


def read(name: str) -> Catalog:
    with catalogue_path(name).open("rb") as written:
        return read_po(written, locale=name)


def main() -> None:
    said = collect(our_sources())
    for place in said.unreadable:
        sys.stdout.write(f"{place}: the text is not a literal\n")
    template = Catalog()
    for text, names in sorted(said.texts.items(), key=str):
        template.add(text, locations=[(name, 0) for name in sorted(names)])
    for name in TRANSLATED.values():
        catalogue = read(name)
        catalogue.update(template, no_fuzzy_matching=True)
        write(catalogue_path(name), catalogue)
        missing = [message for message in catalogue if message.id and not has_translation(message)]
        sys.stdout.write(f"{name}: {len(said.texts)} texts, {len(missing)} to translate\n")
        for message in missing:
            sys.stdout.write(f"  {message.id!r}\n")


if __name__ == "__main__":
    main()
