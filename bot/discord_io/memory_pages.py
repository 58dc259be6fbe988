"""What is remembered, in words: of a place, of a search, and what went when something was forgotten."""

from collections.abc import Callable, Sequence

from bot.discord_io.safe_text import safe
from bot.domain.clock import clock_time
from bot.domain.conversation import ConversationKey, MessageRef, Turn
from bot.domain.recollection import ClipMoment, Fact, Forgotten, Overview, Scope
from bot.domain.timeline import MomentKind
from bot.locales import Catalogue

_LONGEST_SNIPPET = 160
_SIGNS = {
    MomentKind.SEEN: "👀",
    MomentKind.TEXT: "🔤",
    MomentKind.HEARD: "👂",
    MomentKind.TONE: "🎭",
    MomentKind.SOUND: "🔊",
}


def overview_page(overview: Overview, scope: Scope, words: Catalogue, *, days: int, is_opted_out: bool) -> str:
    """What is remembered of a place, how long, and where it may surface."""
    lines = [f"**{words('What I remember here')}**", *_counts(overview, words), *_reach(scope, words)]
    lines.append(words.plural("I keep it for {n} day.", "I keep it for {n} days.", days))
    if is_opted_out:
        lines.append("⚠️ " + words("You opted out, so nothing of you is among it. /optin changes that."))
    if overview.facts:
        lines += ["", f"**{words('Pinned facts')}**"]
        lines += [_fact(number, fact, scope.key) for number, fact in enumerate(overview.facts, start=1)]
    if overview.summaries:
        lines += ["", f"**{words('Summaries of what was said before')}**"]
        for summary in overview.summaries:
            lines.append(f"{_day(summary.from_at.timestamp())} – {_day(summary.through_at.timestamp())}:")
            lines.append(safe(summary.text))
    return "\n".join(lines)


def found_page(lines: Sequence[str], text: str, words: Catalogue) -> str:
    """Hits of a search, a line for each, the best first."""
    if not lines:
        return words("I remember nothing here that matches “{text}”.", text=safe(_short(text)))
    head = words.plural("{n} match for “{text}”", "{n} matches for “{text}”", len(lines), text=safe(_short(text)))
    return "\n".join([f"**{head}**", *lines])


def turn_line(turn: Turn, shown: MessageRef | None, words: Catalogue) -> str:
    """One exchange that was found, with a link to where it stands."""
    name = safe(_short(turn.asker_name)) or words("Somebody")
    question = safe(_short(turn.question))
    said = f"{_day(turn.asked_at.timestamp())} **{name}**: {question}"
    answer = f" → {safe(_short(turn.answer))}" if turn.answer.strip() else ""
    return f"- 💬 {said}{answer}{_link(turn.key.server_id, shown)}"


def moment_line(found: ClipMoment, server_id: int | None) -> str:
    """One moment of a clip that was found."""
    moment, source = found.moment, found.clip.source
    speaker = f"{safe(_short(moment.speaker))}: " if moment.speaker else ""
    shown = MessageRef(channel_id=source.channel_id, message_id=source.message_id) if source.message_id else None
    sign, at = _SIGNS.get(moment.kind, "🎞️"), clock_time(moment.start_seconds)
    return f"- {sign} `{at}` {speaker}{safe(_short(moment.text))}{_link(server_id, shown)}"


def fact_choice(number: int, fact: Fact) -> str:
    """A fact in a menu of Discord's, which shows a hundred characters as they are."""
    said = f"{number}. {' '.join(fact.text.split())}"
    return said if len(said) <= 100 else f"{said[:99]}…"


def forgotten_page(gone: Forgotten, words: Catalogue) -> str:
    """What went."""
    counted: tuple[tuple[int, Callable[[int], str]], ...] = (
        (len(gone.jobs), lambda n: words.plural("{n} question", "{n} questions", n)),
        (len(gone.clips), lambda n: words.plural("{n} clip", "{n} clips", n)),
        (gone.facts, lambda n: words.plural("{n} pinned fact", "{n} pinned facts", n)),
        (gone.records, lambda n: words.plural("{n} record of a plugin", "{n} records of plugins", n)),
        (
            gone.resting,
            lambda n: words.plural(
                "{n} summary or answer that rested on it", "{n} summaries and answers that rested on it", n
            ),
        ),
    )
    went = [say(count) for count, say in counted if count]
    if not went:
        return words("There was nothing to forget.")
    return words("Forgotten: {what}.", what=", ".join(went))


def _counts(overview: Overview, words: Catalogue) -> list[str]:
    if overview.oldest_at is None:
        return [words("Nothing that was asked.")]
    asked = words.plural("{n} question with its answer", "{n} questions with their answers", overview.turn_count)
    about = words.plural("{n} clip", "{n} clips", overview.clip_count)
    since = _day(overview.oldest_at.timestamp())
    return [words("{asked}, about {clips}, since {day}.", asked=asked, clips=about, day=since)]


def _reach(scope: Scope, words: Catalogue) -> list[str]:
    """Where it comes from and where it may surface, in words."""
    if scope.also:
        parent = f"<#{scope.also[0]}>"
        return [
            words(
                "It is this thread's own. What was said in {parent} may come back here, not the reverse.", parent=parent
            )
        ]
    if scope.key.server_id is None:
        return [words("It is between you and me and comes back nowhere else.")]
    return [words("It comes back in this channel and in its threads, nowhere else.")]


def _fact(number: int, fact: Fact, here: ConversationKey) -> str:
    where = "" if fact.key == here else f", <#{fact.key.channel_id}>"
    return f"{number}. {safe(fact.text)} (<@{fact.author_id}>{where})"


def _link(server_id: int | None, shown: MessageRef | None) -> str:
    if shown is None:
        return ""
    return f" [↗](https://discord.com/channels/{server_id or '@me'}/{shown.channel_id}/{shown.message_id})"


def _day(seconds: float) -> str:
    return f"<t:{int(seconds)}:d>"


def _short(text: str) -> str:
    """On one line, with a sign where it goes on."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_SNIPPET else f"{line[: _LONGEST_SNIPPET - 1].rstrip()}…"
