"""What was spent and what may be: for somebody, for who looks after a server, for whoever runs the bot."""

from collections.abc import Callable, Sequence

from bot.discord_io.safe_text import safe
from bot.domain.money import Allowance, CapKind
from bot.domain.quote import dollars
from bot.jobs.bookings import Spent
from bot.locales import Catalogue

_MOST_LINES = 15

ServerName = Callable[[int], str | None]


def usage_page(allowances: Sequence[Allowance], words: Catalogue, *, sees_server: bool, sees_all: bool) -> str:
    """One's own sum; of others' only whether there is anything left, for who may not see more."""
    by_kind = {one.kind: one for one in allowances}
    lines = [f"**{words('What you asked for today')}**: {_sum(by_kind[CapKind.PERSON_DAY], words)}"]
    server = by_kind.get(CapKind.SERVER_DAY)
    if server is not None:
        title = words("This server today")
        if sees_server or sees_all:
            lines.append(f"**{title}**: {_sum(server, words)}")
        elif server.cap_usd is not None:
            lines.append(f"**{title}**: {_whether_left(server, words)}")
    for kind, title in ((CapKind.DAY, words("Everybody today")), (CapKind.ALL, words("Everybody ever"))):
        one = by_kind[kind]
        if sees_all:
            lines.append(f"**{title}**: {_sum(one, words)}")
        elif one.cap_usd is not None and not one.room_usd:
            lines.append(f"**{title}**: {_whether_left(one, words)}")
    return "\n".join(lines)


def report_lines(spent: Sequence[Spent], words: Catalogue, *, days: int, name_of: ServerName) -> list[str]:
    """By what was done by which model, and by server, the dearest first."""
    if not spent:
        return ["", words.plural("Nothing was spent in the last day.", "Nothing was spent in the last {n} days.", days)]
    works: dict[str, tuple[float, int]] = {}
    servers: dict[int | None, tuple[float, int]] = {}
    for one in spent:
        work = f"{one.role}, `{safe(one.model)}`"
        works[work] = _plus(works.get(work), one)
        servers[one.server_id] = _plus(servers.get(one.server_id), one)
    named = {_name(server_id, name_of, words): amount for server_id, amount in servers.items()}
    return [
        "",
        f"**{words.plural('By model, in the last day', 'By model, in the last {n} days', days)}**",
        *_listed(works, words),
        "",
        f"**{words.plural('By server, in the last day', 'By server, in the last {n} days', days)}**",
        *_listed(named, words),
    ]


def _sum(one: Allowance, words: Catalogue) -> str:
    spent = dollars(one.spent_usd)
    if one.cap_usd is None:
        said = words("{spent}; there is no limit.", spent=spent)
    else:
        room = dollars(one.room_usd or 0.0)
        said = words("{spent} of {most}; {room} is left.", spent=spent, most=dollars(one.cap_usd), room=room)
    if one.reserved_usd > 0:
        said += " " + words("{held} is held back for what is under way.", held=dollars(one.reserved_usd))
    return f"{said} {_renewed(one, words)}".rstrip()


def _whether_left(one: Allowance, words: Catalogue) -> str:
    if one.room_usd:
        return words("not used up.")
    return f"{words('used up.')} {_renewed(one, words)}".rstrip()


def _renewed(one: Allowance, words: Catalogue) -> str:
    if one.resets_at is None or one.cap_usd is None:
        return ""
    return words("Counted anew {at}.", at=f"<t:{int(one.resets_at.timestamp())}:R>")


def _plus(before: tuple[float, int] | None, one: Spent) -> tuple[float, int]:
    usd, calls = before or (0.0, 0)
    return usd + one.usd, calls + one.calls


def _listed(amounts: dict[str, tuple[float, int]], words: Catalogue) -> list[str]:
    dearest = sorted(amounts.items(), key=lambda item: -item[1][0])
    lines = [
        f"- {name}: {dollars(usd)} ({words.plural('{n} call', '{n} calls', calls)})"
        for name, (usd, calls) in dearest[:_MOST_LINES]
    ]
    rest = dearest[_MOST_LINES:]
    if rest:
        lines.append("- " + words("{n} more: {usd}", n=len(rest), usd=dollars(sum(usd for _, (usd, _) in rest))))
    return lines


def _name(server_id: int | None, name_of: ServerName, words: Catalogue) -> str:
    if server_id is None:
        return words("direct messages and the command line")
    name = name_of(server_id)
    return f"{safe(name)} (`{server_id}`)" if name else f"`{server_id}`"
