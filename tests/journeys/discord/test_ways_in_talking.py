"""Every way to talk to the bot without a command: mentions, replies, links, direct and voice messages, own channels."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.discord_io.client import KibitzClient
from tests.journeys.discord.conftest import MakeClip, MakeSound, Piece, StartBot
from tests.journeys.discord.eyes import AttentiveMind, bill, labels, notes, words
from tests.simulator.discord_server import Channel, DiscordServer, Guild, Message, Person, VoiceMessage
from tests.simulator.openai_server import OpenAIEmulator

pytestmark = pytest.mark.usefixtures("known_clips", "bot", "attentive")

NOTHING_SEEN = "The clip shows nothing that I can describe."
RED = "The picture is red, of medium brightness [0:00]. tone 440 hertz [0:00]."
BLUE = "The picture is blue, dark [0:00]. tone 660 hertz [0:00]."
GREEN = "The picture is green, of medium brightness [0:00]."
HIDDEN = "⚠️ Discord does not show me the message you reply to. Open its menu, choose Apps and then Ask about this."


def file_of(piece: Piece) -> Path | VoiceMessage:
    """As people send it: sound by holding the microphone button."""
    return VoiceMessage(piece.file) if piece.file.suffix == ".ogg" else piece.file


async def test_a_mention_with_a_clip(
    piece: Piece, anna: Person, ben: Person, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator
) -> None:
    question = await anna.post("@bot What is it?", piece.file, to=general)
    answer = await discord.bot.reply(question)
    assert words(answer) == f"«What is it?» {piece.evidence}"
    assert notes(answer) == piece.notes
    assert labels(answer) == ["Ask more", *piece.buttons, "Speak", "Delete"]
    assert answer.reference is question
    assert general.seen_by(ben) == (question, answer)
    assert discord.bot.typing(general), "something was seen to happen at once"
    assert bill(cloud) == piece.bill | {"answers": 1}


async def test_a_mention_without_words_asks_what_happens(
    piece: Piece, anna: Person, general: Channel, discord: DiscordServer
) -> None:
    answer = await discord.bot.reply(await anna.post("@bot", piece.file, to=general))
    assert words(answer) == f"«What happens here?» {piece.evidence}"


async def test_a_mention_without_a_clip_is_mere_talk(
    anna: Person, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator
) -> None:
    answer = await discord.bot.reply(await anna.post("hey @bot who are you?", to=general))
    assert words(answer) == f"«hey who are you?» {NOTHING_SEEN}"
    assert labels(answer) == ["Ask more", "Speak", "Delete"]
    assert bill(cloud) == {"answers": 1}


async def test_a_mention_of_the_role_by_the_same_name_is_told_what_to_do(
    clip: MakeClip, anna: Person, club: Guild, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator
) -> None:
    """Lists offer it beside the name; Discord then hides from the bot what the message says."""
    role = next(role for role in club.roles.values() if role.managed)
    answer = await discord.bot.reply(await anna.post(f"{role.mention} What is it?", clip("red"), to=general))
    assert words(answer) == (
        "⚠️ Discord hides that message from me, because it mentions my role. Mention me by name, or use /ask."
    )
    assert bill(cloud) == {}


async def test_what_is_not_meant_for_the_bot_is_left_alone(
    clip: MakeClip, anna: Person, ben: Person, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator
) -> None:
    posted = await anna.post("look at this", clip("red"), to=general)
    await ben.post("nice", reply_to=posted)
    await anna.post("@everyone look", to=general)
    asked = await anna.post("@bot hello", to=general)
    answer = await discord.bot.reply(asked)
    assert discord.bot.messages(general) == (answer,)
    assert bill(cloud) == {"answers": 1}


async def test_several_attachments_are_one_question(
    clip: MakeClip, photo: Path, anna: Person, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator
) -> None:
    question = await anna.post("@bot What are they?", clip("red"), clip("blue", first_tone=1), photo, to=general)
    answer = await discord.bot.reply(question)
    shown = words(answer)
    assert shown.startswith("«What are they?» ")
    for evidence in (RED, BLUE, GREEN):
        assert evidence in shown
    assert labels(answer) == ["Ask more", "Transcript", "Frames", "Speak", "Delete"]
    assert bill(cloud)["answers"] == 1


async def test_more_attachments_than_are_taken_are_told_of(
    clip: MakeClip, anna: Person, general: Channel, discord: DiscordServer
) -> None:
    files = [clip(colour) for colour in ("red", "blue", "green", "orange", "purple")]
    answer = await discord.bot.reply(await anna.post("@bot What are they?", *files, to=general))
    assert "orange" in words(answer)
    assert "purple" not in words(answer)
    assert notes(answer) == ["⚠️ Only the first 4 of 5 clips were used."]


async def test_an_attachment_that_is_no_clip_is_told_of(
    clip: MakeClip, tmp_path: Path, anna: Person, general: Channel, discord: DiscordServer
) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear friends")
    answer = await discord.bot.reply(await anna.post("@bot What is it?", letter, clip("red"), to=general))
    assert words(answer) == f"«What is it?» {RED}"
    [note] = notes(answer)
    assert note.startswith("⚠️ Clip 1 was left out. ")


class TestReplies:
    async def test_with_a_mention_to_somebodys_message_is_told_what_to_do(
        self, piece: Piece, anna: Person, ben: Person, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator
    ) -> None:
        """Without the right to read messages, Discord hides what somebody else posted."""
        posted = await ben.post("", file_of(piece), to=general)
        answer = await discord.bot.reply(await anna.post("@bot What is it?", reply_to=posted))
        assert words(answer) == HIDDEN
        assert bill(cloud) == {}

    async def test_to_an_answer_go_on_about_its_clip(
        self, piece: Piece, anna: Person, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator
    ) -> None:
        first = await (await anna.slash("ask", question="What is it?", clip=piece.file, to=general)).reply()
        question = await anna.post("And now?", reply_to=first)
        answer = await discord.bot.reply(question)
        assert words(answer) == f"«And now?» {piece.evidence}"
        assert answer.reference is question
        assert bill(cloud) == piece.bill | {"answers": 2}

    async def test_to_mere_talk_go_on_with_it(
        self, anna: Person, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator
    ) -> None:
        first = await discord.bot.reply(await anna.post("@bot I like trains", to=general))
        answer = await discord.bot.reply(await anna.post("What do I like?", reply_to=first))
        assert words(answer).startswith("«What do I like?»")
        assert "I like trains" in cloud.answers[-1].text

    async def test_with_the_mention_switched_off_are_told_what_to_do(
        self, clip: MakeClip, anna: Person, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator
    ) -> None:
        first = await (await anna.slash("ask", question="What is it?", clip=clip("red"), to=general)).reply()
        answer = await discord.bot.reply(await anna.post("And now?", reply_to=first, ping=False))
        assert words(answer) == (
            "⚠️ Discord shows me only messages that mention me. Reply with the mention switched on, or use /ask."
        )
        assert bill(cloud)["answers"] == 1

    async def test_with_another_clip_are_about_that_one(
        self, clip: MakeClip, anna: Person, general: Channel, discord: DiscordServer
    ) -> None:
        first = await (await anna.slash("ask", question="What is it?", clip=clip("red"), to=general)).reply()
        answer = await discord.bot.reply(await anna.post("And this?", clip("blue", first_tone=1), reply_to=first))
        assert words(answer) == f"«And this?» {BLUE}"

    async def test_by_voice_are_heard_and_answered_by_voice(
        self,
        clip: MakeClip,
        say: MakeSound,
        attentive: AttentiveMind,
        anna: Person,
        general: Channel,
        discord: DiscordServer,
        cloud: OpenAIEmulator,
    ) -> None:
        first = await (await anna.slash("ask", question="What is it?", clip=clip("red"), to=general)).reply()
        question = await anna.post("", VoiceMessage(await say("What comes first?", attentive)), reply_to=first)
        answer = await discord.bot.reply(question)
        assert words(answer) == f"«What comes first?» {RED}"
        spoken = await discord.bot.reply(question, settled=lambda message: message.is_voice_message)
        assert spoken.reference is answer
        assert bill(cloud) == {"captions": 1, "transcripts": 2, "answers": 2, "speeches": bill(cloud)["speeches"]}


class TestDirectMessages:
    async def test_with_a_clip(self, piece: Piece, anna: Person, discord: DiscordServer, cloud: OpenAIEmulator) -> None:
        question = await anna.dm("What is it?", piece.file)
        answer = await discord.bot.reply(question)
        assert words(answer) == f"«What is it?» {piece.evidence}"
        assert answer.reference is question
        assert bill(cloud) == piece.bill | {"answers": 1}

    async def test_of_words_alone(self, anna: Person, discord: DiscordServer, cloud: OpenAIEmulator) -> None:
        answer = await discord.bot.reply(await anna.dm("Who are you?"))
        assert words(answer) == f"«Who are you?» {NOTHING_SEEN}"
        assert bill(cloud) == {"answers": 1}

    async def test_by_voice_are_heard_and_answered_by_voice(
        self, say: MakeSound, attentive: AttentiveMind, anna: Person, discord: DiscordServer
    ) -> None:
        question = await anna.dm("", VoiceMessage(await say("Who are you?", attentive)))
        answer = await discord.bot.reply(question)
        assert words(answer) == f"«Who are you?» {NOTHING_SEEN}"
        spoken = await discord.bot.reply(question, settled=lambda message: message.is_voice_message)
        assert spoken.reference is answer
        assert spoken.channel is anna.direct()

    async def test_by_voice_without_a_word_are_told_so(
        self, voice_message: VoiceMessage, anna: Person, discord: DiscordServer, cloud: OpenAIEmulator
    ) -> None:
        cloud.mind = AttentiveMind(hears=lambda _audio, _call: "")
        answer = await discord.bot.reply(await anna.dm("", voice_message))
        assert words(answer) == ("⚠️ I could not make out any words in the voice message. Say it again, or type it.")

    async def test_with_a_forwarded_clip(
        self, clip: MakeClip, anna: Person, ben: Person, general: Channel, discord: DiscordServer
    ) -> None:
        forwarded = await anna.forward(await ben.post("look", clip("red"), to=general), to=anna.direct())
        answer = await discord.bot.reply(forwarded)
        assert words(answer) == f"«What happens here?» {RED}"


class TestLinks:
    """A link to a message is followed where both the asker and the bot may read it."""

    @pytest.fixture
    async def posted(self, clip: MakeClip, ben: Person, club: Guild) -> Message:
        return await ben.post("@bot look", clip("red"), to=club.channel("clips"))

    @pytest.mark.parametrize("way", ["mention", "command"])
    async def test_to_a_clip(
        self, way: str, posted: Message, anna: Person, general: Channel, discord: DiscordServer
    ) -> None:
        question = f"What is it? {posted.channel.link(posted)}"
        if way == "mention":
            answer = await discord.bot.reply(await anna.post(f"@bot {question}", to=general))
        else:
            answer = await (await anna.slash("ask", question=question, to=general)).reply()
        assert words(answer) == f"«{question}» {RED}"

    async def test_in_a_direct_message(self, clip: MakeClip, anna: Person, discord: DiscordServer) -> None:
        posted = await anna.dm("look", clip("red"))
        await discord.bot.reply(posted)
        link = anna.direct().link(posted)
        answer = await discord.bot.reply(await anna.dm(f"What was it? {link}"))
        assert words(answer) == f"«What was it? {link}» {RED}"

    async def test_that_the_asker_may_not_read(
        self, posted: Message, anna: Person, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator
    ) -> None:
        await discord.bot.reply(posted)
        before = bill(cloud)
        posted.channel.deny_everyone("view_channel")
        link = posted.channel.link(posted)
        answer = await discord.bot.reply(await anna.post(f"@bot What is it? {link}", to=general))
        assert words(answer) == "⚠️ That link leads to a message you cannot read here. Post the clip itself."
        assert bill(cloud) == before

    async def test_to_another_server(
        self, clip: MakeClip, ben: Person, anna: Person, general: Channel, discord: DiscordServer
    ) -> None:
        other = discord.guild("Chess club")
        other.member(ben)
        other.member(anna)
        room = other.channel("lounge")
        posted = await ben.post("look", clip("red"), to=room)
        answer = await discord.bot.reply(await anna.post(f"@bot What is it? {room.link(posted)}", to=general))
        assert words(answer) == "⚠️ That link leads to another server. Post the clip here instead."

    async def test_to_a_message_that_is_gone(
        self, posted: Message, ben: Person, anna: Person, general: Channel, discord: DiscordServer
    ) -> None:
        await discord.bot.reply(posted)
        link = posted.channel.link(posted)
        await ben.delete(posted)
        answer = await discord.bot.reply(await anna.post(f"@bot What is it? {link}", to=general))
        assert words(answer) == "⚠️ The linked message is no longer there. Post the clip itself."

    async def test_to_a_message_without_a_clip(
        self, ben: Person, anna: Person, general: Channel, discord: DiscordServer
    ) -> None:
        posted = await ben.post("@bot hello", to=general)
        answer = await discord.bot.reply(await anna.post(f"@bot What is it? {general.link(posted)}", to=general))
        assert words(answer) == "⚠️ I see no clip in the linked message. Post the clip itself."


class TestWithTheRightToReadMessages:
    """Message Content is switched on in Discord's portal and in the settings."""

    @pytest.fixture
    async def discord(self) -> AsyncIterator[DiscordServer]:
        async with DiscordServer(message_content_allowed=True) as server:
            yield server

    @pytest.fixture
    async def bot(self, start: StartBot, club: Guild) -> AsyncIterator[KibitzClient]:
        async with start(DISCORD__MESSAGE_CONTENT=True) as client:
            yield client

    async def test_a_reply_with_a_mention_to_somebodys_clip(
        self, piece: Piece, anna: Person, ben: Person, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator
    ) -> None:
        posted = await ben.post("", file_of(piece), to=general)
        question = await anna.post("@bot What is it?", reply_to=posted)
        answer = await discord.bot.reply(question)
        assert words(answer) == f"«What is it?» {piece.evidence}"
        assert answer.reference is question
        assert bill(cloud) == piece.bill | {"answers": 1}

    async def test_a_reply_with_a_mention_to_words(
        self, anna: Person, ben: Person, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator
    ) -> None:
        posted = await ben.post("The train leaves at noon", to=general)
        answer = await discord.bot.reply(await anna.post("@bot Is that so?", reply_to=posted))
        assert words(answer) == f"«Is that so?» {NOTHING_SEEN}"
        assert bill(cloud) == {"answers": 1}

    async def test_a_reply_with_a_mention_to_a_forwarded_clip(
        self, clip: MakeClip, anna: Person, ben: Person, club: Guild, general: Channel, discord: DiscordServer
    ) -> None:
        posted = await ben.post("look", clip("red"), to=club.channel("elsewhere"))
        forwarded = await ben.forward(posted, to=general)
        answer = await discord.bot.reply(await anna.post("@bot What is it?", reply_to=forwarded))
        assert words(answer) == f"«What is it?» {RED}"

    async def test_a_mention_means_the_clip_just_posted(
        self, piece: Piece, anna: Person, ben: Person, general: Channel, discord: DiscordServer
    ) -> None:
        await ben.post("", file_of(piece), to=general)
        await ben.post("what do you say", to=general)
        answer = await discord.bot.reply(await anna.post("@bot What is it?", to=general))
        assert words(answer) == f"«What is it?» {piece.evidence}"

    async def test_a_mention_of_the_role_by_the_same_name(
        self, clip: MakeClip, anna: Person, club: Guild, general: Channel, discord: DiscordServer
    ) -> None:
        role = next(role for role in club.roles.values() if role.managed)
        answer = await discord.bot.reply(await anna.post(f"{role.mention} What is it?", clip("red"), to=general))
        assert words(answer) == f"«What is it?» {RED}"

    async def test_a_reply_without_the_mention(
        self, clip: MakeClip, anna: Person, general: Channel, discord: DiscordServer
    ) -> None:
        first = await discord.bot.reply(await anna.post("@bot What is it?", clip("red"), to=general))
        answer = await discord.bot.reply(await anna.post("And now?", reply_to=first, ping=False))
        assert words(answer) == f"«And now?» {RED}"

    async def test_a_link_to_a_message_that_never_mentioned_the_bot(
        self, clip: MakeClip, anna: Person, ben: Person, club: Guild, general: Channel, discord: DiscordServer
    ) -> None:
        posted = await ben.post("look", clip("red"), to=club.channel("clips"))
        link = posted.channel.link(posted)
        answer = await discord.bot.reply(await anna.post(f"@bot What is it? {link}", to=general))
        assert words(answer) == f"«What is it? {link}» {RED}"

    async def test_other_messages_are_left_alone_where_nobody_asked_for_more(
        self, clip: MakeClip, anna: Person, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator
    ) -> None:
        await anna.post("look", clip("red"), to=general)
        answer = await discord.bot.reply(await anna.post("@bot hello", to=general))
        assert discord.bot.messages(general) == (answer,)

    async def test_in_a_channel_of_its_own_every_message_is_answered(
        self, piece: Piece, anna: Person, ben: Person, club: Guild, bot: KibitzClient, discord: DiscordServer
    ) -> None:
        clips = club.channel("clips")
        await bot.house.memory.change_settings(club.id, clips.id, {"answers": "always"})
        posted = await anna.post("What is it?", piece.file, to=clips)
        answer = await discord.bot.reply(posted)
        assert words(answer) == f"«What is it?» {piece.evidence}"
        assert answer.reference is posted
        chatter = await ben.post("And now?", to=clips)
        further = await discord.bot.reply(chatter)
        assert words(further) == f"«And now?» {piece.evidence}"
        assert further.reference is chatter
