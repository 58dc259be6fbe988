"""What the simulated voice server notes about the sound it is sent, in time that a test sets forward."""

import pytest

from tests.simulator.discord_voice.conduct import Conduct
from tests.simulator.discord_voice.rtp import MARK, SILENCE, Packet

SOUND = b"opus" + MARK


class Bot:
    """Sends frames of 20 ms; `noted` is what it did wrong."""

    def __init__(self) -> None:
        self.now = 100.0
        self.noted: list[str] = []
        self.conduct = Conduct(7, self.noted.append, clock=lambda: self.now)
        self._next = Packet(ssrc=7, sequence=65_530, timestamp=(1 << 32) - 960, payload=SOUND)

    def say(self, frames: int, payload: bytes = SOUND, **changes: int) -> None:
        for _ in range(frames):
            last = self._next
            facts = {"ssrc": 7, "sequence": last.sequence, "timestamp": last.timestamp, **changes}
            self.conduct.takes(Packet(payload=payload, **facts), must_be_encrypted=True)
            self.now += 0.02
            last.sequence = (last.sequence + 1) % (1 << 16)
            last.timestamp = (last.timestamp + 960) % (1 << 32)


def test_a_bot_that_behaves_is_not_accused() -> None:
    bot = Bot()
    bot.say(5)  # operation 5 goes another way and may come a little later
    bot.conduct.speaking(1, 7)
    bot.say(20)
    bot.say(5, SILENCE)
    bot.conduct.speaking(0, 7)
    bot.now += 60
    bot.conduct.speaking(1, 7)
    bot.say(10)
    bot.say(5, SILENCE)
    bot.conduct.leaves()
    assert bot.noted == []
    assert (bot.conduct.frames, bot.conduct.silences) == (35, 10)


@pytest.mark.parametrize(
    ("flags", "accused"), [(None, "rtp: sound before any op 5"), (0, "rtp: sound while not speaking")]
)
def test_sound_is_announced(flags: int | None, accused: str) -> None:
    bot = Bot()
    if flags is not None:
        bot.conduct.speaking(flags, 7)
    bot.say(40)
    assert bot.noted == [accused]


def test_a_pause_begins_with_five_silent_frames() -> None:
    bot = Bot()
    bot.conduct.speaking(1, 7)
    bot.say(10)
    bot.say(4, SILENCE)
    bot.now += 1
    bot.say(1)
    assert bot.noted == ["rtp: 4 silent frames before a pause, not 5"]
    bot.conduct.leaves()
    assert bot.noted[1:] == ["rtp: 0 silent frames at the end, not 5"]


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"ssrc": 8}, "SSRC 8, not 7"),
        ({"payload_type": 0x65}, "payload type 0x65"),
        ({"timestamp": 5}, "samples between frames"),
        ({"sequence": 65_000}, "sequence 65530 → 65000"),
    ],
)
def test_a_packet_that_does_not_fit_is_noted(changes: dict[str, int], part: str) -> None:
    bot = Bot()
    bot.conduct.speaking(1, 7)
    bot.say(1)
    bot.say(1, **changes)
    assert len(bot.noted) == 1
    assert part in bot.noted[0]


def test_an_empty_or_an_open_frame_is_noted() -> None:
    bot = Bot()
    bot.conduct.speaking(1, 7)
    bot.say(1, b"")
    bot.say(1, b"plain")
    assert bot.noted == ["rtp: nothing in it", "dave: a frame that is not encrypted end to end"]


def test_a_nonce_is_used_once() -> None:
    bot = Bot()
    for nonce in (*range(6000), 5999, 100):
        bot.conduct.sealed_with(nonce)
    assert bot.noted == ["rtp: nonce 5999 is used again", "rtp: nonce 100 is used again"]
