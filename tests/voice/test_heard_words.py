import re
import subprocess
import wave
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.media import AudioChunk
from bot.voice.encoding import FrameEncoder
from bot.voice.heard_words import SaidSentence, heard, interrupted

SENTENCES = (
    "Well, I think we should leave early tomorrow morning.",
    "Photosynthesis is the process by which green plants make food from sunlight.",
    "The first train is late. The second one leaves in ten minutes. You can still catch it.",
)


def said(*sentences: tuple[str, int]) -> list[SaidSentence]:
    return [SaidSentence(text=text, frames=frames) for text, frames in sentences]


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        (0, ""),
        (1, ""),
        (100, "Hello there, my friend."),
        (101, "Hello there, my friend."),
        (160, "Hello there, my friend. How are you?"),
        (9_999, "Hello there, my friend. How are you?"),
    ],
)
def test_whole_sentences_are_counted(frames: int, words: str):
    assert heard(said(("Hello there, my friend.", 100), ("How are you?", 60)), frames) == words


def test_scripts_without_spaces_are_cut_between_characters():
    sentences = said(("今天天气很好。", 70), ("Gut,我们走吧。", 70))
    cuts = [heard(sentences, frames) for frames in range(141)]
    assert "今天天气" in cuts
    assert "今天天气很好。Gut,我" in cuts
    assert cuts[-1] == "今天天气很好。Gut,我们走吧。"


def test_nothing_unsaid_stands_between():
    assert heard(said(("One.", 20), ("```x```", 0), ("Two.", 20)), 40) == "One. ```x``` Two."
    assert heard(said(("One.", 20), ("Two.", 20)), 20) == "One."
    assert heard([], 5) == ""
    assert heard(said(("!?", 20)), 10) == "!?"


@pytest.mark.parametrize(
    "text",
    [
        "นี่คือประโยค",
        "क्षत्रिय राजा",
        "👩‍👩‍👧 family e\u0301te\u0301",
        "Ünïcödé",
        "가나다 라마",
        "שלום עולם",
        "か\u3099き\u3099",
    ],
)
def test_no_character_is_cut_in_two(text: str):
    for frames in range(100):
        rest = text.removeprefix(heard(said((text, 100)), frames))
        assert not re.match(r"[\u0300-\u036f\u093e-\u094d\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u200d\u3099]", rest)


@given(st.lists(st.tuples(st.text(max_size=40), st.integers(0, 200)), max_size=5), st.integers(-5, 1_100))
def test_what_was_heard_grows_with_the_frames(sentences: list[tuple[str, int]], frames: int):
    shorter, longer = heard(said(*sentences), frames), heard(said(*sentences), frames + 7)
    assert "".join(longer.split()).startswith("".join(shorter.split()))


def test_the_marker_names_who_interrupted_and_nothing_else():
    assert interrupted("I was", "Anna") == "I was [interrupted by Anna]"
    assert interrupted("", "A]\n[B\u202e") == "[interrupted by A B]"
    assert interrupted("So", " \u200b") == "So [interrupted by ?]"
    assert len(interrupted("", "x" * 10_000)) < 100


def test_endless_texts():
    assert heard(said(("word " * 2_000, 1_000)), 500).count("word") > 500
    assert heard(said(("嗯" * 10_000, 1_000)), 500)


@pytest.mark.parametrize("sentence", SENTENCES)
def test_the_words_are_those_of_a_forced_alignment(sentence: str, tmp_path: Path):
    pocketsphinx: Any = pytest.importorskip("pocketsphinx")
    subprocess.run(["flite", "-voice", "slt", "-t", sentence, "-o", tmp_path / "said.wav"], check=True)
    with wave.open(str(tmp_path / "said.wav")) as sound:
        rate_hz, pcm = sound.getframerate(), sound.readframes(sound.getnframes())
    encoder = FrameEncoder()
    frames = len(encoder.add(AudioChunk(rate_hz=rate_hz, pcm=pcm)) + encoder.end())
    encoder.close()
    decoder = pocketsphinx.Decoder(samprate=rate_hz, loglevel="FATAL", lm=None)
    decoder.set_align_text(" ".join(re.findall("[a-z]+", sentence.lower())))
    decoder.start_utt()
    decoder.process_raw(pcm, full_utt=True)
    decoder.end_utt()
    words = [part for part in decoder.seg() if part.word[0] not in "<["]
    trimmed = words[0].start_frame / 100
    cuts = range(0, frames, 3)
    far_off = 0
    for cut in cuts:
        counted = len(heard(said((sentence, frames)), cut).split())
        at = trimmed + cut * 0.02
        ended = sum((word.end_frame + 1) / 100 <= at for word in words)
        far_off += abs(counted - ended) > 1
    assert far_off <= 0.03 * len(cuts)
