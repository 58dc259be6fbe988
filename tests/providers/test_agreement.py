from hypothesis import given
from hypothesis import strategies as st

from bot.providers.agreement import LONGEST_PROMPT_CHARACTERS, LONGEST_WINDOW_SECONDS, Agreement, TimedWord


def timed(text: str, start: float = 0.0, step: float = 0.3) -> list[TimedWord]:
    return [
        TimedWord(text=f" {word}", start_seconds=start + number * step, end_seconds=start + (number + 1) * step)
        for number, word in enumerate(text.split())
    ]


def test_what_two_transcripts_agree_on_stays():
    agreement = Agreement()
    agreement.add(timed("I want to"))
    assert (agreement.committed, agreement.text) == ("", "I want to")
    agreement.add(timed("I want two apples"))
    assert (agreement.committed, agreement.text) == ("I want", "I want two apples")
    agreement.add(timed("I won't two apples please"))
    assert (agreement.committed, agreement.text) == ("I want two apples", "I want two apples please")


def test_spelling_is_no_disagreement():
    agreement = Agreement()
    agreement.add(timed("hello there"))
    agreement.add(timed("Hello, there!"))
    assert agreement.committed == "Hello, there!"


def test_the_last_transcript_settles_everything():
    agreement = Agreement()
    agreement.add(timed("one two"))
    agreement.settle(timed("one too three"))
    assert agreement.committed == agreement.text == "one too three"
    agreement.add(timed("four", start=0.9))
    assert (agreement.committed, agreement.text) == ("one too three", "one too three four")


def test_what_a_shorter_window_repeats_is_not_said_twice():
    agreement = Agreement()
    for _ in range(2):
        agreement.add(timed("one two three"))
    agreement.add(timed("two three four", start=0.35))
    assert agreement.text == "one two three four"
    agreement.add(timed("two three four five", start=0.7))  # its times are off
    assert agreement.text == "one two three four five"
    agreement.add([])
    assert agreement.text == "one two three four"


def test_the_window_stays_short_and_the_prompt_too():
    agreement = Agreement()
    assert agreement.window_start(10) == 0
    assert agreement.prompt(0) == ""
    long = timed("word " * 100)
    agreement.settle(long)
    assert 40 - LONGEST_WINDOW_SECONDS <= agreement.window_start(40) <= 40
    assert 0 < len(agreement.prompt(30)) <= LONGEST_PROMPT_CHARACTERS
    assert agreement.prompt(0.3) == "word"


@given(st.lists(st.text(alphabet="ab ", max_size=12), max_size=6))
def test_committed_words_never_change(hypotheses: list[str]):
    agreement = Agreement()
    before = ""
    for hypothesis in hypotheses:
        agreement.add(timed(hypothesis))
        assert agreement.committed.startswith(before)
        assert agreement.text.startswith(agreement.committed)
        before = agreement.committed
