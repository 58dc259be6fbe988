"""What came of a question, put where it was asked."""

import logging
from collections.abc import Sequence

from bot.discord_io.buttons import answer_view
from bot.discord_io.delivery import deliver
from bot.discord_io.exports import exports, pictures, spoken_lines, timeline_line, transcripts
from bot.discord_io.surface import Surface
from bot.discord_io.tool_consent import offer_calls
from bot.domain.ask import Ask, AskKind
from bot.domain.conversation import PlaceSettings, SpeakWhen
from bot.domain.errors import MemoryFault
from bot.domain.timeline import Notice
from bot.locales import catalogue
from bot.memory.store import Memory
from bot.services.chat import Done
from bot.services.works import Works

log = logging.getLogger(__name__)

_SPEAKABLE = (AskKind.ASK, AskKind.SUMMARIZE)


async def hand_over(
    ask: Ask,
    done: Done,
    surface: Surface,
    place: PlaceSettings,
    *,
    works: Works,
    memory: Memory,
    notes: Sequence[Notice],
) -> None:
    """Put what was done where it was asked for, with `notes` below an answer. Raises DeliveryError."""
    words = catalogue(ask.locale)
    view = answer_view(
        ask.job_id,
        words,
        has_clip=bool(done.timelines),
        has_picture=done.has_picture and ask.kind is not AskKind.STORYBOARD,
        may_speak=ask.kind in _SPEAKABLE and done.voice is None and place.speak is not SpeakWhen.NEVER,
    )
    match ask.kind:
        case AskKind.STORYBOARD:
            said, board = words("The frames that were looked at."), pictures(done, words)
            refs = [await surface.finish(said, view=None if ask.is_private else view, files=board)]
        case AskKind.TIMELINE:
            refs = [await surface.finish(timeline_line(done, words), files=exports(done, ask.form), view=view)]
        case AskKind.SPEAK:
            refs = [await surface.finish(words("Spoken:"))]
            if done.voice is not None:
                refs.append(await surface.voice(done.voice))
        case AskKind.TRANSCRIBE if ask.is_private and not ask.clips:  # the button below an answer
            files = transcripts(done)
            said = words("The transcript.") if files else words("There is no speech in it.")
            refs = [await surface.finish(said, files=files)]
        case _:
            text = spoken_lines(done, words) if ask.kind is AskKind.TRANSCRIBE else done.text
            refs = await deliver(
                text, surface=surface, words=words, notices=(*done.notices, *notes), view=view, voice=done.voice
            )
    try:
        for ref in refs:
            await memory.add_reply(turn_shown(ask), ref)
    except MemoryFault as fault:  # it was said; only a reply to it finds nothing to go on from
        log.warning("job %s: where it was answered is not kept: %s", ask.job_id, fault.code)
    await offer_calls(
        done.wanted,
        surface=surface,
        words=words,
        asker_id=ask.asker_id,
        carry_out=lambda call: works.carry_out(call, ask),
    )


def turn_shown(ask: Ask) -> str:
    """The turn whose words the messages of a job show: when an answer is spoken, that of the answer."""
    return ask.follows if ask.kind is AskKind.SPEAK and ask.follows else ask.job_id
