"""REST: who is in voice, and what the bot asks for on a stage."""

from typing import Any

from tests.simulator.discord_server import permissions as may
from tests.simulator.discord_server import refusals
from tests.simulator.discord_server.calls import Call, Routes
from tests.simulator.discord_server.places import STAGE
from tests.simulator.discord_server.voice_states import VoiceState


def routes() -> Routes:
    return [
        ("GET", "/guilds/{guild_id}/voice-states/@me", _mine),
        ("PATCH", "/guilds/{guild_id}/voice-states/@me", _change_mine),
        ("GET", "/guilds/{guild_id}/voice-states/{user_id}", _theirs),
    ]


def _state(call: Call, user_id: int) -> VoiceState:
    guild = call.world.guild(call.ids["guild_id"])
    account = call.world.users.get(user_id)
    state = call.world.voice.state_of(guild, account) if account is not None else None
    if state is None:
        raise refusals.unknown_voice_state()
    return state


async def _mine(call: Call) -> Any:
    return call.world.voice.json(_state(call, call.world.bot.id))


async def _theirs(call: Call) -> Any:
    return call.world.voice.json(_state(call, call.ids["user_id"]))


async def _change_mine(call: Call) -> None:
    """Up to speak takes the right to mute others; to ask for it, that to ask."""
    state = _state(call, call.world.bot.id)
    granted = state.channel.permissions_of(call.world.bot)
    if state.channel.type != STAGE:
        raise refusals.missing_access()
    if call.data.get("suppress") is False and not granted & may.MUTE_MEMBERS:
        raise refusals.missing_permissions()
    if call.data.get("request_to_speak_timestamp") and not granted & may.REQUEST_TO_SPEAK:
        raise refusals.missing_permissions()
    state.suppress = bool(call.data.get("suppress", state.suppress))
    if "request_to_speak_timestamp" in call.data:
        asked = call.data["request_to_speak_timestamp"]
        state.asked_to_speak_at = call.world.clock() if asked else None
    call.world.voice.tell(state)
