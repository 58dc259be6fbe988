"""Every command, menu and form, with a video, a recording, a picture and nothing at all."""

import json

import pytest

from tests.journeys.discord.conftest import MakeClip, MakeSound, Piece
from tests.journeys.discord.eyes import AttentiveMind, asked, bill, labels, names, notes, words
from tests.simulator.discord_server import Channel, DiscordServer, Guild, Person, VoiceMessage
from tests.simulator.openai_server import OpenAIEmulator

pytestmark = pytest.mark.usefixtures("known_clips", "bot", "attentive")

SUM_UP = "Sum up this clip: what happens, what is said, what can be read?"
NO_CLIP = "⚠️ There is no clip to go by. Attach one, or reply to a message that has one."
NOTHING_SEEN = "The clip shows nothing that I can describe."
RED = "The picture is red, of medium brightness [0:00]. tone 440 hertz [0:00]."


async def test_ask(piece: Piece, anna: Person, ben: Person, general: Channel, cloud: OpenAIEmulator) -> None:
    interaction = await anna.slash("ask", question="What is it?", clip=piece.file, to=general)
    answer = await interaction.reply()
    assert words(answer) == f"«What is it?» {piece.evidence}"
    assert notes(answer) == piece.notes
    assert labels(answer) == ["Ask more", *piece.buttons, "Speak", "Delete"]
    assert general.seen_by(ben) == (answer,), "everybody sees it, once"
    assert bill(cloud) == piece.bill | {"answers": 1}


async def test_ask_without_a_clip_is_mere_talk(anna: Person, general: Channel, cloud: OpenAIEmulator) -> None:
    interaction = await anna.slash("ask", question="Who are you?", to=general)
    answer = await interaction.reply()
    assert words(answer) == f"«Who are you?» {NOTHING_SEEN}"
    assert labels(answer) == ["Ask more", "Speak", "Delete"]
    assert bill(cloud) == {"answers": 1}


async def test_ask_aloud(
    piece: Piece, anna: Person, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator
) -> None:
    interaction = await anna.slash("ask", question="What is it?", clip=piece.file, speak=True, to=general)
    answer = await interaction.reply()
    assert words(answer) == f"«What is it?» {piece.evidence}"
    assert labels(answer) == ["Ask more", *piece.buttons, "Delete"], "it is being spoken already"
    spoken = await discord.bot.reply(interaction, settled=lambda message: message.is_voice_message)
    assert spoken.reference is answer
    assert any(call.text.startswith("«What is it?»") for call in cloud.speeches)  # two may be asked for at once
    assert general.seen_by(anna) == (answer, spoken)


async def test_summarize(piece: Piece, anna: Person, general: Channel) -> None:
    answer = await (await anna.slash("summarize", clip=piece.file, to=general)).reply()
    assert words(answer) == f"«{SUM_UP}» {piece.evidence}"
    assert notes(answer) == piece.notes
    assert labels(answer) == ["Ask more", *piece.buttons, "Speak", "Delete"]


async def test_transcribe(piece: Piece, anna: Person, general: Channel, cloud: OpenAIEmulator) -> None:
    answer = await (await anna.slash("transcribe", clip=piece.file, to=general)).reply()
    lines = {
        "red-0.mp4": "[0:00] tone 440 hertz",
        "the-exit-is-on-the-left.ogg": "[0:00] The exit is on the left",
        "photo.png": "There is no speech in it.",
    }
    assert words(answer) == lines[piece.file.name]
    assert labels(answer) == ["Ask more", *piece.buttons, "Delete"]
    assert bill(cloud) == {key: count for key, count in piece.bill.items() if key == "transcripts"}


@pytest.mark.parametrize("form", ["md", "srt", "vtt", "json"])
async def test_timeline(form: str, clip: MakeClip, anna: Person, general: Channel) -> None:
    interaction = await anna.slash("timeline", clip=clip("red", "blue"), format=form, to=general)
    answer = await interaction.reply()
    assert words(answer) == "5 moments in 0:04."
    [file] = answer.files
    assert file.name == f"timeline.{form}"
    text = file.bytes.decode()
    match form:
        case "md":
            assert text.splitlines()[2] == "| 00:00.0–00:02.0 | seen | The picture is red, of medium brightness. |"
            assert text.splitlines()[-1] == "| 00:02.0–00:04.0 | heard | tone 660 hertz |"
        case "srt":
            cue = "1\n00:00:00,000 --> 00:00:02,000\n[The picture is red, of medium brightness.]\n\n2\n"
            assert text.startswith(cue)
            assert text.endswith("tone 660 hertz\n")
        case "vtt":
            cue = "WEBVTT\n\n00:00:00.000 --> 00:00:02.000\n[The picture is red, of medium brightness.]\n"
            assert text.startswith(cue)
            assert text.endswith("tone 660 hertz\n")
        case _:
            kinds = [moment["kind"] for moment in json.loads(text)["timeline"]]
            assert kinds == ["seen", "heard", "cut", "seen", "heard"]


async def test_timeline_of_anything_is_a_table(
    piece: Piece, anna: Person, general: Channel, cloud: OpenAIEmulator
) -> None:
    answer = await (await anna.slash("timeline", clip=piece.file, to=general)).reply()
    assert names(answer) == ["timeline.md"]
    first_words = piece.evidence.partition(" [")[0]
    assert first_words in answer.files[0].bytes.decode()
    assert labels(answer) == ["Ask more", *piece.buttons, "Delete"]
    is_picture = piece.file.suffix == ".png"
    assert bill(cloud) == piece.bill | ({"captions": 1} if is_picture else {}), "nothing is asked of the chat model"


async def test_storyboard(piece: Piece, anna: Person, general: Channel, cloud: OpenAIEmulator) -> None:
    answer = await (await anna.slash("storyboard", clip=piece.file, to=general)).reply()
    assert bill(cloud) == {}
    if "Frames" not in piece.buttons:
        assert words(answer) == "⚠️ There is only sound in this file, no picture to show."
        return
    assert words(answer) == "The frames that were looked at."
    [picture] = answer.files
    assert picture.name == "storyboard.png"
    assert picture.bytes.startswith(b"\x89PNG")
    assert picture.description is not None
    assert picture.description.startswith("Frames of the clip at 0:00")
    assert labels(answer) == ["Ask more", "Delete"]


@pytest.mark.parametrize("command", ["summarize", "transcribe", "timeline", "storyboard"])
async def test_a_command_that_needs_a_clip_says_so(
    command: str, anna: Person, general: Channel, cloud: OpenAIEmulator
) -> None:
    answer = await (await anna.slash(command, to=general)).reply()
    assert words(answer) == NO_CLIP
    [job] = notes(answer)
    assert job.startswith("Job ")
    assert bill(cloud) == {}


@pytest.mark.parametrize("command", ["summarize", "transcribe", "timeline", "storyboard"])
async def test_a_command_without_a_clip_means_the_latest(
    command: str, clip: MakeClip, anna: Person, ben: Person, general: Channel, cloud: OpenAIEmulator
) -> None:
    await (await anna.slash("ask", question="What is it?", clip=clip("red"), to=general)).reply()
    before = bill(cloud)
    answer = await (await ben.slash(command, to=general)).reply()
    shown = {
        "summarize": f"«{SUM_UP}» {RED}",
        "transcribe": "[0:00] tone 440 hertz",
        "timeline": "2 moments in 0:02.",
        "storyboard": "The frames that were looked at.",
    }
    assert words(answer) == shown[command]
    assert bill(cloud) - before == ({"answers": 1} if command == "summarize" else {})


@pytest.mark.parametrize("question", ["What is it?", ""])
async def test_menu_ask_about_this(
    question: str, piece: Piece, anna: Person, ben: Person, general: Channel, cloud: OpenAIEmulator
) -> None:
    """It works without the right to read messages: the menu hands over the message."""
    file = VoiceMessage(piece.file) if piece.file.suffix == ".ogg" else piece.file
    posted = await ben.post("", file, to=general)
    opened = await anna.menu("Ask about this", posted)
    assert opened.modal is not None
    assert opened.modal.title == "Ask about this"
    assert [field.label for field in opened.modal.inputs] == ["Your question"]
    assert bill(cloud) == {}, "opening a form costs nothing"
    answer = await (await anna.submit(opened, {"Your question": question})).reply()
    assert words(answer) == f"«{question or 'What happens here?'}» {piece.evidence}"
    assert labels(answer) == ["Ask more", *piece.buttons, "Speak", "Delete"]
    assert answer in general.seen_by(ben)


async def test_menu_transcribe(piece: Piece, anna: Person, ben: Person, general: Channel) -> None:
    answer = await (await anna.menu("Transcribe", await ben.post("look", piece.file, to=general))).reply()
    spoken = piece.evidence.rpartition(". ")[2].partition(" [")[0]
    assert words(answer) == ("There is no speech in it." if "picture" in spoken else f"[0:00] {spoken}")


async def test_menu_summarize(piece: Piece, anna: Person, ben: Person, general: Channel) -> None:
    answer = await (await anna.menu("Summarize", await ben.post("look", piece.file, to=general))).reply()
    assert words(answer) == f"«{SUM_UP}» {piece.evidence}"


@pytest.mark.parametrize("menu", ["Ask about this", "Transcribe", "Summarize"])
async def test_a_menu_on_mere_text_says_what_is_missing_to_this_person_only(
    menu: str, anna: Person, ben: Person, general: Channel, cloud: OpenAIEmulator
) -> None:
    posted = await ben.post("just words", to=general)
    answer = await (await anna.menu(menu, posted)).reply()
    assert words(answer) == NO_CLIP
    assert general.seen_by(ben) == (posted,)
    assert bill(cloud) == {}


async def test_a_menu_on_an_answer_means_its_clip(
    clip: MakeClip, anna: Person, general: Channel, discord: DiscordServer, cloud: OpenAIEmulator
) -> None:
    first = await discord.bot.reply(await anna.post("@bot What is it?", clip("red"), to=general))
    await (await anna.slash("ask", question="And this?", clip=clip("blue", first_tone=1), to=general)).reply()
    before = bill(cloud)
    opened = await anna.menu("Ask about this", first)
    answer = await (await anna.submit(opened, {"Your question": "And the first?"})).reply()
    assert words(answer) == f"«And the first?» {RED}"
    transcript = await (await anna.menu("Transcribe", first)).reply()
    assert words(transcript) == "[0:00] tone 440 hertz"
    assert bill(cloud) - before == {"answers": 1}


async def test_a_menu_on_a_forwarded_clip(clip: MakeClip, anna: Person, ben: Person, club: Guild) -> None:
    elsewhere, general = club.channel("elsewhere"), club.channel("general")
    forwarded = await ben.forward(await ben.post("look", clip("red"), to=elsewhere), to=general)
    answer = await (await anna.menu("Transcribe", forwarded)).reply()
    assert words(answer) == "[0:00] tone 440 hertz"


async def test_a_question_asked_in_the_clip_is_answered_when_none_is_typed(
    say: MakeSound, attentive: AttentiveMind, anna: Person, ben: Person, general: Channel
) -> None:
    posted = await ben.post("", VoiceMessage(await say("Where is the exit?", attentive)), to=general)
    opened = await anna.menu("Ask about this", posted)
    answer = await (await anna.submit(opened, {})).reply()
    assert words(answer).startswith("«Where is the exit?»")


class TestWhereTheBotIsNot:
    """Installed for a person, used in a server or a private chat without the bot: only this person sees it."""

    @pytest.fixture
    def lounge(self, discord: DiscordServer, anna: Person, ben: Person) -> Channel:
        other = discord.guild("Chess club", bot=False)
        other.member("Carl")
        room = other.channel("lounge")
        for person in (anna, ben):
            other.member(person)
        return room

    async def test_ask(self, piece: Piece, lounge: Channel, anna: Person, ben: Person, cloud: OpenAIEmulator) -> None:
        answer = await (await anna.slash("ask", question="What is it?", clip=piece.file, to=lounge)).reply()
        assert words(answer) == f"«What is it?» {piece.evidence}"
        assert lounge.seen_by(anna) == (answer,)
        assert lounge.seen_by(ben) == ()
        assert bill(cloud) == piece.bill | {"answers": 1}

    async def test_menu_transcribe(self, clip: MakeClip, lounge: Channel, anna: Person, ben: Person) -> None:
        posted = await ben.post("look", clip("red"), to=lounge)
        answer = await (await anna.menu("Transcribe", posted)).reply()
        assert words(answer) == "[0:00] tone 440 hertz"
        assert lounge.seen_by(ben) == (posted,)

    async def test_ask_about_a_message_of_a_private_chat(
        self, clip: MakeClip, anna: Person, ben: Person, cloud: OpenAIEmulator
    ) -> None:
        chat = anna.private(ben)
        posted = await ben.post("look", clip("red"), to=chat)
        opened = await anna.menu("Ask about this", posted)
        answer = await (await anna.submit(opened, {"Your question": "What is it?"})).reply()
        assert words(answer) == f"«What is it?» {RED}"
        assert chat.seen_by(ben) == (posted,)
        more = await anna.press(answer, "Ask more")
        further = await (await anna.submit(more, {"Your question": "And now?"})).reply()
        assert words(further) == f"«And now?» {RED}"
        assert bill(cloud) == {"captions": 1, "transcripts": 1, "answers": 2}
        assert chat.seen_by(ben) == (posted,)

    async def test_mere_talk_knows_nothing_of_this_place(
        self, clip: MakeClip, lounge: Channel, anna: Person, cloud: OpenAIEmulator
    ) -> None:
        await (await anna.slash("ask", question="What is it?", clip=clip("red"), to=lounge)).reply()
        answer = await (await anna.slash("ask", question="Who are you?", to=lounge)).reply()
        assert words(answer) == f"«Who are you?» {NOTHING_SEEN}"
        assert asked(cloud.answers[-1]) == "Who are you?"


async def test_commands_in_direct_messages(piece: Piece, anna: Person, cloud: OpenAIEmulator) -> None:
    answer = await (await anna.slash("ask", question="What is it?", clip=piece.file, to=anna.direct())).reply()
    assert words(answer) == f"«What is it?» {piece.evidence}"
    assert answer.ephemeral_for is None
    further = await (await anna.slash("ask", question="And now?", to=anna.direct())).reply()
    assert words(further) == f"«And now?» {piece.evidence}"
    assert bill(cloud) == piece.bill | {"answers": 2}
