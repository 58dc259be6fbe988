"""JSON as Discord sends it: `application/json` without a charset, which discord.py compares word for word."""

import json
from typing import Any

from aiohttp import web


def json_answer(body: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=json.dumps(body).encode(), status=status, headers=headers, content_type="application/json")
