"""Settings read again: what holds at once, and what waits for a restart."""

from pathlib import Path

import pytest

from bot.config import Settings, load_settings
from bot.domain.errors import SettingsError
from bot.services.reloading import Reloaded, Reloading


async def test_what_took_effect_and_what_did_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "config.toml"
    file.write_text("")
    reloading = Reloading(load_settings(file, environ={}, secrets_folder=tmp_path))
    held: list[Settings] = []
    reloading.add("access.", held.append)
    assert await reloading.reload() == Reloaded()
    file.write_text('[access]\ndms = "nobody"\n[jobs]\nmax_running = 3\n[plugins.mcp]\nanswer = 5\n')
    assert await reloading.reload() == Reloaded(applied=("access.dms",), waiting=("jobs.max_running", "plugins.mcp"))
    assert [settings.access.dms for settings in held] == ["nobody"]
    assert await reloading.reload() == Reloaded(waiting=("jobs.max_running", "plugins.mcp")), "still not in effect"
    file.write_text("[jobs]\nmax_running = 0\n")
    with pytest.raises(SettingsError):
        await reloading.reload()
    assert len(held) == 1
    file.write_text("")
    assert await reloading.reload() == Reloaded(applied=("access.dms",))
    assert [settings.access.dms for settings in held] == ["nobody", "everyone"]
