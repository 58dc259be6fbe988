"""The parts of docs/plugins.md that are made from the code; `python -m tests.plugin_docs` writes them anew."""

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

from babel.messages.pofile import read_po

import bot.hooks
from bot.hooks.specs import DOORS, Door, HookKind, Specs

ROOT = Path(__file__).parent.parent
PAGES = {"": ROOT / "docs/plugins.md", "zh": ROOT / "docs/plugins.zh-CN.md"}

with (ROOT / "tests/plugin_docs.zh_CN.po").open("rb") as written:
    CHINESE = {str(message.id): str(message.string) for message in read_po(written, locale="zh_CN") if message.id}

GROUPS = {
    "The plugin and its handle": "Plugin hookimpl Permission PluginSettings Key Language ServerAddress Kibitz "
    "RecordTable Records Record Catalogue",
    "Where and for whom": "Occasion Surface ConversationKey MediaSource",
    "Questions and answers": "Received Question QuestionSource Prompt Tool ToolCall ToolResult AnswerMode",
    "Pictures and sound": "MediaProbe MediaKind VideoStream AudioStream Frame FrameReason AudioChunk Silence",
    "What is known of a clip": "Caption Segment Transcript Seen Heard Moment MomentKind Timeline Notice NoticeCode",
    "Models": "Captioner CaptionRequest CaptionBatch Transcriber TranscriptRequest TranscriptPiece ChatModel "
    "AnswerDelta AnswerEnd FinishReason Synthesizer SpeechRequest SpeechEnd Fusion Usage Role",
    "Commands and tools": "SlashCommand CommandOption OptionKind CommandCall ModelTool",
    "Voice channels": "HeardUtterance VoiceTurn",
    "Events of jobs": "JobEvent RunStarted RunEnded Outcome StageStarted StageProgress StageEnded Stage MediaProbed "
    "ModeChosen CostEstimated UsageRecorded NoticeRaised ProviderChanged FirstToken FirstSentence FirstAudio",
    "Forgetting and export": "Forgetting ExportPart",
    "Errors": "BotError PluginError ProviderError ProviderCategory request_failed",
    "Texts and evidence": "sentence counted Sentence moment_line prompt_with_lines prompt_with_rule",
}
KINDS = {
    HookKind.OFFER: "offers",
    HookKind.SCREEN: "may refuse",
    HookKind.EDIT: "changes a value",
    HookKind.WATCH: "watches",
    HookKind.EXPORT: "gives a part",
}
WAITED_FOR = {"on_start", "on_stop", "on_forget"}


def made(part: str, language: str) -> str:
    """The text of a part of the page."""
    say = _say(language)
    return {"hooks": _hooks, "values": _values}[part](say)


def spliced(text: str, language: str) -> str:
    """A page with its made parts as they are now."""
    for part in ("hooks", "values"):
        begin, end = f"<!-- {part}: python -m tests.plugin_docs -->", f"<!-- /{part} -->"
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = f"{before}{begin}\n\n{made(part, language)}\n{end}{after}"
    return text


def untranslated() -> list[str]:
    """English texts of these parts without Chinese."""
    texts = [*GROUPS, *KINDS.values(), *FIXED, *map(_docstring, DOORS)]
    return [text for text in texts if text not in CHINESE]


def _say(language: str) -> Callable[[str], str]:
    return (lambda text: CHINESE.get(text, text)) if language else (lambda text: text)


FIXED = (
    "never waited for",
    "at most {seconds:g} s",
    "in a voice channel `[plugins] voice_seconds`",
    "needs {permissions}",
    "needs no permission",
)


def _hooks(say: Callable[[str], str]) -> str:
    return "\n".join(
        f"### {name}\n\n{_facts(door, say)}\n\n{_signature(name)}\n\n{say(_docstring(name))}\n"
        for name, door in DOORS.items()
    )


def _facts(door: Door, say: Callable[[str], str]) -> str:
    facts = [f"*{say(KINDS[door.kind])}*", say("at most {seconds:g} s").format(seconds=door.seconds)]
    if door.kind is HookKind.WATCH and door.name not in WAITED_FOR:
        facts.insert(1, say("never waited for"))
    if door.is_live:
        facts.append(say("in a voice channel `[plugins] voice_seconds`"))
    names = ", ".join(f"`{permission.value}`" for permission in sorted(door.needs))
    facts.append(say("needs {permissions}").format(permissions=names) if names else say("needs no permission"))
    return " · ".join(facts)


def _docstring(name: str) -> str:
    return " ".join((inspect.getdoc(getattr(Specs, name)) or "").split())


def _signature(name: str) -> str:
    source = textwrap.dedent(inspect.getsource(getattr(Specs, name)))
    [function] = ast.parse(source).body
    assert isinstance(function, ast.AsyncFunctionDef)
    head = "\n".join(_head(function, source.splitlines()))
    return f"```python\n@hookimpl\n{head.removesuffix(':')}: ...\n```"


def _head(function: ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]) -> list[str]:
    """The lines from `def` to before its body, without what is told to checkers."""
    first = function.body[0]
    until = max(function.lineno, first.lineno - 1)
    head = lines[function.lineno - 1 : until]
    if first.lineno == function.lineno:
        head = [head[0][: first.col_offset].rstrip()]
    return [re.sub(r"\s*# (pyright|noqa|type).*", "", line) for line in head]


def _values(say: Callable[[str], str]) -> str:
    return "\n".join(
        f"### {say(group)}\n\n```python\n{chr(10).join(_value(name) for name in names.split())}```\n"
        for group, names in GROUPS.items()
    )


def _value(name: str) -> str:
    value = getattr(bot.hooks, name)
    if inspect.isclass(value):
        return _class(value)
    if inspect.isfunction(value):
        source = inspect.getsource(value)
        [function] = ast.parse(source).body
        assert isinstance(function, ast.FunctionDef)
        return "\n".join(_shown(function, source.splitlines(), "")) + "\n"
    return ALIASES[name] + "\n"


ALIASES = {
    "Key": "Key  # a secret in settings; .get_secret_value() gives it",
    "Language": "Language  # a language in settings, as a BCP 47 tag",
    "ServerAddress": "ServerAddress  # the address of a server in settings, http:// or https://",
    "hookimpl": "hookimpl  # above a method: this is the hook of that name; @hookimpl(tryfirst=True) or (trylast=True)",
}

NOT_MADE = {"Kibitz", "Records"}
"""Whoever writes a plugin is given these."""

ATTRIBUTES = {
    "Kibitz": ("name: str", "log: logging.Logger"),
    "Plugin": ("kibitz: Kibitz", "settings: PluginSettings"),
    "BotError": ("code: str", "public: Sentence"),
}
"""What is set where a class is made."""

SPELT_OUT = {
    "OptionValue": "str | int | float | bool",
    "Arguments": "Mapping[str, object]",
    "RecordValue": "Mapping[str, object]",
    "_MOST_FOUND": "100",
    "Section": "pydantic.BaseModel",
}
"""Names of ours that stand for something else."""


def _class(kind: type) -> str:
    source = textwrap.dedent(inspect.getsource(kind))
    [node] = ast.parse(source).body
    assert isinstance(node, ast.ClassDef)
    lines = source.splitlines()
    shown = [lines[node.lineno - 1]]
    for item in node.body:
        if not (kind.__name__ in NOT_MADE and isinstance(item, ast.FunctionDef) and item.name == "__init__"):
            shown += _item(item, lines)
    if len(shown) == 1:
        shown.append("    ...")
    text = "\n".join([*shown, *(f"    {line}" for line in ATTRIBUTES.get(kind.__name__, ()))]) + "\n"
    for name, meaning in SPELT_OUT.items():
        text = re.sub(rf"\b{name}\b", meaning, text)
    return text


def _item(item: ast.stmt, lines: list[str]) -> Iterator[str]:
    """What of the body of a class an author can use."""
    text = lines[item.lineno - 1 : item.end_lineno]
    if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef):
        if item.name == "__init__" or item.name == "__call__" or not item.name.startswith("_"):
            yield from _shown(item, lines, "    ")
    elif isinstance(item, ast.AnnAssign | ast.Assign) and not _targets(item)[0].startswith("_"):
        yield from (_plain(line) for line in text)
    elif isinstance(item, ast.Expr):
        yield from text


def _targets(item: ast.AnnAssign | ast.Assign) -> list[str]:
    targets = [item.target] if isinstance(item, ast.AnnAssign) else item.targets
    return [ast.unparse(target) for target in targets]


def _shown(function: ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str], indent: str) -> Iterator[str]:
    for decorator in function.decorator_list:
        if ast.unparse(decorator) in {"property", "classmethod"}:
            yield f"{indent}@{ast.unparse(decorator)}"
    head = _head(function, lines)
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        yield from head
        yield from lines[first.lineno - 1 : first.end_lineno]
    else:
        yield from head[:-1]
        yield f"{head[-1]} ..."


def _plain(line: str) -> str:
    """A field as whoever makes the value needs it: its default, not how it is shown."""
    line = re.sub(r" = field\(repr=False\)$", "", line)
    line = re.sub(r" = field\(default=(.*), repr=False\)$", r" = \1", line)
    return re.sub(r"\s*# (pyright|noqa|type).*", "", line)


def main() -> None:
    for language, path in PAGES.items():
        path.write_text(spliced(path.read_text(encoding="utf-8"), language), encoding="utf-8")
    for text in untranslated():
        sys.stdout.write(f"without Chinese: {text!r}\n")


if __name__ == "__main__":
    main()
