"""How people in voice channels usually speak, and how they spoke last; in memory only."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bot.hooks import ConversationKey, Forgetting, HeardUtterance
from bot.plugins.emotion.voice import Tone, Voice, tone_of, voice_of

_MOST_PEOPLE = 500
_UTTERANCES = 20
_USUAL_FROM = 3
_LISTENED_BYTES = 10 * 2 * 16_000
_RECENT_SECONDS = 30.0
_CUT_SHORT_SECONDS = 60.0

_Whose = tuple[ConversationKey | None, int]


@dataclass(slots=True)
class _Person:
    name: str = field(default="", repr=False)
    voices: deque[Voice] = field(default_factory=lambda: deque(maxlen=_UTTERANCES))
    tone: Tone | None = None
    spoke_at: float = 0.0
    cut_short_at: float | None = None


class People:
    """Those who are heard in voice channels, channel by channel; the ones longest silent make room. `clock` gives
    monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._people: OrderedDict[_Whose, _Person] = OrderedDict()
        self._clock = clock

    def heard(self, key: ConversationKey | None, utterance: HeardUtterance) -> None:
        """Take in what somebody said, by its sound."""
        voice = None if utterance.sound is None else voice_of(utterance.sound.pcm[-_LISTENED_BYTES:])
        person = self._at(key, utterance.person_id)
        person.name, person.spoke_at = utterance.name, self._clock()
        person.tone = None
        if voice is None:
            return
        if len(person.voices) >= _USUAL_FROM:
            person.tone = tone_of(voice, Voice.usual(list(person.voices)))
        person.voices.append(voice)

    def cut_short(self, key: ConversationKey | None, person_id: int) -> None:
        """Somebody talked over the bot."""
        self._at(key, person_id).cut_short_at = self._clock()

    def bot_speaks(self, key: ConversationKey | None) -> None:
        """The bot has the floor again: that it was cut short is over."""
        for (place, _), person in self._people.items():
            if place == key:
                person.cut_short_at = None

    def lines(self, key: ConversationKey | None, person_id: int, least_confidence: float) -> Iterator[str]:
        """What a prompt may be told of whoever asks."""
        person = self._people.get((key, person_id))
        if person is None:
            return
        name, now = person.name or "Somebody", self._clock()
        tone = person.tone
        if tone is not None and tone.confidence >= least_confidence and now - person.spoke_at <= _RECENT_SECONDS:
            yield f"{name} sounds {tone.kind.value}"
        if person.cut_short_at is not None and now - person.cut_short_at <= _CUT_SHORT_SECONDS:
            yield f"{name} cut you short"

    def held(self, person_id: int) -> int:
        """How many utterances of a person are held as numbers."""
        return sum(len(person.voices) for (_, whose), person in self._people.items() if whose == person_id)

    def forget(self, forgetting: Forgetting) -> None:
        """Drop what is held of a person, of a place, or of a server."""
        for key, person_id in list(self._people):
            is_of_server = (
                key is not None and forgetting.server_id is not None and key.server_id == forgetting.server_id
            )
            is_here = forgetting.key is not None and key == forgetting.key
            if person_id == forgetting.person_id or is_here or is_of_server:
                del self._people[key, person_id]

    def _at(self, key: ConversationKey | None, person_id: int) -> _Person:
        person = self._people.setdefault((key, person_id), _Person())
        self._people.move_to_end((key, person_id))
        if len(self._people) > _MOST_PEOPLE:
            self._people.popitem(last=False)
        return person
