"""Long work and many people: nobody waits three seconds for a sign, and everybody gets an answer, their own."""

import asyncio
import struct
from collections import Counter
from pathlib import Path

import pytest

from tests.journeys.discord.conftest import StartBot
from tests.journeys.discord.eyes import AttentiveMind
from tests.journeys.discord.eyes import asked as question_of
from tests.journeys.discord.held import held
from tests.simulator.discord_server import Channel, DiscordServer, Guild, Message, Person, Upload
from tests.simulator.openai_server import HonestMind, OpenAIEmulator

ANSWER = "It is green."
PEOPLE = 50
CLIPS = 16
"""Different ones: more than are looked at while people click."""


def is_done(message: Message) -> bool:
    return message.is_settled and message.content.startswith(ANSWER)


def variant(clip: Path, number: int) -> Upload:
    """The same clip with other bytes: a box at its end that players skip."""
    return Upload(name=f"clip-{number}.mp4", data=clip.read_bytes() + struct.pack(">I4sQ", 16, b"free", number))


async def test_fifty_clips_at_once_and_no_click_is_left_waiting(
    start: StartBot,
    discord: DiscordServer,
    cloud: OpenAIEmulator,
    club: Guild,
    anna: Person,
    snap: Path,
    refused: Counter[int],
) -> None:
    """The simulator lets an interaction fail after three seconds, and the journey then fails."""
    cloud.mind = HonestMind(answers=ANSWER)
    rooms = [club.channel(f"room-{number}") for number in range(10)]
    owner = club.owner
    assert isinstance(owner, Person)
    async with start():
        earlier = await discord.bot.reply(await anna.post("@bot what colour?", variant(snap, 0), to=rooms[0]))
        crowd = [club.member(f"Person {number}") for number in range(PEOPLE)]
        asked = [
            await person.post("@bot what colour?", variant(snap, 1 + number % CLIPS), to=rooms[number % len(rooms)])
            for number, person in enumerate(crowd, start=1)
        ]
        commanded = await anna.slash("ask", question="And now?", to=rooms[0])
        opened = await anna.press(earlier, "Ask more")
        submitted = await anna.submit(opened, {"Your question": "And then?"})
        transcript = await anna.press(earlier, "Transcript")
        menu = await anna.menu("Ask about this", asked[-1])
        helped = await anna.slash("help", to=rooms[1])
        settings = await owner.slash("settings", to=rooms[1])
        chosen = await owner.choose(await settings.reply(), _first_select(await settings.reply()), ["always"])
        clicks = [commanded, opened, submitted, transcript, menu, helped, settings, chosen]
        assert [click.name for click in clicks if click.failed] == []
        answers = [await discord.bot.reply(message, timeout=60) for message in asked]
        further = [await click.reply(timeout=60) for click in (commanded, submitted, transcript)]
    refused[429] = discord.refusals[429]  # so many run into Discord's limits; the library waits and tries again
    said = Counter(message.content.splitlines()[0] for message in (*answers, *further[:2]))
    assert said == {ANSWER: PEOPLE + 2}
    assert all(answer.reference is question for answer, question in zip(answers, asked, strict=True))


def _first_select(message: Message) -> str:
    return next(select.custom_id for select in message.selects if any("always" in o for o in select.options))


async def test_who_comes_when_the_queue_is_full_is_told_so(
    start: StartBot, discord: DiscordServer, cloud: OpenAIEmulator, general: Channel, club: Guild
) -> None:
    other = club.channel("other")
    async with start(JOBS__MAX_RUNNING=1, JOBS__MAX_WAITING=2):
        with held(cloud, "answer") as mind:
            people = [club.member(f"Person {number}") for number in range(5)]
            asked = [await people[0].post("@bot hello?", to=general)]
            await discord.bot.until(lambda: mind.begun["answer"])
            asked += [await person.post("@bot hello?", to=other) for person in people[1:3]]
            await discord.bot.until(lambda: len(discord.bot.messages(other)) == 2)
            late = await people[3].post("@bot hello?", to=general)
            refusal = await discord.bot.reply(late)
            commanded = await people[4].slash("ask", question="hello?", to=general)
            assert "Too many questions are waiting here. Ask again in a few minutes." in refusal.content
            assert "Too many questions are waiting here." in (await commanded.reply()).content
        assert [(await discord.bot.reply(message)).content for message in asked] == [ANSWER] * 3
        assert (await discord.bot.reply(await people[3].post("@bot hello?", to=other))).content == ANSWER


@pytest.mark.usefixtures("bot")
@pytest.mark.parametrize("rooms", [1, 2])
async def test_two_people_at_once_get_each_their_own_answer(
    rooms: int, discord: DiscordServer, attentive: AttentiveMind, club: Guild, anna: Person, ben: Person, snap: Path
) -> None:
    places = [club.channel(f"room-{number}") for number in range(rooms)]
    by_post = await asyncio.gather(
        anna.post("@bot Anna asks", variant(snap, 1), to=places[0]),
        ben.post("@bot Ben asks", variant(snap, 2), to=places[-1]),
    )
    for question, name in zip(by_post, ("Anna", "Ben"), strict=True):
        answer = await discord.bot.reply(question)
        assert answer.reference is question
        assert f"«{name} asks»" in answer.content
    by_command = await asyncio.gather(
        anna.slash("ask", question="Anna again", to=places[0]), ben.slash("ask", question="Ben again", to=places[-1])
    )
    for interaction, name in zip(by_command, ("Anna", "Ben"), strict=True):
        assert f"«{name} again»" in (await interaction.reply()).content
    assert isinstance(attentive, AttentiveMind)


@pytest.mark.usefixtures("bot")
async def test_two_people_about_the_same_clip_pay_once(
    discord: DiscordServer,
    attentive: AttentiveMind,
    cloud: OpenAIEmulator,
    general: Channel,
    anna: Person,
    ben: Person,
    snap: Path,
) -> None:
    asked = await asyncio.gather(
        anna.post("@bot Anna asks", snap, to=general), ben.post("@bot Ben asks", snap, to=general)
    )
    answers = [await discord.bot.reply(message) for message in asked]
    assert ["«Anna asks»" in answers[0].content, "«Ben asks»" in answers[1].content] == [True, True]
    assert len(cloud.captions) == 1
    assert attentive is cloud.mind


async def test_five_questions_of_one_person_are_answered_one_after_the_other(
    start: StartBot, discord: DiscordServer, cloud: OpenAIEmulator, general: Channel, anna: Person, ben: Person
) -> None:
    """Although two could be worked on at once; the second place is for others."""
    async with start(JOBS__MAX_WAITING_PER_PERSON=9):
        with held(cloud, "answer", answers=question_of) as mind:
            asked = [await anna.post(f"@bot question {number}", to=general) for number in range(5)]
            await discord.bot.until(lambda: len(discord.bot.messages(general)) == 5)
            other = await ben.slash("ask", question="in between", to=general)
            await discord.bot.until(lambda: "in between" in [question_of(call) for call in cloud.answers])
            assert mind.begun["answer"] == 2
        answers = [await discord.bot.reply(message) for message in asked]
        assert [answer.content for answer in answers] == [f"question {number}" for number in range(5)]
        assert (await other.reply()).content == "in between"


class TestTheFifteenMinutes:
    """The token of an interaction dies after them, and the work does not."""

    @pytest.mark.usefixtures("bot")
    async def test_long_work_goes_on_as_an_ordinary_message(
        self, discord: DiscordServer, cloud: OpenAIEmulator, general: Channel, anna: Person, snap: Path
    ) -> None:
        with held(cloud, "answer") as mind:
            asked = await anna.slash("ask", question="what colour?", clip=snap, to=general)
            await discord.bot.until(lambda: mind.begun["answer"])
            [shown] = asked.messages
            discord.clock.advance(16 * 60)
        answer = await discord.bot.reply(asked, settled=is_done)
        assert (answer.interaction, answer.reference) == (None, shown)
        assert [button.label for button in answer.buttons] == ["Ask more", "Transcript", "Frames", "Speak", "Delete"]
        await discord.bot.until(lambda: shown.content == "This goes on below.")
        assert shown.buttons == ()
        assert [message for message in general.seen_by(anna) if message.by_bot] == [shown, answer]

    @pytest.mark.usefixtures("bot")
    async def test_progress_moves_with_its_cancel_button(
        self, discord: DiscordServer, cloud: OpenAIEmulator, general: Channel, anna: Person, snap: Path
    ) -> None:
        with held(cloud, "look") as mind:
            asked = await anna.slash("ask", question="what colour?", clip=snap, to=general)
            await discord.bot.until(lambda: mind.begun["look"])
            discord.clock.advance(14.5 * 60)
            pressed = await anna.press(asked.messages[0], "Cancel")
            assert not pressed.failed
            stopped = await discord.bot.reply(asked)
        assert stopped.content == "Stopped. Nothing more is spent on this."

    @pytest.mark.usefixtures("bot")
    async def test_a_private_answer_goes_on_in_direct_messages(
        self, discord: DiscordServer, cloud: OpenAIEmulator, anna: Person, ben: Person, snap: Path
    ) -> None:
        """A person's own installation, in a chat where the bot is not."""
        chat = anna.private(ben)
        with held(cloud, "answer") as mind:
            asked = await anna.slash("ask", question="what colour?", clip=snap, to=chat)
            await discord.bot.until(lambda: mind.begun["answer"])
            discord.clock.advance(14.5 * 60)
        answer = await discord.bot.next_message(in_=anna.direct(), settled=is_done)
        await discord.bot.until(lambda: asked.messages[0].content == "This goes on in our direct messages.")
        assert asked.messages[0].ephemeral_for is anna
        assert answer.buttons[0].label == "Ask more"

    @pytest.mark.usefixtures("bot")
    async def test_a_transcript_for_one_pair_of_eyes_stays_private(
        self, discord: DiscordServer, cloud: OpenAIEmulator, general: Channel, anna: Person, ben: Person, snap: Path
    ) -> None:
        """The button under an answer; what was to be seen by Ben alone is not shown to all after fifteen minutes."""
        answer = await discord.bot.reply(await anna.post("@bot what colour?", snap, to=general))
        with held(cloud, "answer") as mind:
            await discord.bot.until(lambda: answer.buttons)
            await anna.post("@bot hello?", to=general)
            await ben.post("@bot hello?", to=general)
            await discord.bot.until(lambda: mind.begun["answer"] == 2)
            pressed = await ben.press(answer, "Transcript")
            discord.clock.advance(14.5 * 60)
        said = "There is no speech in it."
        await discord.bot.next_message(in_=ben.direct(), settled=lambda message: message.content == said)
        assert [message.ephemeral_for for message in pressed.messages] == [ben]
        assert said not in [message.content for message in discord.bot.messages(general)]
