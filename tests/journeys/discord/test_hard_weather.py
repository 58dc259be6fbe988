"""Discord in a bad mood: links expire, requests are refused, connections break, messages vanish. One answer, once."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import pytest

from bot.discord_io import client, desk, patience, unsaid
from bot.discord_io.client import KibitzClient
from bot.domain.conversation import MessageRef
from tests.journeys.discord.conftest import StartBot
from tests.journeys.discord.held import held
from tests.simulator.discord_server import Channel, DiscordServer, Guild, Interaction, Message, Person
from tests.simulator.openai_server import HonestMind, OpenAIEmulator
from tests.simulator.openai_server.faults import insufficient_quota

ANSWER = "It is green."
EDIT, CREATE = "PATCH /channels/", "POST /channels/{}/messages"


@pytest.fixture(autouse=True)
def short_words(cloud: OpenAIEmulator, general: Channel) -> None:
    """Everybody talks in the channel that there is."""
    cloud.mind = HonestMind(answers=ANSWER)


async def answered_once(discord: DiscordServer, asked: Message | Interaction, says: str = ANSWER) -> Message:
    """The one message that answers; there is no other, and none comes later."""
    answer = await discord.bot.reply(asked, timeout=60)
    assert says in answer.content
    await asyncio.sleep(0.2)
    assert [message for message in discord.bot.replies(asked) if not message.deleted] == [answer]
    return answer


def jobs() -> list[str]:
    return [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("job ")]


class TestLinks:
    """What is asked waits behind Ben's question, and meanwhile the link to the clip dies."""

    async def test_an_expired_link_is_made_fresh_through_the_message(
        self, start: StartBot, discord: DiscordServer, cloud: OpenAIEmulator, anna: Person, ben: Person, snap: Path
    ) -> None:
        async with start(JOBS__MAX_RUNNING=1):
            with held(cloud, "answer") as mind:
                first = await ben.post("@bot hello?")
                await discord.bot.until(lambda: mind.begun["answer"])
                asked = await anna.post("@bot what colour?", snap)
                await discord.bot.reply(asked, settled=lambda _: True)
                discord.expire(asked)
            await answered_once(discord, asked)
            await answered_once(discord, first)
        assert [request.status for request in discord.requests if request.template == "cdn"] == [404, 200]

    async def test_the_expired_file_of_a_command_has_to_be_posted_again(
        self, start: StartBot, discord: DiscordServer, cloud: OpenAIEmulator, anna: Person, ben: Person, snap: Path
    ) -> None:
        async with start(JOBS__MAX_RUNNING=1):
            with held(cloud, "answer") as mind:
                await ben.post("@bot hello?")
                await discord.bot.until(lambda: mind.begun["answer"])
                asked = await anna.slash("ask", question="what colour?", clip=snap)
                discord.expire(asked)
            await answered_once(discord, asked, "Discord no longer hands out this file")
            again = await anna.slash("ask", question="what colour?", clip=snap)
            await answered_once(discord, again)

    async def test_a_deleted_clip_is_forgotten_at_once(
        self, start: StartBot, discord: DiscordServer, cloud: OpenAIEmulator, anna: Person, ben: Person, snap: Path
    ) -> None:
        async with start(JOBS__MAX_RUNNING=1):
            posted = await ben.post("@bot", snap)
            await answered_once(discord, posted)
            with held(cloud, "answer") as mind:
                await ben.post("@bot hello?")
                await discord.bot.until(lambda: mind.begun["answer"])
                asked = await anna.slash("storyboard")
                await discord.bot.until(lambda: discord.bot.replies(asked))
                await ben.delete(posted)
                discord.expire(posted)
            await answered_once(discord, asked, "There is no clip to go by.")

    @pytest.mark.usefixtures("bot")
    async def test_a_clip_whose_message_may_not_be_read_again(
        self, discord: DiscordServer, anna: Person, ben: Person, snap: Path
    ) -> None:
        """Between opening the form and sending it, the link expires; without leave to read, that is the end of it."""
        posted = await ben.post("", snap)
        opened = await anna.menu("Ask about this", posted)
        discord.expire(posted)
        await answered_once(discord, await anna.submit(opened, {}), "Post the file again.")

    @pytest.mark.usefixtures("bot")
    async def test_a_broken_download_is_begun_anew(self, discord: DiscordServer, anna: Person, snap: Path) -> None:
        discord.fail("/attachments/", status=0)
        await answered_once(discord, await anna.post("@bot what colour?", snap))
        discord.fail("/attachments/", status=500)
        await answered_once(discord, await anna.slash("ask", question="what colour?", clip=snap))

    @pytest.mark.usefixtures("bot")
    @pytest.mark.parametrize("status", [0, 503])
    async def test_a_download_that_breaks_again_is_told(
        self, status: int, discord: DiscordServer, anna: Person, snap: Path
    ) -> None:
        discord.fail("/attachments/", status=status, times=9)
        asked = await anna.post("@bot what colour?", snap)
        await answered_once(discord, asked, "Discord did not hand out this file. Try again in a minute.")
        discord.heal()
        await answered_once(discord, await anna.post("@bot what colour?", snap))


class TestRefusals:
    """429 and 5xx, one and many, for a message and for an edit."""

    @pytest.mark.usefixtures("bot")
    @pytest.mark.parametrize("times", [1, 4])
    @pytest.mark.parametrize("is_global", [False, True])
    async def test_too_many_requests(
        self,
        times: int,
        is_global: bool,
        discord: DiscordServer,
        general: Channel,
        anna: Person,
        snap: Path,
        refused: Counter[int],
    ) -> None:
        for route in (CREATE.format(general.id), EDIT):
            discord.fail(route, status=429, times=times, retry_after=0.05, is_global=is_global)
            await answered_once(discord, await anna.post("@bot what colour?", snap, to=general))
        refused[429] = 2 * times

    @pytest.mark.usefixtures("bot")
    async def test_a_storm_over_the_edits_ends_in_a_new_try(
        self, discord: DiscordServer, cloud: OpenAIEmulator, anna: Person, snap: Path, refused: Counter[int]
    ) -> None:
        """More than the library tries: edits of the progress are given up, the answer is not."""
        with held(cloud, "answer") as mind:
            asked = await anna.post("@bot what colour?", snap)
            await discord.bot.until(lambda: mind.begun["answer"])
            discord.fail(EDIT, status=429, times=7, retry_after=0.05)
            refused[429] = 7
        await answered_once(discord, asked)

    @pytest.mark.usefixtures("bot")
    @pytest.mark.parametrize("status", [500, 502, 503])
    async def test_a_server_that_stumbles(
        self, status: int, discord: DiscordServer, general: Channel, anna: Person, snap: Path
    ) -> None:
        discord.fail(CREATE.format(general.id), status=status)
        discord.fail(EDIT, status=status)
        await answered_once(discord, await anna.post("@bot what colour?", snap, to=general))

    @pytest.mark.usefixtures("bot")
    @pytest.mark.parametrize("status", [0, 500])
    async def test_a_post_whose_receipt_is_lost_appears_once(
        self, status: int, discord: DiscordServer, general: Channel, anna: Person, snap: Path
    ) -> None:
        discord.fail(CREATE.format(general.id), status=status, after=True)
        discord.fail(EDIT, status=status, after=True)
        await answered_once(discord, await anna.post("@bot what colour?", snap, to=general))
        discord.fail("PATCH /webhooks", status=status, after=True)
        await answered_once(discord, await anna.slash("ask", question="what colour?", clip=snap, to=general))

    @pytest.mark.usefixtures("bot")
    async def test_a_voice_message_whose_receipt_is_lost_appears_once(
        self, discord: DiscordServer, general: Channel, anna: Person
    ) -> None:
        discord.fail(CREATE.format(general.id), status=500, after=True)
        asked = await anna.slash("ask", question="Who are you?", speak=True, to=general)
        spoken = await discord.bot.reply(asked, settled=lambda message: message.is_voice_message)
        await asyncio.sleep(0.2)
        assert [message for message in discord.bot.messages(general) if message.is_voice_message] == [spoken]


class TestSilence:
    """Discord takes nothing just when there is something to say: it is kept, and told when it does."""

    @pytest.fixture(autouse=True)
    def hurry(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(patience, "_PAUSES_SECONDS", (0.0,))
        monkeypatch.setattr(client, "GOES_ON_SECONDS", 0.1)

    async def test_an_answer_waits_until_discord_takes_it(
        self, start: StartBot, discord: DiscordServer, cloud: OpenAIEmulator, general: Channel, anna: Person
    ) -> None:
        async with start():
            with held(cloud, "answer") as mind:
                asked = await anna.post("@bot hello?", to=general)
                await discord.bot.until(lambda: mind.begun["answer"] and discord.bot.replies(asked))
                discord.fail(EDIT, status=503, times=20)
            await answered_once(discord, asked)
        assert len(cloud.answers) == 1

    async def test_an_answer_that_took_long_waits_as_long(
        self,
        start: StartBot,
        discord: DiscordServer,
        cloud: OpenAIEmulator,
        general: Channel,
        anna: Person,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        class Later(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> datetime:
                return datetime.now(tz) + timedelta(minutes=20)

        async with start():
            with held(cloud, "answer") as mind:
                asked = await anna.post("@bot hello?", to=general)
                await discord.bot.until(lambda: mind.begun["answer"] and discord.bot.replies(asked))
                monkeypatch.setattr(desk, "datetime", Later)
                discord.fail(EDIT, status=503, times=20)
            await answered_once(discord, asked)
        assert len(cloud.answers) == 1

    async def test_what_is_never_taken_is_given_up(
        self,
        start: StartBot,
        discord: DiscordServer,
        cloud: OpenAIEmulator,
        general: Channel,
        anna: Person,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        monkeypatch.setattr(unsaid, "WITHIN", timedelta(seconds=0.5))
        async with start() as bot:
            with held(cloud, "answer") as mind:
                asked = await anna.post("@bot hello?", to=general)
                await discord.bot.until(lambda: mind.begun["answer"] and discord.bot.replies(asked))
                discord.fail(EDIT, status=503, times=999)
            await discord.bot.until(lambda: "could not be told" in caplog.text, what="it to be given up")
            await discord.bot.until(lambda: not bot.house.desk.in_flight())
            discord.heal()
            await asyncio.sleep(0.5)  # it looks several times for what is left
            assert bot.house.desk.in_flight() == ()
        assert len(discord.bot.messages(general)) == len(cloud.answers) == 1

    @pytest.mark.parametrize("is_restarted", [False, True])
    async def test_what_went_wrong_waits_until_discord_takes_it(
        self,
        is_restarted: bool,
        start: StartBot,
        discord: DiscordServer,
        cloud: OpenAIEmulator,
        general: Channel,
        anna: Person,
        snap: Path,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        cloud.fail("answers", insufficient_quota(), always=True)
        async with AsyncExitStack() as bots:
            await bots.enter_async_context(start())
            with held(cloud, "look") as mind:
                asked = await anna.post("@bot what colour?", snap, to=general)
                await discord.bot.until(lambda: mind.begun["look"] and discord.bot.replies(asked))
                discord.fail(EDIT, status=503, times=999)
            await discord.bot.until(lambda: "could not be told" in caplog.text, what="the error to be lost")
            if is_restarted:
                await bots.aclose()
                await bots.enter_async_context(start())
                asks = 2
            else:
                asks = 1
                await asyncio.sleep(0.5)  # it is tried to say it several times
            discord.heal()
            await answered_once(discord, asked, "has no credit left in this account.")
        assert len(cloud.captions) == 1
        assert len(cloud.answers) == asks, "what went wrong is not done again to be told"

    async def test_what_is_cancelled_while_an_error_is_told_is_not_begun_again(
        self,
        start: StartBot,
        discord: DiscordServer,
        cloud: OpenAIEmulator,
        general: Channel,
        anna: Person,
        snap: Path,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(patience, "_PAUSES_SECONDS", (0.05,) * 400)
        cloud.fail("answers", insufficient_quota(), always=True)
        async with start():
            with held(cloud, "look") as mind, caplog.at_level("INFO", "bot.discord_io.desk"):
                asked = await anna.post("@bot what colour?", snap, to=general)
                await discord.bot.until(lambda: mind.begun["look"] and discord.bot.replies(asked))
                discord.fail(EDIT, status=503, times=999)
                mind.let_go()
                await discord.bot.until(lambda: ": no_credit" in caplog.text, what="the error to be told")
            [shown] = discord.bot.replies(asked)
            await anna.press(shown, "Cancel")
            discord.heal()
            await answered_once(discord, asked, "Stopped.")
            await asyncio.sleep(0.5)  # it looks several times for what could not be said
            await answered_once(discord, asked, "Stopped.")

    @pytest.mark.parametrize("is_lost", [False, True])
    async def test_a_further_message_of_a_command_appears_once(
        self,
        is_lost: bool,
        start: StartBot,
        discord: DiscordServer,
        cloud: OpenAIEmulator,
        general: Channel,
        anna: Person,
    ) -> None:
        lines = "\n".join(f"{number}. It is green." for number in range(200))
        cloud.mind = HonestMind(answers=lines)
        async with start(CHAT__MAX_OUTPUT_TOKENS=4000):
            discord.fail("POST /webhooks", status=0 if is_lost else 503, times=1 if is_lost else 2, after=is_lost)
            await anna.slash("ask", question="hello?", to=general)
            await discord.bot.until(lambda: any("199. It" in one.content for one in discord.bot.messages(general)))
            await discord.bot.until(lambda: not jobs())
        said = [one.content for one in discord.bot.messages(general) if not one.deleted]
        assert sum(content.count("It is green.") for content in said) == 200
        assert len(cloud.answers) == 1


class TestGateway:
    """The connection breaks while a question is being worked on."""

    @pytest.mark.usefixtures("bot")
    @pytest.mark.parametrize("mood", ["dropped", "lost", "asked to reconnect", "invalid", "invalid but resumable"])
    async def test_the_answer_arrives_once(
        self, mood: str, discord: DiscordServer, cloud: OpenAIEmulator, general: Channel, anna: Person, ben: Person
    ) -> None:
        with held(cloud, "answer") as mind:
            asked = await anna.post("@bot hello?", to=general)
            commanded = await ben.slash("ask", question="hello?", to=general)
            await discord.bot.until(lambda: mind.begun["answer"] == 2)
            identified, resumed = len(discord.gateway.identifies), len(discord.gateway.resumes)
            match mood:
                case "dropped":
                    discord.drop_gateway()
                case "lost":
                    discord.drop_gateway(resumable=False)
                case "asked to reconnect":
                    discord.reconnect()
                case "invalid":
                    discord.invalidate_session()
                case _:
                    discord.invalidate_session(resumable=True)
            await discord.bot.until(
                lambda: len(discord.gateway.identifies) + len(discord.gateway.resumes) > identified + resumed,
                what="a new connection",
            )
            await discord.bot.online()
        await answered_once(discord, asked)
        answer = await commanded.reply()
        assert answer.content == ANSWER
        assert [message.content for message in discord.bot.messages(general)] == [ANSWER, ANSWER]
        await answered_once(discord, await anna.post("@bot and now?", to=general))
        assert len(cloud.answers) == 3

    @pytest.mark.usefixtures("bot")
    async def test_what_was_said_meanwhile_is_answered_once(
        self, discord: DiscordServer, cloud: OpenAIEmulator, general: Channel, anna: Person
    ) -> None:
        discord.drop_gateway()
        asked = await anna.post("@bot hello?", to=general)
        await answered_once(discord, asked)
        assert len(discord.gateway.resumes) == 1
        assert len(cloud.answers) == 1

    async def test_a_message_told_twice_is_answered_once(
        self, bot: KibitzClient, discord: DiscordServer, cloud: OpenAIEmulator, general: Channel, anna: Person
    ) -> None:
        asked = await anna.post("@bot hello?", to=general)
        discord.gateway.message("MESSAGE_CREATE", asked)
        await answered_once(discord, asked)
        discord.gateway.message("MESSAGE_CREATE", asked)
        await answered_once(discord, asked)
        assert len(cloud.answers) == 1

    @pytest.mark.usefixtures("bot")
    async def test_cancel_works_after_a_new_session(
        self, discord: DiscordServer, cloud: OpenAIEmulator, general: Channel, anna: Person
    ) -> None:
        with held(cloud, "answer") as mind:
            asked = await anna.post("@bot hello?", to=general)
            await discord.bot.until(lambda: mind.begun["answer"])
            discord.drop_gateway(resumable=False)
            await discord.bot.until(lambda: len(discord.gateway.identifies) == 2, what="a new session")
            await discord.bot.online()
            [shown] = discord.bot.replies(asked)
            await anna.press(shown, "Cancel")
            await answered_once(discord, asked, "Stopped.")


class TestVanishing:
    """Somebody deletes what is being worked on."""

    @pytest.mark.usefixtures("bot")
    @pytest.mark.parametrize("way", ["mention", "command"])
    async def test_a_deleted_progress_message_does_not_swallow_the_answer(
        self, way: str, discord: DiscordServer, cloud: OpenAIEmulator, club: Guild, general: Channel, snap: Path
    ) -> None:
        mod = club.member("Mo", roles=[club.role("mods", permissions=("manage_messages",))])
        with held(cloud, "answer") as mind:
            if way == "mention":
                asked = await mod.post("@bot what colour?", snap, to=general)
            else:
                asked = await mod.slash("ask", question="what colour?", clip=snap, to=general)
            await discord.bot.until(lambda: mind.begun["answer"])
            [shown] = discord.bot.replies(asked)
            await mod.delete(shown)
        answer = await answered_once(discord, asked)
        assert answer is not shown
        assert [button.label for button in answer.buttons] == ["Ask more", "Transcript", "Frames", "Speak", "Delete"]

    async def test_a_deleted_question_is_answered_and_forgotten(
        self, bot: KibitzClient, discord: DiscordServer, cloud: OpenAIEmulator, general: Channel, anna: Person
    ) -> None:
        with held(cloud, "answer") as mind:
            asked = await anna.post("@bot what is the secret?", to=general)
            await discord.bot.until(lambda: mind.begun["answer"])
            await anna.delete(asked)
        answer = await discord.bot.reply(asked)
        assert answer.content == ANSWER
        async with asyncio.timeout(10):
            for message in (asked, answer):
                place = MessageRef(channel_id=general.id, message_id=message.id)
                while await bot.house.memory.turn_of_message(place) is not None:  # noqa: ASYNC110 - the bot tells nobody
                    await asyncio.sleep(0.01)

    async def test_a_channel_that_is_deleted_takes_nothing_down(
        self,
        bot: KibitzClient,
        discord: DiscordServer,
        cloud: OpenAIEmulator,
        club: Guild,
        general: Channel,
        anna: Person,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        cellar = club.channel("cellar")
        with held(cloud, "answer") as mind:
            await anna.post("@bot hello?", to=cellar)
            await discord.bot.until(lambda: mind.begun["answer"])
            cellar.delete()
            await discord.bot.until(lambda: not bot.house.desk.in_flight(), what="the question to end")
        await answered_once(discord, await anna.post("@bot hello?", to=general))
        assert "Traceback" not in caplog.text

    @pytest.mark.usefixtures("bot")
    async def test_a_server_that_throws_the_bot_out_takes_nothing_down(
        self,
        discord: DiscordServer,
        cloud: OpenAIEmulator,
        general: Channel,
        anna: Person,
        refused: Counter[int],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        other = discord.guild("Book club")
        other.member("Otto")
        lobby = other.channel("lobby")
        other.member(anna)
        assert not jobs()
        with held(cloud, "answer") as mind:
            await anna.post("@bot hello?", to=lobby)
            await discord.bot.until(lambda: mind.begun["answer"])
            other.remove_bot()
            await discord.bot.until(lambda: not jobs(), what="the work to be stopped")
        await answered_once(discord, await anna.post("@bot hello?", to=general))
        refused[403] = discord.refusals[403]
        assert "Traceback" not in caplog.text
