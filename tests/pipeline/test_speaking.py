"""Sentences become one voice clip in order; a voice that fails never costs the text."""

import asyncio

import pytest

from bot.domain.errors import ProviderError
from bot.domain.events import FirstAudio, StageEnded
from bot.domain.timeline import NoticeCode
from bot.pipeline.run import Run
from bot.pipeline.speaking import Speaker
from tests.fakes.providers import KeepingListener, ToneSynthesizer, broken, crew_of


async def spoken(
    synthesizer: ToneSynthesizer, *sentences: str, **settings: object
) -> tuple[Speaker, Run, KeepingListener]:
    listener = KeepingListener()
    run = Run(listener)
    speaker = Speaker(run, crew_of(synthesizer=synthesizer, **settings))
    async with run.whole(), speaker.speaking():
        for sentence in sentences:
            speaker.say(sentence)
            await asyncio.sleep(0)
    return speaker, run, listener


async def test_all_sentences_are_in_the_clip() -> None:
    voice = ToneSynthesizer()
    speaker, run, listener = await spoken(voice, "One sentence here.", "Another one.", "**Third** [0:01].", "- - -")
    assert voice.sentences == ["One sentence here.", "Another one.", "Third."]
    assert speaker.clip is not None
    seconds = sum(len(sentence) for sentence in voice.sentences) * 0.05
    assert speaker.clip.duration_seconds == pytest.approx(seconds, abs=0.3)
    assert max(speaker.clip.waveform) > 100
    assert [type(event) for event in listener.events].count(FirstAudio) == 1
    assert run.notices == []


async def test_the_sound_keeps_the_order_of_the_sentences() -> None:
    class SlowFirst(ToneSynthesizer):
        async def speak(self, request):
            if "One" in request.text:
                await asyncio.sleep(0.05)
            async for item in super().speak(request):
                yield item

    _, _, listener = await spoken(SlowFirst(), "One long sentence comes first.", "Two.")
    lengths = [len(chunk.pcm) for chunk in listener.chunks]
    assert lengths == sorted(lengths, reverse=True)


async def test_a_sentence_that_fails_leaves_the_others_and_a_notice() -> None:
    speaker, run, _ = await spoken(ToneSynthesizer(fail_at=[1]), "One.", "Two.", "Three.")
    assert speaker.clip is not None
    assert [notice.code for notice in run.notices] == [NoticeCode.SPEECH_INTERRUPTED]


async def test_no_voice_at_all_is_a_notice() -> None:
    speaker, run, listener = await spoken(ToneSynthesizer(fail_at=[0, 1]), "One.", "Two.")
    assert speaker.clip is None
    assert [notice.code for notice in run.notices] == [NoticeCode.SPEECH_MISSING]
    assert listener.chunks == []


async def test_nothing_to_say_opens_no_stage() -> None:
    speaker, _, listener = await spoken(ToneSynthesizer(), "```code```", "🎉")
    assert speaker.clip is None
    assert not [event for event in listener.events if isinstance(event, StageEnded)]


async def test_a_long_answer_is_spoken_in_part() -> None:
    voice = ToneSynthesizer()
    _, run, _ = await spoken(voice, *[f"Sentence number {n}." for n in range(20)], max_spoken_characters=60)
    assert sum(map(len, voice.sentences)) <= 60
    assert [notice.code for notice in run.notices] == [NoticeCode.SPEECH_SHORTENED]


async def test_an_error_of_the_body_arrives_as_itself() -> None:
    speaker = Speaker(Run(KeepingListener()), crew_of())

    async def speak_and_fail() -> None:
        async with speaker.speaking():
            speaker.say("One.")
            raise broken()

    with pytest.raises(ProviderError, match="scripted_failure"):
        await speak_and_fail()
