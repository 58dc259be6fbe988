"""What people have asked aloud and nobody has answered yet: for whom it was, and what of it belongs together."""

from collections.abc import Iterable, Sequence

from bot.config.voice import VoiceSettings
from bot.services.voice.means import Part
from bot.services.voice.presence import Presence
from bot.services.voice.utterance import Utterance
from bot.voice.backchannels import asks, is_backchannel
from bot.voice.names import Addressed, Addressing, CalledNames

_LONGEST_SPECULATED_SECONDS = 10.0
_GOES_ON_SECONDS = 3.0
_MOST_ASKED = 16


class Questions:
    """Of one conversation. `parts` are turns that are over, in the order in which they began. `is_judged`: whether
    they were meant for the bot is for the chat model to say. `last_said` is what the bot said last."""

    def __init__(self, settings: VoiceSettings, names: CalledNames, presence: Presence) -> None:
        self.parts: list[Part] = []
        self.is_judged = False
        self.last_said = ""
        self.addressing = Addressing(names=names, answers=settings.answers, reply_seconds=settings.reply_seconds)
        self._presence = presence

    def take(self, utterance: Utterance, *, is_heard: bool) -> None:
        """A turn is over: keep it where it is for the bot. `is_heard`: an answer is being heard."""
        verdict = self._verdict(utterance)
        if verdict is Addressed.US:
            known = [] if self.is_judged else self.parts
            self.is_judged = False
            self.parts = sorted([*known, utterance.part][-_MOST_ASKED:], key=lambda part: part.began_at)
        elif verdict is Addressed.ASK and not is_heard and (self.is_judged or not self.parts):
            self.parts = [utterance.part]
            self.is_judged = True

    def restore(self, parts: Sequence[Part]) -> None:
        """These were not answered after all."""
        self.parts = [*parts, *(part for part in self.parts if part not in parts)]

    def answered(self, parts: Sequence[Part]) -> None:
        """These need no answer any more."""
        self.parts = [part for part in self.parts if part not in parts]
        self.is_judged = False

    def drop(self, person_id: int) -> None:
        """What this person asked."""
        self.parts = [part for part in self.parts if part.person_id != person_id]

    def clear(self) -> None:
        self.parts = []
        self.is_judged = False

    def foreseen(self, utterances: Iterable[Utterance]) -> list[Part]:
        """The parts of those turns, settled but not over, that will be for the bot without a doubt."""
        return [
            utterance.part
            for utterance in sorted(utterances, key=lambda one: one.began_at)
            if utterance.is_settled
            and not utterance.is_broken
            and utterance.speech_seconds <= _LONGEST_SPECULATED_SECONDS
            and not self.is_nod(utterance)
            and self._verdict(utterance) is Addressed.US
        ]

    def is_nod(self, utterance: Utterance) -> bool:
        """Whether the words only show that somebody listens. Over the last moment of an answer they may be meant."""
        is_meant = asks(self.last_said) and (not utterance.over_answer or utterance.began_at_end)
        return is_backchannel(utterance.text, bot_asked=is_meant)

    def _verdict(self, utterance: Utterance) -> Addressed:
        others = self._presence.names(but_for=(utterance.person_id,))
        goes_on = not self.is_judged and any(
            part.person_id == utterance.person_id and utterance.began_at - part.ended_at < _GOES_ON_SECONDS
            for part in self.parts
        )
        if goes_on:
            return Addressed.US
        return self.addressing.judge(
            utterance.text, person_id=utterance.person_id, began_at=utterance.began_at, others=others
        )
