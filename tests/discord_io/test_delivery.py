"""An answer arrives whole: its words, what is missing, its buttons, its voice."""

from types import SimpleNamespace
from typing import Any

import discord
import pytest

from bot.discord_io.delivery import deliver
from bot.domain.conversation import MessageRef
from bot.domain.errors import DeliveryError
from bot.domain.media import VoiceClip
from bot.domain.sentence import sentence
from bot.domain.timeline import Notice, NoticeCode
from bot.locales import catalogue
from tests.discord_io.recording_place import RecordingPlace, surface_on

VIEW: Any = object()
CLIP = VoiceClip(duration_seconds=1.5, waveform=b"\x01\xff", ogg=b"OggS")


def notice(public: str) -> Notice:
    return Notice(code=NoticeCode.NO_SOUND, public=public)


def failure(status: int = 500, code: int = 0) -> discord.HTTPException:
    response: Any = SimpleNamespace(status=status, reason="")
    return discord.HTTPException(response, {"code": code, "message": ""})


async def delivered(place: RecordingPlace, text: str, **options: Any) -> tuple[MessageRef, ...]:
    return await deliver(text, surface=surface_on(place), words=catalogue(options.pop("locale", None)), **options)


async def test_a_short_answer_is_one_message_with_notes_and_buttons() -> None:
    place = RecordingPlace()
    refs = await delivered(place, "A *cat*.", notices=[notice("The clip has no sound.")], view=VIEW)
    assert place.shown == ["A \\*cat\\*.\n-# ⚠️ The clip has no sound."]
    assert place.views == [VIEW]
    assert refs == (MessageRef(channel_id=1, message_id=1),)


async def test_notes_are_said_once_and_in_the_language_of_the_reader() -> None:
    place = RecordingPlace()
    told = notice(sentence("The clip has no sound."))
    await delivered(place, "猫", notices=[told, told], locale="zh-CN")
    assert place.shown == [f"猫\n-# ⚠️ {catalogue('zh-CN')('The clip has no sound.')}"]
    assert "no sound" not in place.shown[0]


async def test_a_longer_answer_goes_on_below_with_the_buttons_under_the_last_words() -> None:
    place = RecordingPlace()
    await delivered(place, "word " * 1000, view=VIEW, notices=[notice("A gap.")])
    assert [what for _at, what, _content in place.done] == ["create", "append", "append"]
    assert place.views == [None, None, VIEW]
    assert place.shown[-1].endswith("-# (3/3)\n-# ⚠️ A gap.")
    assert " ".join(place.shown).count("word") == 1000


async def test_notes_that_find_no_room_follow_in_a_message_of_their_own() -> None:
    place = RecordingPlace()
    await delivered(place, "x" * 1995, view=VIEW, notices=[notice("A gap.")])
    assert place.shown == ["x" * 1995, "-# ⚠️ A gap."]
    assert place.views == [None, VIEW]


@pytest.mark.parametrize(("lead", "opens"), [(None, "First words. "), ("A <@1> lead.", r"A \<@1\> lead.")])
async def test_a_very_long_answer_is_a_lead_and_a_file(lead: str | None, opens: str) -> None:
    text = "First words. " + "\n\n".join(f"**Paragraph** {number} " + "w " * 400 for number in range(20)) + "\u202e"
    place = RecordingPlace()
    await delivered(place, text, view=VIEW, lead=lead, notices=[notice("A gap.")])
    assert len(place.shown) == 1
    assert place.shown[0].startswith(opens)
    assert len(place.shown[0]) < 800
    assert place.shown[0].endswith("-# ⚠️ A gap.\n-# 📄 The whole answer is in answer.md.")
    assert place.views == [VIEW]
    (file,) = place.files
    assert file.name == "answer.md"
    assert file.data.decode() == text.rstrip("\u202e").strip() + "\n\n- A gap.\n"


async def test_five_parts_are_a_file_and_four_are_not() -> None:
    for words, parts in ((1550, 4), (1595, 1)):
        place = RecordingPlace()
        await delivered(place, "word " * words)
        assert (len(place.shown), len(place.files)) == (parts, int(parts == 1))


async def test_where_no_file_may_be_sent_every_word_is_posted() -> None:
    place = RecordingPlace()
    place.may_attach = False
    notices = [notice(f"Gap {number}.") for number in range(6)]
    await delivered(place, "word " * 3000, notices=notices)
    assert place.files == []
    assert " ".join(place.shown).count("word") == 3000
    assert all(f"Gap {number}." in place.shown[-1] for number in range(6))


async def test_more_notes_than_fit_are_in_the_file_unshortened() -> None:
    place = RecordingPlace()
    long = "A long gap. " * 40
    gaps = [notice("Gap 0."), notice(long), *(notice(f"Gap {number}.") for number in range(1, 6))]
    await delivered(place, "Words.", notices=gaps)
    notes = [f"-# ⚠️ Gap {number}." for number in range(4)]
    assert place.shown == ["\n".join(["Words.", *notes, "-# 📄 More notes are in answer.md."])]
    assert place.files[0].data.decode() == f"Words.\n\n- Gap 0.\n- {long}\n" + "".join(
        f"- Gap {n}.\n" for n in range(1, 6)
    )


async def test_the_voice_follows_the_words_and_replies_to_the_last_of_them() -> None:
    place = RecordingPlace()
    refs = await delivered(place, "word " * 600, voice=CLIP)
    assert place.clips == [(CLIP, MessageRef(channel_id=1, message_id=2))]
    assert [ref.message_id for ref in refs] == [1, 2, 99]


async def test_where_there_may_be_no_voice_message_the_sound_is_a_file() -> None:
    place = RecordingPlace()
    place.can_speak = False
    await delivered(place, "Words.", voice=CLIP)
    assert [(file.name, file.data) for file in place.files] == [("answer.ogg", b"OggS")]
    assert place.shown == ["Words.", ""]


async def test_a_voice_that_fails_is_told_of_and_the_words_stay() -> None:
    place = RecordingPlace()
    place.speak_fails_with = [failure()]
    await delivered(place, "Words.", voice=CLIP)
    assert place.shown == [
        "Words.",
        "-# ⚠️ The answer could not be sent as a voice message. Discord did not answer. Try again in a minute.",
    ]
    place.speak_fails_with, place.append_fails_with = [failure()], [failure()]
    assert len(await delivered(place, "Words.", voice=CLIP)) == 1


async def test_an_empty_answer_is_an_error_with_its_job() -> None:
    for text in ("", " \n", "\u200b", "\u202e\n"):
        place = RecordingPlace()
        await delivered(place, text, view=VIEW)
        assert place.shown == ["⚠️ The answer came out empty. Ask again.\n-# Job 0123456789ab"]
        assert place.views == [None]


async def test_words_that_do_not_arrive_are_an_error_and_failing_then_keeps_those_that_did() -> None:
    place = RecordingPlace()
    place.append_fails_with = [failure()]
    surface = surface_on(place)
    with pytest.raises(DeliveryError) as caught:
        await deliver("word " * 600, surface=surface, words=catalogue(None))
    assert caught.value.code == "discord_down"
    await surface.fail(caught.value.public)
    assert [what for _at, what, _content in place.done] == ["create", "append"]
    assert place.shown[1].startswith("⚠️ Discord did not answer.")
