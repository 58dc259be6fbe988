"""Native voice messages: discord.py cannot send them, so the request is made here."""

import base64
import io
import json

import discord
from discord.http import HTTPClient, Route

from bot.domain.conversation import MessageRef
from bot.domain.media import VoiceClip

FILE_NAME = "voice-message.ogg"
# Discord's answers after which the same sound goes as an ordinary file: no permission for voice messages, or their
# rules are not met here.
NOT_ALLOWED = frozenset({50013, 50159, 50160, 50161, 50162, 50173})
_IS_VOICE_MESSAGE = 1 << 13
_IS_SILENT = 1 << 12


async def send_voice_message(
    http: HTTPClient, channel_id: int, clip: VoiceClip, *, reply_to: int | None, nonce: str, silent: bool
) -> MessageRef:
    """Send the clip as a voice message, without text, as Discord demands. Raises discord.HTTPException.

    `reply_to` is a message of the same channel; it may be gone. A `nonce` sent again within minutes sends nothing new.
    """
    message: dict[str, object] = {
        "flags": _IS_VOICE_MESSAGE | (_IS_SILENT if silent else 0),
        "nonce": nonce,
        "enforce_nonce": True,
        "allowed_mentions": discord.AllowedMentions.none().to_dict(),
        "attachments": [
            {
                "id": 0,
                "filename": FILE_NAME,
                "duration_secs": round(clip.duration_seconds, 3),
                "waveform": base64.b64encode(clip.waveform).decode(),
            }
        ],
    }
    if reply_to is not None:
        message["message_reference"] = {
            "channel_id": channel_id,
            "message_id": reply_to,
            "fail_if_not_exists": False,
        }
    file = discord.File(io.BytesIO(clip.ogg), FILE_NAME)  # rewinds itself when the request is tried again
    form = [
        {"name": "payload_json", "value": json.dumps(message)},
        {"name": "files[0]", "value": file.fp, "filename": FILE_NAME, "content_type": "audio/ogg"},
    ]
    try:
        sent = await http.request(
            Route("POST", "/channels/{channel_id}/messages", channel_id=channel_id), files=[file], form=form
        )
    finally:
        file.close()
    return MessageRef(channel_id=int(sent["channel_id"]), message_id=int(sent["id"]))
