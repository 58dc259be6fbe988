"""Timelines as people and programs read them; words from a clip cannot break the format."""

import json

from bot.domain.timeline import Moment, MomentKind, Notice, NoticeCode, Timeline
from bot.pipeline.export import as_json, as_markdown, as_srt, as_text, as_vtt

TIMELINE = Timeline(
    duration_seconds=3700.5,
    moments=(
        Moment(kind=MomentKind.SEEN, start_seconds=0, end_seconds=3, text="a | red *card*"),
        Moment(kind=MomentKind.HEARD, start_seconds=3661.25, end_seconds=3662, text="one\n\n2 --> <b>3</b>"),
        Moment(kind=MomentKind.CUT, start_seconds=3662, end_seconds=3662),
        Moment(kind=MomentKind.TEXT, start_seconds=3663, end_seconds=3663, text="SALE"),
        Moment(kind=MomentKind.TONE, start_seconds=3664, end_seconds=3665, text="excited", speaker="Ann"),
        Moment(kind=MomentKind.SOUND, start_seconds=3664, end_seconds=3666, text="laughter"),
    ),
    notices=(Notice(code=NoticeCode.NO_SPEECH, public="No speech."),),
)


def test_text_has_a_line_per_moment() -> None:
    assert as_text(TIMELINE).splitlines() == [
        "[00:00.0–00:03.0] SEEN a | red *card*",
        "[1:01:01.2–1:01:02.0] HEARD one / 2 --> <b>3</b>",
        "[1:01:02.0] CUT",
        "[1:01:03.0] TEXT SALE",
        "[1:01:04.0–1:01:05.0] TONE Ann: excited",
        "[1:01:04.0–1:01:06.0] SOUND laughter",
        "[--] NOTICE No speech.",
    ]


def test_srt_has_whole_cues_only() -> None:
    cues = as_srt(TIMELINE).split("\n\n")
    assert cues[1] == "2\n01:01:01,250 --> 01:01:02,000\none\n2 → <b>3</b>"
    assert cues[2].strip() == "3\n01:01:03,000 --> 01:01:03,500\n[SALE]"
    assert [cue.strip().splitlines()[-1] for cue in cues[3:]] == ["(Ann: excited)", "[laughter]"]


def test_vtt_escapes_markup() -> None:
    text = as_vtt(TIMELINE)
    assert text.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:03.000\n[a | red *card*]\n")
    assert "&lt;b&gt;3&lt;/b&gt;" in text
    assert text.count("-->") == 5


def test_markdown_keeps_its_table() -> None:
    rows = [row for row in as_markdown(TIMELINE).splitlines() if row.startswith("|")]
    assert all(row.replace("\\|", "").count("|") == 4 for row in rows)
    assert len(rows) == 2 + len(TIMELINE.moments)


def test_json_is_the_contract() -> None:
    shape = json.loads(as_json(TIMELINE))
    assert shape["timeline"][1] == {
        "kind": "heard",
        "start_seconds": 3661.25,
        "end_seconds": 3662,
        "text": "one\n\n2 --> <b>3</b>",
    }
    assert shape["timeline"][-1] == {
        "kind": "sound",
        "start_seconds": 3664,
        "end_seconds": 3666,
        "text": "laughter",
    }
    assert shape["notices"] == [{"code": "no_speech", "text": "No speech."}]


def test_an_empty_timeline_is_empty_everywhere() -> None:
    empty = Timeline(duration_seconds=0)
    assert (as_text(empty), as_srt(empty)) == ("", "")
    assert as_vtt(empty) == "WEBVTT\n"
