"""Pages of the memory: what they say, and that words of people stay words."""

from datetime import UTC, datetime

from bot.discord_io.memory_pages import (
    fact_choice,
    forgotten_page,
    found_page,
    moment_line,
    overview_page,
    turn_line,
)
from bot.domain.conversation import ClipRef, ConversationKey, MediaSource, MessageRef, Turn
from bot.domain.recollection import ClipMoment, Fact, Forgotten, Overview, Scope, Summary
from bot.domain.timeline import Moment, MomentKind
from bot.locales import catalogue

WORDS = catalogue("en")
HERE = ConversationKey(server_id=1, channel_id=2)
AT = datetime(2026, 11, 25, tzinfo=UTC)
NASTY = "@everyone **look** https://evil.example"
SHOWN = r"@`everyone` \*\*look\*\* `https://evil.example`"


def fact(text: str, channel_id: int = 2) -> Fact:
    return Fact(key=ConversationKey(server_id=1, channel_id=channel_id), author_id=7, said_at=AT, text=text, fact_id=3)


def turn(question: str = "What?", answer: str = "That.", name: str = "Ann") -> Turn:
    return Turn(
        job_id="a", key=HERE, asker_id=7, asked_at=AT, question=question, answer=answer, asker_name=name, source=None
    )


def test_an_overview_tells_counts_reach_days_facts_and_summaries() -> None:
    overview = Overview(
        turn_count=2,
        clip_count=1,
        oldest_at=AT,
        summaries=(Summary(key=HERE, from_at=AT, through_at=AT, text=NASTY),),
        facts=(fact(NASTY), fact("of the channel", 9)),
    )
    page = overview_page(overview, Scope(key=HERE, also=(9,)), WORDS, days=1, is_opted_out=True).splitlines()
    day = f"<t:{int(AT.timestamp())}:d>"
    assert page == [
        "**What I remember here**",
        f"2 questions with their answers, about 1 clip, since {day}.",
        "It is this thread's own. What was said in <#9> may come back here, not the reverse.",
        "I keep it for 1 day.",
        "⚠️ You opted out, so nothing of you is among it. /optin changes that.",
        "",
        "**Pinned facts**",
        f"1. {SHOWN} (<@7>)",
        "2. of the channel (<@7>, <#9>)",
        "",
        "**Summaries of what was said before**",
        f"{day} – {day}:",
        SHOWN,
    ]


def test_hits_are_words_on_one_line_with_a_link() -> None:
    shown = MessageRef(channel_id=2, message_id=5)
    line = turn_line(turn(NASTY, "One\n\ntwo", "An*n"), shown, WORDS)
    link = "[↗](https://discord.com/channels/1/2/5)"
    assert line == f"- 💬 <t:{int(AT.timestamp())}:d> **An\\*n**: {SHOWN} → One two {link}"
    assert turn_line(turn("w" * 500, ""), None, WORDS).endswith(f"{'w' * 159}…")
    source = MediaSource(channel_id=2, message_id=5, attachment_id=6, url="", size_bytes=1)
    moment = Moment(kind=MomentKind.HEARD, start_seconds=42.9, end_seconds=50, text=NASTY, speaker="A")
    found = ClipMoment(clip=ClipRef(sha256="0", source=source), moment=moment)
    assert moment_line(found, 1) == f"- 👂 `0:42` A: {SHOWN} {link}"
    assert moment_line(found, None).endswith("[↗](https://discord.com/channels/@me/2/5)")
    assert found_page(["- one"], NASTY, WORDS) == f"**1 match for “{SHOWN}”**\n- one"
    assert found_page([], "x", WORDS) == "I remember nothing here that matches “x”."


def test_a_fact_fits_a_menu() -> None:
    assert fact_choice(1, fact("We\nmeet")) == "1. We meet"
    assert len(fact_choice(12, fact("f" * 300))) == 100


def test_what_went_is_counted() -> None:
    gone = Forgotten(jobs=frozenset("ab"), clips=frozenset("c"), facts=1, resting=2)
    said = "2 questions, 1 clip, 1 pinned fact, 2 summaries and answers that rested on it"
    assert forgotten_page(gone, WORDS) == f"Forgotten: {said}."
    assert forgotten_page(Forgotten(), WORDS) == "There was nothing to forget."
