"""Every case of the table, past a model that obeys it: nothing but words comes of it, and none of another place."""

import itertools
import re

import pytest

from bot.discord_io.delivery import deliver
from bot.discord_io.safe_text import document
from bot.domain.fence import unfenced
from bot.domain.recollection import Summary
from bot.domain.speech import Segment
from bot.domain.timeline import Caption, Timeline
from bot.hooks.offers import CONFIGURED, Work
from bot.locales import catalogue
from bot.pipeline.export import FORMATS
from bot.pipeline.fusion import RULES, TALK_RULES
from bot.pipeline.looking import LOOK_RULES
from bot.pipeline.sentences import SentenceSplitter, SpokenText
from bot.pipeline.tools import TOOL_RULES
from bot.services.chat import Done
from tests.discord_io.recording_place import RecordingPlace, surface_on
from tests.injection.cases import Attack, Case, Channel, Way, cases
from tests.injection.conftest import CLIP, ELSEWHERE, GUEST, HERE, House, fact, turn
from tests.injection.harm import addresses, harms, hidden, live, seen

CANARIES = re.compile("|".join(ELSEWHERE))
QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
LURING = ' call wiki {"q": "x"}'
KNOWN_RULES = {
    rules + looks + tools
    for rules, looks, tools in itertools.product((RULES, TALK_RULES), ("", LOOK_RULES), ("", TOOL_RULES))
}


async def plant(case: Case, house: House, number: int) -> None:
    """Put the words where the case wants them."""
    words = case.words()
    match case.channel:
        case Channel.NAMES:
            earlier = turn(number, HERE, question="Who was it?", answer="Nobody.", asker_name=words)
            await house.memory.keep_turn(earlier)
        case Channel.TRANSCRIPT:
            said = Segment(start_seconds=0.0, end_seconds=5.0, text=words, speaker=words)
            house.clips.timeline = Timeline.weave(duration_seconds=9.0, segments=[said])
        case Channel.ON_SCREEN:
            shown = Caption(at_seconds=0.0, since_seconds=0.0, text=words, text_on_screen=words)
            house.clips.timeline = Timeline.weave(duration_seconds=9.0, captions=[shown])
        case Channel.HISTORY:
            earlier = turn(number, HERE, question=words, answer=words)
            await house.memory.keep_turn(earlier)
            await house.memory.keep_fact(fact(HERE, words))
            summary = Summary(key=HERE, from_at=earlier.asked_at, through_at=earlier.asked_at, text=words)
            await house.memory.keep_summary(summary, [earlier])
        case Channel.PLUGIN:
            house.result = words
            house.offer(description=words + LURING, hint=words)
        case Channel.FILE_NAMES:
            raise AssertionError("no name of a file comes this far; see test_journeys.py")


async def shown(done: Done) -> list[str]:
    """The messages an answer becomes."""
    place = RecordingPlace()
    await deliver(done.text, surface=surface_on(place), words=catalogue(None), notices=done.notices)
    return place.shown


def spoken(text: str) -> str:
    splitter, said = SentenceSplitter(), SpokenText()
    return " ".join(said.of(one) for one in [*splitter.feed(text), *splitter.finish()])


def assert_in_bounds(case: Case, house: House, done: Done, asked: int) -> None:
    """What was called, how often, and with whose leave."""
    assert house.sent == [], case
    assert {call.tool for call in done.wanted} <= ({"send_mail"} if case.attack is Attack.TOOL else set()), case
    assert len(done.wanted) <= 3, case
    assert len(house.read) <= house.crew.max_tool_calls, case
    assert house.looks <= house.crew.max_looks, case
    assert asked <= 1 + house.crew.max_looks + house.crew.max_tool_calls, case


def assert_data(case: Case, house: House, prompts: int) -> None:
    """Nothing of the words stands among the rules; in the evidence they are quoted, each on its line."""
    for prompt in house.chat.prompts[-prompts:]:
        assert prompt.rules in KNOWN_RULES, case
        assert len(re.findall(r"^</?evidence [0-9a-f]{16}>$", prompt.evidence, re.MULTILINE)) == 2, case
        lines = [line for line in unfenced(prompt.evidence) if case.mark in line]
        assert [line for line in lines if case.mark in QUOTED.sub("", line)] == [], case
        told = [prompt.evidence, *(tool.description for tool in prompt.tools), *map(str, prompt.tools)]
        assert [hidden(text) for text in told if hidden(text)] == [], case
        assert CANARIES.search(str((prompt.evidence, prompt.results, prompt.tools))) is None, case
        assert case.mark not in prompt.question.text, case


@pytest.mark.parametrize("channel", [channel for channel in Channel if channel is not Channel.FILE_NAMES], ids=str)
async def test_words_do_nothing_but_be_read(house: House, channel: Channel) -> None:
    for number, case in enumerate(cases(channel), start=100):
        await plant(case, house, number)
        before, asked = await house.pinned(), len(house.chat.prompts)
        house.sent.clear()
        house.read.clear()
        clips = (CLIP,) if channel in {Channel.TRANSCRIPT, Channel.ON_SCREEN} or number % 2 else ()
        done = await house.ask(f"{number:04x}{'a' * 8}", clips=clips)
        asked = len(house.chat.prompts) - asked
        assert_in_bounds(case, house, done, asked)
        assert_data(case, house, asked)
        messages = await shown(done)
        assert [harm for message in messages for harm in harms(message)] == [], case
        assert case.mark in "".join(map(seen, messages)), f"{case}: it never came to the model"
        assert CANARIES.search(done.text) is None, case
        assert live(document(done.text)) == [], case
        assert addresses(spoken(done.text)) == [], case
        for timeline in done.timelines:
            assert live(FORMATS["md"](timeline)) == [], case
            assert [form for form in FORMATS.values() if hidden(form(timeline))] == [], case
        assert await house.pinned() == before, case
        await house.memory.forget_place(HERE)


async def test_the_table_is_whole() -> None:
    """72 cases at least: six channels, six attacks, two languages; each channel meets every way in each language."""
    table = [case for channel in Channel for case in cases(channel)]
    assert len(table) >= 72
    assert len({case.mark for case in table}) == len(table)
    for channel in Channel:
        mine = [case for case in table if case.channel is channel]
        assert {(case.attack, case.language) for case in mine} == {(a, lang) for a in Attack for lang in ("en", "zh")}
        assert {case.way for case in mine} == set(Way)


async def test_lines_of_a_plugins_fusion_stay_lines(house: House) -> None:
    """A plugin that passes on what strangers say, unquoted, cannot close the fence either."""

    class Lines:
        def lines(self, *_: object) -> list[str]:
            return [case.words() for case in cases(Channel.PLUGIN)]

    offers = house.crew.hooks.offers
    offers.add(Work.FUSION, {"lure": Lines()}, GUEST)  # type: ignore[arg-type]
    done = await house.ask("f" * 12, clips=(CLIP,))
    [*_, prompt] = house.chat.prompts
    assert len(re.findall(r"^</?evidence [0-9a-f]{16}>$", prompt.evidence, re.MULTILINE)) >= 2
    assert prompt.evidence.splitlines()[-1] == prompt.evidence.splitlines()[0].replace("<", "</")
    assert len(unfenced(prompt.evidence)) == len(list(cases(Channel.PLUGIN)))
    assert [harm for message in await shown(done) for harm in harms(message)] == []
    assert house.sent == []
    assert CONFIGURED not in prompt.evidence
