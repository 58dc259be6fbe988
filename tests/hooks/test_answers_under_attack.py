"""What bad plugins must not do to an answer: stand in its way, take its words, or be remembered as having worked."""

import asyncio
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from bot.domain.answer import AnswerMode
from bot.domain.recollection import Forgotten
from bot.domain.role import Role
from bot.domain.timeline import NoticeCode
from bot.domain.understanding import Heard, Look, Seen
from bot.hooks import Forgetting, hookimpl
from bot.hooks.caller import Hooks
from bot.pipeline.run import Run
from bot.services.clips import ClipService
from bot.services.forget import ForgetService
from bot.services.plugin_services import PluginServices
from tests import clips
from tests.fakes.providers import KeepingListener, ScriptedChat, ToneSynthesizer, crew_of
from tests.hooks import test_in_answers as answers
from tests.hooks.writing import write_plugin
from tests.plugins.hosting import hosting
from tests.services.conftest import Shelf

TEXT = answers.TEXT


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    clips.colour_tone_clip(path, scenes=[("red", 440)], seconds=0.5, size=(160, 90))
    return path


async def test_an_editor_may_ask_the_model_where_only_one_may_at_a_time(tmp_path: Path, clip: Path) -> None:
    body = """
        @hookimpl
        async def edit_answer(self, sentence, occasion):
            return "<" + await self.kibitz.complete("Translate.", sentence, occasion) + ">"
        """
    write_plugin(tmp_path / "p", "asker", body)
    late = answers.Late()
    async with hosting(tmp_path, {"asker": {}}, directory=tmp_path / "p", services=late) as plugins:  # type: ignore[arg-type]
        crew = replace(answers.crew_with(plugins), gates={role: asyncio.Semaphore(1) for role in Role})
        late.services = PluginServices(crew, None)
        answer = await answers.asked(crew, clip)
        assert answer.text.count("<") == 2


@pytest.mark.parametrize(("body", "text"), [("return sentence.upper()", "IT IS RED"), ("return ''", "")])
async def test_words_that_were_held_back_are_not_lost_where_the_stream_breaks(
    tmp_path: Path,
    clip: Path,
    body: str,
    text: str,
) -> None:
    write_plugin(tmp_path / "p", "editor", f"@hookimpl\ndef edit_answer(self, sentence): {body}")
    async with hosting(tmp_path, {"editor": {}}, directory=tmp_path / "p") as plugins:
        listener = KeepingListener()
        chat = ScriptedChat(TEXT, break_after=3)
        answer = await answers.asked(answers.crew_with(plugins, chat=chat), clip, listener)
        assert answer.text == text
        assert NoticeCode.ANSWER_INTERRUPTED in {notice.code for notice in answer.notices}


class BlankMemory:
    """Knows nothing; `kept` tells of each half whether it is kept for good."""

    def __init__(self) -> None:
        self.kept: dict[type, bool] = {}

    async def _nothing(self, *_: object) -> None: ...

    digest_of = facts = seen = heard = keep_digest = keep_facts = opted_out = _nothing

    async def looks(self, *_: object) -> tuple[Look, ...]:
        return ()

    async def keep_seen(self, _sha256: str, _recipe: str, what: object, *, fresh_until: datetime | None) -> None:
        self.kept[type(what)] = fresh_until is None

    keep_heard = keep_seen


@pytest.mark.parametrize(
    ("fails", "looks", "kept"),
    [
        ("", True, {Seen: True, Heard: True}),
        ("edit_captions", True, {Seen: False, Heard: True}),
        ("edit_heard", True, {Seen: True, Heard: False}),
        ("on_sound", True, {Seen: True, Heard: False}),
        ("edit_heard", False, {Heard: False}),
    ],
)
async def test_what_a_plugin_failed_at_is_not_remembered_for_long(
    tmp_path: Path, clip: Path, fails: str, looks: bool, kept: dict[type, bool]
) -> None:
    for name, hooks in {"sees": ("edit_captions",), "hears": ("on_sound", "edit_heard")}.items():
        acts = {hook: "raise BotError('away', 'Away.')" if hook == fails else "..." for hook in hooks}
        write_plugin(
            tmp_path / "p", name, "\n".join(f"@hookimpl\ndef {hook}(self): {act}" for hook, act in acts.items())
        )
    memory, shelf = BlankMemory(), Shelf()
    async with hosting(tmp_path, {"sees": {}, "hears": {}}, directory=tmp_path / "p") as plugins:
        crew = replace(crew_of(), hooks=plugins.hooks)
        service = ClipService(crew, memory, shelf, folder=tmp_path / "work")  # type: ignore[arg-type]
        run = Run(KeepingListener())
        await service.understood(run, shelf.put(1, clip), mode=AnswerMode.CAPTION, looks=looks)
    assert memory.kept == kept


class ToldFirst:
    """A plugin and a memory; `did` is what happened, in order."""

    def __init__(self) -> None:
        self.did: list[str] = []

    @hookimpl
    async def on_forget(self, forgetting: Forgetting) -> None:
        self.did.append("told")

    async def forget_person(self, _: int) -> Forgotten:
        self.did.append("forgotten")
        return Forgotten()

    async def wipe(self) -> None: ...


async def test_plugins_are_told_before_the_memory_forgets_what_they_write_down_last() -> None:
    both = ToldFirst()
    hooks = Hooks()
    hooks.admit(both, "both")
    await ForgetService(both, keep_days=1, hooks=hooks).person(1)  # type: ignore[arg-type]
    assert both.did == ["told", "forgotten"]


async def test_a_sentence_that_is_edited_away_is_not_sent_to_be_spoken(tmp_path: Path, clip: Path) -> None:
    body = "@hookimpl\ndef edit_sentence(self, sentence): return '' if 'red' in sentence else None"
    write_plugin(tmp_path / "p", "shy", body)
    async with hosting(tmp_path, {"shy": {}}, directory=tmp_path / "p") as plugins:
        voice = ToneSynthesizer()
        answer = await answers.asked(answers.crew_with(plugins, synthesizer=voice), clip)
    assert voice.sentences == ["Then it is blue."]
    assert answer.text == TEXT
