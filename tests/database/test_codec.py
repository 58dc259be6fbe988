"""Values to JSON and back: equal, still translatable, and calm about what another version wrote."""

import json
from dataclasses import is_dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, get_args, get_origin, get_type_hints

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.database.codec import (
    read_ask,
    read_heard,
    read_notices,
    read_probe,
    read_seen,
    read_usages,
    to_json,
)
from bot.domain.answer import Usage
from bot.domain.ask import Ask
from bot.domain.media import MediaProbe
from bot.domain.sentence import Sentence, counted, sentence
from bot.domain.timeline import Notice, NoticeCode
from bot.domain.understanding import Heard, Seen

from .material import ask, source

ZONES = st.sampled_from([UTC, timezone(timedelta(hours=8)), timezone(timedelta(hours=-3, minutes=-30))])


def any_of(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a type; fields that have a default are drawn, too. Floats are numbers, times have a zone."""
    if hint is float:
        return st.floats(allow_nan=False, allow_infinity=False)
    if hint is datetime:
        return st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=ZONES)
    if is_dataclass(hint):
        return st.builds(hint, **{name: any_of(inner) for name, inner in get_type_hints(hint).items()})
    if get_origin(hint) is tuple:
        return st.lists(any_of(get_args(hint)[0]), max_size=3).map(tuple)
    if get_args(hint):
        return st.one_of(*map(any_of, get_args(hint)))
    return st.from_type(hint)


@settings(deadline=None)
@given(any_of(Seen))
def test_what_was_seen_comes_back_equal(seen: Seen) -> None:
    assert read_seen(to_json(seen)) == seen


@settings(deadline=None)
@given(any_of(Heard))
def test_what_was_heard_comes_back_equal(heard: Heard) -> None:
    assert read_heard(to_json(heard)) == heard


@settings(deadline=None)
@given(any_of(MediaProbe))
def test_facts_come_back_equal(probe: MediaProbe) -> None:
    assert read_probe(to_json(probe)) == probe


@settings(deadline=None)
@given(any_of(tuple[Usage, ...]), any_of(tuple[Notice, ...]))
def test_usages_and_notices_come_back_equal(usages: tuple[Usage, ...], notices: tuple[Notice, ...]) -> None:
    assert read_usages(to_json(usages)) == usages
    assert read_notices(to_json(notices)) == notices


@settings(deadline=None)
@given(any_of(Ask))
def test_an_ask_comes_back_equal_and_in_utc(wanted: Ask) -> None:
    read = read_ask(to_json(wanted))
    assert read == wanted
    assert read is not None
    assert read.asked_at.utcoffset() is not None
    assert not read.asked_at.utcoffset()


def test_a_sentence_comes_back_as_one() -> None:
    said = sentence(
        "{who}: {gap}",
        who=Sentence.of("captions"),
        gap=counted("{n} frame of {whole:.1f} s", "{n} frames of {whole:.1f} s", 3, whole=2.25),
    )
    (notice,) = read_notices(to_json((Notice(code=NoticeCode.CAPTIONS_MISSING, public=said),)))
    assert notice.public == "captions: 3 frames of 2.2 s"
    assert isinstance(notice.public, Sentence)
    assert notice.public.template == "{who}: {gap}"
    gap = notice.public.values["gap"]
    assert isinstance(gap, Sentence)
    assert gap.plural == ("{n} frames of {whole:.1f} s", 3)
    assert isinstance(notice.public.values["who"], Sentence)


def test_a_sentence_made_of_what_json_cannot_write_comes_back_as_text() -> None:
    said = sentence("among {these}", these=[1, 2])
    (notice,) = read_notices(to_json((Notice(code=NoticeCode.OFFLINE, public=said),)))
    assert notice.public == "among [1, 2]"
    assert not isinstance(notice.public, Sentence)


def test_notices_and_usages_of_another_version_are_left_out() -> None:
    known = Notice(code=NoticeCode.NO_SOUND, public="The clip has no sound.")
    unknown = {"code": "of_tomorrow", "public": "Something.", "role": None}
    assert read_notices(json.dumps([unknown, json.loads(to_json(known))])) == (known,)
    seen = json.loads(to_json(Seen(cuts=(1.0,), notices=(known,))))
    seen["notices"].append(unknown)
    assert read_seen(json.dumps(seen)) == Seen(cuts=(1.0,), notices=(known,))
    assert read_usages('[{"role": "of_tomorrow", "provider": "p", "model": "m"}]') == ()


def test_what_another_version_wrote_reads_as_nothing_or_without_what_is_unknown() -> None:
    assert read_seen('{"captions": "words"}') is None
    assert read_heard('{"segments": [{"text": "no times"}]}') is None
    assert read_heard('{"segments": [], "silences": [], "end_seconds": 2.0}') == Heard(end_seconds=2.0)
    assert read_probe('{"kind": "hologram", "container": "x", "size_bytes": 1, "duration_seconds": null}') is None
    raw = json.loads(to_json(ask(1, clips=(source(1),))))
    assert read_ask(json.dumps(raw | {"mood": "curious"})) == ask(1, clips=(source(1),))
    assert read_ask(json.dumps(raw | {"kind": "sing"})) is None
