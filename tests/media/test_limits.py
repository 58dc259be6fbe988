"""Time for a child follows the length of the clip."""

from bot.media.limits import MediaLimits


def test_ten_minutes_have_the_plain_wall_time():
    assert MediaLimits().decode_wall(600) == 60


def test_beyond_that_a_quarter_is_added():
    assert MediaLimits().decode_wall(1000) == 160


def test_an_unknown_length_counts_as_the_longest_allowed():
    limits = MediaLimits(max_seconds=1000)
    assert limits.decode_wall(None) == limits.decode_wall(1000) == limits.decode_wall(9e9)


def test_processor_time_grows_with_wall_time():
    limits = MediaLimits(child_cpu_seconds=100, decode_wall_seconds=50)
    assert limits.cpu_seconds(10) == 100
    assert limits.cpu_seconds(100) == 200
