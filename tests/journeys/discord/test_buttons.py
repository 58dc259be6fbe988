"""Every button under an answer, pressed at once and after a restart, by whom it may be pressed and by whom not."""

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.journeys.discord.conftest import MakeClip, StartBot
from tests.journeys.discord.eyes import AttentiveMind, bill, labels, names, words
from tests.journeys.discord.held import held
from tests.simulator.discord_server import Channel, DiscordServer, Guild, Message, Person
from tests.simulator.openai_server import OpenAIEmulator
from tests.simulator.openai_server.sound import SPEECH_RATE_HZ

pytestmark = pytest.mark.usefixtures("known_clips", "attentive")

Again = Callable[[], Awaitable[None]]

RED = "The picture is red, of medium brightness [0:00]. tone 440 hertz [0:00]."
NOT_YOURS = "⚠️ Only the person who asked, and moderators, can do that."


@pytest.fixture(params=["at once", "after a restart"])
async def again(request: pytest.FixtureRequest, start: StartBot) -> AsyncIterator[Again]:
    """What comes before the press: nothing, or a restart of the bot."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(start())

        async def between() -> None:
            if request.param == "after a restart":
                await stack.aclose()
                await stack.enter_async_context(start())

        yield between


@pytest.fixture
def mara(club: Guild) -> Person:
    """A moderator."""
    return club.member("Mara", roles=[club.role("mods", permissions=["manage_messages"])])


@pytest.fixture
async def answer(again: Again, anna: Person, general: Channel, clip: MakeClip, discord: DiscordServer) -> Message:
    """Anna asked about a red clip."""
    answer = await discord.bot.reply(await anna.post("@bot What is it?", clip("red"), to=general))
    assert words(answer) == f"«What is it?» {RED}"
    assert [button.emoji for button in answer.buttons] == ["💬", "📜", "🎞️", "🔊", "🗑️"]
    await again()
    return answer


async def test_transcript_is_shown_to_who_asks_for_it(
    answer: Message, anna: Person, ben: Person, general: Channel, cloud: OpenAIEmulator
) -> None:
    before = bill(cloud)
    shown = await (await ben.press(answer, "Transcript")).reply()
    assert words(shown) == "The transcript."
    assert names(shown) == ["transcript.md", "transcript.srt"]
    table, subtitles = (file.bytes.decode() for file in shown.files)
    assert table.splitlines()[2:] == ["| 00:00.0–00:02.0 | heard | tone 440 hertz |"]
    assert subtitles == "1\n00:00:00,000 --> 00:00:02,000\ntone 440 hertz\n"
    assert shown in general.seen_by(ben)
    assert shown not in general.seen_by(anna)
    assert bill(cloud) == before


async def test_frames_are_shown_to_who_asks_for_them(
    answer: Message, anna: Person, ben: Person, general: Channel, cloud: OpenAIEmulator
) -> None:
    before = bill(cloud)
    shown = await (await ben.press(answer, "Frames")).reply()
    assert words(shown) == "The frames that were looked at."
    [picture] = shown.files
    assert picture.name == "storyboard.png"
    assert picture.content_type == "image/png"
    assert picture.description is not None
    assert picture.description.startswith("Frames of the clip at 0:00")
    assert shown in general.seen_by(ben)
    assert shown not in general.seen_by(anna)
    assert bill(cloud) == before


async def test_ask_more_opens_a_form(answer: Message, ben: Person, cloud: OpenAIEmulator) -> None:
    opened = await ben.press(answer, "Ask more")
    assert opened.modal is not None
    assert [field.label for field in opened.modal.inputs] == ["Your question"]
    further = await (await ben.submit(opened, {"Your question": "And now?"})).reply()
    assert words(further) == f"«And now?» {RED}"
    assert labels(further) == ["Ask more", "Transcript", "Frames", "Speak", "Delete"]
    assert bill(cloud) == {"captions": 1, "transcripts": 1, "answers": 2}


async def test_a_form_filled_in_after_a_restart_is_answered(
    start: StartBot, anna: Person, general: Channel, clip: MakeClip, discord: DiscordServer
) -> None:
    async with start():
        answer = await discord.bot.reply(await anna.post("@bot What is it?", clip("red"), to=general))
        opened = await anna.press(answer, "Ask more")
    async with start():
        told = await (await anna.submit(opened, {"Your question": "And now?"})).reply()
        assert words(told) == "⚠️ This is from before I was restarted. Open it again with its command."
        assert told.ephemeral_for is anna


class CrescendoMind(AttentiveMind):
    """Speaks a second of near silence, then a second of a loud tone."""

    def speak(self, text: str, voice: str, speed: float) -> bytes:
        quiet, loud = (
            (20).to_bytes(2, "little"),
            (16_000).to_bytes(2, "little") + (-16_000).to_bytes(2, "little", signed=True),
        )
        return quiet * SPEECH_RATE_HZ + loud * (SPEECH_RATE_HZ // 2)


async def test_speak_gives_a_voice_message_that_looks_as_it_sounds(
    answer: Message, ben: Person, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator
) -> None:
    before = bill(cloud)
    cloud.mind = CrescendoMind()
    pressed = await ben.press(answer, "Speak")
    spoken = await discord.bot.reply(pressed, settled=lambda message: message.is_voice_message)
    assert spoken in general.seen_by(ben)
    assert spoken.content == ""
    [sound] = spoken.files
    assert sound.bytes.startswith(b"OggS")
    assert sound.duration_secs is not None
    assert sound.waveform is not None
    points = base64.b64decode(sound.waveform)
    assert 1 <= len(points) <= min(256, round(sound.duration_secs * 10) + 1)
    per_sentence = len(points) / sound.duration_secs
    assert max(points[: int(0.8 * per_sentence)]) < 64, "the first second is quiet"
    assert min(points[int(1.3 * per_sentence) : int(1.8 * per_sentence)]) > 128, "the next is loud"
    assert set(bill(cloud) - before) == {"speeches"}
    said = " ".join(call.text for call in cloud.speeches)
    assert "The picture is red" in said


async def test_delete_by_who_asked(answer: Message, anna: Person, general: Channel) -> None:
    await anna.press(answer, "Delete")
    await general_is_without(general, answer)


async def test_delete_by_a_moderator(answer: Message, mara: Person, general: Channel) -> None:
    await mara.press(answer, "Delete")
    await general_is_without(general, answer)


async def general_is_without(general: Channel, *messages: Message) -> None:
    await general.world.witness.until(lambda: all(message.deleted for message in messages), what="it to be deleted")


async def test_delete_by_somebody_else_is_refused(answer: Message, anna: Person, ben: Person, general: Channel) -> None:
    told = await (await ben.press(answer, "Delete")).reply()
    assert words(told) == NOT_YOURS
    assert told not in general.seen_by(anna)
    assert answer in general.seen_by(anna)


async def test_delete_takes_all_parts_and_the_voice(
    again: Again, anna: Person, general: Channel, clip: MakeClip, discord: DiscordServer, cloud: OpenAIEmulator
) -> None:
    cloud.mind = AttentiveMind(answers="\n\n".join(f"Paragraph {n}. {'word ' * 150}" for n in range(6)))
    asked = await anna.slash("ask", question="What is it?", clip=clip("red"), speak=True, to=general)
    await discord.bot.reply(asked, settled=lambda message: message.is_voice_message)
    *texts, spoken = discord.bot.replies(asked)
    assert len(texts) == 3
    assert [labels(text) for text in texts[:-1]] == [[], []]
    await again()
    await anna.press(texts[-1], "Delete")
    await general_is_without(general, *texts, spoken)


async def test_delete_in_direct_messages(again: Again, anna: Person, clip: MakeClip, discord: DiscordServer) -> None:
    answer = await discord.bot.reply(await anna.dm("What is it?", clip("red")))
    await again()
    await anna.press(answer, "Delete")
    await general_is_without(anna.direct(), answer)


async def test_only_what_makes_sense_is_offered(start: StartBot, anna: Person, photo: Path, general: Channel) -> None:
    async with start():
        answer = await (await anna.slash("ask", question="What?", clip=photo, to=general)).reply()
        told = await (await anna.press(answer, "Transcript")).reply()
        assert words(told) == "There is no speech in it."
        assert names(told) == []


async def test_buttons_of_an_answer_that_is_forgotten_say_so(
    start: StartBot,
    tmp_path: Path,
    anna: Person,
    ben: Person,
    mara: Person,
    clip: MakeClip,
    general: Channel,
    discord: DiscordServer,
    cloud: OpenAIEmulator,
) -> None:
    async with start():
        answer = await discord.bot.reply(await anna.post("@bot What is it?", clip("red"), to=general))
    before = bill(cloud)
    async with start(DATA__DIRECTORY=tmp_path / "new"):
        for label in ("Transcript", "Frames"):
            told = await (await ben.press(answer, label)).reply()
            assert words(told) == "⚠️ There is no clip to go by. Attach one, or reply to a message that has one."
            assert told.ephemeral_for is ben
        told = await (await ben.press(answer, "Speak")).reply()
        assert words(told) == "⚠️ I no longer know that answer. Ask again, with speaking switched on."
        assert bill(cloud) == before
        told = await (await ben.press(answer, "Delete")).reply()
        assert words(told) == NOT_YOURS
        await mara.press(answer, "Delete")
        await general_is_without(general, answer)


class TestCancel:
    """The button under the progress."""

    @pytest.fixture
    async def bot(self, start: StartBot) -> AsyncIterator[None]:
        async with start():
            yield

    @pytest.mark.usefixtures("bot")
    @pytest.mark.parametrize("by", ["Anna", "Mara"])
    async def test_stops_the_work_for_who_asked_and_for_moderators(
        self,
        by: str,
        anna: Person,
        mara: Person,
        clip: MakeClip,
        general: Channel,
        discord: DiscordServer,
        cloud: OpenAIEmulator,
    ) -> None:
        with held(cloud, "look") as mind:
            asked = await anna.post("@bot What is it?", clip("red"), to=general)
            await discord.bot.until(lambda: mind.begun["look"], what="the frames to be looked at")
            [progress] = discord.bot.replies(asked)
            assert labels(progress) == ["Cancel"]
            await (anna if by == "Anna" else mara).press(progress, "Cancel")
            stopped = await discord.bot.reply(asked)
            assert stopped is progress
            assert words(stopped) == "Stopped. Nothing more is spent on this."
            assert labels(stopped) == []
        further = await discord.bot.reply(await anna.post("@bot hello", to=general))
        assert words(further) == "It is green."
        assert bill(cloud)["answers"] == 1, "only that of the greeting"

    @pytest.mark.usefixtures("bot")
    async def test_is_refused_to_others(
        self,
        anna: Person,
        ben: Person,
        clip: MakeClip,
        general: Channel,
        discord: DiscordServer,
        cloud: OpenAIEmulator,
    ) -> None:
        with held(cloud, "look"):
            asked = await anna.slash("ask", question="What?", clip=clip("red"), to=general)
            progress = await discord.bot.reply(asked, settled=lambda message: "Cancel" in labels(message))
            told = await (await ben.press(progress, "Cancel")).reply()
            assert words(told) == NOT_YOURS
            assert told not in general.seen_by(anna)
        answer = await discord.bot.reply(asked, settled=lambda message: message is progress and message.is_settled)
        assert words(answer) == "It is green."

    async def test_works_on_what_is_gone_on_with_after_a_restart(
        self,
        start: StartBot,
        anna: Person,
        clip: MakeClip,
        general: Channel,
        discord: DiscordServer,
        cloud: OpenAIEmulator,
    ) -> None:
        with held(cloud, "look") as mind:
            async with start(JOBS__SHUTDOWN_SECONDS=1):
                asked = await anna.post("@bot What is it?", clip("red"), to=general)
                await discord.bot.until(lambda: mind.begun["look"], what="the frames to be looked at")
            async with start():
                await discord.bot.until(lambda: mind.begun["look"] > 1, what="the work to go on")
                [progress] = discord.bot.replies(asked)
                await anna.press(progress, "Cancel")
                stopped = await discord.bot.reply(asked)
                assert words(stopped) == "Stopped. Nothing more is spent on this."
        assert bill(cloud)["answers"] == 0
