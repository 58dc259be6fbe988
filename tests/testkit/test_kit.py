"""The fixture for authors: plugins run in it as in a bot, and what goes wrong is told in words."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from bot.hooks import (
    BotError,
    Caption,
    CaptionBatch,
    Captioner,
    CaptionRequest,
    CommandCall,
    CommandOption,
    ConversationKey,
    ExportPart,
    Forgetting,
    JobEvent,
    ModelTool,
    MomentKind,
    NoticeCode,
    Occasion,
    OptionKind,
    Permission,
    Plugin,
    PluginSettings,
    Prompt,
    Received,
    RecordTable,
    RunEnded,
    SlashCommand,
    Surface,
    hookimpl,
    prompt_with_lines,
    sentence,
)
from bot.testkit.failures import PluginFailedError, RefusedError
from bot.testkit.kit import Kit


class DoorSettings(PluginSettings):
    word: str = "door"


class Doors(Plugin):
    """Has something at every kind of door."""

    name = "doors"
    version = "1"
    permissions = frozenset({Permission.PICTURES, Permission.WORDS, Permission.RECORDS, Permission.COMMANDS})
    settings_model = DoorSettings
    tables = (RecordTable(name="seen"),)

    def __init__(self, kibitz: object, settings: DoorSettings) -> None:
        super().__init__(kibitz, settings)  # type: ignore[arg-type]
        self.word = settings.word
        self.events: list[JobEvent] = []
        self.forgotten: list[Forgetting] = []

    @hookimpl
    def register_captioners(self) -> Mapping[str, Captioner]:
        return {"doors": self}

    async def caption(self, request: CaptionRequest) -> CaptionBatch:
        captions = [
            Caption(at_seconds=frame.at_seconds, since_seconds=frame.since_seconds, text=f"A {self.word}.")
            for frame in request.frames
        ]
        return CaptionBatch(captions=tuple(captions), usages=())

    @hookimpl
    def screen_ask(self, received: Received) -> str | None:
        return "No windows here." if received.question == "window?" else None

    @hookimpl
    async def edit_prompt(self, prompt: Prompt, occasion: Occasion) -> Prompt:
        if prompt.question.text == "break":
            raise ValueError("it broke")
        return prompt_with_lines(prompt, "door", [f"{self.word} of {occasion.asker_id}"])

    @hookimpl
    async def edit_answer(self, sentence: str) -> str:
        return sentence.replace("wall", self.word)

    @hookimpl
    def register_tools(self) -> Sequence[ModelTool]:
        schema = {"type": "object", "properties": {"name": {"type": "string"}}}
        return [ModelTool(name="knock", description="Knock", parameters=schema, call=self._knock)]

    async def _knock(self, arguments: Mapping[str, object], occasion: Occasion) -> str:
        if arguments["name"] == "Bob":
            raise BotError("away", "Bob is away.")
        return f"{arguments['name']} opens"

    @hookimpl
    def register_commands(self) -> Sequence[SlashCommand]:
        kinds = CommandOption(name="kind", description="Which", choices=("oak", "glass"))
        many = CommandOption(name="many", description="How many", kind=OptionKind.WHOLE_NUMBER, is_required=True)
        return [
            SlashCommand(name="door", description="Open", run=self._open, options=(kinds, many)),
            SlashCommand(name="Door", description="Open", run=self._open),
        ]

    async def _open(self, call: CommandCall) -> str:
        if call.options["many"] == 0:
            raise BotError("none", sentence("There is no {word}.", word=self.word))
        kept = await self.kibitz.records.put("seen", {"many": call.options["many"]}, person_id=call.person_id)
        return f"{call.options['many']} {call.options.get('kind', '')} {kept is not None}"

    @hookimpl
    def on_job_event(self, event: JobEvent) -> None:
        self.events.append(event)

    @hookimpl
    def on_forget(self, forgetting: Forgetting) -> None:
        self.forgotten.append(forgetting)

    @hookimpl
    def export_person(self, person_id: int) -> ExportPart:
        return ExportPart(title="Doors", lines=(str(person_id),))


def test_a_plugin_is_asked_as_the_bot_asks_it(kibitz: Kit) -> None:
    plugin = kibitz.start(Doors, settings={"word": "gate"})
    timeline = kibitz.timeline(9).heard(1, 2, "hello", speaker="Ann").seen(0, 3, "a door").cut(4).build()
    assert [moment.kind for moment in timeline.moments] == [MomentKind.SEEN, MomentKind.HEARD, MomentKind.CUT]
    prompt = kibitz.edit_prompt(kibitz.prompt("What is that?", timeline=timeline), kibitz.occasion(asker_id=7))
    assert 'DOOR "gate of 7"' in prompt.evidence
    assert '"a door"' in prompt.evidence
    assert kibitz.edit_answer("A wall.") == "A gate."
    assert kibitz.screen_ask(Received(question="window?")) == "No windows here."
    assert kibitz.screen_ask(Received(question="door?")) is None
    batch = kibitz.caption(CaptionRequest(frames=kibitz.frames(2, every_seconds=2.0)))
    assert [(caption.at_seconds, caption.text) for caption in batch.captions] == [(0.0, "A gate."), (2.0, "A gate.")]
    kibitz.on_job_event(JobEvent(job_id="j", at_seconds=0.0))
    assert len(plugin.events) == 1
    assert kibitz.export_person(7) == (ExportPart(title="Doors", lines=("7",)),)


def test_commands_and_tools_are_used_as_people_and_models_do(kibitz: Kit) -> None:
    kibitz.start(Doors)
    assert kibitz.tool("knock", {"name": "Ann"}) == "Ann opens"
    with pytest.raises(BotError, match="Bob is away"):
        kibitz.tool("knock", {"name": "Bob"})
    assert kibitz.command("door", {"many": 0}) == "There is no door."
    for options, said in (({"many": "two"}, "takes whole_number"), ({"many": 1, "kind": "tin"}, "oak, glass")):
        with pytest.raises((LookupError, TypeError), match=said):
            kibitz.command("door", options)
    with pytest.raises(LookupError, match="requires many"):
        kibitz.command("door")
    with pytest.raises(LookupError, match="there are: door"):
        kibitz.command("window")
    with pytest.raises(RefusedError, match="small letters"):
        kibitz.command("Door")


def test_what_is_kept_is_in_a_database_and_is_forgotten(kibitz: Kit) -> None:
    plugin = kibitz.start(Doors)
    assert kibitz.command("door", {"many": 2, "kind": "oak"}) == "2 oak True"
    assert [record.value for record in kibitz.records("doors", "seen", person_id=42)] == [{"many": 2}]
    kibitz.forget(person_id=42)
    assert kibitz.records("doors", "seen") == ()
    assert plugin.forgotten == [Forgetting(person_id=42)]


def test_a_whole_answer_passes_the_plugin(kibitz: Kit) -> None:
    kibitz.start(Doors)
    kibitz.complete_with(kibitz.tool_call("knock", {"name": "Ann"}), "It is a wall [0:00]. Nothing else.")
    asked = kibitz.ask("What is that?", kibitz.clip("red", "blue", seconds_each=0.4))
    assert asked.text == "It is a door [0:00]. Nothing else."
    assert {moment.text for moment in asked.timeline.of(MomentKind.SEEN)} == {"A door."}
    assert 'TOOL knock "Ann opens"' in kibitz.prompts[-1].results[0].text
    assert isinstance(asked.events[-1], RunEnded)
    with pytest.raises(BotError, match="No windows here"):
        kibitz.ask("window?")


async def test_it_can_be_used_from_an_async_test_as_well(kibitz: Kit) -> None:
    kibitz.hear("hello there")
    asked = kibitz.ask("What is said?", kibitz.sound_clip(kibitz.sound(1.0)), speak=True)
    assert [moment.text for moment in asked.timeline.of(MomentKind.HEARD)] == ["hello there"]
    assert asked.voice is not None
    assert kibitz.spoken[0].text == "A scripted answer."


def test_a_failure_is_raised_in_the_test_with_its_cause(kibitz: Kit) -> None:
    kibitz.start(Doors)
    with pytest.raises(PluginFailedError, match=r"the plugin doors failed: edit_prompt raised ValueError") as failed:
        kibitz.edit_prompt(kibitz.prompt("break"))
    assert str(failed.value.__cause__) == "it broke"


def test_failures_can_be_looked_at_as_a_bot_lives_with_them(kibitz: Kit) -> None:
    kibitz.start(Doors)
    kibitz.is_strict = False
    prompt = kibitz.prompt("break")
    for _ in range(3):
        assert kibitz.edit_prompt(prompt) == prompt
    assert not kibitz.is_on("doors")
    assert len(kibitz.failures) == 3


def test_what_the_bot_would_not_run_is_refused_in_words(kibitz: Kit) -> None:
    with pytest.raises(RefusedError, match=r"the plugin was refused: .*wrod.* is not a setting. Did you mean word"):
        kibitz.start(Doors, settings={"wrod": "gate"})

    class Nameless(Doors):
        permissions = frozenset({Permission.WORDS})

    with pytest.raises(RefusedError, match="uses hooks that need") as refused:
        kibitz.start(Nameless)
    assert refused.value.code == "plugin_permissions"
    with pytest.raises(RefusedError, match="There is no plugin nowhere"):
        kibitz.start("nowhere")
    with pytest.raises(LookupError, match="no plugin offers captions"):
        kibitz.caption(CaptionRequest(frames=kibitz.frames(1)))


def test_it_is_stopped_and_read_anew(kibitz: Kit) -> None:
    first = kibitz.start(Doors)
    second = kibitz.reload("doors")
    assert second is not first
    assert kibitz.is_on("doors")
    kibitz.stop("doors")
    assert kibitz.edit_answer("A wall.") == "A wall."


def test_values_are_made_for_hooks(kibitz: Kit) -> None:
    timeline = (
        kibitz.timeline(10)
        .text(0, 1, "EXIT")
        .tone(1, 2, "angry")
        .sound(2, 3, "laughter")
        .silence(4, 5)
        .notice(NoticeCode.NO_SPEECH, "Nobody speaks.")
        .build()
    )
    assert len(timeline.moments) == 4
    assert timeline.notices[0].public == "Nobody speaks."
    assert kibitz.sound(0.5, offset_seconds=2.0).duration_seconds == 0.5
    assert kibitz.occasion(surface=Surface.CLI).key is None
    assert kibitz.occasion().key == ConversationKey(server_id=1, channel_id=10)
    assert replace(kibitz.frames(1)[0]).jpeg.startswith(b"\xff\xd8")


def test_a_whole_discord_is_there_in_a_checkout(kibitz: Kit) -> None:
    world = kibitz.discord({})
    channel = kibitz.run(_channel(world.server))
    assert channel is not None
    assert world.bot.is_ready()


async def _channel(server: object) -> object:
    guild = server.guild("Film club")  # type: ignore[attr-defined]
    return guild.channel("general")
