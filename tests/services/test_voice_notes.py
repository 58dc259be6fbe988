"""A summary that could not be made is told, and harms nothing."""

from bot.domain.voice_session import SpokenLine
from bot.services.voice_notes import VoiceNotes
from tests.fakes.providers import ScriptedChat, crew_of

LINES = (SpokenLine(utterance_id=1, person_id=1, name="Anna", text="Lunch?", start_seconds=0, end_seconds=1),)


async def test_a_summary_with_what_it_cost() -> None:
    minutes = await VoiceNotes(crew_of(chat=ScriptedChat("They spoke of lunch."))).summary(LINES)
    assert (minutes.summary, minutes.problem) == ("They spoke of lunch.", None)
    assert len(minutes.usages) == 1


async def test_a_model_that_fails() -> None:
    minutes = await VoiceNotes(crew_of(chat=ScriptedChat("They spoke of lunch.", break_after=2))).summary(LINES)
    assert minutes.summary == ""
    assert minutes.problem is not None
