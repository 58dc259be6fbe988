"""Finding by words: the rare ones count, nothing newer crowds out what fits better, only the places asked for."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database.codec import to_json
from bot.database.engine import Database
from bot.database.tables import Half, PassageRow
from bot.domain.recollection import Scope
from bot.domain.speech import Segment
from bot.domain.timeline import Moment, MomentKind
from bot.domain.understanding import Heard
from bot.memory import passages
from bot.memory.store import Memory
from bot.memory.words import place_of

from ..database.material import DIRECT, HERE, message, turn

LIMIT = 55


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is many stands for what would be thousands."""
    monkeypatch.setattr(passages, "_COMMON_FROM", 20)
    monkeypatch.setattr(passages, "_LOOKED_THROUGH", 15)
    monkeypatch.setattr(passages, "_LOOKED_THROUGH_OF_COMMON", 5)


async def found(database: Database, question: str, *places: str) -> list[int]:
    """The numbers of turns, the best first."""

    async def work(session: AsyncSession) -> list[passages.Hit]:
        return await passages.find(session, await passages.prepare(session, question), places or (place_of(HERE),))

    return [int(hit.job_id or "", 16) for hit in await database.read(work)]


async def test_what_fits_best_comes_first_and_of_equals_the_newest(memory: Memory, database: Database) -> None:
    for number, answer in enumerate(["a red zeppelin lands", "a zeppelin lands", "a red zeppelin", "rain", "wind"]):
        await memory.keep_turn(turn(number, question="", answer=answer))
    assert await found(database, "Does the red zeppelin land?") == [0, 2, 1]
    assert await found(database, "zeppelin") == [2, 1, 0]
    assert await found(database, "What of the rain") == [3]
    assert await found(database, "nothing of it") == []
    assert await found(database, "zeppelin", place_of(DIRECT)) == []
    assert await found(database, "") == []


@pytest.mark.usefixtures("few")
async def test_newer_ones_with_a_word_that_tells_less_crowd_nothing_out(memory: Memory, database: Database) -> None:
    await memory.keep_turn(turn(0, question="harbour", answer="the zeppelin"))
    for number in range(1, LIMIT):
        boat = ("a barge", "a ferry", "nothing there")[number % 3]
        await memory.keep_turn(turn(number, question="harbour", answer=boat))
    for question in ("zeppelin in the harbour", "Which zeppelin, which barge, which ferry, which harbour?"):
        assert (await found(database, question))[0] == 0


@pytest.mark.usefixtures("few")
async def test_where_every_word_is_common_all_of_them_are_wanted(memory: Memory, database: Database) -> None:
    for number in range(LIMIT):
        words = ("red car", "red dog", "blue car")[number % 3]
        await memory.keep_turn(turn(number, question=words, answer=""))
    assert await found(database, "the red car") == [54, 51, 48, 45, 42]


async def test_common_words_alone_do_not_bring_back_what_is_about_something_else(
    memory: Memory, database: Database
) -> None:
    for number in range(40):
        await memory.keep_turn(turn(number, question=f"A car number{number}", answer="red"))
    assert await found(database, "Does a player see the car number7?") == [7]
    assert await found(database, "Does a player see the car?") == []


async def test_a_turn_is_found_by_its_new_words_once_it_is_edited(memory: Memory, database: Database) -> None:
    await memory.keep_turn(turn(1, question="zeppelin", answer="yes", source=message(1)))
    await memory.edit_question(message(1), "submarine")
    assert await found(database, "zeppelin") == []
    assert await found(database, "submarine") == [1]
    await memory.forget_turn(turn(1).job_id)
    assert await found(database, "submarine") == []
    assert await database.read(lambda session: session.scalar(select(func.count()).select_from(PassageRow))) == 0


async def test_of_a_long_question_the_beginning_counts(memory: Memory, database: Database) -> None:
    await memory.keep_turn(turn(1, question="zeppelin", answer="submarine"))
    filling = " ".join(f"word{number}" for number in range(30_000))
    assert await found(database, f"zeppelin {filling}") == []
    assert await found(database, f"zeppelin {' '.join(filling.split()[:1])}") == [1]
    assert await found(database, f"{filling} submarine") == []


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.text(min_size=1, max_size=40))
async def test_any_text_finds_itself_or_nothing_and_breaks_nothing(
    memory: Memory, database: Database, words: str
) -> None:
    await memory.forget_place(HERE)
    await memory.keep_turn(turn(1, question=words, answer=""))
    hits = await memory.search(Scope(key=HERE), words)
    assert [hit.turn.job_id for hit in hits if hit.turn] in ([], [turn(1).job_id])
    if passages.search_words(words) and words.isascii():
        assert hits


async def test_the_index_holds_the_words_as_they_are_in_the_table(memory: Memory, database: Database) -> None:
    """Whatever its script, each search word is found alone."""
    said = "Straße Ångström 红色汽车 カタカナ 한국어 3d 2nd 1e5 v2 100 абв ελλ ＡＢＣ"
    await memory.keep_turn(turn(1, question=said, answer=""))
    for word in passages.search_words(said):
        assert await found(database, word) == [1], word


def test_sounds_and_tones_of_a_clip_are_found_beside_its_words() -> None:
    moments = (
        Moment(kind=MomentKind.TONE, start_seconds=1.0, end_seconds=2.0, text="excited"),
        Moment(kind=MomentKind.SOUND, start_seconds=2.0, end_seconds=3.0, text="laughter"),
    )
    heard = Heard(segments=(Segment(start_seconds=1.0, end_seconds=2.0, text="so we won"),), moments=moments)
    found = passages.found_moments(Half.HEARD, to_json(heard))
    assert [moment.text for moment in found] == ["so we won", "excited", "laughter"]


async def test_a_third_of_a_question_is_not_enough(memory: Memory, database: Database) -> None:
    for number, answer in enumerate(["zeppelin", "barge", "ferry", "ferry", "a zeppelin and a barge"]):
        await memory.keep_turn(turn(number, question="", answer=answer))
    assert await found(database, "zeppelin, barge, ferry") == [4]
