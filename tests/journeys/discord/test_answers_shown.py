"""How an answer comes to be seen: progress, words as they are written, parts, files, times, small print, sound."""

import re
import threading
from collections.abc import AsyncIterator, Sequence
from itertools import count, pairwise
from pathlib import Path

import pytest

from bot.discord_io.client import KibitzClient
from tests import clips
from tests.journeys.discord.conftest import MakeClip, StartBot
from tests.journeys.discord.eyes import AttentiveMind, bill, labels, names, notes, words
from tests.journeys.discord.held import held
from tests.simulator.discord_server import Channel, DiscordServer, Guild, Message, Person
from tests.simulator.openai_server import ChatCall, Delays, HonestMind, OpenAIEmulator, SeenImage, SeenPicture, Status
from tests.simulator.running import running_bot

RED = "The picture is red, of medium brightness [0:00]. tone 440 hertz [0:00]."
CURSOR = "▌"


async def whole(discord: DiscordServer, asked: Message) -> tuple[Message, ...]:
    """All parts of an answer, once the buttons stand below the last."""
    await discord.bot.reply(asked, settled=lambda message: message.is_settled and "Delete" in labels(message))
    return discord.bot.replies(asked)


class FirstLookMind(HonestMind):
    """Describes the first pictures that come, and waits with the others."""

    def __init__(self) -> None:
        super().__init__()
        self.goes_on = threading.Event()
        self._looks = count()

    def look(self, images: Sequence[SeenImage], call: ChatCall) -> list[SeenPicture]:
        if next(self._looks) > 0:
            self.goes_on.wait(60)
        return super().look(images, call)


@pytest.mark.usefixtures("bot")
class TestWhileItWorks:
    async def test_one_message_tells_how_far_it_is(
        self, anna: Person, clip: MakeClip, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator
    ) -> None:
        cloud.mind = mind = FirstLookMind()
        try:
            asked = await anna.post("@bot What is it?", clip(*list(clips.COLOURS)[:8]), to=general)
            told = re.compile(r"👀 (?P<done>\d+)/(?P<all>\d+) frames · 👂 0:16 of 0:16 heard")
            await discord.bot.until(
                lambda: any(told.fullmatch(item.content) for item in discord.bot.replies(asked)), what="the progress"
            )
            [progress] = discord.bot.replies(asked)
            numbers = told.fullmatch(progress.content)
            assert numbers is not None
            assert 0 < int(numbers["done"]) < int(numbers["all"])
            assert progress.reference is asked
            assert labels(progress) == ["Cancel"]
        finally:
            mind.goes_on.set()
        answer = await discord.bot.reply(asked)
        assert answer is progress, "the answer takes the place of the progress"
        assert discord.bot.messages(general) == (answer,)

    async def test_several_clips_are_told_of_as_one(
        self, anna: Person, clip: MakeClip, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator
    ) -> None:
        with held(cloud, "look"):
            asked = await anna.post("@bot What?", clip("red", "blue"), clip("green"), to=general)
            await discord.bot.until(
                lambda: any("0:06 of 0:06 heard" in item.content for item in discord.bot.replies(asked)),
                what="the progress of both",
            )

    async def test_those_who_wait_are_told_how_many_come_first(
        self, anna: Person, ben: Person, clip: MakeClip, club: Guild, discord: DiscordServer, cloud: OpenAIEmulator
    ) -> None:
        here, there = club.channel("here"), club.channel("there")
        with held(cloud, "answer"):
            first = await anna.post("@bot One", to=here)
            await discord.bot.until(lambda: bill(cloud)["answers"])
            second = await anna.post("@bot Two", to=there)
            await discord.bot.until(
                lambda: any("Waiting for 1 before you…" in item.content for item in discord.bot.replies(second)),
                what="the place in the queue",
            )
            third = await ben.post("@bot Three", to=there)
            await discord.bot.until(lambda: bill(cloud)["answers"] == 2, what="another person not to wait for her")
        for asked in (first, second, third):
            assert words(await discord.bot.reply(asked)) == "It is green."

    async def test_words_appear_as_they_are_written_and_not_too_often(
        self, anna: Person, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator
    ) -> None:
        told = " ".join(f"word{number}" for number in range(60))
        cloud.mind = HonestMind(answers=told)
        cloud.delays = Delays(per_token=0.03)
        answer = await discord.bot.reply(await anna.post("@bot Tell me", to=general))
        assert words(answer) == told
        written = [(at, text) for at, text in answer.edits if text.endswith(CURSOR)]
        assert len(written) >= 3
        shown = [text.removesuffix(CURSOR).strip() for _, text in written]
        assert all(told.startswith(text) for text in shown)
        assert [len(text) for text in shown] == sorted({len(text) for text in shown}), "each shows more"
        assert all(later - sooner >= 1 for (sooner, _), (later, _) in pairwise(written))
        assert CURSOR not in answer.content

    async def test_a_stop_in_the_middle_of_the_answer(
        self, anna: Person, clip: MakeClip, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator
    ) -> None:
        cloud.mind = HonestMind(answers="word " * 400)
        cloud.delays = Delays(per_token=0.05)
        asked = await anna.slash("ask", question="What?", clip=clip("red"), speak=True, to=general)
        progress = await discord.bot.reply(asked, settled=lambda message: CURSOR in message.content)
        await anna.press(progress, "Cancel")
        stopped = await discord.bot.reply(asked)
        assert words(stopped) == "Stopped. Nothing more is spent on this."
        assert labels(stopped) == []
        await discord.bot.until(lambda: cloud.answers[-1].ended_seconds is not None, what="the stream to be dropped")
        assert cloud.answers[-1].status == 0
        assert bill(cloud)["answers"] == 1
        assert discord.bot.replies(asked) == (stopped,), "and no voice message"


@pytest.mark.usefixtures("bot")
class TestParts:
    @pytest.fixture
    async def bot(self, start: StartBot) -> AsyncIterator[KibitzClient]:
        async with start(CHAT__MAX_OUTPUT_TOKENS=20_000) as client:
            yield client

    async def test_a_long_answer_goes_on_below(
        self, anna: Person, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator
    ) -> None:
        paragraphs = [f"Paragraph {number}: {'and so on ' * 60}end." for number in range(4)]
        cloud.mind = HonestMind(answers="\n\n".join(paragraphs))
        asked = await anna.post("@bot Tell me", to=general)
        first, last = await whole(discord, asked)
        assert first.reference is asked
        shown = [*words(first).split("\n\n"), *words(last).split("\n\n")]
        assert shown == paragraphs, "cut between paragraphs, and nothing lost"
        assert (labels(first), labels(last)) == ([], ["Ask more", "Speak", "Delete"])

    async def test_from_three_parts_on_they_are_numbered(
        self, anna: Person, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator
    ) -> None:
        cloud.mind = HonestMind(answers="\n\n".join(f"Paragraph {n}: {'and so on ' * 60}" for n in range(8)))
        parts = await whole(discord, await anna.post("@bot Tell me", to=general))
        total = len(parts)
        assert total in {3, 4}
        assert [notes(part) for part in parts] == [[f"({number}/{total})"] for number in range(1, total + 1)]
        assert "".join(words(part) for part in parts).count("Paragraph") == 8

    async def test_code_stays_code_in_every_part(
        self, anna: Person, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator
    ) -> None:
        code = "\n".join(f"step_{number}(values[{number}], '*', \"_\")  # number {number}" for number in range(60))
        cloud.mind = HonestMind(answers=f"Here it is:\n\n```python\n{code}\n```\n\nThat is all.")
        parts = await whole(discord, await anna.post("@bot Write it", to=general))
        assert len(parts) == 2
        assert all(len(part.content) <= 2000 for part in parts)
        blocks = [re.findall(r"```python\n(.*?)\n```", part.content, re.DOTALL) for part in parts]
        assert [len(found) for found in blocks] == [1, 1], "opened and closed in each"
        assert "\n".join(found[0] for found in blocks) == code
        assert words(parts[0]).startswith("Here it is:")
        assert words(parts[1]).endswith("That is all.")

    async def test_a_very_long_answer_is_a_beginning_and_a_file(
        self, anna: Person, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator
    ) -> None:
        told = "\n\n".join(f"Paragraph {number}: {'and so on ' * 60}end." for number in range(30))
        cloud.mind = HonestMind(answers=told)
        [answer] = await whole(discord, await anna.post("@bot Tell me all", to=general))
        assert words(answer).startswith("Paragraph 0: and so on")
        assert len(words(answer)) <= 600
        assert notes(answer)[-1] == "📄 The whole answer is in answer.md."
        assert names(answer) == ["answer.md"]
        assert answer.files[0].bytes.decode() == f"{told}\n"


@pytest.mark.usefixtures("bot")
class TestTimes:
    async def test_are_shown_spoken_and_remembered_in_whole_seconds(
        self, anna: Person, clip: MakeClip, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator
    ) -> None:
        cloud.mind = HonestMind(answers="It turns blue [00:02.0], then nothing [00:02.0–00:03.9]; see 00:02.")
        asked = await anna.slash("ask", question="When?", clip=clip("red", "blue"), speak=True, to=general)
        answer = await asked.reply()
        assert words(answer) == "It turns blue [0:02], then nothing [0:02–0:03]; see 0:02."
        assert not any("00:02" in text for _, text in answer.edits)
        await discord.bot.reply(asked, settled=lambda message: message.is_voice_message)
        assert not any("00:02" in call.text for call in cloud.speeches)
        await discord.bot.reply(await anna.post("And then?", reply_to=answer))
        assert "It turns blue [0:02]" in cloud.answers[-1].text

    async def test_that_the_clip_does_not_have_are_taken_out(
        self, anna: Person, clip: MakeClip, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator
    ) -> None:
        cloud.mind = HonestMind(answers="It turns blue [0:02] and pink [9:59].")
        answer = await discord.bot.reply(await anna.post("@bot When?", clip("red", "blue"), to=general))
        assert words(answer) == "It turns blue [0:02] and pink."
        assert notes(answer) == ["⚠️ The model named 1 time not in the timeline; taken out."]

    async def test_that_are_read_in_the_clip_stay_as_they_are(
        self, anna: Person, tmp_path: Path, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator
    ) -> None:
        clips.slides_with_speech(tmp_path / "slide.mp4", [("Lunch at 09:05", "see you")], size=(640, 360))
        cloud.mind = HonestMind(reads_text=True, answers="Lunch is at 09:05 [00:00.0].")
        answer = await discord.bot.reply(await anna.post("@bot When?", tmp_path / "slide.mp4", to=general))
        assert words(answer) == "Lunch is at 09:05 [0:00]."


@pytest.mark.usefixtures("bot")
class TestSound:
    async def test_comes_beside_the_text(
        self, anna: Person, clip: MakeClip, general: Channel, discord: DiscordServer, attentive: AttentiveMind
    ) -> None:
        asked = await anna.slash("ask", question="What?", clip=clip("red"), speak=True, to=general)
        spoken = await discord.bot.reply(asked, settled=lambda message: message.is_voice_message)
        answer, voice = general.seen_by(anna)
        assert words(answer) == f"«What?» {RED}"
        assert voice is spoken
        assert voice.reference is answer
        assert voice.content == ""
        assert voice.buttons == ()

    async def test_is_a_file_where_voice_messages_are_not_allowed(
        self, anna: Person, clip: MakeClip, general: Channel, discord: DiscordServer
    ) -> None:
        general.deny_bot("send_voice_messages")
        asked = await anna.slash("ask", question="What?", clip=clip("red"), speak=True, to=general)
        voice = await discord.bot.reply(asked, settled=lambda message: bool(message.files))
        assert names(voice) == ["answer.ogg"]
        assert voice.files[0].bytes.startswith(b"OggS")
        assert len(general.seen_by(anna)) == 2

    async def test_that_fails_is_told_of_and_the_text_stands(
        self, anna: Person, clip: MakeClip, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator
    ) -> None:
        for endpoint in ("handshake", "realtime", "speech"):
            cloud.fail(endpoint, Status(status=500), always=True)
        asked = await anna.slash("ask", question="What?", clip=clip("red"), speak=True, to=general)
        answer = await asked.reply()
        assert words(answer) == RED
        assert notes(answer) == ["⚠️ The answer could not be spoken; it stands as text only."]
        assert general.seen_by(anna) == (answer,)


@pytest.mark.usefixtures("bot")
async def test_words_that_would_call_people_are_only_words(
    anna: Person, ben: Person, club: Guild, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator
) -> None:
    """The check after each journey sees that nobody was pinged."""
    mods = club.role("mods", mentionable=True)
    told = f"@everyone @here <@{ben.id}> {mods.mention} come and see"
    cloud.mind = HonestMind(answers=told)
    answer = await discord.bot.reply(await anna.post("@bot Call them", to=general))
    assert words(answer).replace("\N{WORD JOINER}", "") == told
    assert answer.pings == ()


@pytest.mark.usefixtures("bot")
async def test_what_is_missing_stands_in_small_print_below(
    anna: Person, tmp_path: Path, general: Channel, discord: DiscordServer
) -> None:
    clips.silent_sound_clip(tmp_path / "silent.mp4", seconds=1.0)
    answer = await discord.bot.reply(await anna.post("@bot What?", tmp_path / "silent.mp4", to=general))
    assert answer.content.splitlines()[-1] == "-# ⚠️ The clip has a sound track, but it is silent."


async def test_without_any_model_it_is_said_that_this_machine_did_it(
    discord: DiscordServer, cloud: OpenAIEmulator, tmp_path: Path, anna: Person, general: Channel
) -> None:
    clips.slides_with_speech(tmp_path / "slide.mp4", [("EXIT LEFT", "where is the exit")], size=(640, 360))
    async with running_bot(discord, None, tmp_path / "data"):
        asked = await anna.slash("ask", question="What is written?", clip=tmp_path / "slide.mp4", to=general)
        answer = await asked.reply()
    assert "EXIT LEFT" in words(answer)
    assert re.search(r"\[0:0\d\]", words(answer))
    assert "⚠️ Worked out on this machine without any model" in notes(answer)[0]
    assert bill(cloud) == {}
