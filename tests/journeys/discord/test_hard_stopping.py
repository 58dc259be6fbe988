"""Cancel, SIGTERM, SIGKILL: work really stops, and what was asked is answered once or told of."""

import asyncio
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.journeys.discord.conftest import MakeClip, StartBot
from tests.journeys.discord.held import held
from tests.journeys.discord.outside import started
from tests.simulator.discord_server import Channel, DiscordServer, Guild, Interaction, Message, Person, VoiceMessage
from tests.simulator.openai_server import HonestMind, OpenAIEmulator
from tests.simulator.running import environment

ANSWER = "It is green."
STOPPED = "Stopped. Nothing more is spent on this."
RESTARTING = "I am being restarted and will go on with this in a moment."


@pytest.fixture(autouse=True)
def short_words(cloud: OpenAIEmulator) -> None:
    cloud.mind = HonestMind(answers=ANSWER)


async def shown(discord: DiscordServer, asked: Message | Interaction) -> Message:
    """The message with the progress and the button."""
    return await discord.bot.reply(asked, settled=lambda message: any(b.label == "Cancel" for b in message.buttons))


def posts(discord: DiscordServer) -> list[int]:
    """The statuses of all messages that were sent."""
    sent = ("POST", "/channels/{channel_id}/messages")
    return [request.status for request in discord.requests if (request.method, request.template) == sent]


class TestCancel:
    @pytest.mark.usefixtures("bot")
    @pytest.mark.parametrize(
        ("stage", "way"),
        [
            ("look", "mention"),
            ("listen", "mention"),
            ("answer", "mention"),
            ("answer", "direct message"),
            ("look", "command"),
            ("speak", "command"),
        ],
    )
    async def test_while_the_cloud_works(
        self,
        stage: str,
        way: str,
        discord: DiscordServer,
        cloud: OpenAIEmulator,
        general: Channel,
        anna: Person,
        snap: Path,
        voice_message: VoiceMessage,
    ) -> None:
        clip = voice_message.path if stage == "listen" else snap
        with held(cloud, stage) as mind:
            if way == "command":
                asked = await anna.slash("ask", question="what?", clip=clip, speak=True, to=general)
            elif way == "mention":
                asked = await anna.post("@bot what?", clip, to=general)
            else:
                asked = await anna.dm("what?", clip)
            await discord.bot.until(lambda: mind.begun[stage])
            paid = len(cloud.requests)
            pressed = await anna.press(await shown(discord, asked), "Cancel")
            assert pressed.acknowledged_with == 6
            assert (await discord.bot.reply(asked)).content == STOPPED
        await asyncio.sleep(0.3)
        assert len(cloud.requests) == paid
        assert [message.content for message in discord.bot.replies(asked)] == [STOPPED]
        assert discord.bot.replies(asked)[0].buttons == ()

    @pytest.mark.usefixtures("bot")
    async def test_while_the_clip_is_fetched(
        self, discord: DiscordServer, cloud: OpenAIEmulator, general: Channel, anna: Person, snap: Path
    ) -> None:
        discord.fail("/attachments/", delay_seconds=15)
        asked = await anna.post("@bot what?", snap, to=general)
        await anna.press(await shown(discord, asked), "Cancel")
        assert (await discord.bot.reply(asked)).content == STOPPED
        assert cloud.requests == []

    async def test_while_others_come_first(
        self,
        start: StartBot,
        discord: DiscordServer,
        cloud: OpenAIEmulator,
        general: Channel,
        anna: Person,
        ben: Person,
    ) -> None:
        async with start(JOBS__MAX_RUNNING=1):
            with held(cloud, "answer") as mind:
                first = await ben.post("@bot hello?", to=general)
                await discord.bot.until(lambda: mind.begun["answer"])
                asked = await anna.post("@bot hello?", to=general)
                waiting = await discord.bot.reply(asked, settled=lambda m: "Waiting for 1 before you" in m.content)
                await anna.press(waiting, "Cancel")
                assert (await discord.bot.reply(asked)).content == STOPPED
                assert len(cloud.requests) == 1
            assert (await discord.bot.reply(first)).content == ANSWER
        assert len(cloud.requests) == 1

    @pytest.mark.usefixtures("bot")
    async def test_by_a_moderator_but_not_by_a_stranger(
        self, discord: DiscordServer, cloud: OpenAIEmulator, club: Guild, general: Channel, anna: Person, ben: Person
    ) -> None:
        mod = club.member("Mo", roles=[club.role("mods", permissions=("manage_messages",))])
        with held(cloud, "answer") as mind:
            asked = await anna.post("@bot hello?", to=general)
            await discord.bot.until(lambda: mind.begun["answer"])
            progress = await shown(discord, asked)
            refusal = await (await ben.press(progress, "Cancel")).reply()
            assert refusal.content == "⚠️ Only the person who asked, and moderators, can do that."
            assert refusal.ephemeral_for is ben
            assert any(button.label == "Cancel" for button in progress.buttons)
            await mod.press(progress, "Cancel")
            await discord.bot.until(lambda: progress.content == STOPPED, what="the end")

    @pytest.mark.usefixtures("bot")
    async def test_of_one_of_two_who_ask_about_the_same_clip(
        self,
        discord: DiscordServer,
        cloud: OpenAIEmulator,
        general: Channel,
        anna: Person,
        ben: Person,
        snap: Path,
        tmp_path: Path,
    ) -> None:
        with held(cloud, "look") as mind:
            hers = await anna.post("@bot what?", snap, to=general)
            await discord.bot.until(lambda: mind.begun["look"])
            his = await ben.post("@bot what?", snap, to=general)
            await discord.bot.until(lambda: sum(r.template == "cdn" for r in discord.requests) == 2)
            work = tmp_path / "data" / "work"
            await discord.bot.until(
                lambda: len([*work.glob("job-*")]) == 1, what="his file to go, for he waits for hers"
            )
            await anna.press(await shown(discord, hers), "Cancel")
            assert (await discord.bot.reply(hers)).content == STOPPED
        assert (await discord.bot.reply(his)).content.startswith(ANSWER)
        assert len(cloud.captions) == 1

    @pytest.mark.usefixtures("bot")
    async def test_twice_or_too_late(
        self, discord: DiscordServer, cloud: OpenAIEmulator, general: Channel, anna: Person
    ) -> None:
        with held(cloud, "answer") as mind:
            asked = await anna.post("@bot hello?", to=general)
            await discord.bot.until(lambda: mind.begun["answer"])
            progress = await shown(discord, asked)
            one, other = await asyncio.gather(anna.press(progress, "Cancel"), anna.press(progress, "Cancel"))
            assert (one.failed, other.failed) == (None, None)
            assert (await discord.bot.reply(asked)).content == STOPPED
        again = await anna.post("@bot hello?", to=general)
        assert (await discord.bot.reply(again)).content == ANSWER


async def test_a_stop_takes_back_only_attempts_that_were_begun(
    start: StartBot,
    discord: DiscordServer,
    cloud: OpenAIEmulator,
    club: Guild,
    anna: Person,
    ben: Person,
    tmp_path: Path,
) -> None:
    """What waits was perhaps begun by processes that died at it, and that stays known."""
    with held(cloud, "answer") as mind:
        async with start(JOBS__MAX_RUNNING=1, JOBS__SHUTDOWN_SECONDS=1):
            for person in (anna, ben):
                asked = await person.post("@bot hello?", to=club.channel(f"with {person.name}"))
                await discord.bot.until(lambda asked=asked: mind.begun["answer"] and discord.bot.replies(asked))
            with closing(sqlite3.connect(tmp_path / "data" / "kibitz.db")) as database, database:
                database.execute("UPDATE asks SET attempts = attempts + 2")
        with closing(sqlite3.connect(tmp_path / "data" / "kibitz.db")) as database:
            attempts = database.execute("SELECT attempts FROM asks WHERE ask IS NOT NULL").fetchall()
    assert attempts == [(2,), (2,)]


class TestSignals:
    """A process of its own is told to stop, or is killed."""

    @pytest.fixture
    def settings(self, discord: DiscordServer, cloud: OpenAIEmulator, tmp_path: Path) -> dict[str, str]:
        return environment(discord, cloud, tmp_path / "data", JOBS__SHUTDOWN_SECONDS=1)

    async def test_work_that_ends_in_time_is_finished(
        self,
        settings: dict[str, str],
        discord: DiscordServer,
        cloud: OpenAIEmulator,
        general: Channel,
        anna: Person,
        tmp_path: Path,
    ) -> None:
        settings |= {"KIBITZ_JOBS__SHUTDOWN_SECONDS": "20"}
        async with started(tmp_path, settings) as process:
            await discord.bot.online(timeout=60)
            with held(cloud, "answer") as mind:
                asked = await anna.post("@bot hello?", to=general)
                commanded = await anna.slash("ask", question="and then?", to=general)
                await discord.bot.until(lambda: mind.begun["answer"])
                process.send(signal.SIGTERM)
                await process.says("told to stop")
            assert (await discord.bot.reply(asked)).content == ANSWER
            assert (await discord.bot.reply(commanded)).content == ANSWER
            assert await process.end() == 0
        assert "Traceback" not in process.errors

    async def test_work_that_does_not_is_handed_to_the_next_process(
        self,
        settings: dict[str, str],
        discord: DiscordServer,
        cloud: OpenAIEmulator,
        general: Channel,
        anna: Person,
        ben: Person,
        snap: Path,
        tmp_path: Path,
    ) -> None:
        chat = ben.private(anna)
        with held(cloud, "answer") as mind:
            async with started(tmp_path, settings) as process:
                await discord.bot.online(timeout=60)
                asked = await anna.post("@bot what colour?", snap, to=general)
                commanded = await ben.slash("ask", question="what colour?", clip=snap, to=general)
                private = await anna.slash("ask", question="hello?", to=chat)
                await discord.bot.until(lambda: mind.begun["answer"] == 2)
                process.send(signal.SIGTERM)
                assert await process.end() == 0
            assert "Traceback" not in process.errors
            told = (*discord.bot.replies(asked), *commanded.messages, *private.messages)
            assert [message.content for message in told] == [RESTARTING] * 3
        async with started(tmp_path, settings) as process:
            for question in (asked, commanded, private):
                answer = await discord.bot.reply(question, settled=lambda message: bool(message.buttons))
                await discord.bot.until(lambda answer=answer: answer.is_settled)
                assert answer.content.startswith(ANSWER)
            process.send(signal.SIGTERM)
            assert await process.end() == 0
        assert len(discord.bot.messages(general)) == 2
        assert len(cloud.captions) == 1, "what was known before the stop is not paid for again"

    async def test_a_killed_process_is_followed_by_one_that_answers_once(
        self,
        settings: dict[str, str],
        discord: DiscordServer,
        cloud: OpenAIEmulator,
        general: Channel,
        anna: Person,
        snap: Path,
        tmp_path: Path,
    ) -> None:
        with held(cloud, "look") as mind:
            async with started(tmp_path, settings) as process:
                await discord.bot.online(timeout=60)
                asked = await anna.post("@bot what colour?", snap, to=general)
                await discord.bot.until(lambda: mind.begun["look"])
                process.send(signal.SIGKILL)
        assert list((tmp_path / "data" / "work").glob("job-*")), "a killed process leaves its folder"
        async with started(tmp_path, settings):
            answer = await discord.bot.reply(asked, settled=lambda m: m.is_settled and ANSWER in m.content, timeout=60)
            assert answer.reference is asked
            again = await anna.post("and then?", reply_to=answer)
            assert (await discord.bot.reply(again)).content.startswith(ANSWER)
        assert len(discord.bot.messages(general)) == 2

    async def test_killed_between_the_parts_of_an_answer_it_posts_each_once(
        self,
        settings: dict[str, str],
        discord: DiscordServer,
        cloud: OpenAIEmulator,
        general: Channel,
        anna: Person,
        tmp_path: Path,
    ) -> None:
        parts = ["First part. " * 100, "Second part. " * 100]
        with held(cloud, "answer", answers="\n\n".join(parts)) as mind:
            async with started(tmp_path, settings) as process:
                await discord.bot.online(timeout=60)
                asked = await anna.post("@bot tell me all", to=general)
                await discord.bot.until(lambda: mind.begun["answer"])
                await shown(discord, asked)
                discord.fail(f"POST /channels/{general.id}/messages", status=500, after=True, delay_seconds=30)
                mind.let_go()
                await discord.bot.until(lambda: len(discord.bot.messages(general)) == 2)
                process.send(signal.SIGKILL)
        async with started(tmp_path, settings):
            answer = discord.bot.messages(general)[-1]
            await discord.bot.until(lambda: bool(answer.buttons), timeout=60, what="the end of the answer")
        assert len(posts(discord)) == 2, "the second part stands there already"
        assert len(cloud.answers) == 1, "what was paid for is not asked again"
        said = [message.content.split(".")[0] for message in discord.bot.messages(general)]
        assert said == ["First part", "Second part"]

    async def test_killed_between_the_parts_of_a_private_answer_it_says_each_once(
        self,
        settings: dict[str, str],
        discord: DiscordServer,
        cloud: OpenAIEmulator,
        anna: Person,
        ben: Person,
        tmp_path: Path,
    ) -> None:
        """Nobody but Anna sees whether the second part stands there, so it becomes a file of the first."""
        parts = ["First part. " * 100, "Second part. " * 100]
        with held(cloud, "answer", answers="\n\n".join(parts)) as mind:
            async with started(tmp_path, settings) as process:
                await discord.bot.online(timeout=60)
                asked = await anna.slash("ask", question="tell me all", to=ben.private(anna))
                await discord.bot.until(lambda: mind.begun["answer"])
                await shown(discord, asked)
                discord.fail("POST /webhooks", status=500, after=True, delay_seconds=30)
                mind.let_go()
                await discord.bot.until(lambda: len(asked.messages) == 2)
                process.send(signal.SIGKILL)
        async with started(tmp_path, settings):
            await discord.bot.until(lambda: bool(asked.messages[0].files), timeout=60, what="the end of the answer")
        assert [message.content.split(".")[0] for message in asked.messages] == ["First part", "Second part"]
        assert asked.messages[0].files[0].bytes.decode().startswith("Second part.")
        assert len(cloud.answers) == 1

    async def test_after_three_crashes_it_gives_up_and_opens_the_file_for_nobody(
        self,
        settings: dict[str, str],
        discord: DiscordServer,
        cloud: OpenAIEmulator,
        general: Channel,
        anna: Person,
        ben: Person,
        clip: MakeClip,
        snap: Path,
        tmp_path: Path,
    ) -> None:
        poison = clip("red")
        with held(cloud, "look") as mind:
            for crash in range(1, 4):
                async with started(tmp_path, settings) as process:
                    await discord.bot.online(timeout=60)
                    if crash == 1:
                        asked = await anna.post("@bot what colour?", poison, to=general)
                    await discord.bot.until(lambda crash=crash: mind.begun["look"] == crash, timeout=60)
                    process.send(signal.SIGKILL)
                    await process.end()
                    await discord.bot.until(lambda: not discord.bot.is_online)
            async with started(tmp_path, settings):
                word = await discord.bot.reply(asked, timeout=60)
                assert "I was interrupted at this several times. Ask again, or try a shorter clip." in word.content
                paid = len(cloud.requests)
                his = await ben.slash("ask", question="what colour?", clip=poison, to=general)
                refusal = await discord.bot.reply(his)
                assert "so I do not open it for a day. Send another one." in refusal.content
                assert len(cloud.requests) == paid
                mind.let_go()
                other = await ben.post("@bot what colour?", snap, to=general)
                assert (await discord.bot.reply(other)).content.startswith(ANSWER)
            assert mind.begun["look"] == 4
        assert len(discord.bot.messages(general)) == 3
