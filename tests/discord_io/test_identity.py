"""Identity: which conversation a message belongs to, and whose language it is answered in."""

from bot.discord_io.identity import key_of, locale_of, ref_of, settings_channel
from bot.domain.conversation import ConversationKey, MessageRef
from tests.discord_io.bots import connected
from tests.simulator.discord_server import DiscordServer


async def test_channels_threads_and_direct_messages_are_conversations_of_their_own() -> None:
    async with DiscordServer() as server:
        guild = server.guild("Freunde", locale="de")
        channel, ann = guild.channel("general"), guild.member("Ann")
        async with connected(server) as client:
            starter = await ann.post("start", to=channel)
            thread = await ann.start_thread(starter, "thread")
            messages = {}
            for place in (channel, thread, ann.direct()):
                arrival = client.wait_for("message", timeout=10)
                _, messages[place.id] = await ann.post("here", to=place), await arrival
    here, inside, direct = messages.values()
    assert key_of(here) == ConversationKey(server_id=guild.id, channel_id=channel.id)
    assert key_of(inside) == ConversationKey(server_id=guild.id, channel_id=thread.id)
    assert key_of(direct) == ConversationKey(server_id=None, channel_id=ann.direct().id)
    assert [settings_channel(message) for message in (here, inside, direct)] == [
        channel.id,
        channel.id,
        ann.direct().id,
    ]
    assert ref_of(inside) == MessageRef(channel_id=thread.id, message_id=inside.id)
    assert [locale_of(message) for message in (here, inside, direct)] == ["de", "de", "en-US"]
