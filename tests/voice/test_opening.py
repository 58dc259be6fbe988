import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.voice.opening import Opening, opening_end


@pytest.mark.parametrize(
    ("answer", "opening"),
    [
        ("Well then, I can help you.", "Well then,"),
        ("Sure, I can help you with that, of course.", "Sure, I can help you with that,"),
        ("Yes. It is late.", "Yes."),
        ("Really? I did not know.", "Really?"),
        ("There are three: one, two.", "There are three:"),
        ("It costs 1,000 dollars, or so. Yes.", "It costs 1,000 dollars,"),
        ("It is 3.5 metres long. Yes.", "It is 3.5 metres long."),
        ("Dr. Smith is here. He waits.", "Dr. Smith is here."),
        ("The train leaves at 10:30 from here; hurry.", "The train leaves at 10:30 from here;"),
        ("See https://a.example/b,c:d;e for more, please.", "See https://a.example/b,c:d;e for more,"),
        ("Type `print(a, b)` there, then wait.", "Type `print(a, b)` there,"),
        ("```python\na, b = 1, 2\n```\nThat is it. Bye.", "```python\na, b = 1, 2\n```\n"),
        ("[a link, indeed](https://a.example) shows it, see.", "[a link, indeed](https://a.example) shows it,"),
        ("**Bold words**, and more.", "**Bold words**,"),
        ("好的，我来看看这段视频。然后呢", "好的，我来看看这段视频。"),
        ("今天我们一起来看看这个，好吗", "今天我们一起来看看这个，"),
        ("现在时间是下午三点：请看。", "现在时间是下午三点："),
        ("我们的会议在今天下午3：30开始，请准时。", "我们的会议在今天下午3：30开始，"),
        ("他说「你好，我是小明，很高兴」，然后走了。", "他说「你好，我是小明，很高兴」，"),
        ("First line\nSecond line", "First line\n"),
        ("... well. Yes", "... well."),
        (
            "Oh no :( that is a pity. It will be better soon. Now go on.",
            "Oh no :( that is a pity. It will be better soon.",
        ),
    ],
)
def test_the_first_piece(answer: str, opening: str):
    assert answer[: opening_end(answer)] == opening


@pytest.mark.parametrize(
    "text",
    ["", "Sure,", "Sure, I", "Wait", "It costs 1,", "Dr.", "It costs 10,000", "Look at `a, b", "(well, perhaps, it"],
)
def test_too_early_to_say(text: str):
    assert opening_end(text) is None


@given(st.text(alphabet="ab1 ,.;:!?。，：`[]()\n*", max_size=80), st.integers(1, 7))
def test_nothing_is_lost_or_said_twice_however_it_comes(answer: str, size: int):
    opening = Opening()
    for at in range(0, len(answer), size):
        cut = opening.feed(answer[at : at + size])
        if cut is not None:
            assert cut[0] + cut[1] == answer[: at + size]
            assert any(character.isalnum() for character in cut[0])
            assert not (cut[0][-2:-1].isdigit() and cut[0][-1] in ".,:;，：" and cut[1][:1].isdigit())
            return
    assert opening.finish() == answer


@pytest.mark.parametrize(
    "text",
    ["a" * 10_000, "," * 10_000, "(" * 10_000, "[a, " * 2_500, "\u200f" * 10_000, "```\n" + "code, more; " * 900],
)
def test_nothing_holds_an_answer_back_for_ever(text: str):
    assert 0 < (opening_end(text) or 0) <= 400
    assert opening_end(text[:100]) is None or text[0] in "(["
