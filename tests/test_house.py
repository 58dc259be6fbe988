"""The rules of the house that no linter sees. Each test lists every offender."""

import ast
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
LONGEST_MODULE_LINES = 400
NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers"}
MAY_START_PROCESSES = ("bot/media/", "bot/providers/offline/")
PRIVATE = {"text", "text_on_screen", "evidence", "jpeg", "pcm", "ogg", "waveform", "data", "speaker", "keywords"}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


TEXTS = {
    name_of(path): path.read_text(encoding="utf-8")
    for room in ("bot", "cogs")
    for path in sorted((ROOT / room).rglob("*.py"))
}
TREES = {name: ast.parse(text, filename=name) for name, text in TEXTS.items()}
VALUES = {name: tree for name, tree in TREES.items() if name.startswith("bot/domain/") or name.endswith("/base.py")}


def classes(trees: dict[str, ast.Module]) -> Iterator[tuple[str, ast.ClassDef]]:
    for name, tree in trees.items():
        yield from ((name, node) for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


def test_the_house_was_found() -> None:
    assert {"bot/domain/media.py", "bot/providers/base.py", "bot/__main__.py"} <= TEXTS.keys()
    assert len(list(classes(VALUES))) > 20


def test_a_module_opens_with_one_line_that_says_why_it_exists() -> None:
    def is_open(name: str) -> bool:
        first = (ast.get_docstring(TREES[name]) or "").partition("\n")[0]
        return len(first) > 10 and not first[0].islower() and TEXTS[name].startswith('"""')

    assert [name for name in TEXTS if not is_open(name)] == []


def test_a_module_can_be_read_to_the_end() -> None:
    assert [name for name, text in TEXTS.items() if text.count("\n") > LONGEST_MODULE_LINES] == []


def test_names_of_modules_and_rooms_say_something() -> None:
    assert [name for name in TEXTS if NAMES_THAT_SAY_NOTHING & set(Path(name).with_suffix("").parts)] == []


def test_no_import_of_our_own_hides_inside_a_function() -> None:
    hidden = [
        f"{name}, line {node.lineno}"
        for name, tree in TREES.items()
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom) and any(map(is_ours, imported_by(node)))
    ]
    assert hidden == []


def imported_by(node: ast.Import | ast.ImportFrom) -> Iterable[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return ["bot" if node.level else node.module or ""]


def is_ours(module: str) -> bool:
    return module.partition(".")[0] in {"bot", "cogs"}


def test_child_processes_start_only_where_their_limits_are_kept() -> None:
    starters = re.compile(r"create_subprocess_(exec|shell)|\bos\.(system|popen|fork|exec\w+|spawn\w+)\(|ProcessPool")
    assert [n for n, text in TEXTS.items() if starters.search(text) and not n.startswith(MAY_START_PROCESSES)] == []


def test_an_ignored_rule_carries_its_reason() -> None:
    ignore = re.compile(r"#\s*(?:noqa|pyright: ignore|type: ignore)(?::\s*[\w, ]+|\[[\w, ]+\])?")
    bare = [
        f"{name}, line {number}"
        for name, text in TEXTS.items()
        for number, line in enumerate(text.splitlines(), start=1)
        if ignore.search(line) and not re.search(r"[a-z]{3}", ignore.split(line, maxsplit=1)[1])
    ]
    assert bare == []


def test_values_are_frozen_slotted_and_keyword_only() -> None:
    loose = [
        f"{name}: {owner.name}"
        for name, owner in classes(VALUES)
        for decorator in owner.decorator_list
        if ast.unparse(decorator).startswith(("dataclass", "dataclasses.dataclass"))
        and not {"frozen", "slots", "kw_only"} <= arguments_of(decorator)
        and not (owner.name.startswith("_") and {"frozen", "slots"} <= arguments_of(decorator))
    ]
    assert loose == []


def arguments_of(decorator: ast.expr) -> set[str | None]:
    return {argument.arg for argument in decorator.keywords} if isinstance(decorator, ast.Call) else set()


def test_private_words_and_bytes_are_not_shown_by_a_value() -> None:
    """A traceback or a log line must not betray a person."""
    shown = [
        f"{name}: {owner.name}.{field.target.id}"
        for name, owner in classes(VALUES)
        for field in owner.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if field.target.id in PRIVATE and "repr=False" not in ast.unparse(field)
    ]
    assert shown == []


def test_every_room_has_a_sign_at_its_door_and_a_place_on_the_stairs() -> None:
    rooms = {Path(name).parent.as_posix() for name in TEXTS}
    assert sorted(room for room in rooms if f"{room}/__init__.py" not in TEXTS) == []
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    stairs = set(re.findall(r"[\w.]+", " ".join(contracts[0]["layers"])))
    top = {".".join(Path(name).with_suffix("").parts[:2]) for name in TEXTS if name.startswith("bot/")}
    assert sorted(top - stairs - {"bot.__init__"}) == []


def test_every_contract_says_why() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    assert [contract["name"] for contract in contracts if ", so " not in contract["name"]] == []


def test_each_dependency_says_its_licence_and_why_it_is_here() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)
    required = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    explained = re.findall(r'^  "([^"]+)", +# [\w.-]+: .+', text, re.MULTILINE)
    assert sorted(set(required) - set(explained)) == []


def test_the_ground_floor_is_complete_and_holds_no_code() -> None:
    wanted = """pyproject.toml uv.lock config.toml .env.example Makefile Dockerfile LICENSE README.md CONTRIBUTING.md
    CHANGELOG.md .ci/run bot cogs tests docs/decisions"""
    assert [name for name in wanted.split() if not (ROOT / name).exists()] == []
    assert [path.name for path in ROOT.glob("*.py")] == []


def test_every_page_for_people_stands_in_both_languages() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    pages.remove(ROOT / "docs/requirements.md")  # for contributors; it says so
    chinese = ".zh-CN.md"
    missing = [
        name_of(page)
        for page in pages
        if not page.name.endswith(chinese) and not page.with_name(f"{page.stem}{chinese}").is_file()
    ]
    assert missing == []


def test_the_targets_people_are_told_of_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):.*## ", makefile, re.MULTILINE))
    assert targets == {"help", "setup", "demo", "test", "check", "audit", "bench", "run", "clean"}
    assert re.search(r"^exec make .*\bcheck$", (ROOT / ".ci/run").read_text(encoding="utf-8"), re.MULTILINE)
