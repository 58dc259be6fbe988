"""What /voice tells: where the bot is, who is heard, how fast it answers stage by stage, how the connection is."""

from collections.abc import Callable, Mapping, Sequence
from statistics import median

from bot.domain.answer import Usage
from bot.domain.clock import clock_time
from bot.domain.voice_session import ChannelState, TurnTimings, VoiceStatus
from bot.locales import Catalogue

_TURNS_SHOWN = 5
_MOST_NAMED = 25
_COLUMN = 6

_Counts = tuple[tuple[int, Callable[[int], str]], ...]


def joined_page(where: str, words: Catalogue) -> str:
    """What the person who called the bot reads."""
    return words(
        "I am in {channel}. I hear only people who press “Hear me” in its chat; that goes for you, too.", channel=where
    )


def status_page(status: VoiceStatus, where: str, words: Catalogue) -> str:
    """A call at a glance; times are seconds from the end of the question."""
    age = clock_time(status.age_seconds)
    lines = [f"🎙️ {where} · {words('since {age}', age=age)} · {_state(status.state, words)}"]
    lines.append(words("I hear: {people}", people=_people(status.heard) or words("nobody yet")))
    unheard = [person_id for person_id in status.unheard if person_id not in status.muted]
    if unheard:
        lines.append(
            words("Not heard (did not agree, deafened, or may not ask here): {people}", people=_people(unheard))
        )
    if status.muted:
        lines.append(words("Not heard for now: {people}", people=_people(status.muted)))
    lines.append(words.plural("{n} answer so far", "{n} answers so far", status.turns))
    if status.timings:
        lines += [_table(status.timings[-_TURNS_SHOWN:], words)]
    lines += [f"-# {line}" for line in _counted(status.counters, words)]
    code = status.privacy_code
    lines.append(
        words("Privacy code of the call: {code}", code=f"`{code}`")
        if code
        else words("This call is not end-to-end encrypted, or I am alone in it.")
    )
    lines.append(_cost(status.usages, words))
    return "\n".join(lines)


def _state(state: ChannelState, words: Catalogue) -> str:
    match state:
        case ChannelState.LISTENING:
            return words("listening")
        case ChannelState.PAUSING | ChannelState.SPECULATING:
            return words("somebody is speaking")
        case ChannelState.COMMITTED:
            return words("thinking")
        case ChannelState.SPEAKING:
            return words("speaking")
        case ChannelState.PAUSED:
            return words("paused, because somebody speaks")


def _people(people: Sequence[int]) -> str:
    named = " ".join(f"<@{person_id}>" for person_id in people[:_MOST_NAMED])
    return f"{named} …" if len(people) > _MOST_NAMED else named


def _table(timings: Sequence[TurnTimings], words: Catalogue) -> str:
    """The numbers stand before the words, so that columns are straight in every language."""
    stages: tuple[tuple[str, Callable[[TurnTimings], float | None]], ...] = (
        (words("question taken to be over"), lambda one: one.endpoint),
        (words("question in words"), lambda one: one.transcript),
        (words("first word of the answer"), lambda one: one.first_token),
        (words("first sentence"), lambda one: one.first_sentence),
        (words("first sound of the voice"), lambda one: one.first_speech),
        (words("first sound in the channel"), lambda one: one.first_audio),
    )
    rows = [_row([take(one) for one in timings], label) for label, take in stages]
    head = words.plural(
        "Seconds from the end of the question, last {n} answer, then the median:",
        "Seconds from the end of the question, last {n} answers, then the median:",
        len(timings),
    )
    return "\n".join([head, "```", *rows, "```"])


def _row(values: Sequence[float | None], label: str) -> str:
    known = [value for value in values if value is not None]
    shown = [*values, median(known) if known else None]
    *cells, middle = [f"{'–' if value is None else f'{value:.2f}':>{_COLUMN}}" for value in shown]
    return f"{''.join(cells)} |{middle}  {label}"


def _counted(counters: Mapping[str, float], words: Catalogue) -> list[str]:
    """What was counted, in words; what is zero or unknown here is left out."""

    talk: _Counts = (
        (_sum(counters, "interruptions"), lambda n: words.plural("{n} interruption", "{n} interruptions", n)),
        (
            _sum(counters, "backchannels"),
            lambda n: words.plural("{n} sound that did not stop me", "{n} sounds that did not stop me", n),
        ),
        (
            _sum(counters, "false_interruptions"),
            lambda n: words.plural("{n} pause for nothing", "{n} pauses for nothing", n),
        ),
    )
    wire: _Counts = (
        (_sum(counters, "ok"), lambda n: words.plural("{n} packet heard", "{n} packets heard", n)),
        (
            _sum(counters, "dropped_consent"),
            lambda n: words.plural("{n} dropped without consent", "{n} dropped without consent", n),
        ),
        (_sum(counters, "lost"), lambda n: words.plural("{n} lost on the way", "{n} lost on the way", n)),
        (
            _sum(counters, "dave_failed", "bad_transport"),
            lambda n: words.plural("{n} not decrypted", "{n} not decrypted", n),
        ),
        (
            _sum(counters, "reconnects", "recoveries"),
            lambda n: words.plural("{n} new connection", "{n} new connections", n),
        ),
    )
    lines = [", ".join(say(count) for count, say in row if count) for row in (talk, wire)]
    return [line for line in lines if line]


def _sum(counters: Mapping[str, float], *names: str) -> int:
    return round(sum(counters.get(name, 0) for name in names))


def _cost(usages: Sequence[Usage], words: Catalogue) -> str:
    costs = [usage.cost_usd for usage in usages]
    known = sum(cost for cost in costs if cost is not None)
    if all(cost is not None for cost in costs):
        return words("Cost so far: ${cost:.4f}", cost=known)
    return words("Cost so far: ${cost:.4f}, and calls whose price I do not know", cost=known)
