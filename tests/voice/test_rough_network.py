"""A short version of the benchmark `voice_sound`: words survive loss, and the ears are fast enough for many."""

from tests.bench.voice_sound import SENTENCES, load, word_errors, wrong_words
from tests.voice.speech import CLEAN, ROUGH


async def test_words_survive_five_percent_of_loss_and_jitter() -> None:
    clean = await word_errors(CLEAN, sentences=SENTENCES[3:5], voices=("rms",))
    rough = await word_errors(ROUGH, sentences=SENTENCES[3:5], voices=("rms",), seeds=(1, 2))
    assert rough.packets["lost"] >= 10
    assert (clean.said, clean.wrong) == (22, 0)
    assert rough.error <= 0.03


def test_everybody_at_once_is_worked_off() -> None:
    one = load(8, 2, seconds=2)
    assert len(one.ticks) == 200
    assert one.share > 0


def test_wrong_words_are_counted_whichever_way_they_are_wrong() -> None:
    said = ["the", "red", "car", "was", "fast"]
    assert wrong_words(said, said) == 0
    assert wrong_words(said, ["the", "bed", "car", "was", "fast"]) == 1
    assert wrong_words(said, ["the", "car", "was", "very", "fast"]) == 2
    assert wrong_words(said, []) == 5
    assert wrong_words([], said) == 5
