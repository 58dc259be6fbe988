"""What things cost, as people meet it: a question before what is dear, /usage, and a word to whoever runs the bot."""

import pytest

from bot.discord_io.client import KibitzClient
from bot.discord_io.spending_watch import SpendingWatch
from bot.domain.money import Account
from tests.journeys.discord.conftest import MakeClip, StartBot
from tests.journeys.discord.eyes import bill, labels, words
from tests.simulator.discord_server import Channel, DiscordServer, Guild, Message, Person
from tests.simulator.openai_server import OpenAIEmulator

pytestmark = pytest.mark.usefixtures("known_clips", "attentive")

DEAR = 0.000_1
RED = "«What is it?» The picture is red, of medium brightness [0:00]. tone 440 hertz [0:00]."


@pytest.fixture
def owner(club: Guild, discord: DiscordServer) -> Person:
    """She runs the bot."""
    discord.app.owner = person = club.member("Ola")
    return person


async def quoted(discord: DiscordServer, asked: Message) -> Message:
    """The message with the price."""
    return await discord.bot.reply(asked, settled=lambda message: "Go on" in labels(message))


async def test_what_is_dear_is_done_when_its_asker_agrees(
    start: StartBot,
    discord: DiscordServer,
    cloud: OpenAIEmulator,
    general: Channel,
    anna: Person,
    ben: Person,
    clip: MakeClip,
) -> None:
    async with start(BUDGET__CONFIRM_USD=DEAR):
        asked = await anna.post("@bot What is it?", clip("red"), to=general)
        question = await quoted(discord, asked)
        assert question.content.startswith("💰 This will cost about $0.00")
        assert "(1 min of sound, 1" in question.content
        assert labels(question)[-1] == "Cancel"
        assert bill(cloud) == {}
        refused = await (await ben.press(question, "Go on")).reply()
        assert refused.content == "⚠️ Only the person who asked can decide that."
        await anna.press(question, "Go on")
        answer = await discord.bot.reply(
            asked, timeout=90, settled=lambda one: one.id == question.id and "Speak" in labels(one)
        )
        assert words(answer) == RED
        assert answer.id == question.id
        assert bill(cloud) == {"captions": 1, "transcripts": 1, "answers": 1}
        again = await anna.post("@bot What is it?", clip("red"), to=general)
        assert words(await discord.bot.reply(again)) == RED


async def test_what_is_not_wanted_costs_nothing(
    start: StartBot, discord: DiscordServer, cloud: OpenAIEmulator, general: Channel, anna: Person, clip: MakeClip
) -> None:
    async with start(BUDGET__CONFIRM_USD=DEAR):
        asked = await anna.post("@bot What is it?", clip("red"), to=general)
        await anna.press(await quoted(discord, asked), "Cancel")
        stopped = await discord.bot.reply(asked, settled=lambda message: not message.buttons)
        assert stopped.content == "Stopped. Nothing more is spent on this."
        assert bill(cloud) == {}


async def test_after_a_restart_it_is_asked_again(
    start: StartBot, discord: DiscordServer, cloud: OpenAIEmulator, general: Channel, anna: Person, clip: MakeClip
) -> None:
    async with start(BUDGET__CONFIRM_USD=DEAR):
        asked = await anna.post("@bot What is it?", clip("red"), to=general)
        question = await quoted(discord, asked)
    assert question.content == "I am being restarted and will go on with this in a moment."
    async with start(BUDGET__CONFIRM_USD=DEAR):
        assert (await quoted(discord, asked)).id == question.id
        await anna.press(question, "Go on")
        answer = await discord.bot.reply(
            asked, timeout=90, settled=lambda one: one.id == question.id and "Speak" in labels(one)
        )
        assert words(answer) == RED


async def told(person: Person, channel: Channel) -> list[str]:
    """What /usage says, to the person alone."""
    answer = await (await person.slash("usage", to=channel)).reply()
    assert answer.ephemeral_for is person
    return answer.content.replace("**", "").splitlines()


async def test_everybody_sees_their_own_and_the_operator_sees_all(
    start: StartBot,
    discord: DiscordServer,
    club: Guild,
    general: Channel,
    anna: Person,
    ben: Person,
    mona: Person,
    owner: Person,
    clip: MakeClip,
) -> None:
    async with start() as client:
        await discord.bot.reply(await anna.post("@bot What is it?", clip("red"), to=general))
        ledger = client.house.ledger
        before = await ledger.allowances(Account(person_id=anna.id, server_id=club.id))
        assert [one.spent_usd > 0 for one in before] == [True] * 4, "her question is booked on her, the server and all"
        assert [one.reserved_usd for one in before] == [0.0] * 4
        await ledger.book(Account(person_id=anna.id, server_id=club.id), role="captions", model="gpt-6-luna", usd=0.3)
        mine, server = await told(anna, general)
        assert mine.startswith("What you asked for today: $0.30 of $0.50; $0.20 is left.")
        assert "Counted anew <t:" in mine
        assert server == "This server today: not used up."
        assert (await told(ben, general))[0].startswith("What you asked for today: $0.00 of $0.50; $0.50 is left.")
        assert (await told(mona, general))[1].startswith("This server today: $0.30 of $5.00; $4.")
        assert len(await told(anna, anna.direct())) == 1
        lines = await told(owner, general)
        assert lines[2].startswith("Everybody today: $0.30 of $20.00; $19.")
        assert lines[3].startswith("Everybody ever: $0.30; there is no limit.")
        assert "By model, in the last 30 days" in lines
        assert any(line.startswith("- captions, `gpt-6-luna`: $0.30 (") for line in lines)
        assert any(line.startswith("- Film club (") for line in lines)


async def test_the_operator_hears_once_how_far_the_money_is_spent(
    start: StartBot, discord: DiscordServer, general: Channel, owner: Person
) -> None:
    async with start(BUDGET__DAY_USD=1) as client:
        await _spend(client, 0.6)
        first = await discord.bot.next_message(in_=owner.direct())
        assert first.content == "⚠️ 50 % of what I may spend today is spent: $0.60 of $1.00. /usage tells on what."
    async with start(BUDGET__DAY_USD=1) as client:
        await _spend(client, 0.1)
        await _spend(client, 0.3)
        last = await discord.bot.next_message(in_=owner.direct())
        assert last.content.startswith("⚠️ All I may spend today is spent: $1.00 of $1.00. Until midnight UTC I refuse")
    assert len(discord.bot.messages(in_=owner.direct())) == 2


async def _spend(client: KibitzClient, usd: float) -> None:
    await client.house.ledger.book(Account(), role="chat", model="gpt-6-luna", usd=usd)
    await SpendingWatch(client.house.ledger, client.operator.tell).look()
