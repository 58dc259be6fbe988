from hypothesis import given
from hypothesis import strategies as st

from bot.voice.spoken_forms import SpokenForms


def test_people_are_named():
    forms = SpokenForms(names={7: "Zoë"}, code_words="see the chat")
    assert forms.of("Ask <@7> or <@!7>, not <@8>.") == "Ask Zoë or Zoë, not ."


def test_a_block_of_code_is_pointed_at_once_and_not_read():
    forms = SpokenForms(names={}, code_words="See the chat.")
    said = [forms.of(part) for part in ("Try this:", "```python\nprint(1)", "print(2)", "```", "Good luck.")]
    assert said == ["Try this:", "See the chat.", "", "", "Good luck."]
    assert forms.of("One ```a``` two") == "One See the chat. two"


@given(st.lists(st.text(alphabet="a`<@1>! ", max_size=20), max_size=5))
def test_any_text_has_a_spoken_form(sentences: list[str]):
    forms = SpokenForms(names={1: "A"}, code_words="code")
    assert all("```" not in forms.of(sentence) for sentence in sentences)
