"""A further question finds its clip and what was said before, pays for no second look, and stays in its place."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from bot.database.where import Where
from tests.databases import POSTGRESQL, SQLITE, only
from tests.journeys.discord.conftest import MakeClip, MakeSound, StartBot, StartOn
from tests.journeys.discord.eyes import AttentiveMind, bill, labels, words
from tests.simulator.discord_server import Channel, DiscordServer, Guild, Message, Person, VoiceMessage
from tests.simulator.openai_server import OpenAIEmulator

pytestmark = pytest.mark.usefixtures("known_clips", "attentive")

in_time = pytest.mark.parametrize(("where", "again"), [(SQLITE, "after a restart")], indirect=True)
"""After a restart, when nothing but the data can be known; at once, and on the other database, is tested once."""

Again = Callable[[], Awaitable[None]]
Check = Callable[[Message], Awaitable[None]]

NOTHING_SEEN = "The clip shows nothing that I can describe."
RED = "The picture is red, of medium brightness [0:00]. tone 440 hertz [0:00]."
BLUE = "The picture is blue, dark [0:00]. tone 660 hertz [0:00]."


@pytest.fixture
def start(start_on: StartOn, where: Where) -> StartBot:
    return start_on(where)


@pytest.fixture
async def again(request: pytest.FixtureRequest, start: StartBot, general: Channel) -> AsyncIterator[Again]:
    """What comes between two questions: nothing, or a restart of the bot, which has its data and nothing else."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(start())

        async def between() -> None:
            if request.param == "after a restart":
                await stack.aclose()
                await stack.enter_async_context(start())

        yield between


class Talk:
    """Anna asked about a red clip by a message, then Ben about a blue one by a command, in the same channel."""

    def __init__(self, discord: DiscordServer, cloud: OpenAIEmulator, general: Channel) -> None:
        self.discord = discord
        self.cloud = cloud
        self.general = general
        self.red: tuple[Message, Message]

    async def begin(self, anna: Person, ben: Person, clip: MakeClip) -> None:
        posted = await anna.post("@bot What is red?", clip("red"), to=self.general)
        self.red = posted, await self.discord.bot.reply(posted)
        blue = clip("blue", first_tone=1)
        await (await ben.slash("ask", question="What is blue?", clip=blue, to=self.general)).reply()
        assert bill(self.cloud) == {"captions": 2, "transcripts": 2, "answers": 2}

    def check(self, answer: Message, question: str, evidence: str) -> None:
        """It is about that clip, and only the answer itself was paid for; nor was the clip fetched again."""
        assert words(answer) == f"«{question}» {evidence}"
        assert bill(self.cloud) == {"captions": 2, "transcripts": 2, "answers": 3}
        assert self.discord.count("GET", "cdn") == 2

    @property
    def told_the_model(self) -> str:
        return self.cloud.answers[-1].text


@pytest.fixture
async def talk(
    again: Again,
    discord: DiscordServer,
    cloud: OpenAIEmulator,
    general: Channel,
    anna: Person,
    ben: Person,
    clip: MakeClip,
) -> Talk:
    begun = Talk(discord, cloud, general)
    await begun.begin(anna, ben, clip)
    await again()
    return begun


@in_time
async def test_a_reply_to_the_older_answer(talk: Talk, ben: Person) -> None:
    question = await ben.post("And now?", reply_to=talk.red[1])
    answer = await talk.discord.bot.reply(question)
    talk.check(answer, "And now?", RED)
    assert 'EARLIER asked "What is red?"' in talk.told_the_model
    assert "What is blue?" not in talk.told_the_model


@in_time
async def test_a_reply_with_a_mention_to_the_message_that_asked(talk: Talk, anna: Person) -> None:
    """That message mentions the bot, so the bot may read it even without the right to read messages."""
    answer = await talk.discord.bot.reply(await anna.post("@bot And now?", reply_to=talk.red[0]))
    assert words(answer) == f"«And now?» {RED}"
    assert bill(talk.cloud) == {"captions": 2, "transcripts": 2, "answers": 3}


@pytest.mark.parametrize("where", [SQLITE, POSTGRESQL], indirect=True)
@pytest.mark.parametrize("again", ["at once", "after a restart"], indirect=True)
async def test_a_mention_means_the_latest(talk: Talk, anna: Person) -> None:
    answer = await talk.discord.bot.reply(await anna.post("@bot And now?", to=talk.general))
    talk.check(answer, "And now?", BLUE)


@in_time
async def test_a_command_means_the_latest(talk: Talk, anna: Person) -> None:
    answer = await (await anna.slash("ask", question="And now?", to=talk.general)).reply()
    talk.check(answer, "And now?", BLUE)


@in_time
async def test_the_button_below_the_older_answer(talk: Talk, ben: Person) -> None:
    opened = await ben.press(talk.red[1], "Ask more")
    assert opened.modal is not None
    assert opened.modal.title == "Ask more"
    answer = await (await ben.submit(opened, {"Your question": "And now?"})).reply()
    talk.check(answer, "And now?", RED)
    assert answer in talk.general.seen_by(ben)


@in_time
async def test_the_menu_of_the_older_answer(talk: Talk, ben: Person) -> None:
    opened = await ben.menu("Ask about this", talk.red[1])
    answer = await (await ben.submit(opened, {"Your question": "And now?"})).reply()
    talk.check(answer, "And now?", RED)


@in_time
@pytest.mark.parametrize("started_on", ["clip", "answer"])
async def test_a_thread(started_on: str, talk: Talk, anna: Person) -> None:
    thread = await anna.start_thread(talk.red[0 if started_on == "clip" else 1], "The red one")
    question = await anna.post("@bot And now?", to=thread)
    answer = await talk.discord.bot.reply(question)
    talk.check(answer, "And now?", RED)
    assert answer.channel is thread
    further = await talk.discord.bot.reply(await anna.post("@bot And then?", to=thread))
    assert words(further) == f"«And then?» {RED}"
    assert 'EARLIER asked "And now?"' in talk.told_the_model


@in_time
async def test_a_thread_on_something_else_knows_of_no_clip(talk: Talk, anna: Person) -> None:
    thread = await anna.start_thread(await anna.post("a word", to=talk.general), "Other things")
    answer = await talk.discord.bot.reply(await anna.post("@bot And now?", to=thread))
    assert words(answer) == f"«And now?» {NOTHING_SEEN}"


@in_time
async def test_another_channel_knows_of_nothing(talk: Talk, club: Guild, anna: Person) -> None:
    quiet = club.channel("quiet")
    asked = await talk.discord.bot.reply(await anna.post("@bot And now?", to=quiet))
    assert words(asked) == f"«And now?» {NOTHING_SEEN}"
    assert "EARLIER asked" not in talk.told_the_model
    commanded = await (await anna.slash("transcribe", to=quiet)).reply()
    assert words(commanded).startswith("⚠️ There is no clip to go by.")
    direct = await talk.discord.bot.reply(await anna.dm("And now?"))
    assert words(direct) == f"«And now?» {NOTHING_SEEN}"
    assert bill(talk.cloud) == {"captions": 2, "transcripts": 2, "answers": 4}


@in_time
async def test_a_clip_posted_again_by_somebody_else_elsewhere(
    talk: Talk, club: Guild, ben: Person, clip: MakeClip
) -> None:
    """It is known by its content; what was said about it in the other channel is not told."""
    quiet = club.channel("quiet")
    answer = await talk.discord.bot.reply(await ben.post("@bot What is it?", clip("red"), to=quiet))
    assert words(answer) == f"«What is it?» {RED}"
    assert bill(talk.cloud) == {"captions": 2, "transcripts": 2, "answers": 3}
    assert "What is red?" not in talk.told_the_model
    assert "EARLIER asked" not in talk.told_the_model


@in_time
async def test_a_clip_posted_again_in_another_server(talk: Talk, ben: Person, clip: MakeClip) -> None:
    other = talk.discord.guild("Chess club")
    other.member(ben)
    lounge = other.channel("lounge")
    answer = await talk.discord.bot.reply(await ben.post("@bot What is it?", clip("red"), to=lounge))
    assert words(answer) == f"«What is it?» {RED}"
    assert bill(talk.cloud) == {"captions": 2, "transcripts": 2, "answers": 3}
    assert "EARLIER asked" not in talk.told_the_model


@in_time
async def test_direct_messages_go_on_without_replying(
    again: Again, anna: Person, clip: MakeClip, discord: DiscordServer, cloud: OpenAIEmulator
) -> None:
    await (await anna.slash("ask", question="What is it?", clip=clip("red"), to=anna.direct())).reply()
    await again()
    answer = await discord.bot.reply(await anna.dm("And now?"))
    assert words(answer) == f"«And now?» {RED}"
    further = await discord.bot.reply(await anna.dm("And then?"))
    assert words(further) == f"«And then?» {RED}"
    told = cloud.answers[-1].text
    assert told.index('asked "What is it?"') < told.index('asked "And now?"')
    assert bill(cloud) == {"captions": 1, "transcripts": 1, "answers": 3}


@in_time
async def test_direct_messages_of_one_person_are_not_those_of_another(
    again: Again, anna: Person, ben: Person, clip: MakeClip, discord: DiscordServer
) -> None:
    await discord.bot.reply(await anna.dm("What is it?", clip("red")))
    await again()
    answer = await discord.bot.reply(await ben.dm("And now?"))
    assert words(answer) == f"«And now?» {NOTHING_SEEN}"


@in_time
async def test_an_older_answer_replied_to_again_begins_a_branch(
    again: Again, general: Channel, anna: Person, clip: MakeClip, discord: DiscordServer, cloud: OpenAIEmulator
) -> None:
    first = await (await anna.slash("ask", question="Apples", clip=clip("red"), to=general)).reply()
    second = await discord.bot.reply(await anna.post("Bananas", reply_to=first))
    await again()
    branch = await discord.bot.reply(await anna.post("Cherries", reply_to=first))
    assert words(branch) == f"«Cherries» {RED}"
    assert 'EARLIER asked "Apples"' in cloud.answers[-1].text
    assert "Bananas" not in cloud.answers[-1].text
    form = await anna.press(second, "Ask more")
    trunk = await (await anna.submit(form, {"Your question": "Dates"})).reply()
    assert words(trunk) == f"«Dates» {RED}"
    assert 'EARLIER asked "Bananas"' in cloud.answers[-1].text
    assert "Cherries" not in cloud.answers[-1].text
    assert bill(cloud) == {"captions": 1, "transcripts": 1, "answers": 4}


@only(SQLITE)
@pytest.mark.usefixtures("bot")
class TestAnythingTheBotPostedCanBeRepliedTo:
    """It is about the clip that the message was about, though another one came up in the channel since."""

    @pytest.fixture
    def comes_back_to_red(self, ben: Person, general: Channel, clip: MakeClip, discord: DiscordServer) -> Check:
        async def checked(message: Message) -> None:
            blue = clip("blue", first_tone=1)
            await (await ben.slash("ask", question="And this?", clip=blue, to=general)).reply()
            answer = await discord.bot.reply(await ben.post("What is in there?", reply_to=message))
            assert words(answer) == f"«What is in there?» {RED}"

        return checked

    @pytest.mark.parametrize("given", ["with the command", "before"])
    @pytest.mark.parametrize("command", ["storyboard", "timeline", "transcribe", "summarize"])
    async def test_what_a_command_brought(
        self, command: str, given: str, comes_back_to_red: Check, anna: Person, general: Channel, clip: MakeClip
    ) -> None:
        options = {"clip": clip("red")}
        if given == "before":
            await (await anna.slash("ask", question="What is it?", **options, to=general)).reply()
            options = {}
        await comes_back_to_red(await (await anna.slash(command, **options, to=general)).reply())

    async def test_the_voice_message(
        self, comes_back_to_red: Check, anna: Person, general: Channel, clip: MakeClip, discord: DiscordServer
    ) -> None:
        asked = await anna.slash("ask", question="What is it?", clip=clip("red"), speak=True, to=general)
        await comes_back_to_red(await discord.bot.reply(asked, settled=lambda message: message.is_voice_message))

    async def test_what_was_spoken_at_the_press_of_a_button(
        self, comes_back_to_red: Check, anna: Person, general: Channel, clip: MakeClip, discord: DiscordServer
    ) -> None:
        asked = await anna.slash("ask", question="What is it?", clip=clip("red"), to=general)
        pressed = await anna.press(await asked.reply(), "Speak")
        await comes_back_to_red(await discord.bot.reply(pressed, settled=lambda message: message.is_voice_message))

    async def test_a_further_part_of_a_long_answer(
        self,
        comes_back_to_red: Check,
        anna: Person,
        general: Channel,
        clip: MakeClip,
        discord: DiscordServer,
        cloud: OpenAIEmulator,
    ) -> None:
        cloud.mind = AttentiveMind(answers="\n\n".join(f"Paragraph {n}. {'word ' * 150}" for n in range(6)))
        asked = await anna.slash("ask", question="What is it?", clip=clip("red"), to=general)
        last = await discord.bot.reply(asked, settled=lambda message: "Delete" in labels(message))
        assert last is not discord.bot.replies(asked)[0]
        cloud.mind = AttentiveMind()
        await comes_back_to_red(last)


@in_time
async def test_a_spoken_question_of_before_is_known(
    again: Again,
    say: MakeSound,
    attentive: AttentiveMind,
    anna: Person,
    discord: DiscordServer,
    cloud: OpenAIEmulator,
) -> None:
    await discord.bot.reply(await anna.dm("", VoiceMessage(await say("Who are you?", attentive))))
    await again()
    await discord.bot.reply(await anna.dm("What did I ask?"))
    assert 'EARLIER asked "Who are you?"' in cloud.answers[-1].text
