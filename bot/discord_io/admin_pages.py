"""What /admin shows: the state of the bot in short, what was read again, who is kept out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.config import Settings
from bot.config.access import AccessSettings
from bot.discord_io.safe_text import safe
from bot.domain.money import Allowance, CapKind
from bot.domain.role import Role
from bot.domain.sentence import Sentence, sentence
from bot.domain.standing import BackupReport, Block, BlockKind, Pause
from bot.locales import Catalogue
from bot.services.reloading import Reloaded

_MIB = 2**20
_MOST_LISTED = 60

_CAPS: dict[CapKind, Sentence] = {
    CapKind.PERSON_DAY: sentence("you, today"),
    CapKind.SERVER_DAY: sentence("this server, today"),
    CapKind.DAY: sentence("all, today"),
    CapKind.ALL: sentence("all, ever"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The state of one process, and what holds for all. `version` is ours; `allowances` empty: nothing is counted."""

    version: str
    started_at: datetime
    servers: int
    shards: int
    shards_up: int
    jobs: int
    calls: int
    blocks: int
    pause: Pause | None
    backup: BackupReport
    allowances: Sequence[Allowance]


def status_page(health: Health, settings: Settings, words: Catalogue) -> str:
    """In a few lines."""
    lines = [
        words("**Kibitz {version}**, up since {since}", version=health.version, since=_since(health.started_at)),
        words("Servers: {n}", n=health.servers),
        words("Shards of this process: {up} of {all} connected", up=health.shards_up, all=health.shards),
        words("Questions in flight: {n}", n=health.jobs),
        words("Voice channels: {n}", n=health.calls),
        *(_model_line(settings, role, words) for role in Role),
        *(_allowance_line(one, words) for one in health.allowances),
        _backup_line(health.backup, settings, words),
        words("Blocked people and servers: {n}", n=health.blocks),
    ]
    if health.pause is not None:
        lines.append("⏸️ " + words("Paused since {since}; /admin resume ends it.", since=_since(health.pause.since)))
        if health.pause.reason:
            lines.append(words("Reason: {reason}", reason=safe(health.pause.reason)))
    return "\n".join(lines)


def _since(at: datetime) -> str:
    return f"<t:{int(at.timestamp())}:R>"


def _model_line(settings: Settings, role: Role, words: Catalogue) -> str:
    chosen = settings.role(role)
    if chosen.is_offline:
        work = words("off") if role is Role.EMBEDDINGS else words("on this machine")
    else:
        work = ", ".join(f"`{model}`" for model in chosen.models)
    return f"`{role.value}`: {work}"


def _allowance_line(one: Allowance, words: Catalogue) -> str:
    whose = words.of(_CAPS[one.kind])
    if one.cap_usd is None:
        return words(
            "Spent ({whose}): ${spent:.4f}, ${reserved:.4f} held back, no cap",
            whose=whose,
            spent=one.spent_usd,
            reserved=one.reserved_usd,
        )
    return words(
        "Spent ({whose}): ${spent:.4f}, ${reserved:.4f} held back, of ${cap:.2f}",
        whose=whose,
        spent=one.spent_usd,
        reserved=one.reserved_usd,
        cap=one.cap_usd,
    )


def _backup_line(report: BackupReport, settings: Settings, words: Catalogue) -> str:
    if report.made_at is None:
        said = words("Backup: none was made on schedule yet")
    else:
        said = words(
            "Backup: {since}, {size:.1f} MiB in {seconds:.1f} s",
            since=_since(report.made_at),
            size=report.size_bytes / _MIB,
            seconds=report.seconds,
        )
    if not settings.data.backup_hours:
        said += " · " + words("switched off: backup_hours is 0")
    if report.failed_at is not None:
        said += "\n⚠️ " + words(
            "The backup failed {since}: {code}", since=_since(report.failed_at), code=f"`{report.failure}`"
        )
    return said


def reloaded_page(reloaded: Reloaded, words: Catalogue) -> str:
    """What holds from now on, and what does not."""
    lines: list[str] = []
    if reloaded.applied:
        lines.append(words("In effect from now on: {names}", names=_names(reloaded.applied)))
    if reloaded.waiting:
        lines.append(words("Changed, and in effect after a restart: {names}", names=_names(reloaded.waiting)))
    if any(name.startswith("plugins.") for name in reloaded.waiting):
        lines.append(words("Settings of a plugin take effect at once with /plugins reload."))
    return "\n".join(lines) or words("Nothing was changed in the settings.")


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:_MOST_LISTED])
    return shown + (" …" if len(names) > _MOST_LISTED else "")


def blocks_page(blocks: Sequence[Block], access: AccessSettings, words: Catalogue) -> str:
    """Who is kept out, by /admin and by the settings."""
    lines = [_block_line(block, words) for block in blocks]
    if access.blocked_person_ids or access.blocked_server_ids:
        lines.append(
            words(
                "Blocked in the settings: people {people}, servers {servers}",
                people=len(access.blocked_person_ids),
                servers=len(access.blocked_server_ids),
            )
        )
    return "\n".join(lines) or words("Nobody is blocked.")


def _block_line(block: Block, words: Catalogue) -> str:
    since = _since(block.since)
    if block.kind is BlockKind.PERSON:
        return words("Person {id} (<@{id}>), blocked {since}", id=block.subject_id, since=since)
    return words("Server {id}, blocked {since}", id=block.subject_id, since=since)
