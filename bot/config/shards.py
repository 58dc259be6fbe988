"""Which shards this process runs: two settings that only make sense together."""

from collections.abc import Iterator

from bot.config.names import Setting
from bot.config.servers import Given
from bot.domain.errors import SettingsProblem

_IDS: Setting = ("discord", "shard_ids")
_COUNT: Setting = ("discord", "shard_count")


def shard_problems(given: Given) -> Iterator[SettingsProblem]:
    """What is wrong with the shards that are named."""
    ids = given.get(_IDS)
    if ids is None:
        return
    count = given.get(_COUNT)
    if count is None or count.value == 0:
        what = "[discord] shard_ids needs shard_count."
        yield SettingsProblem(where=ids.source, what=what, remedy="Set shard_count to the number of shards in all.")
    elif any(shard >= count.value for shard in ids.value):
        what = f"[discord] shard_ids names a shard beyond shard_count, which is {count.value}."
        yield SettingsProblem(where=ids.source, what=what, remedy=f"Name shards from 0 to {count.value - 1}.")
    if len(set(ids.value)) < len(ids.value):
        what = "[discord] shard_ids names a shard twice."
        yield SettingsProblem(where=ids.source, what=what, remedy="Name each shard once.")
