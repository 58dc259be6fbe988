"""What is asked about which clips, what is paid for it, and what is remembered."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from bot.database.faults import FULL, fault
from bot.domain.ask import Ask, AskKind
from bot.domain.conversation import ConversationKey, PlaceSettings
from bot.domain.errors import BotError, MediaError
from bot.domain.timeline import MomentKind, NoticeCode
from bot.memory.store import Memory
from bot.pipeline.crew import Crew
from tests.fakes.providers import (
    KeepingListener,
    ScriptedCaptioner,
    ScriptedChat,
    ScriptedTranscriber,
    crew_of,
)
from tests.services.conftest import Desk

DeskOf = Callable[[Crew], Desk]
KEY = ConversationKey(server_id=5, channel_id=1)
HERE = PlaceSettings()


def ask_of(job: int, question: str | None = "What happens?", **fields: object) -> Ask:
    made = Ask(job_id=f"{job:012x}", key=KEY, asker_id=7, asked_at=datetime.now(UTC), question=question)
    return replace(made, **fields)  # type: ignore[arg-type]


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 - what is waited for has no event of its own
        await asyncio.sleep(0.01)


async def test_a_second_question_about_a_clip_pays_for_the_answer_only(desk_of: DeskOf, red_and_blue: Path) -> None:
    captioner, transcriber, chat = ScriptedCaptioner(), ScriptedTranscriber(), ScriptedChat()
    desk = desk_of(crew_of(captioner=captioner, transcriber=transcriber, chat=chat))
    first = ask_of(1, clips=(desk.shelf.put(11, red_and_blue),))
    await desk.chat.serve(first, HERE, KeepingListener())
    paid = (len(captioner.requests), len(transcriber.requests))
    assert min(paid) > 0
    follow_up = await desk.chat.serve(ask_of(2, "And then?", follows=first.job_id), HERE, KeepingListener())
    posted_again = ask_of(3, clips=(desk.shelf.put(12, red_and_blue),))
    await desk.chat.serve(posted_again, HERE, KeepingListener())
    assert (len(captioner.requests), len(transcriber.requests)) == paid
    assert desk.shelf.taken == [11, 12], "the follow-up needs no download"
    assert follow_up.timelines[0].of(MomentKind.SEEN)
    assert "EARLIER asked" in chat.prompts[1].evidence
    assert "frame at 0" in chat.prompts[1].evidence
    assert not list(desk.workspaces.glob("job-*")), "no file is left"


async def test_what_was_paid_for_is_answered_with_although_the_disk_is_full(
    desk_of: DeskOf, red_and_blue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object, **__: object) -> None:
        raise fault(FULL)

    for name in ("keep_seen", "keep_heard", "keep_turn"):
        monkeypatch.setattr(Memory, name, full)
    captioner = ScriptedCaptioner()
    desk = desk_of(crew_of(captioner=captioner))
    clip = desk.shelf.put(11, red_and_blue)
    done = await desk.chat.serve(ask_of(1, clips=(clip,)), HERE, KeepingListener())
    assert done.text
    assert captioner.requests
    assert [notice.code for notice in done.notices] == [NoticeCode.NOT_KEPT]
    assert not list(desk.workspaces.glob("job-*"))


async def test_what_is_known_is_known_after_a_restart_and_not_for_another_model(
    desk_of: DeskOf, red_and_blue: Path
) -> None:
    captioner = ScriptedCaptioner()
    crew = crew_of(captioner=captioner)
    desk = desk_of(crew)
    clip = desk.shelf.put(11, red_and_blue)
    await desk.chat.serve(ask_of(1, clips=(clip,)), HERE, KeepingListener())
    count = len(captioner.requests)
    await desk_of(crew).chat.serve(ask_of(2, clips=(clip,)), HERE, KeepingListener())
    assert len(captioner.requests) == count
    await desk_of(replace(crew, caption_edge_px=99)).chat.serve(ask_of(3, clips=(clip,)), HERE, KeepingListener())
    assert len(captioner.requests) > count


async def test_two_who_ask_at_once_about_one_clip_share_the_work(desk_of: DeskOf, red_and_blue: Path) -> None:
    captioner, transcriber = ScriptedCaptioner(), ScriptedTranscriber()
    desk = desk_of(crew_of(captioner=captioner, transcriber=transcriber))
    clip = desk.shelf.put(11, red_and_blue)
    listeners = [KeepingListener(), KeepingListener()]
    done = await asyncio.gather(
        *(desk.chat.serve(ask_of(n, clips=(clip,)), HERE, listener) for n, listener in enumerate(listeners, start=1))
    )
    frames = sum(len(request.frames) for request in captioner.requests)
    assert len({request.frames[0].at_seconds for request in captioner.requests}) == len(captioner.requests)
    assert frames == len({frame.at_seconds for request in captioner.requests for frame in request.frames})
    assert sorted(len(one.usages) > 1 for one in done) == [False, True], "what it cost is booked once"
    assert all("StageProgress" in listener.names() for listener in listeners)


async def test_who_gives_up_does_not_end_the_work_of_another(desk_of: DeskOf, red_and_blue: Path) -> None:
    captioner = ScriptedCaptioner()
    desk = desk_of(crew_of(captioner=captioner))
    clip = desk.shelf.put(11, red_and_blue)
    both = [asyncio.create_task(desk.chat.serve(ask_of(n, clips=(clip,)), HERE, KeepingListener())) for n in (1, 2)]
    await until(lambda: bool(captioner.requests))
    both[0].cancel()
    assert (await both[1]).text
    assert not list(desk.workspaces.glob("job-*"))


async def test_the_last_who_gives_up_ends_it(desk_of: DeskOf, red_and_blue: Path) -> None:
    desk = desk_of(crew_of())
    clip = desk.shelf.put(11, red_and_blue)
    listener = KeepingListener()
    task = asyncio.create_task(desk.chat.serve(ask_of(1, clips=(clip,)), HERE, listener))
    await until(lambda: "MediaProbed" in listener.names())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not list(desk.workspaces.glob("job-*"))
    assert listener.names()[-1] == "RunEnded"


async def test_several_clips_are_one_question_and_a_broken_one_does_not_spoil_it(
    desk_of: DeskOf, red_and_blue: Path, green: Path, tmp_path: Path
) -> None:
    chat = ScriptedChat()
    desk = desk_of(crew_of(chat=chat))
    broken = tmp_path / "broken"
    broken.write_bytes(b"nothing of the kind")
    sources = tuple(desk.shelf.put(n, path) for n, path in enumerate([red_and_blue, broken, green, green], start=11))
    done = await desk.chat.serve(ask_of(1, clips=sources), HERE, KeepingListener())
    assert [notice.public for notice in done.notices if notice.code is NoticeCode.CLIP_LEFT_OUT] == [
        "Only the first 3 of 4 clips were used.",
        "Clip 2 was left out. That is not a video, sound or picture I know. Send MP4, WebM, MP3 or JPEG.",
    ]
    assert "CLIP 2 of 2" in chat.prompts[0].evidence
    with pytest.raises(MediaError):
        await desk.chat.serve(ask_of(2, clips=(sources[1],)), HERE, KeepingListener())


async def test_a_picture_that_the_model_saw_itself_is_looked_at_again(desk_of: DeskOf, tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    Image.new("RGB", (64, 64), "red").save(picture)
    captioner, chat = ScriptedCaptioner(), ScriptedChat()
    desk = desk_of(crew_of(captioner=captioner, chat=chat, direct_max_frames=1))
    await desk.chat.serve(ask_of(1, clips=(desk.shelf.put(11, picture),)), HERE, KeepingListener())
    done = await desk.chat.serve(ask_of(2, follows=f"{1:012x}"), HERE, KeepingListener())
    assert [len(prompt.frames) for prompt in chat.prompts] == [1, 1]
    assert captioner.requests == []
    assert done.has_picture


async def test_a_transcript_looks_at_no_frame_and_is_not_paid_for_again(desk_of: DeskOf, red_and_blue: Path) -> None:
    captioner, transcriber = ScriptedCaptioner(), ScriptedTranscriber()
    desk = desk_of(crew_of(captioner=captioner, transcriber=transcriber))
    clip = desk.shelf.put(11, red_and_blue)
    done = await desk.chat.serve(ask_of(1, None, kind=AskKind.TRANSCRIBE, clips=(clip,)), HERE, KeepingListener())
    assert done.text.startswith("hello there")
    assert captioner.requests == []
    count = len(transcriber.requests)
    await desk.chat.serve(ask_of(2, clips=(clip,)), HERE, KeepingListener())
    assert len(transcriber.requests) == count
    assert captioner.requests


async def test_a_spoken_question_is_asked_about_the_clip_it_follows(desk_of: DeskOf, red_and_blue: Path) -> None:
    chat = ScriptedChat()
    desk = desk_of(crew_of(chat=chat, transcriber=ScriptedTranscriber(words="what colour is it?")))
    await desk.chat.serve(ask_of(1, clips=(desk.shelf.put(11, red_and_blue),)), HERE, KeepingListener())
    voice = desk.shelf.put(12, red_and_blue, is_voice_message=True)
    await desk.chat.serve(ask_of(2, None, voice_question=voice, follows=f"{1:012x}"), HERE, KeepingListener())
    assert "what colour is it?" in chat.prompts[1].question.text
    turn = await desk.memory.turn(f"{2:012x}")
    assert turn is not None
    assert turn.was_heard
    assert [ref.source.attachment_id for ref in turn.clips] == [11]


async def test_a_voice_message_without_words_is_said_to_be_one(desk_of: DeskOf, red_and_blue: Path) -> None:
    desk = desk_of(crew_of(transcriber=ScriptedTranscriber(words="")))
    voice = desk.shelf.put(12, red_and_blue, is_voice_message=True)
    with pytest.raises(MediaError) as refused:
        await desk.chat.serve(ask_of(1, None, voice_question=voice), HERE, KeepingListener())
    assert refused.value.code == "question_unheard"


async def test_mere_talk_needs_no_clip_and_other_wishes_do(desk_of: DeskOf) -> None:
    chat = ScriptedChat("At 9:30, as always.")
    desk = desk_of(crew_of(chat=chat))
    done = await desk.chat.serve(ask_of(1, "When do you get up?"), HERE, KeepingListener())
    assert done.text == "At 9:30, as always."
    assert chat.prompts[0].timeline is None
    for kind in (AskKind.SUMMARIZE, AskKind.TRANSCRIBE, AskKind.TIMELINE, AskKind.STORYBOARD):
        with pytest.raises(MediaError) as refused:
            await desk.chat.serve(ask_of(2, kind=kind), HERE, KeepingListener())
        assert refused.value.code == "no_clip"


async def test_a_place_has_its_language_and_its_voice(desk_of: DeskOf, red_and_blue: Path) -> None:
    chat = ScriptedChat()
    desk = desk_of(crew_of(chat=chat))
    place = PlaceSettings(language="de", voice="nova")
    await desk.chat.serve(ask_of(1, clips=(desk.shelf.put(11, red_and_blue),), speak=True), place, KeepingListener())
    assert "in the language with the tag de" in chat.prompts[0].rules


async def test_an_answer_can_be_spoken_afterwards(desk_of: DeskOf, red_and_blue: Path) -> None:
    desk = desk_of(crew_of())
    await desk.chat.serve(ask_of(1, clips=(desk.shelf.put(11, red_and_blue),)), HERE, KeepingListener())
    done = await desk.chat.serve(ask_of(2, kind=AskKind.SPEAK, follows=f"{1:012x}"), HERE, KeepingListener())
    assert done.voice is not None
    assert done.voice.ogg.startswith(b"OggS")
    with pytest.raises(BotError) as refused:
        await desk.chat.serve(ask_of(3, kind=AskKind.SPEAK, follows="0" * 12), HERE, KeepingListener())
    assert refused.value.code == "turn_gone"


async def test_frames_and_timelines_are_had_without_an_answer(desk_of: DeskOf, red_and_blue: Path) -> None:
    chat = ScriptedChat()
    desk = desk_of(crew_of(chat=chat))
    clip = desk.shelf.put(11, red_and_blue)
    frames = await desk.chat.serve(ask_of(1, kind=AskKind.STORYBOARD, clips=(clip,)), HERE, KeepingListener())
    assert frames.storyboards[0].png.startswith(b"\x89PNG")
    assert frames.storyboards[0].at_seconds[0] == 0
    timeline = await desk.chat.serve(ask_of(2, kind=AskKind.TIMELINE, clips=(clip,)), HERE, KeepingListener())
    assert {MomentKind.SEEN, MomentKind.HEARD, MomentKind.CUT} <= {m.kind for m in timeline.timelines[0].moments}
    assert chat.prompts == []
