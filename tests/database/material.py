"""Values to keep, with ids that look like Discord's."""

from datetime import UTC, datetime, timedelta
from typing import Any

from bot.domain.ask import Ask
from bot.domain.conversation import ClipRef, ConversationKey, MediaSource, MessageRef, Turn

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
SERVER = 1_311_000_000_000_000_001
CHANNEL = 1_311_000_000_000_000_002
HERE = ConversationKey(server_id=SERVER, channel_id=CHANNEL)
DIRECT = ConversationKey(server_id=None, channel_id=CHANNEL + 7)
BIGGEST_ID = 2**63 - 1


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def message(number: int, channel_id: int = CHANNEL) -> MessageRef:
    return MessageRef(channel_id=channel_id, message_id=1_400_000_000_000_000_000 + number)


def source(number: int, channel_id: int = CHANNEL) -> MediaSource:
    return MediaSource(
        channel_id=channel_id,
        message_id=message(number).message_id,
        attachment_id=1_500_000_000_000_000_000 + number,
        url=f"https://cdn.example/{number}/clip.mp4?ex=1&hm=2",
        size_bytes=1000 + number,
    )


def clip(number: int, channel_id: int = CHANNEL) -> ClipRef:
    return ClipRef(sha256=f"{number:064x}", source=source(number, channel_id))


def turn(number: int, key: ConversationKey = HERE, **more: Any) -> Turn:
    return Turn(
        **{
            "job_id": f"{number:012x}",
            "key": key,
            "asker_id": 42,
            "asked_at": NOON + minutes(number),
            "question": f"question {number}",
            "answer": f"answer {number}",
            **more,
        }
    )


def ask(number: int, key: ConversationKey = HERE, **more: Any) -> Ask:
    return Ask(**{"job_id": f"{number:012x}", "key": key, "asker_id": 42, "asked_at": NOON + minutes(number), **more})
