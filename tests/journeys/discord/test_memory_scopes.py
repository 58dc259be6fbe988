"""Words stay where they were said: from every place everybody asks for all that was said anywhere, and nothing leaks.

What is said in each place holds a word that stands nowhere else, beside words that stand everywhere; the questions
have only the latter, so that whatever is looked through for them would be found.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from bot.database.where import Where
from tests.databases import SQLITE, only
from tests.journeys.discord.conftest import MakeSound, StartBot, StartOn
from tests.journeys.discord.eyes import AttentiveMind
from tests.simulator.discord_server import Channel, DiscordServer, Guild, Message, Person
from tests.simulator.discord_server.places import VOICE
from tests.simulator.openai_server import OpenAIEmulator

QUESTION = "What is the codeword of the lighthouse?"
SEARCH = "codeword lighthouse"
CANARY = re.compile(r"canary\w+")


@dataclass(slots=True, kw_only=True)
class Place:
    """Where people talk: who, and whose words besides its own may come back there. `by_user`: as an app of their own
    account, so that each person has a place of their own."""

    name: str
    channel: Channel
    people: list[Person]
    allowed: set[str] = field(default_factory=set[str])


@pytest.fixture
def start(start_on: StartOn, where: Where) -> StartBot:
    return start_on(where)


@pytest.fixture
async def places(discord: DiscordServer, club: Guild, general: Channel, anna: Person, ben: Person) -> list[Place]:
    """Rooms of one server, of another, and of nobody else; Anna is everywhere."""
    inner = club.role("inner")
    closed = club.channel("closed")
    closed.deny_everyone("view_channel", except_roles=(inner, *club.members[discord.app.id].roles))
    club.members[anna.id].roles.append(inner)
    thread = await anna.start_thread(await anna.post("start", to=general), "A thread")
    secret = await anna.start_private_thread(general, "A secret")
    apart = await anna.start_thread(await anna.post("start", to=closed), "A thread apart")
    other = discord.guild("Chess club")
    other.member(anna)
    other.member(ben)
    return [
        Place(name="public", channel=general, people=[anna, ben]),
        Place(name="closed", channel=closed, people=[anna]),
        Place(name="thread", channel=thread, people=[anna, ben], allowed={"canarypublic"}),
        Place(name="secret", channel=secret, people=[anna], allowed={"canarypublic"}),
        Place(name="apart", channel=apart, people=[anna], allowed={"canaryclosed", "canaryclosedfact", "canaryclip"}),
        Place(name="voice", channel=club.channel("voice", type=VOICE), people=[anna, ben]),
        Place(name="chess", channel=other.channel("lounge"), people=[anna, ben]),
        Place(name="annasown", channel=anna.direct(), people=[anna]),
        Place(name="bensown", channel=ben.direct(), people=[ben]),
    ]


def said_in(text: str) -> set[str]:
    return set(CANARY.findall(text.casefold()))


@only(SQLITE)  # tests/memory/test_scopes.py has both
async def test_nothing_that_was_said_comes_back_elsewhere(
    start: StartBot,
    places: list[Place],
    club: Guild,
    anna: Person,
    ben: Person,
    discord: DiscordServer,
    cloud: OpenAIEmulator,
    attentive: AttentiveMind,
    say: MakeSound,
) -> None:
    olaf = club.member("Olaf")
    by_name = {place.name: place for place in places}
    abroad = discord.guild("Elsewhere", bot=False)
    abroad.member(anna)
    abroad.member(ben)
    room = abroad.channel("room")
    recording = await say("The codeword of the lighthouse is spoken", attentive)
    heard: list[tuple[str, set[str], set[str]]] = []

    async def listening(name: str, allowed: set[str], doing: Callable[[], Awaitable[Message]]) -> set[str]:
        """Do something, and note what the models were told and what was shown for it."""
        before = len(cloud.answers)
        shown = await doing()
        told = " ".join(call.text for call in cloud.answers[before:])
        found = said_in(told) | said_in(shown.text)
        heard.append((name, found - allowed, found & allowed))
        return found

    async def answered(person: Person, channel: Channel, text: str, *files: object) -> Message:
        call = "" if channel.guild is None else "@bot "
        return await discord.bot.reply(await person.post(f"{call}{text}", *files, to=channel))  # type: ignore[arg-type] # paths

    async def privately(person: Person, command: str, channel: Channel, **options: str) -> Message:
        return await (await person.slash(command, to=channel, **options)).reply()

    async with start(EMBEDDINGS__MODELS="text-embedding-3-small"):
        await (await olaf.slash("optout", to=by_name["public"].channel)).reply()
        await olaf.press(by_name["public"].channel.seen_by(olaf)[-1], "Opt out")
        for place in places:
            place.allowed.add(f"canary{place.name}")
            await answered(place.people[0], place.channel, f"The codeword of the lighthouse is canary{place.name}")
        closed = by_name["closed"]
        closed.allowed |= {"canaryclosedfact", "canaryclip"}
        await privately(anna, "memory remember", closed.channel, text="The lighthouse codeword is canaryclosedfact")
        await answered(anna, closed.channel, "What does canaryclip say?", recording)
        await answered(olaf, by_name["public"].channel, "The codeword of the lighthouse is canaryolaf")
        await privately(anna, "ask", room, question="The codeword of the lighthouse is canaryabroad")

    async with start(EMBEDDINGS__MODELS="text-embedding-3-small"):
        own: dict[str, bool] = {}
        for place in places:
            for person in place.people:
                asked = await listening(
                    place.name, place.allowed, lambda p=person, c=place.channel: answered(p, c, QUESTION)
                )
                listed = await listening(
                    place.name,
                    place.allowed,
                    lambda p=person, c=place.channel: privately(p, "memory search", c, text=SEARCH),
                )
                await listening(
                    place.name, place.allowed, lambda p=person, c=place.channel: privately(p, "memory show", c)
                )
                own[f"{place.name} asked by {person.name}"] = f"canary{place.name}" in asked
                own[f"{place.name} searched by {person.name}"] = f"canary{place.name}" in listed
        for person, allowed in ((anna, {"canaryabroad"}), (ben, set[str]())):
            for command, options in (
                ("ask", {"question": QUESTION}),
                ("memory search", {"text": SEARCH}),
                ("memory show", {}),
            ):
                await listening("abroad", allowed, lambda p=person, c=command, o=options: privately(p, c, room, **o))
        commanded = by_name["public"]
        await listening(
            "public", commanded.allowed, lambda: privately(ben, "ask", commanded.channel, question=QUESTION)
        )

    assert cloud.embeddings, "what means the like was looked for as well"
    assert [(name, leaked) for name, leaked, _ in heard if leaked] == []
    assert [which for which, is_found in own.items() if not is_found] == [], "what was said there is found there"
    every = [place.allowed for place in places] + [{"canaryabroad"}, {"canaryolaf", "canarypublic"}]
    assert [call.text for call in cloud.answers if not any(said_in(call.text) <= allowed for allowed in every)] == []
