"""Edits of a channel leave room for what is urgent."""

from bot.discord_io.pace import Pace, Room


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_room_is_free_until_only_what_must_be_left_is_left() -> None:
    clock = Clock()
    room = Room(clock)
    for _ in range(3):
        assert room.seconds_to_wait(leaving=2) == 0
        room.took()
        clock.now += 1
    assert room.seconds_to_wait(leaving=2) == 2.0, "the first of the three leaves the window in two seconds"
    assert room.seconds_to_wait(leaving=1) == 0
    clock.now += 2
    assert room.seconds_to_wait(leaving=2) == 0


def test_all_messages_of_a_channel_share_a_room_and_other_channels_do_not() -> None:
    pace = Pace()
    one, again, other = pace.room(1), pace.room(1), pace.room(2)
    assert one is again
    assert one is not other
