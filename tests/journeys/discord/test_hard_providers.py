"""Models that fail: one sentence with what to do, or an answer with its gaps told; the next question is answered."""

import re
from collections.abc import AsyncIterator, Callable

import pytest

from bot.discord_io.client import KibitzClient
from tests.journeys.discord.conftest import MakeClip, StartBot
from tests.simulator.discord_server import Channel, DiscordServer, Message, Person, VoiceMessage
from tests.simulator.openai_server import Cut, HonestMind, OpenAIEmulator, Reset, Rewrite, StreamError
from tests.simulator.openai_server.faults import (
    Fault,
    bad_gateway,
    bad_key,
    captive_portal,
    empty_reply,
    filtered,
    forbidden,
    insufficient_quota,
    model_gone,
    overloaded,
    policy_violation,
    rate_limited,
    server_error,
)

pytestmark = pytest.mark.usefixtures("known_clips")

ANSWER = "It is green."
ONE_TRY = {
    f"{role}__{name}": value
    for role in ("CAPTIONS", "TRANSCRIPTS", "CHAT", "SPEECH")
    for name, value in (("ATTEMPTS", 1), ("MAX_WAIT_SECONDS", 1))
} | {"CHAT__MODELS": "gpt-6-luna", "CAPTIONS__MODELS": "gpt-6-luna", "SPEECH__MODELS": "gpt-4o-mini-tts"}
DEAD: dict[str, tuple[Callable[[], Fault], str]] = {
    "refusing the key": (bad_key, "refused the key. Check the key and what it is allowed to do."),
    "out of money": (insufficient_quota, "has no credit left in this account. Top it up or choose another provider."),
    "asked too often": (
        lambda: rate_limited(600),
        "allows no more calls at the moment. Try again later. The limit ends",
    ),
    "broken": (server_error, "is overloaded or had an error of its own. Try again later."),
    "behind a broken proxy": (bad_gateway, "is overloaded or had an error of its own. Try again later."),
    "overloaded": (overloaded, "is overloaded or had an error of its own. Try again later."),
    "unreachable": (Reset, "could not be reached. Check the network and base_url."),
    "forbidden": (forbidden, "refused the key. Check the key and what it is allowed to do."),
    "gone": (model_gone, "does not offer the configured model. Choose a current one."),
    "a login page": (captive_portal, "is not an OpenAI endpoint, check base_url."),
    "unwilling": (policy_violation, "declined this content. Try another clip or question."),
    "silent": (empty_reply, "sent a reply that cannot be read. Try again later."),
}


@pytest.fixture(autouse=True)
def short_words(cloud: OpenAIEmulator) -> None:
    cloud.mind = HonestMind(answers=ANSWER)


@pytest.fixture
async def bot(start: StartBot) -> AsyncIterator[KibitzClient]:
    """One model for each role, asked once, so that a failure is final."""
    async with start(**ONE_TRY) as client:
        yield client


def first_line(message: Message) -> str:
    return message.content.splitlines()[0]


def notes(message: Message) -> list[str]:
    return [line.removeprefix("-# ⚠️ ") for line in message.content.splitlines()[1:] if line.startswith("-# ")]


def assert_one_sentence(message: Message, says: str) -> None:
    """A sentence with what to do, and the job's number; no words of the vendor."""
    told, job = message.content.splitlines()
    assert told.startswith("⚠️ ")
    assert says in told
    assert re.fullmatch("-# Job [0-9a-f]{12}", job)
    assert "safety systems" not in told
    assert message.buttons == ()


@pytest.mark.usefixtures("bot")
@pytest.mark.parametrize("how", DEAD)
async def test_a_chat_model_that_is(
    how: str, discord: DiscordServer, cloud: OpenAIEmulator, general: Channel, anna: Person
) -> None:
    fault, says = DEAD[how]
    says = says.replace("_", "\\_")
    cloud.fail("answers", fault(), always=True)
    asked = await anna.post("@bot hello?", to=general)
    assert_one_sentence(await discord.bot.reply(asked), says)
    assert_one_sentence(await (await anna.slash("ask", question="hello?", to=general)).reply(), says)
    assert len(discord.bot.replies(asked)) == 1
    cloud.heal()
    assert (await discord.bot.reply(await anna.post("@bot hello?", to=general))).content == ANSWER


@pytest.mark.usefixtures("bot")
@pytest.mark.parametrize("how", ["refusing the key", "out of money", "broken", "unreachable", "unwilling"])
async def test_who_looks_or_listens_is_missed_but_not_needed(
    how: str, discord: DiscordServer, cloud: OpenAIEmulator, general: Channel, anna: Person, clip: MakeClip
) -> None:
    fault, says = DEAD[how]
    says = says.replace("_", "\\_")
    cloud.fail("captions", fault(), always=True)
    blind = await discord.bot.reply(await anna.post("@bot what tone?", clip("green"), to=general))
    cloud.heal()
    cloud.fail("transcriptions", fault(), always=True)
    deaf = await discord.bot.reply(await anna.post("@bot what colour?", clip("red", first_tone=1), to=general))
    assert (first_line(blind), first_line(deaf)) == (ANSWER, ANSWER)
    [of_picture], [of_sound] = notes(blind), notes(deaf)
    assert of_picture.startswith("2 of 2 frames could not be described.")
    assert of_sound.startswith("2 of 2 seconds of sound could not be transcribed.")
    assert (says in of_picture, says in of_sound) == (True, True)


@pytest.mark.usefixtures("bot")
async def test_without_eyes_and_ears_there_is_nothing_to_say(
    discord: DiscordServer, cloud: OpenAIEmulator, general: Channel, anna: Person, clip: MakeClip
) -> None:
    for role in ("captions", "transcriptions"):
        cloud.fail(role, Reset(), always=True)
    green = clip("green")
    by_post = await discord.bot.reply(await anna.post("@bot what?", green, to=general))
    written_down = await (await anna.slash("transcribe", clip=green, to=general)).reply()
    for message in (by_post, written_down):
        assert_one_sentence(message, "could not be reached. Check the network")
    assert cloud.answers == []
    cloud.heal()
    answer = await discord.bot.reply(await anna.post("@bot what?", green, to=general))
    assert (first_line(answer), notes(answer)) == (ANSWER, [])


@pytest.mark.usefixtures("bot")
async def test_a_spoken_question_that_nobody_hears(
    discord: DiscordServer, cloud: OpenAIEmulator, anna: Person, voice_message: VoiceMessage
) -> None:
    cloud.fail("transcriptions", Reset(), always=True)
    assert_one_sentence(await discord.bot.reply(await anna.dm("", voice_message)), "could not be reached.")
    cloud.heal()
    cloud.mind = HonestMind(answers=ANSWER, hears=lambda *_: "")
    unheard = await discord.bot.reply(await anna.dm("", voice_message))
    assert_one_sentence(unheard, "I could not make out any words in the voice message. Say it again, or type it.")


@pytest.mark.usefixtures("bot")
async def test_a_voice_that_fails_leaves_the_text(
    discord: DiscordServer, cloud: OpenAIEmulator, general: Channel, anna: Person
) -> None:
    for endpoint in ("speech", "handshake"):
        cloud.fail(endpoint, Reset(), always=True)
    asked = await anna.slash("ask", question="hello?", speak=True, to=general)
    answer = await asked.reply()
    assert (first_line(answer), notes(answer)) == (
        ANSWER,
        ["The answer could not be spoken; it stands as text only."],
    )
    again = await (await anna.press(answer, "Speak")).reply()
    assert_one_sentence(again, "The answer could not be spoken. Try again later; the text stands.")
    cloud.heal()
    pressed = await anna.press(answer, "Speak")
    await discord.bot.reply(pressed, settled=lambda message: message.is_voice_message)


@pytest.mark.usefixtures("bot")
@pytest.mark.parametrize("fault", [Cut(after=4), StreamError(after=4)], ids=["cut", "error"])
async def test_a_stream_that_breaks_keeps_what_came(
    fault: Fault, discord: DiscordServer, cloud: OpenAIEmulator, general: Channel, anna: Person
) -> None:
    cloud.fail("answers", fault)
    answer = await discord.bot.reply(await anna.post("@bot hello?", to=general))
    assert first_line(answer) == "It is green"
    assert notes(answer) == ["The connection to the chat model broke and the answer is incomplete; ask again to retry."]
    assert [button.label for button in answer.buttons] == ["Ask more", "Speak", "Delete"]
    assert (await discord.bot.reply(await anna.post("go on", reply_to=answer))).content == ANSWER
    assert "It is green" in cloud.answers[-1].text


@pytest.mark.usefixtures("bot")
async def test_a_content_filter_is_named(
    discord: DiscordServer, cloud: OpenAIEmulator, general: Channel, anna: Person
) -> None:
    cloud.fail("answers", filtered(), Rewrite(lambda text: text[:5], finish_reason="content_filter"))
    nothing = await discord.bot.reply(await anna.post("@bot hello?", to=general))
    assert_one_sentence(
        nothing, "The vendor's content filter stopped the answer. Ask in other words, or about another clip."
    )
    half = await discord.bot.reply(await anna.post("@bot hello?", to=general))
    assert (first_line(half), notes(half)) == ("It is", ["The vendor's content filter stopped the answer."])


@pytest.mark.usefixtures("bot")
async def test_what_fails_in_private_is_told_in_private(
    cloud: OpenAIEmulator, discord: DiscordServer, anna: Person, ben: Person
) -> None:
    """A person's own installation, in a chat where the bot is not."""
    cloud.fail("answers", insufficient_quota(), always=True)
    asked = await anna.slash("ask", question="hello?", to=anna.private(ben))
    told = await asked.reply()
    assert_one_sentence(told, "has no credit left in this account.")
    assert told.ephemeral_for is anna
