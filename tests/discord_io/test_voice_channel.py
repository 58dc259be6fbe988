"""Who may call the bot into which voice channel, who is there, and what is said where it cannot come in."""

from types import SimpleNamespace
from typing import Any

import discord
import pytest

from bot.discord_io.permissions import NEEDED
from bot.discord_io.voice_channel import (
    VocalChannel,
    check_is_there,
    check_may_call,
    check_may_join,
    may_talk,
    meant_channel,
    people_in,
)
from bot.domain.conversation import PlaceSettings, SpeakWhen
from bot.domain.errors import BotError
from bot.locales import catalogue

SERVER, LOUNGE, STAGE, FANS, BOT, ANNA, BEN, MONA, OTHER_BOT, STRANGER = 10, 20, 21, 30, 40, 41, 42, 43, 44, 45
RIGHTS = NEEDED.value
MODERATOR, MODERATES = 50, discord.Permissions(manage_messages=True).value


def server(*, denied: discord.Permissions | None = None, limit: int = 0, inside: tuple[int, ...] = ()) -> discord.Guild:
    """Discord tells of Anna (a fan), Ben, Mona (a moderator) and another bot, but not of a stranger."""
    flags = discord.MemberCacheFlags.none()
    flags.voice = True
    client = discord.Client(intents=discord.Intents(guilds=True, voice_states=True), member_cache_flags=flags)
    state = client._connection
    user: Any = {"id": str(BOT), "username": "kibitz", "discriminator": "0", "avatar": None, "bot": True}
    state.user = discord.ClientUser(state=state, data=user)
    overwrite = {"id": str(SERVER), "type": 0, "allow": "0", "deny": str((denied or discord.Permissions()).value)}
    channel = {"position": 0, "permission_overwrites": [overwrite], "bitrate": 64000, "user_limit": limit}
    data: Any = {
        "id": str(SERVER), "name": "server", "owner_id": "1", "threads": [], "member_count": 9, "features": [],
        "preferred_locale": "en-US",
        "roles": [role(SERVER, RIGHTS), role(FANS, 0), role(MODERATOR, MODERATES)],
        "channels": [
            {**channel, "id": str(LOUNGE), "type": 2, "name": "lounge"},
            {**channel, "id": str(STAGE), "type": 13, "name": "stage"},
        ],
        "members": [member(user), *MEMBERS.values()],
        "voice_states": [voice_state(person_id) for person_id in inside],
    }  # fmt: skip
    return discord.Guild(data=data, state=state)


def role(role_id: int, permissions: int) -> dict[str, Any]:
    return {
        "id": str(role_id), "name": "role", "color": 0, "colors": {"primary_color": 0}, "hoist": False, "position": 0,
        "permissions": str(permissions), "managed": False, "mentionable": False, "flags": 0,
    }  # fmt: skip


def person(person_id: int) -> dict[str, Any]:
    return {"id": str(person_id), "username": f"person{person_id}", "discriminator": "0", "avatar": None}


def member(user: dict[str, Any], *roles: int) -> dict[str, Any]:
    joined = "2026-11-25T00:00:00+00:00"
    return {
        "user": user,
        "roles": [str(r) for r in roles],
        "joined_at": joined,
        "deaf": False,
        "mute": False,
        "flags": 0,
    }


MEMBERS: dict[int, Any] = {
    ANNA: member(person(ANNA), FANS),
    BEN: member(person(BEN)),
    MONA: member(person(MONA), MODERATOR),
    OTHER_BOT: member({**person(OTHER_BOT), "bot": True}),
}


def voice_state(person_id: int) -> dict[str, Any]:
    off = dict.fromkeys(("deaf", "mute", "self_deaf", "self_mute", "self_video", "suppress"), False)
    return {"user_id": str(person_id), "channel_id": str(LOUNGE), "session_id": "s", **off}


def lounge(guild: discord.Guild) -> VocalChannel:
    channel = guild.get_channel(LOUNGE)
    assert isinstance(channel, discord.VoiceChannel)
    return channel


def used_by(guild: discord.Guild, person_id: int, channel: object = None) -> Any:
    user = discord.Member(data=MEMBERS[person_id], guild=guild, state=guild._state)
    return SimpleNamespace(user=user, guild=guild, guild_id=SERVER, channel=channel)


def refusal(error: pytest.ExceptionInfo[BotError]) -> str:
    return catalogue(None).of(error.value.public)


EVERYBODY = (BOT, ANNA, BEN, MONA, OTHER_BOT)


class TestTheBot:
    def test_comes_in_where_it_may(self) -> None:
        check_may_join(lounge(server()))

    @pytest.mark.parametrize(
        ("withheld", "named"),
        [
            ("connect", "Connect"),
            ("speak", "Speak"),
            ("view_channel", "View Channels"),
            ("send_messages", "Send Messages"),
        ],
    )
    def test_names_the_permission_it_lacks(self, withheld: str, named: str) -> None:
        with pytest.raises(BotError) as caught:
            check_may_join(lounge(server(denied=discord.Permissions(**{withheld: True}))))
        assert caught.value.code == "voice_missing_permission"
        assert named in refusal(caught)
        assert f"<#{LOUNGE}>" in refusal(caught)

    def test_is_asked_to_speak_on_a_stage(self) -> None:
        stage = server(denied=discord.Permissions(speak=True)).get_channel(STAGE)
        assert isinstance(stage, discord.StageChannel)
        check_may_join(stage)

    def test_stays_out_of_a_full_channel(self) -> None:
        check_may_join(lounge(server(limit=3, inside=(ANNA, BEN))))
        check_may_join(lounge(server(limit=3, inside=(ANNA, BEN, BOT))))
        with pytest.raises(BotError, match="voice_full"):
            check_may_join(lounge(server(limit=2, inside=(ANNA, BEN))))


class TestWhoCalls:
    def test_has_their_own_channel_meant(self) -> None:
        guild = server(inside=(ANNA,))
        assert meant_channel(used_by(guild, ANNA), None) == lounge(guild)
        stage = guild.get_channel(STAGE)
        assert isinstance(stage, discord.StageChannel)
        assert meant_channel(used_by(guild, ANNA), stage) == stage
        assert meant_channel(used_by(guild, BEN, lounge(guild)), None) == lounge(guild)
        with pytest.raises(BotError, match="no_voice_channel"):
            meant_channel(used_by(guild, BEN), None)

    @pytest.mark.parametrize(
        ("place", "code"),
        [
            (PlaceSettings(ask_roles=(FANS,)), "not_allowed"),
            (PlaceSettings(speak_roles=(FANS,)), "not_spoken_to"),
            (PlaceSettings(speak=SpeakWhen.NEVER), "voice_switched_off"),
        ],
    )
    def test_needs_the_roles_of_the_place(self, place: PlaceSettings, code: str) -> None:
        guild = server()
        check_may_call(used_by(guild, BEN), lounge(guild), PlaceSettings())
        with pytest.raises(BotError, match=code):
            check_may_call(used_by(guild, BEN), lounge(guild), place)
        if code != "voice_switched_off":
            check_may_call(used_by(guild, ANNA), lounge(guild), place)
            check_may_call(used_by(guild, MONA), lounge(guild), place)

    def test_may_go_there_themselves(self) -> None:
        guild = server(denied=discord.Permissions(connect=True))
        with pytest.raises(BotError, match="voice_closed"):
            check_may_call(used_by(guild, ANNA), lounge(guild), PlaceSettings())

    def test_is_there_or_a_moderator(self) -> None:
        guild = server(inside=(ANNA,))
        check_is_there(used_by(guild, ANNA), lounge(guild))
        check_is_there(used_by(guild, MONA), lounge(guild))
        with pytest.raises(BotError, match="not_there"):
            check_is_there(used_by(guild, BEN), lounge(guild))


class TestWhoIsThere:
    def test_are_people_and_no_bots(self) -> None:
        guild = server(inside=(*EVERYBODY, STRANGER))
        assert people_in(lounge(guild)) == [ANNA, BEN, MONA, STRANGER]

    def test_is_answered_by_the_roles_of_the_place(self) -> None:
        channel = lounge(server(inside=(*EVERYBODY, STRANGER)))

        def allowed(place: PlaceSettings) -> set[int]:
            return {one for one in (*EVERYBODY, STRANGER) if one != BOT and may_talk(channel, one, place)}

        assert allowed(PlaceSettings()) == {ANNA, BEN, MONA, STRANGER}
        assert allowed(PlaceSettings(ask_roles=(FANS,))) == {ANNA, MONA}
        assert allowed(PlaceSettings(speak_roles=(FANS,))) == {ANNA, MONA}
        assert allowed(PlaceSettings(speak=SpeakWhen.NEVER)) == set()
