"""Which queue is configured."""

import os
import secrets
import socket

from bot.config import QueueSettings
from bot.database.engine import Database
from bot.jobs.builtin import BuiltinQueue
from bot.jobs.queue import JobQueue
from bot.jobs.saq_queue import open_saq


def open_queue(settings: QueueSettings, database: Database, *, database_url: str) -> JobQueue:
    """Connects when it is first used. Raises BotError where SAQ is wanted and not installed."""
    if settings.engine == "builtin":
        return BuiltinQueue(database)
    url = database_url if settings.url is None else settings.url.get_secret_value()
    return open_saq(url, lease_seconds=settings.lease_seconds)


def owner_name() -> str:
    """Of this process, and no other, ever."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
