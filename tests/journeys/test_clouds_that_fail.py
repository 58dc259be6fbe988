"""What docs/failures.md says of each failure, over a socket: no exception text, no forbidden repetition, an answer."""

import asyncio
from pathlib import Path

import pytest

from bot.domain.answer import Answer
from bot.domain.errors import ProviderError, QuotaError
from bot.domain.timeline import NoticeCode
from tests import clips
from tests.fakes.providers import KeepingListener
from tests.journeys.conftest import OpenKibitz
from tests.simulator.openai_server import Cut, OpenAIEmulator, Reset, Rewrite, Stall, Status, StreamError, TruncatedJson

VENDOR_WORDS = "The vendor wrote this sentence and nobody else shall read it"
_ERROR = f'{{"error": {{"message": "{VENDOR_WORDS}", "type": "x", "code": "%s", "param": null}}}}'
HTML = Status(status=200, body=f"<html><body>{VENDOR_WORDS}</body></html>", content_type="text/html")
BAD_GATEWAY = Status(status=502, body=f"<html>{VENDOR_WORDS}</html>", content_type="text/html")
SERVER_ERROR = Status(status=500, body=_ERROR % "server_error")
NO_MONEY = Status(status=429, body=_ERROR % "insufficient_quota")
BAD_KEY = Status(status=401, body=_ERROR % "invalid_api_key")
GONE = Status(status=404, body=_ERROR % "model_not_found")
SOON = Status(status=429, body=_ERROR % "rate_limit_exceeded", headers={"retry-after": "0"})
LATER = Status(status=429, body=_ERROR % "rate_limit_exceeded", headers={"retry-after": "300"})

ONE_MODEL = {"KIBITZ_CHAT__MODELS": '["gpt-6-luna"]', "KIBITZ_CAPTIONS__MODELS": '["gpt-6-luna"]'}
WITH_OFFLINE = {**ONE_MODEL, "KIBITZ_OFFLINE__FALLBACK": "true"}


pytestmark = pytest.mark.usefixtures("known_clips")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    clips.colour_tone_clip(path, scenes=2)
    return path


async def ask(
    kibitz: OpenKibitz, clip: Path, *, speak: bool = False, **settings: str
) -> tuple[Answer, KeepingListener]:
    listener = KeepingListener()
    async with kibitz(**settings) as app:
        answer = await app.video.ask(clip, "What happens?", listener, speak=speak)
    said = "".join([answer.text, *(m.text for m in answer.timeline.moments), *(n.public for n in answer.notices)])
    assert VENDOR_WORDS not in said
    assert "Error" not in said
    assert "Traceback" not in said
    return answer, listener


def codes(answer: Answer) -> list[NoticeCode]:
    return [notice.code for notice in answer.notices]


FINAL = {
    "500": (SERVER_ERROR, 3),
    "502 HTML": (BAD_GATEWAY, 3),
    "reset": (Reset(), 3),
    "no money": (NO_MONEY, 1),
    "bad key": (BAD_KEY, 1),
    "gone": (GONE, 1),
    "200 HTML": (HTML, 1),
    "retry in 300 s": (LATER, 1),
    "retry at once": (SOON, 3),
}
"""What lasts, and how often it is called at most. All of it at one endpoint, of each kind something at the others."""
EVERYWHERE = ("502 HTML", "reset", "bad key", "gone", "200 HTML")


@pytest.mark.parametrize(
    ("endpoint", "how"),
    [("answers", how) for how in FINAL]
    + [(endpoint, how) for endpoint in ("captions", "transcriptions") for how in EVERYWHERE],
)
async def test_a_dead_cloud_is_replaced_after_no_more_calls_than_allowed(
    endpoint: str, how: str, clip: Path, kibitz: OpenKibitz, cloud: OpenAIEmulator
) -> None:
    fault, calls = FINAL[how]
    cloud.fail(endpoint, fault, always=True)
    answer, listener = await ask(kibitz, clip, **WITH_OFFLINE)
    expected = NoticeCode.MODEL_GONE if fault is GONE else NoticeCode.FALLBACK_USED
    assert expected in codes(answer)
    assert len(getattr(cloud, endpoint)) == calls
    assert answer.text
    assert "ProviderChanged" in listener.names()


@pytest.mark.parametrize("endpoint", ["captions", "answers", "transcriptions", "speech"])
@pytest.mark.parametrize("fault", [BAD_GATEWAY, Reset(), SOON], ids=["502", "reset", "429"])
async def test_what_passes_by_itself_is_repeated_and_not_mentioned(
    endpoint: str, fault, clip: Path, kibitz: OpenKibitz, cloud: OpenAIEmulator
) -> None:
    cloud.fail(endpoint, fault)
    answer, _ = await ask(kibitz, clip, speak=endpoint == "speech", **ONE_MODEL)
    assert codes(answer) == []
    assert answer.text


async def test_a_stream_cut_half_way_keeps_what_came(clip: Path, kibitz: OpenKibitz, cloud: OpenAIEmulator) -> None:
    cloud.fail("answers", Cut(after=4))
    answer, listener = await ask(kibitz, clip, **WITH_OFFLINE)
    assert codes(answer) == [NoticeCode.ANSWER_INTERRUPTED]
    assert answer.text == listener.words.strip() != ""
    assert len(cloud.answers) == 1, "a stream is never started again"


async def test_an_error_inside_the_stream_keeps_what_came(
    clip: Path, kibitz: OpenKibitz, cloud: OpenAIEmulator
) -> None:
    cloud.fail("answers", StreamError(after=4, message=VENDOR_WORDS))
    answer, _ = await ask(kibitz, clip, **WITH_OFFLINE)
    assert codes(answer) == [NoticeCode.ANSWER_INTERRUPTED]
    assert len(cloud.answers) == 1


async def test_a_stream_that_stalls_is_given_up(clip: Path, kibitz: OpenKibitz, cloud: OpenAIEmulator) -> None:
    cloud.fail("answers", Stall(after=4))
    answer, _ = await ask(kibitz, clip, KIBITZ_CHAT__TIMEOUT_SECONDS="0.5", **WITH_OFFLINE)
    assert codes(answer) == [NoticeCode.ANSWER_INTERRUPTED]


async def test_speech_cut_half_way_keeps_the_text(clip: Path, kibitz: OpenKibitz, cloud: OpenAIEmulator) -> None:
    cloud.fail("speech", Cut(after=1))
    answer, _ = await ask(kibitz, clip, speak=True, **ONE_MODEL)
    assert codes(answer) == [NoticeCode.SPEECH_INTERRUPTED]
    assert answer.voice is not None


async def test_no_speech_at_all_keeps_the_text(clip: Path, kibitz: OpenKibitz, cloud: OpenAIEmulator) -> None:
    cloud.fail("speech", GONE, always=True)
    cloud.fail("handshake", GONE, always=True)
    answer, _ = await ask(kibitz, clip, speak=True, **ONE_MODEL)
    assert codes(answer) == [NoticeCode.SPEECH_MISSING]
    assert answer.voice is None
    assert answer.text


async def test_captions_that_make_no_sense_are_a_gap(clip: Path, kibitz: OpenKibitz, cloud: OpenAIEmulator) -> None:
    cloud.fail("captions", TruncatedJson(), always=True)
    answer, _ = await ask(kibitz, clip, **ONE_MODEL)
    assert NoticeCode.CAPTIONS_MISSING in codes(answer)
    assert answer.text


async def test_a_cloud_that_dies_in_the_middle(clip: Path, kibitz: OpenKibitz, cloud: OpenAIEmulator) -> None:
    """Captions and transcript arrive, then nothing answers any more."""
    for endpoint in ("answers", "speech", "handshake"):
        cloud.fail(endpoint, Reset(), always=True)
    answer, _ = await ask(kibitz, clip, speak=True, **WITH_OFFLINE)
    assert "red" in answer.text.lower()
    assert {notice.role for notice in answer.notices} == {"chat", "speech"}
    assert answer.voice is not None


@pytest.mark.parametrize(("fault", "error"), [(NO_MONEY, QuotaError), (LATER, QuotaError), (BAD_KEY, ProviderError)])
async def test_without_a_fallback_the_person_gets_one_sentence(
    fault, error: type[ProviderError], clip: Path, kibitz: OpenKibitz, cloud: OpenAIEmulator
) -> None:
    cloud.fail("answers", fault, always=True)
    with pytest.raises(error) as raised:
        await ask(kibitz, clip, **ONE_MODEL)
    assert VENDOR_WORDS not in raised.value.public
    assert raised.value.public.endswith(".")
    assert len(cloud.answers) == 1


@pytest.mark.parametrize("endpoint", ["captions", "answers", "transcriptions"])
async def test_half_a_character_and_terminal_codes_do_not_get_through(
    endpoint: str, clip: Path, kibitz: OpenKibitz, cloud: OpenAIEmulator
) -> None:
    def spoil(words: str) -> str:
        return words.replace("red", "red \\ud83d") if endpoint == "captions" else "It \ud83d is \x1b[31mred\x07 here."

    cloud.fail(endpoint, Rewrite(spoil), always=True)
    answer, listener = await ask(kibitz, clip, speak=True, **ONE_MODEL)
    said = "".join([answer.text, listener.words, *(moment.text for moment in answer.timeline.moments)])
    assert said.encode()
    assert "\x1b" not in said
    assert answer.voice is not None


async def test_the_next_model_of_the_list_takes_over(clip: Path, kibitz: OpenKibitz, cloud: OpenAIEmulator) -> None:
    cloud.fail("answers", GONE)
    answer, _ = await ask(kibitz, clip)
    assert codes(answer) == [NoticeCode.MODEL_GONE]
    assert [call.model for call in cloud.answers] == ["gpt-6-luna", "gpt-5.6-luna"]


async def test_a_cancelled_question_leaves_nothing_behind(
    clip: Path, kibitz: OpenKibitz, cloud: OpenAIEmulator
) -> None:
    cloud.fail("captions", Stall(), always=True)
    listener = KeepingListener()
    async with kibitz() as app:
        task = asyncio.create_task(app.video.ask(clip, "What?", listener, speak=True))
        while not cloud.captions:  # noqa: ASYNC110 - what is awaited happens in another program's place
            await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert listener.names().count("RunEnded") == 1
    assert listener.names().count("StageStarted") == listener.names().count("StageEnded")
    assert [t for t in asyncio.all_tasks() if t is not asyncio.current_task() and "kibitz" in repr(t.get_coro())] == []
