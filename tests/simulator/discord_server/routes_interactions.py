"""REST: application commands, answers to interactions, and the webhook through which they go on."""

from typing import Any

from tests.simulator.discord_server import payloads, refusals
from tests.simulator.discord_server.bodies import read_draft
from tests.simulator.discord_server.calls import Call, Routes
from tests.simulator.discord_server.interactions import AUTOCOMPLETE, Interaction
from tests.simulator.discord_server.messages import EPHEMERAL, LOADING, Message


def routes() -> Routes:
    everywhere = "/applications/{application_id}/commands"
    in_guild = "/applications/{application_id}/guilds/{guild_id}/commands"
    webhook = "/webhooks/{webhook_id}/{token}"
    return [
        ("GET", everywhere, _list),
        ("PUT", everywhere, _overwrite),
        ("GET", f"{everywhere}/{{command_id}}", _one),
        ("GET", in_guild, _list),
        ("PUT", in_guild, _overwrite),
        ("GET", f"{in_guild}/{{command_id}}", _one),
        ("POST", "/interactions/{interaction_id}/{token}/callback", _callback),
        ("POST", webhook, _follow_up),
        ("GET", f"{webhook}/messages/{{message_id}}", _get),
        ("PATCH", f"{webhook}/messages/{{message_id}}", _edit),
        ("DELETE", f"{webhook}/messages/{{message_id}}", _delete),
    ]


def _scope(call: Call) -> int | None:
    if call.ids["application_id"] != call.world.app.id:
        raise refusals.Refusal(403, 20012, "You are not authorized to perform this action on this application")
    if "guild_id" not in call.ids:
        return None
    return call.world.guild(call.ids["guild_id"]).id


async def _list(call: Call) -> Any:
    commands = call.world.commands.scopes.get(_scope(call), [])
    if call.query.get("with_localizations") in {"1", "true", "True"}:
        return commands
    hidden = ("name_localizations", "description_localizations")
    return [{key: value for key, value in command.items() if key not in hidden} for command in commands]


async def _overwrite(call: Call) -> Any:
    return call.world.commands.overwrite(
        _scope(call),
        call.body.json,
        app_id=call.world.app.id,
        new_id=call.world.snowflakes.next,
        at_seconds=call.world.now(),
    )


async def _one(call: Call) -> Any:
    command = call.world.commands.one(_scope(call), call.ids["command_id"])
    if command is None:
        raise refusals.unknown_command()
    return command


async def _callback(call: Call) -> Any:
    interaction = next((item for item in call.world.interactions if item.id == call.ids["interaction_id"]), None)
    if interaction is None or interaction.token != call.words["token"]:
        raise refusals.unknown_interaction()
    interaction.acknowledge(call.body)
    if call.query.get("with_response") not in {"1", "true", "True"}:
        return None
    return _callback_json(interaction)


def _callback_json(interaction: Interaction) -> dict[str, Any]:
    message = interaction.original
    about: dict[str, Any] = {"id": str(interaction.id), "type": interaction.type}
    resource: dict[str, Any] = {"type": interaction.acknowledged_with}
    if message is not None:
        about["response_message_id"] = str(message.id)
        about["response_message_loading"] = bool(message.flags & LOADING)
        about["response_message_ephemeral"] = bool(message.flags & EPHEMERAL)
        if interaction.acknowledged_with in {4, 7}:
            resource["message"] = _json(message)
    if interaction.type == AUTOCOMPLETE or interaction.acknowledged_with not in {4, 7}:
        return {"interaction": about}
    return {"interaction": about, "resource": resource}


def _interaction(call: Call) -> Interaction:
    if call.ids["webhook_id"] != call.world.app.id:
        raise refusals.unknown_webhook()
    for interaction in call.world.interactions:
        if interaction.token == call.words["token"]:
            return interaction
    raise refusals.unknown_webhook()


def _json(message: Message) -> dict[str, Any]:
    return payloads.message_json(message.channel.world, message, sees_content=False)


async def _follow_up(call: Call) -> Any:
    message = _interaction(call).follow_up(call.body)
    return _json(message)


async def _get(call: Call) -> Any:
    return _json(_interaction(call).find(call.words["message_id"]))


async def _edit(call: Call) -> Any:
    interaction = _interaction(call)
    message = interaction.find(call.words["message_id"])
    draft = read_draft(call.body, is_edit=True, before=(message.flags, message.file_list))
    interaction.change(message, draft)
    return _json(message)


async def _delete(call: Call) -> None:
    message = _interaction(call).find(call.words["message_id"])
    call.world.delete(message)
