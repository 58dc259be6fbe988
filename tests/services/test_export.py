"""What is kept of a person as files: complete, readable by programs and people, and with nothing live in it."""

import json
from dataclasses import fields, replace
from typing import Any

import pytest

from bot.database.tables import Base
from bot.domain.answer import Usage
from bot.domain.conversation import ClipRef, MediaSource
from bot.domain.recollection import Fact, HeldClip, Holdings, Summary
from bot.domain.records import ExportPart, HeldRecord, Record
from bot.domain.role import Role
from bot.domain.timeline import Moment, MomentKind, Notice, NoticeCode
from bot.locales import catalogue
from bot.services.export import export_json, export_markdown

from ..database.material import BIGGEST_ID, DIRECT, HERE, NOON, clip, message, minutes, turn

ENGLISH = catalogue("en-US")
ALICE = BIGGEST_ID
RECORD = Record(
    record_id=8,
    table="tones",
    value={"tone": "glad", "at": [1.5]},
    key=HERE,
    person_id=ALICE,
    job_id=None,
    kept_at=NOON,
)
FULL = Holdings(
    person_id=ALICE,
    turns=(
        turn(
            1,
            asker_id=ALICE,
            asker_name="Alice",
            question="What is it?",
            answer="A cat at 0:42.\nNothing else.",
            was_heard=True,
            follows="f" * 12,
            source=message(1),
            clips=(clip(1), ClipRef(sha256="c" * 64, source=replace(clip(2).source, message_id=0))),
            notices=(Notice(code=NoticeCode.NO_SOUND, public="The clip has no sound."),),
            usages=(Usage(role=Role.CHAT, provider="openai", model="m", input_tokens=3, cost_usd=0.5),),
        ),
        turn(2, DIRECT, asker_id=ALICE, answer=""),
    ),
    facts=(Fact(key=HERE, author_id=ALICE, said_at=NOON, text="We meet on Mondays", fact_id=7),),
    clips=(
        HeldClip(
            sha256="a" * 64,
            duration_seconds=62.5,
            was_posted=True,
            moments=(
                Moment(kind=MomentKind.HEARD, start_seconds=1.0, end_seconds=2.5, text="Hello", speaker="Bob"),
                Moment(kind=MomentKind.CUT, start_seconds=3.0, end_seconds=3.0),
            ),
        ),
        HeldClip(sha256="b" * 64, duration_seconds=None, was_posted=False),
    ),
    summaries=(
        Summary(key=HERE, from_at=NOON, through_at=NOON + minutes(5), text="They talked."),
        Summary(key=HERE, from_at=NOON, through_at=NOON + minutes(9), text=""),
    ),
    waiting=("And the dog?",),
    consents=(("memory", True, NOON),),
    plugins=(
        HeldRecord(plugin="emotion", record=RECORD),
        HeldRecord(plugin="focus", record=replace(RECORD, key=None, value={})),
    ),
)

SHOWN = {
    "turns": "turns",
    "turn_clips": "turns",
    "facts": "facts",
    "clips": "clips",
    "findings": "clips",
    "summaries": "summaries",
    "asks": "waiting",
    "consents": "choices",
    "plugin_records": "plugins",
}
NAMED = {
    "passages": "Search words",
    "vectors": "vectors",
    "digests": "which attachment",
    "replies": "messages that show them",
    "turn_people": "Whose words",
    "summary_marks": "Whose words",
    "steps": "what models gave so far",
    "jobs": "what models gave so far",
    "posts": "what was posted",
    "opened_files": "which files were opened",
    "spending": "cost together",
    "bookings": None,  # of calls, of which none says whose it was
    "quarantine": None,  # of files, of which none says whose it was
    "blocks": "you are blocked",
    "standing": None,  # of the bot
    "place_settings": None,  # of places, not of people
}


def read(holdings: Holdings) -> dict[str, Any]:
    return json.loads(export_json(holdings))


def test_every_table_is_shown_or_named() -> None:
    assert set(Base.metadata.tables) == SHOWN.keys() | NAMED.keys()
    shape = read(FULL)
    assert [table for table, part in SHOWN.items() if not shape[part]] == []
    besides = " ".join(shape["kept_besides"])
    assert [table for table, name in NAMED.items() if name is not None and name not in besides] == []


def test_every_field_of_the_holdings_is_in_both_files() -> None:
    empty = Holdings(person_id=ALICE)
    for field in fields(Holdings):
        if field.name != "person_id":
            alone = replace(empty, **{field.name: getattr(FULL, field.name)})
            assert read(alone) != read(empty), field.name
            assert export_markdown(alone, ENGLISH) != export_markdown(empty, ENGLISH), field.name


def test_json_is_for_programs() -> None:
    shape = read(FULL)
    assert (shape["schema"], shape["person_id"]) == (1, str(ALICE))
    asked, private = shape["turns"]
    assert asked["asked_at"] == "2026-11-25T12:01:00+00:00"
    assert (asked["question"], asked["answer"]) == ("What is it?", "A cat at 0:42.\nNothing else.")
    assert (asked["server_id"], private["server_id"]) == (str(HERE.server_id), None)
    assert asked["source"] == {"channel_id": str(HERE.channel_id), "message_id": str(message(1).message_id)}
    assert [one["message_id"] for one in asked["clips"]] == [str(clip(1).source.message_id), None]
    assert asked["usages"][0]["cost_usd"] == 0.5
    assert asked["notices"] == [{"code": "no_sound", "text": "The clip has no sound."}]
    assert shape["facts"][0]["fact_id"] == "7"
    assert shape["clips"][0]["moments"][0]["speaker"] == "Bob"
    assert [one["text"] for one in shape["summaries"]] == ["They talked.", None]
    assert shape["plugins"][0] == {
        "plugin": "emotion",
        "table": "tones",
        "kept_at": "2026-11-25T12:00:00+00:00",
        "place": {"server_id": str(HERE.server_id), "channel_id": str(HERE.channel_id)},
        "value": {"tone": "glad", "at": [1.5]},
    }
    assert shape["plugins"][1]["place"] is None
    assert shape["choices"] == [{"kind": "memory", "is_given": True, "chosen_at": "2026-11-25T12:00:00+00:00"}]


def test_markdown_is_for_people() -> None:
    page = export_markdown(FULL, ENGLISH).decode()
    for line in (
        "# Everything that is kept of you",
        f"### 2026-11-25 12:01 UTC, server {HERE.server_id}, channel {HERE.channel_id}",
        f"### 2026-11-25 12:02 UTC, direct message {DIRECT.channel_id}",
        "> What is it?  ",
        "> Nothing else\\.  ",
        f"### `{'a' * 64}` (1:02)",
        "- 00:01.0–00:02.5 heard Bob\\: Hello",
        "- `memory`: yes (2026-11-25 12:00 UTC)",
        "## Kept by plugins",
        "emotion, tones",
        "> tone\\: glad  ",
        "> at\\: \\[1\\.5\\]  ",
        "### 2026-11-25 12:00 UTC",
        "It rests on words of others as well, so it is not shown here.",
    ):
        assert line in page.splitlines(), line


def test_what_plugins_hold_besides_is_in_both_files() -> None:
    part = ExportPart(title="Voice", lines=("How loud, in *numbers*.", "How high."))
    nothing = Holdings(person_id=ALICE)
    shape = json.loads(export_json(nothing, [("emotion", part)]))
    assert shape["plugin_parts"] == [{"plugin": "emotion", "title": "Voice", "lines": list(part.lines)}]
    page = export_markdown(nothing, ENGLISH, [("emotion", part)]).decode()
    assert "### emotion: Voice\n\n> How loud, in \\*numbers\\*\\.  \n> How high\\.  \n" in page


def test_where_nothing_is_kept_it_says_so() -> None:
    page = export_markdown(Holdings(person_id=ALICE), ENGLISH).decode()
    assert page.count("\nNothing.\n") == 7


def test_markdown_speaks_the_readers_language() -> None:
    page = export_markdown(FULL, catalogue("zh-CN")).decode()
    english = {"Everything that is kept of you", "Questions and answers", "Nothing.", "Pinned facts"}
    assert [words for words in english if words in page] == []


@pytest.mark.parametrize(
    ("words", "quoted"),
    [
        ("<@123> @everyone @Here", "\\<\\@123\\> @`everyone` @`Here`"),
        ("https://evil.example/x?a=b", "https\\://evil\\.example/x?a\\=b"),
        ("[click](www.evil.example)", "\\[click\\]\\(www\\.evil\\.example\\)"),
        ("![x](y) # T | c", "\\!\\[x\\]\\(y\\) \\# T \\| c"),
        ("a@b.example", "a\\@b\\.example"),
        ("1. one", "1\\. one"),
        ("```code```", "\\`\\`\\`code\\`\\`\\`"),
        ("<script>alert(1)</script>", "\\<script\\>alert\\(1\\)\\</script\\>"),
        ("a\u202eb\u200bc\x07d", "abcd"),
        ("&lt;b&gt;", "\\&lt;b\\&gt;"),
    ],
)
def test_nothing_in_the_words_is_live(words: str, quoted: str) -> None:
    source = MediaSource(channel_id=1, message_id=2, attachment_id=3, url=words, size_bytes=4)
    asked = turn(1, question=words, answer=words, asker_name=words, clips=(ClipRef(sha256="a" * 64, source=source),))
    moment = Moment(kind=MomentKind.SEEN, start_seconds=0.0, end_seconds=1.0, text=words, speaker=words)
    held = HeldClip(sha256="a" * 64, duration_seconds=1.0, was_posted=True, moments=(moment,))
    fact = Fact(key=HERE, author_id=1, said_at=NOON, text=words)
    summary = Summary(key=HERE, from_at=NOON, through_at=NOON, text=words)
    record = HeldRecord(plugin=words, record=replace(RECORD, table=words, value={words: words}))
    holdings = Holdings(
        person_id=1,
        turns=(asked,),
        facts=(fact,),
        clips=(held,),
        summaries=(summary,),
        waiting=(words,),
        plugins=(record,),
    )
    page = export_markdown(holdings, ENGLISH).decode()
    assert page.count(quoted) == 12
    assert words not in page
    assert f"> {quoted}  " in page.splitlines()


def test_a_line_end_of_any_kind_stays_in_the_quote() -> None:
    words = "one\r\ntwo\u2028# three\n\n> four\v- five"
    page = export_markdown(Holdings(person_id=1, waiting=(words,)), ENGLISH).decode()
    lines = [line for line in page.splitlines() if line.startswith(">")]
    assert lines == ["> one  ", "> two  ", "> \\# three  ", ">", "> \\> four  ", "> \\- five  "]
