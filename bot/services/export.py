"""What is kept of a person as files they can read: JSON for programs, Markdown for people."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from bot.domain.clock import clock_time
from bot.domain.conversation import ClipRef, ConversationKey, MessageRef, Turn
from bot.domain.moment_text import window
from bot.domain.recollection import Fact, HeldClip, Holdings, Summary
from bot.domain.records import ExportPart, HeldRecord
from bot.domain.sentence import sentence
from bot.locales import Catalogue
from bot.pipeline.export import moment_as_json, notice_as_json

SCHEMA = 1
"""Raised when a name in the JSON changes its meaning or goes; names may be added."""

BESIDES = (
    sentence("Search words of all this, and vectors where a model makes them, so that it can be found."),
    sentence("Links between these answers and the messages that show them, and which attachment holds which clip."),
    sentence("Whose words answers rest on, so that they can be found when somebody wants theirs forgotten."),
    sentence("Copies of clips for a second look, for a short time, and copies of the database from before upgrades."),
    sentence("Message numbers of finished questions, for a day, so that none is answered twice."),
    sentence(
        "Of unfinished questions: what models gave so far, what was posted and which files were opened, until they end."
    ),
    sentence("What your questions of today and yesterday cost together, under a digest that does not name you."),
    sentence("That you are blocked, if you are; whoever runs this bot decides that."),
)
"""What is kept of all this in other forms; it is forgotten with it."""

_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb\U000e0000-\U000e0fff]"
)
_LINE_END = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_EVERYBODY = re.compile(r"@(everyone|here)", re.IGNORECASE)
_MARK = re.compile(r"[\\`*_{}\[\]<>()#+|~@&!$=:.-]")


Parts = Sequence[tuple[str, ExportPart]]
"""What plugins hold besides their records, each with the name of its plugin."""


def export_json(holdings: Holdings, parts: Parts = ()) -> bytes:
    """UTF-8. Ids are strings, because they do not fit the numbers of JavaScript; times are ISO 8601 in UTC."""
    shape = {
        "schema": SCHEMA,
        "person_id": str(holdings.person_id),
        "turns": [_turn(turn) for turn in holdings.turns],
        "facts": [_fact(fact) for fact in holdings.facts],
        "clips": [_clip(clip) for clip in holdings.clips],
        "summaries": [_summary(summary) for summary in holdings.summaries],
        "waiting": list(holdings.waiting),
        "choices": [
            {"kind": kind, "is_given": is_given, "chosen_at": _time(chosen_at)}
            for kind, is_given, chosen_at in holdings.consents
        ],
        "plugins": [_held(held) for held in holdings.plugins],
        "plugin_parts": [{"plugin": plugin, "title": part.title, "lines": list(part.lines)} for plugin, part in parts],
        "kept_besides": list(BESIDES),
    }
    return (json.dumps(shape, ensure_ascii=False, indent=2) + "\n").encode()


def export_markdown(holdings: Holdings, words: Catalogue, parts: Parts = ()) -> bytes:
    """UTF-8. Words of people and models are quoted, and nothing in them is live: no link, no mention, no markup."""
    sections = (
        (words("Questions and answers"), [_turn_lines(turn, words) for turn in holdings.turns]),
        (words("Waiting to be answered"), [_quoted(question) for question in holdings.waiting]),
        (words("Pinned facts"), [_fact_lines(fact, words) for fact in holdings.facts]),
        (words("Clips"), [_clip_lines(clip, words) for clip in holdings.clips]),
        (words("Summaries"), [_summary_lines(summary, words) for summary in holdings.summaries]),
        (words("Choices"), [[_choice(*choice, words)] for choice in holdings.consents]),
        (
            words("Kept by plugins"),
            [
                *(_held_lines(held, words) for held in holdings.plugins),
                *(_part_lines(plugin, part, words) for plugin, part in parts),
            ],
        ),
        (words("Kept besides, and forgotten with it"), [[f"- {words.of(what)}"] for what in BESIDES]),
    )
    lines = [f"# {words('Everything that is kept of you')}"]
    for title, entries in sections:
        lines += ["", f"## {title}", ""]
        lines += _joined(entries) or [words("Nothing.")]
    return ("\n".join(lines) + "\n").encode("utf-8", "replace")


def _turn(turn: Turn) -> dict[str, Any]:
    return {
        "job_id": turn.job_id,
        **_place(turn.key),
        "asked_at": _time(turn.asked_at),
        "name": turn.asker_name,
        "question": turn.question,
        "was_heard": turn.was_heard,
        "answer": turn.answer,
        "follows": turn.follows,
        "source": None if turn.source is None else _message(turn.source),
        "clips": [_clip_ref(clip) for clip in turn.clips],
        "notices": [notice_as_json(notice) for notice in turn.notices],
        "usages": [asdict(usage) for usage in turn.usages],
    }


def _clip_ref(clip: ClipRef) -> dict[str, Any]:
    source = clip.source
    return {
        "sha256": clip.sha256,
        "channel_id": str(source.channel_id),
        "message_id": str(source.message_id) if source.message_id else None,
        "attachment_id": str(source.attachment_id),
        "url": source.url,
        "size_bytes": source.size_bytes,
        "is_voice_message": source.is_voice_message,
    }


def _fact(fact: Fact) -> dict[str, Any]:
    return {"fact_id": str(fact.fact_id), **_place(fact.key), "said_at": _time(fact.said_at), "text": fact.text}


def _clip(clip: HeldClip) -> dict[str, Any]:
    return {
        "sha256": clip.sha256,
        "duration_seconds": clip.duration_seconds,
        "was_posted": clip.was_posted,
        "moments": [moment_as_json(moment) for moment in clip.moments],
    }


def _summary(summary: Summary) -> dict[str, Any]:
    """Text None: it rests on others' words as well."""
    times = {"from_at": _time(summary.from_at), "through_at": _time(summary.through_at)}
    return {**_place(summary.key), **times, "text": summary.text or None}


def _held(held: HeldRecord) -> dict[str, Any]:
    """Place None: it belongs to no place."""
    record = held.record
    return {
        "plugin": held.plugin,
        "table": record.table,
        "kept_at": _time(record.kept_at),
        "place": None if record.key is None else _place(record.key),
        "value": record.value,
    }


def _place(key: ConversationKey) -> dict[str, str | None]:
    return {
        "server_id": None if key.server_id is None else str(key.server_id),
        "channel_id": str(key.channel_id),
    }


def _message(message: MessageRef) -> dict[str, str]:
    return {"channel_id": str(message.channel_id), "message_id": str(message.message_id)}


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def _turn_lines(turn: Turn, words: Catalogue) -> list[str]:
    lines = [f"### {_where(turn.asked_at, turn.key, words)}", ""]
    if turn.asker_name:
        lines += [words("As {name}", name=_dead(turn.asker_name)), ""]
    asked = words("Asked aloud:") if turn.was_heard else words("Asked:")
    for title, said in ((asked, turn.question), (words("Answered:"), turn.answer)):
        if said:
            lines += [title, "", *_quoted(said), ""]
    lines += [f"- {words('Clip')} `{clip.sha256}`" for clip in turn.clips]
    return lines


def _fact_lines(fact: Fact, words: Catalogue) -> list[str]:
    return [f"### {_where(fact.said_at, fact.key, words)}", "", *_quoted(fact.text)]


def _clip_lines(clip: HeldClip, words: Catalogue) -> list[str]:
    length = "" if clip.duration_seconds is None else f" ({clock_time(clip.duration_seconds)})"
    posted = words("You posted it.") if clip.was_posted else words("You asked about it; somebody else posted it.")
    moments = [
        f"- {window(moment)} {moment.kind.value} {_dead(_spoken(moment.speaker, moment.text))}".rstrip()
        for moment in clip.moments
    ]
    return [f"### `{clip.sha256}`{length}", "", posted, "", *moments]


def _summary_lines(summary: Summary, words: Catalogue) -> list[str]:
    title = f"### {_where(summary.from_at, summary.key, words)} – {_minute(summary.through_at)}"
    hidden = words("It rests on words of others as well, so it is not shown here.")
    return [title, "", *(_quoted(summary.text) if summary.text else [hidden])]


def _held_lines(held: HeldRecord, words: Catalogue) -> list[str]:
    record = held.record
    value = "\n".join(f"{name}: {_as_text(inner)}" for name, inner in record.value.items())
    title = f"### {_where(record.kept_at, record.key, words)}"
    return [title, "", f"{_dead(held.plugin)}, {_dead(record.table)}", "", *_quoted(value)]


def _part_lines(plugin: str, part: ExportPart, words: Catalogue) -> list[str]:
    title = f"### {_dead(plugin)}: {_dead(words.of(part.title))}"
    return [title, "", *_quoted("\n".join(words.of(line) for line in part.lines))]


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _choice(kind: str, is_given: bool, chosen_at: datetime, words: Catalogue) -> str:
    return f"- `{kind}`: {words('yes') if is_given else words('no')} ({_minute(chosen_at)})"


def _where(at: datetime, key: ConversationKey | None, words: Catalogue) -> str:
    if key is None:
        return _minute(at)
    if key.server_id is None:
        return words("{time}, direct message {channel}", time=_minute(at), channel=key.channel_id)
    return words(
        "{time}, server {server}, channel {channel}", time=_minute(at), server=key.server_id, channel=key.channel_id
    )


def _minute(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _spoken(speaker: str | None, text: str) -> str:
    return f"{speaker}: {text}" if speaker else text


def _quoted(text: str) -> list[str]:
    """A block quote, line by line."""
    lines = _LINE_END.sub("\n", text).split("\n")
    return [f"> {_dead(line)}  " if line.strip() else ">" for line in lines]


def _dead(text: str) -> str:
    """One line of the words as they are."""
    line = " ".join(_HIDDEN.sub("", _LINE_END.sub("\n", text)).split())
    parts = _EVERYBODY.split(line)  # every second is a name that was found
    return "".join(f"@`{part}`" if at % 2 else _MARK.sub(r"\\\g<0>", part) for at, part in enumerate(parts))


def _joined(entries: Sequence[Iterable[str]]) -> list[str]:
    """Entries of several lines stand apart, entries of one line below each other."""
    lines: list[str] = []
    for entry in map(list, entries):
        if lines and len(entry) > 1:
            lines.append("")
        lines += entry
    return lines
