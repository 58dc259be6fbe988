"""/voice status in words and numbers, and the notes as files."""

from bot.discord_io.parts import LIMIT, length
from bot.discord_io.voice_notes import note_files
from bot.discord_io.voice_pages import status_page
from bot.domain.answer import Usage
from bot.domain.errors import ProviderCategory, ProviderError
from bot.domain.role import Role
from bot.domain.voice_session import ChannelState, SpokenLine, TurnTimings, VoiceStatus
from bot.locales import catalogue
from bot.services.voice_notes import Minutes

WORDS = catalogue(None)


def status(**changes: object) -> VoiceStatus:
    values: dict[str, object] = {
        "state": ChannelState.LISTENING,
        "age_seconds": 754.0,
        "heard": (1,),
        "unheard": (2, 3),
        "muted": (3,),
        "turns": 2,
        "timings": (
            TurnTimings(endpoint=0.5, transcript=0.6, first_token=0.7, first_audio=0.8),
            TurnTimings(endpoint=0.6, transcript=0.65, first_token=0.9, first_audio=1.0),
        ),
        "counters": {"ok": 1200, "dropped_consent": 300, "interruptions": 1, "backchannels": 0},
        "privacy_code": "12345 67890",
        "usages": (),
    }
    return VoiceStatus(**{**values, **changes})  # type: ignore[arg-type]


def test_the_status_of_a_call() -> None:
    assert status_page(status(), "<#9>", WORDS).splitlines() == [
        "🎙️ <#9> · since 12:34 · listening",
        "I hear: <@1>",
        "Not heard (did not agree, deafened, or may not ask here): <@2>",
        "Not heard for now: <@3>",
        "2 answers so far",
        "Seconds from the end of the question, last 2 answers, then the median:",
        "```",
        "  0.50  0.60 |  0.55  question taken to be over",
        "  0.60  0.65 |  0.62  question in words",
        "  0.70  0.90 |  0.80  first word of the answer",
        "     –     – |     –  first sentence",
        "     –     – |     –  first sound of the voice",
        "  0.80  1.00 |  0.90  first sound in the channel",
        "```",
        "-# 1 interruption",
        "-# 1200 packets heard, 300 dropped without consent",
        "Privacy code of the call: `12345 67890`",
        "Cost so far: $0.0000",
    ]


def test_a_call_in_which_nothing_has_happened_yet() -> None:
    quiet = status(heard=(), unheard=(), muted=(), turns=0, timings=(), counters={}, privacy_code=None)
    assert status_page(quiet, "<#9>", WORDS).splitlines() == [
        "🎙️ <#9> · since 12:34 · listening",
        "I hear: nobody yet",
        "0 answers so far",
        "This call is not end-to-end encrypted, or I am alone in it.",
        "Cost so far: $0.0000",
    ]


def test_what_it_costs() -> None:
    paid = Usage(role=Role.CHAT, provider="cloud", model="m", cost_usd=0.0123)
    unknown = Usage(role=Role.SPEECH, provider="cloud", model="v")
    assert status_page(status(usages=(paid, paid)), "<#9>", WORDS).endswith("Cost so far: $0.0246")
    assert "whose price I do not know" in status_page(status(usages=(paid, unknown)), "<#9>", WORDS)


def test_only_the_last_answers_are_shown() -> None:
    many = status(timings=tuple(TurnTimings(endpoint=number / 10) for number in range(30)))
    page = status_page(many, "<#9>", WORDS)
    assert "last 5 answers" in page
    assert "  2.50  2.60  2.70  2.80  2.90 |  2.70" in page
    assert length(page) < LIMIT


LINES = (
    SpokenLine(utterance_id=2, person_id=2, name="Ben", text="Blue --> I say.", start_seconds=4, end_seconds=6),
    SpokenLine(utterance_id=1, person_id=1, name="A|nna", text="What is it?", start_seconds=1, end_seconds=3.5),
    SpokenLine(utterance_id=3, person_id=None, name="Kibitz", text="It is red.", start_seconds=7, end_seconds=8),
)


def test_the_notes_in_order_with_names_and_times() -> None:
    said, (document, subtitles) = note_files(LINES, Minutes(summary="They spoke of **colours**. @everyone"), WORDS)
    assert said == (
        "📝 **Notes of 0:08, with 2 people who agreed to be heard.**\nThey spoke of \\*\\*colours\\*\\*. @`everyone`"
    )
    assert (document.name, subtitles.name) == ("notes.md", "notes.srt")
    assert document.data.decode().splitlines() == [
        "# Notes",
        "",
        "Notes of 0:08, with 2 people who agreed to be heard.",
        "",
        "## Summary",
        "",
        "They spoke of \\*\\*colours\\*\\*. @`everyone`",
        "",
        "## Transcript",
        "",
        "| time | what | words |",
        "|---|---|---|",
        "| 00:01.0–00:03.5 | heard | A\\|nna: What is it? |",
        "| 00:04.0–00:06.0 | heard | Ben: Blue --\\> I say. |",
        "| 00:07.0–00:08.0 | heard | Kibitz: It is red. |",
    ]
    assert subtitles.data.decode().splitlines()[:7] == [
        "1",
        "00:00:01,000 --> 00:00:03,500",
        "A|nna: What is it?",
        "",
        "2",
        "00:00:04,000 --> 00:00:06,000",
        "Ben: Blue → I say.",
    ]


def test_notes_without_a_summary_say_why() -> None:
    said, _ = note_files(LINES, Minutes(), WORDS)
    assert "no chat model" in said
    error = ProviderError("down", "The model did not answer.", category=ProviderCategory.SERVER)
    said, (document, _subtitles) = note_files(LINES, Minutes(problem=error), WORDS)
    assert said.endswith("The model did not answer.")
    assert "What is it?" in document.data.decode()
