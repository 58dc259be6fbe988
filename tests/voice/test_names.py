import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.voice.names import MOST_WINDOWS, Addressed, Addressing, CalledNames, calls_another


def phrases(text: str) -> list[str]:
    return text.strip("\n").replace("\n", "|").split("|")


OTHERS = ("Ben Miller", "Will", "Zoë", "小明", "田中", "민수", "Иван", "محمد")


@pytest.mark.parametrize(
    "text",
    [
        "Kibitz, what time is it?",
        "KIBITZ!",
        "what do you think kibitz",
        "kibbutz what time is it",
        "Kibbitz?",
        "kip its tell me a story",
        "hey key bits tell me a story",
        "so what do you say key bits",
        "K\u200bibitz \u202ehello",
        "Kíbitz, ça va ?",
    ],
)
def test_the_name_is_heard_through_its_spellings(text: str):
    assert CalledNames(["Kibitz"]).is_in(text)


@pytest.mark.parametrize(
    "text",
    phrases(
        """
keep its promise|we keep its secrets|cabinets|habits of rabbits|orbits|kept us|give it to kids|it bites
gets|cubes
tibet|kids|keyboard|the exhibits|kit bag|keep it|he kicked it|the key bit was
I saw bits of key lime pie there today
"""
    ),
)
def test_ordinary_words_are_no_name(text: str):
    assert not CalledNames(["Kibitz"]).is_in(text)


@pytest.mark.parametrize(
    ("names", "text", "is_in"),
    [
        (["小助手"], "请问小助手，今天几号", True),
        (["小助手"], "请问小 助手今天几号", True),
        (["小助手"], "小助理今天几号", False),
        (["キビツ"], "ねえキビツ、今何時", True),
        (["Кибиц"], "Привет, кибиц!", True),
        (["Nova"], "nova tell me", True),
        (["Nova"], "never tell me", False),
        (["Nova"], "no va tell me", False),
        (["Marvin"], "Martin, come here", False),
        (["Marvin"], "marwin, come here", True),
        (["Deep Thought"], "deep thought, what is the answer", True),
        (["Deep Thought"], "deepthought what is it", True),
        (["Deep Thought"], "I had a deep breath", False),
        (["Bo"], "bow", False),
        (["", "…"], "anything", False),
    ],
)
def test_names_of_all_kinds(names: list[str], text: str, is_in: bool):
    assert CalledNames(names).is_in(text) is is_in


@pytest.mark.parametrize(
    "text",
    phrases(
        """
Ben, can you pass me the salt?|hey ben can you help me|Ben Miller what do you think|Thanks, Ben.|ben
Zoe, come here
小明，你来|小明你觉得呢|田中さん、これは|민수야 너 뭐해|Иван, скажи|okay, Will, listen|محمد، تعال
will, you there?
"""
    ),
)
def test_another_is_called(text: str):
    assert calls_another(text.strip(), OTHERS)


@pytest.mark.parametrize(
    "text",
    phrases(
        """
Ben is coming tomorrow|Ben can come tomorrow|I like Ben|will you tell me a story|what did Ben say|小明明天来吗
I told Will
benefits are good|tell me about Ben Miller|when will he come
"""
    ),
)
def test_speaking_of_somebody_is_not_calling_them(text: str):
    assert not calls_another(text.strip(), OTHERS)


def addressing(answers: str = "auto") -> Addressing:
    return Addressing(names=CalledNames(["Kibitz"]), answers=answers, reply_seconds=12)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("answers", "text", "others", "verdict"),
    [
        ("auto", "what time is it", (), Addressed.US),
        ("auto", "what time is it", ("Ben",), Addressed.ASK),
        ("auto", "Kibitz what time is it", ("Ben",), Addressed.US),
        ("auto", "Ben, what time is it", ("Ben",), Addressed.NOT_US),
        ("auto", "Ben, ask Kibitz", ("Ben",), Addressed.ASK),
        ("auto", "kibbutz life is hard", ("Kibbutz",), Addressed.ASK),
        ("named", "what time is it", (), Addressed.NOT_US),
        ("named", "what time is it", ("Ben",), Addressed.NOT_US),
        ("named", "Kibitz what time is it", ("Ben",), Addressed.US),
        ("always", "what time is it", ("Ben",), Addressed.US),
    ],
)
def test_whom_it_is_said_to(answers: str, text: str, others: tuple[str, ...], verdict: Addressed):
    assert addressing(answers).judge(text, person_id=1, began_at=100, others=others) is verdict


@pytest.mark.parametrize("answers", ["auto", "named"])
def test_a_reply_needs_no_name_and_belongs_to_one_person(answers: str):
    room = addressing(answers)
    elsewhere = Addressed.ASK if answers == "auto" else Addressed.NOT_US
    room.spoke_to([1], at=100)

    def judge(person_id: int, at: float, text: str = "and tomorrow") -> Addressed:
        return room.judge(text, person_id=person_id, began_at=at, others=("Ben",))

    assert judge(2, 101) is elsewhere
    assert judge(1, 103) is Addressed.US
    assert judge(1, 103, "Ben, you tell him") is Addressed.NOT_US
    assert judge(1, 112) is Addressed.US
    assert judge(1, 112.1) is elsewhere
    room.spoke_to([1], at=200)
    assert judge(1, 205) is Addressed.US
    room.forget(1)
    assert judge(1, 205) is elsewhere


def test_windows_of_a_crowd_are_bounded():
    room = addressing()
    room.spoke_to(range(10_000), at=1)
    assert not room.may_reply(0, began_at=2)
    assert room.may_reply(9_999, began_at=2)
    assert sum(room.may_reply(person, began_at=2) for person in range(10_000)) == MOST_WINDOWS


@given(st.text(max_size=80), st.lists(st.text(max_size=20), max_size=4))
def test_no_text_and_no_name_breaks_it(text: str, others: list[str]):
    room = addressing()
    verdict = room.judge(text, person_id=1, began_at=1, others=others)
    assert (verdict is Addressed.US) if not others else verdict in Addressed
    CalledNames(others).is_in(text)


@given(st.sampled_from(["Kibitz", "小助手", "Марвин", "Ben Miller", "José", "محمد", "민수"]), st.text(max_size=30))
def test_a_name_said_as_it_is_is_always_found(name: str, before: str):
    assert CalledNames([name]).is_in(f"{before} , {name} , hello")


@pytest.mark.parametrize("text", ["key " * 2_500, "Ben" * 3_000, "\u200f" * 10_000, "小" * 10_000])
def test_endless_texts(text: str):
    assert addressing().judge(text, person_id=1, began_at=1, others=OTHERS) is not Addressed.US
