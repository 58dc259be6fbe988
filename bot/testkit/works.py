"""What plugins offer, put to work in a test: commands, tools, models."""

import json
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import cast

from bot.domain.answer import Prompt, Question
from bot.domain.errors import BotError, PluginError
from bot.domain.media import AudioChunk
from bot.domain.occasion import Occasion
from bot.domain.timeline import Timeline
from bot.domain.visible import visible
from bot.hooks.checks import NonsenseError
from bot.hooks.guest import Guest
from bot.hooks.offers import Offer, Offers, Work, fused
from bot.hooks.values import CommandCall, CommandOption, OptionKind, OptionValue, SlashCommand
from bot.locales import catalogue
from bot.providers.base import (
    AnswerDelta,
    AnswerEnd,
    CaptionBatch,
    Captioner,
    CaptionRequest,
    ChatModel,
    SpeechEnd,
    SpeechRequest,
    Synthesizer,
    Transcriber,
    TranscriptPiece,
    TranscriptRequest,
)
from bot.providers.streams import closing
from bot.testkit.bench import Bench
from bot.testkit.failures import RefusedError

_COMMAND_SECONDS = 20.0
_LONGEST_RESULT = 4_000
_ROOM_TOKENS = 18_000
_TYPES: Mapping[OptionKind, tuple[type, ...]] = {
    OptionKind.TEXT: (str,),
    OptionKind.WHOLE_NUMBER: (int,),
    OptionKind.NUMBER: (float, int),
    OptionKind.YES_NO: (bool,),
}


async def use_command(
    bench: Bench, name: str, options: Mapping[str, OptionValue], occasion: Occasion, *, is_moderator: bool
) -> str:
    """What people read. Raises RefusedError where Discord would not take the command, PluginError when it fails."""
    guest, command = _command(bench, name)
    _check_options(command, options)
    call = CommandCall(
        occasion=occasion, person_id=occasion.asker_id or 0, is_moderator=is_moderator, options=dict(options)
    )
    try:
        said = await guest.run(f"/{name}", partial(command.run, call), _COMMAND_SECONDS)
    except BotError as error:
        if error.code == "plugin_failed":
            raise
        said = error.public
    if not isinstance(said, str):
        raise guest.fail(f"/{name}", NonsenseError(f"returned {type(said).__name__} instead of a text"))
    return catalogue(occasion.locale).of(said)


async def use_tool(bench: Bench, name: str, arguments: Mapping[str, object], occasion: Occasion) -> str:
    """What the model is told. Raises BotError."""
    tools = {tool.name: (guest, tool) for guest, tool in bench.hooks.offers.tools()}
    if name not in tools:
        raise LookupError(f"no plugin has a tool {name}; there are: {', '.join(tools) or 'none'}")
    guest, tool = tools[name]
    given = cast("Mapping[str, object]", json.loads(json.dumps(arguments)))
    said = await guest.run(f"tool {name}", partial(tool.call, given, occasion), tool.seconds)
    if not isinstance(said, str):
        raise guest.fail(f"tool {name}", NonsenseError(f"returned {type(said).__name__} instead of a text"))
    return visible(said)[:_LONGEST_RESULT]


async def caption(offers: Offers, request: CaptionRequest) -> CaptionBatch:
    """By the plugin's captioner alone: nobody steps in. Raises ProviderError."""
    offer = _chosen(offers, Work.CAPTIONS)
    captioner = cast("Captioner", offer.provider)
    return await offers.call(offer, Work.CAPTIONS, lambda: captioner.caption(request), CaptionBatch)


async def transcribe(offers: Offers, request: TranscriptRequest) -> TranscriptPiece:
    """As above. Raises ProviderError."""
    offer = _chosen(offers, Work.TRANSCRIPTS)
    transcriber = cast("Transcriber", offer.provider)
    return await offers.call(offer, Work.TRANSCRIPTS, lambda: transcriber.transcribe(request), TranscriptPiece)


async def answer(offers: Offers, prompt: Prompt) -> str:
    """As above. Raises ProviderError."""
    offer = _chosen(offers, Work.CHAT)
    model = cast("ChatModel", offer.provider)
    kinds = (AnswerDelta, AnswerEnd)
    async with closing(offers.stream(offer, Work.CHAT, lambda: model.answer(prompt), kinds)) as items:
        return "".join([item.text async for item in items if isinstance(item, AnswerDelta)])


async def speak(offers: Offers, request: SpeechRequest) -> tuple[AudioChunk, ...]:
    """As above. Raises ProviderError."""
    offer = _chosen(offers, Work.SPEECH)
    voice = cast("Synthesizer", offer.provider)
    kinds = (AudioChunk, SpeechEnd)
    async with closing(offers.stream(offer, Work.SPEECH, lambda: voice.speak(request), kinds)) as items:
        return tuple([item async for item in items if isinstance(item, AudioChunk)])


async def fuse(offers: Offers, timelines: Sequence[Timeline], question: Question) -> tuple[str, ...]:
    """The lines of the plugin's fusion; none when it failed."""
    _chosen(offers, Work.FUSION)
    return tuple(await fused(offers, timelines, question, _ROOM_TOKENS) or ())


def _chosen(offers: Offers, work: Work) -> Offer:
    offer = offers.chosen(work)
    if offer is None:
        raise LookupError(f"no plugin offers {work.value}")
    return offer


def _command(bench: Bench, name: str) -> tuple[Guest, SlashCommand]:
    commands = {
        command.name: (guest, command) for plugins in bench.all_plugins() for guest, command in plugins.commands()
    }
    if name not in commands:
        raise LookupError(f"no plugin has a command /{name}; there are: {', '.join(commands) or 'none'}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of discord.py, when it is loaded
        checks = import_module("bot.discord_io.plugin_commands")  # dear, so only where a test has a command
    flaw = checks.flaw_of(commands[name][1], ())
    if flaw is not None:
        raise RefusedError(PluginError("plugin_command", flaw))
    return commands[name]


def _check_options(command: SlashCommand, given: Mapping[str, OptionValue]) -> None:
    """As Discord lets nobody send others. Raises LookupError and TypeError, as a mistake of the test."""
    known = {option.name: option for option in command.options}
    for name, value in given.items():
        if name not in known:
            raise LookupError(f"/{command.name} has no option {name}; it has: {', '.join(known) or 'none'}")
        _check_value(command, known[name], value)
    missing = [option.name for option in command.options if option.is_required and option.name not in given]
    if missing:
        raise LookupError(f"/{command.name} requires {', '.join(missing)}")


def _check_value(command: SlashCommand, option: CommandOption, value: OptionValue) -> None:
    is_bool_for_number = isinstance(value, bool) and option.kind is not OptionKind.YES_NO
    if not isinstance(value, _TYPES[option.kind]) or is_bool_for_number:
        raise TypeError(f"/{command.name} {option.name} takes {option.kind.value}, not {type(value).__name__}")
    if option.choices and value not in option.choices:
        raise LookupError(f"/{command.name} {option.name} is one of: {', '.join(option.choices)}")
