"""Focus: what is named in settings, channels and questions reaches captions, timelines, evidence and nobody else."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from bot.domain.answer import Question, QuestionSource
from bot.domain.errors import SettingsError
from bot.domain.fence import unfenced
from bot.domain.media import Frame, FrameReason
from bot.domain.timeline import Moment, MomentKind, Timeline
from bot.hooks.offers import fused
from bot.hooks.registry import Plugins
from bot.hooks.specs import Specs
from bot.hooks.values import Forgetting, Received
from bot.plugins.focus.names import listed, mentions, names_in, tidy
from bot.providers.base import CaptionRequest
from tests.plugins.hosting import HERE, THERE, MemoryRecords, ScriptedServices, hosting, occasion, prompt, use_command

FRAME = Frame(at_seconds=0.0, since_seconds=0.0, jpeg=b"x", width=1, height=1, reason=FrameReason.FIRST, novelty=1.0)
REQUEST = CaptionRequest(frames=(FRAME,))
QUESTION = Question(source=QuestionSource.TYPED, text="What happens?")


def seen(start: float, end: float, text: str, kind: MomentKind = MomentKind.SEEN) -> Moment:
    return Moment(kind=kind, start_seconds=start, end_seconds=end, text=text)


def timeline(*moments: Moment) -> Timeline:
    return Timeline(duration_seconds=max((moment.end_seconds for moment in moments), default=1.0), moments=moments)


async def focus_of(plugins: Plugins, **where: object) -> tuple[str, ...]:
    return (await plugins.hooks.edit(Specs.edit_frames, REQUEST, occasion(**where))).focus


async def ask(plugins: Plugins, question: str, **where: object) -> None:
    received = Received(question=question)
    assert await plugins.hooks.edit(Specs.edit_received, received, occasion(**where)) == received


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("Watch the red car: when does it stop?", ["red car"]),
        ("Hello. please KEEP AN EYE ON the dog and the two cats, thanks", ["dog", "two cats"]),
        ("keep an eye on the red car and tell me when it stops", ["red car"]),
        ("Focus on the goalkeeper when the ball comes", ["goalkeeper"]),
        ("盯着红色的车：它什么时候停？", ["红色的车"]),
        ("请盯住那个守门员和那只狗。", ["守门员", "狗"]),
        ("这是什么？关注左边的人", ["左边的人"]),
        ("watch this clip and tell me what happens", []),
        ("Watch the video", []),
        ("Did you watch the red car?", []),
        ("Where can I watch: the red car", []),
        ("盯着视频", []),
        ("留意一下", []),
        ("注意安全吗？", []),
        ("watch " + "x" * 300 + ":", []),
        ("", []),
    ],
)
def test_a_question_names_what_to_watch_only_where_it_says_so(question: str, names: list[str]) -> None:
    assert list(names_in(question)) == names


@pytest.mark.parametrize(
    ("caption", "name", "is_mentioned"),
    [
        ("A red car waits.", "the red car", True),
        ("Two RED cars, side by side.", "red car", True),
        ("A car with a red roof", "red car", True),
        ("A red carpet", "red car", False),
        ("A blue car", "red car", False),
        ("一辆红色的汽车停下", "红色的车", True),
        ("一辆蓝色的汽车", "红色的车", False),
        ("守门员扑球", "守门员", True),
        ("The class", "cla", False),
        ("anything", "the", False),
    ],
)
def test_a_caption_mentions_a_name_with_all_of_its_words(caption: str, name: str, is_mentioned: bool) -> None:
    assert mentions(caption, name) is is_mentioned


def test_names_are_short_few_and_there_once() -> None:
    assert tidy([" the \n car ", "The Car", "", "x" * 200]) == ("The Car", "x" * 80)
    assert listed("a car, 一只狗、cat；\n") == ("a car", "一只狗", "cat")
    assert len(tidy(str(number) for number in range(20))) == 8


async def test_nothing_is_changed_where_nothing_was_named(tmp_path: Path) -> None:
    async with hosting(tmp_path, {"focus": {}}) as plugins:
        hooks = plugins.hooks
        assert await focus_of(plugins) == ()
        before = timeline(seen(0, 1, "A red car"))
        assert await hooks.edit(Specs.edit_timeline, before, occasion()) == before
        asked = prompt("[0:00] SEEN", timeline=before)
        assert await hooks.edit(Specs.edit_prompt, asked, occasion()) == asked
        assert await fused(hooks.offers, [before], QUESTION, 10) is None
        named = await hooks.recipe(occasion(), Specs.edit_frames)
        assert named == await hooks.recipe(occasion(key=THERE, job_id="2"), Specs.edit_frames)


async def test_what_the_settings_name_holds_everywhere(tmp_path: Path) -> None:
    async with hosting(tmp_path, {"focus": {"objects": ["red car", "dog"]}}) as plugins:
        for where in (HERE, THERE, None):
            assert await focus_of(plugins, key=where) == ("red car", "dog")
        lines = timeline(seen(0, 1, "A dog"))
        asked = await plugins.hooks.edit(Specs.edit_prompt, prompt("[0:00] SEEN", timeline=lines), occasion())
        assert unfenced(asked.evidence) == ["[0:00] SEEN", 'FOCUS "red car"', 'FOCUS "dog"']
        assert "FOCUS names" in asked.rules
        about_nothing = prompt("EARLIER")
        assert await plugins.hooks.edit(Specs.edit_prompt, about_nothing, occasion()) == about_nothing


@pytest.mark.parametrize("objects", [["x" * 81], [str(number) for number in range(9)], [""]])
async def test_settings_beyond_the_limits_are_refused(objects: list[str], tmp_path: Path) -> None:
    async with hosting(tmp_path, {"focus": {"objects": objects}}, may_fail=True) as plugins:
        with pytest.raises(SettingsError):
            await plugins.enable("focus")


async def test_a_question_names_for_itself_alone_and_the_clip_is_understood_anew(tmp_path: Path) -> None:
    async with hosting(tmp_path, {"focus": {"objects": ["dog"]}}) as plugins:
        await ask(plugins, "watch the red car: when does it stop?")
        assert await focus_of(plugins) == ("red car", "dog")
        assert await focus_of(plugins, job_id="job-2") == ("dog",)
        recipes = [
            await plugins.hooks.recipe(occasion(job_id=job), Specs.edit_frames) for job in ("job-1", "job-2", "job-3")
        ]
        assert recipes[0] != recipes[1] == recipes[2]
        plugins.hooks.watch(Specs.on_forget, Forgetting(person_id=42))
        assert await focus_of(plugins) == ("dog",)
    async with hosting(tmp_path, {"focus": {"from_question": False}}) as plugins:
        await ask(plugins, "watch the red car: when does it stop?")
        assert await focus_of(plugins) == ()


async def test_a_channel_is_told_by_command_shown_and_cleared(tmp_path: Path) -> None:
    services = ScriptedServices()
    assert services.records is not None
    async with hosting(tmp_path, {"focus": {}}, services=services) as plugins:
        assert "nothing in particular" in await use_command(plugins, "focus", occasion())
        said = await use_command(plugins, "focus", occasion(), watch="red car, dog")
        assert said == "Captions here attend to: red car, dog."
        assert await use_command(plugins, "focus", occasion(locale="zh-CN")) == "这里的画面描述会留意：red car, dog。"
        await use_command(plugins, "focus", occasion(), watch="猫")
        assert await focus_of(plugins) == ("red car", "dog", "猫")
        assert await focus_of(plugins, key=THERE) == ()
        finds = services.records.finds
        assert await focus_of(plugins) == ("red car", "dog", "猫")
        assert services.records.finds == finds, "what was read once is not read again"
        ((owner, record),) = services.records.kept
        assert (owner, record.key, record.person_id) == ("focus", HERE, None)
    async with hosting(tmp_path, {"focus": {}}, services=services) as plugins:
        assert await focus_of(plugins) == ("red car", "dog", "猫"), "kept"
        services.records.kept.clear()
        plugins.hooks.watch(Specs.on_forget, Forgetting(key=HERE))
        assert await focus_of(plugins) == ()
        await use_command(plugins, "focus", occasion(), watch="cat")
        assert (
            await use_command(plugins, "focus", occasion(), watch="owl", clear=True) == "Captions here attend to: owl."
        )
        assert "nothing in particular" in await use_command(plugins, "focus", occasion(), clear=True)
        assert services.records.kept == []
        assert await use_command(plugins, "focus", occasion(key=None)) == "Use this in a channel."


async def test_where_nothing_is_kept_the_command_says_so(tmp_path: Path) -> None:
    async with hosting(tmp_path, {"focus": {}}, services=ScriptedServices(records=None)) as plugins:
        assert "Nothing is kept here" in await use_command(plugins, "focus", occasion(), watch="cat")
        assert await focus_of(plugins) == ()


class _SlowRecords(MemoryRecords):
    """Something is forgotten while it is read."""

    plugins: Plugins | None = None

    async def find(self, *args: object, **which: object) -> tuple:  # type: ignore[override]
        found = await super().find(*args, **which)  # type: ignore[arg-type]
        if self.plugins is not None:
            self.kept.clear()
            plugins, self.plugins = self.plugins, None
            await plugins.hooks.gather(Specs.on_forget, Forgetting(key=HERE))
        return found


async def test_what_is_forgotten_while_it_is_read_is_not_remembered(tmp_path: Path) -> None:
    services = ScriptedServices(records=_SlowRecords())
    async with hosting(tmp_path, {"focus": {}}, services=services) as plugins:
        await use_command(plugins, "focus", occasion(), watch="cat")
        services.records.plugins = plugins  # type: ignore[union-attr]
        assert await focus_of(plugins) == ("cat",)
        assert await focus_of(plugins) == ()


async def test_the_timeline_tells_when_captions_mention_it(tmp_path: Path) -> None:
    before = timeline(
        seen(0, 2, "An empty street"),
        seen(2, 4, "A red car comes"),
        seen(3, 3.5, "red car", MomentKind.HEARD),
        seen(4.3, 6, "The red car waits"),
        seen(8, 9, "The red car leaves"),
    )
    async with hosting(tmp_path, {"focus": {"objects": ["red car", "dog"]}}) as plugins:
        after = await plugins.hooks.edit(Specs.edit_timeline, before, occasion())
        added = [moment for moment in after.moments if moment not in before.moments]
        assert [(one.kind, one.start_seconds, one.end_seconds) for one in added] == [
            (MomentKind.SEEN, 2, 6),
            (MomentKind.SEEN, 8, 9),
        ]
        assert {one.text for one in added} == {"red car: mentioned in the captions"}
        again = await plugins.hooks.edit(Specs.edit_timeline, after, occasion())
        assert again == after, "told once"
        chinese = await plugins.hooks.edit(Specs.edit_timeline, before, occasion(language="zh-CN"))
        assert "red car：画面描述提到" in [moment.text for moment in chinese.moments]


async def fused_lines(plugins: Plugins, timelines: Sequence[Timeline], room: int) -> list[str] | None:
    edited = [await plugins.hooks.edit(Specs.edit_timeline, one, occasion()) for one in timelines]
    lines = await fused(plugins.hooks.offers, edited, QUESTION, room)
    return None if lines is None else list(lines)


async def test_moments_about_the_focus_are_the_last_to_go(tmp_path: Path) -> None:
    street = [
        seen(at, at + 1, f"A red car passes number {at}" if at % 10 == 0 else f"An empty street, number {at}")
        for at in range(60)
    ]
    long = timeline(*street, seen(60, 60, "", MomentKind.CUT))
    async with hosting(tmp_path, {"focus": {"objects": ["red car"]}}) as plugins:
        assert await fused_lines(plugins, [long], 10_000) is None, "the bot's own lines, where all fits"
        lines = await fused_lines(plugins, [long], 500) or []
        assert sum(map(len, lines)) / 3.5 <= 500
        assert sum("A red car" in line for line in lines) == 6
        assert 0 < sum("empty" in line for line in lines) < 54
        assert not any("CUT" in line for line in lines)
        assert lines[-1].startswith("[--] NOTICE")
        assert lines[1:-1] == sorted(lines[1:-1]), "in order"
        two = await fused_lines(plugins, [long, long], 900) or []
        assert [line for line in two if line.startswith("CLIP")] == ["CLIP 1 of 2", "CLIP 2 of 2"]
        few = await fused_lines(plugins, [long], 60) or []
        assert any("A red car" in line for line in few)
        assert not any("empty" in line for line in few)
        assert await fused_lines(plugins, [timeline(*street[1:9])], 10) is None, "nothing about the focus"
