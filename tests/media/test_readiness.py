"""The start: stopped where what is required is missing, and a line in the log where something is weak."""

import logging

import pytest

from bot.domain.errors import MediaError
from bot.media import readiness
from bot.media.limits import MediaLimits
from bot.media.readiness import check_readiness
from bot.media.tools import MediaTools


@pytest.mark.parametrize(
    ("version", "is_patched"),
    [
        ("4.4.6", False),
        ("5.1.9-0+deb12u1", False),
        ("5.1.10-0+deb12u1", True),
        ("6.0.2", False),
        ("6.1.6", True),
        ("7.1.4-0+deb13u1", False),
        ("7.1.5-0+deb13u1", True),
        ("n7.1.5", True),
        ("7.1", False),
        ("8.1.1", False),
        ("8.1.2", True),
        ("8.2", True),
        ("9.0", True),
        ("N-118000-gabcdef", False),
        ("git-2026-01-01-abcdef", False),
        ("2026-01-01-git-abcdef-full_build", False),
        (None, False),
    ],
)
def test_which_releases_are_patched(version: str | None, *, is_patched: bool) -> None:
    assert MediaTools(version=version).is_patched is is_patched


class Machine:
    """Pretends to be one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.version: str | None = "7.1.5"
        self.layers = (7, True)
        monkeypatch.setattr(readiness, "media_tools", self._tools)
        monkeypatch.setattr(readiness, "available_layers", lambda: self.layers)

    async def _tools(self, _: MediaLimits) -> MediaTools:
        return MediaTools(version=self.version)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


async def refusal(limits: MediaLimits, *, required: bool) -> MediaError:
    with pytest.raises(MediaError) as caught:
        await check_readiness(limits, require_patched_ffmpeg=required)
    assert caught.value.public.endswith(".")
    return caught.value


async def test_a_good_machine_starts_without_a_word(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    await check_readiness(MediaLimits(sandbox="required"), require_patched_ffmpeg=True)
    assert caplog.records == []


@pytest.mark.parametrize(
    ("layers", "missing"), [((0, True), "Landlock"), ((7, False), "seccomp"), ((0, False), "k, s")]
)
async def test_a_missing_layer_stops_the_start_where_it_is_required(
    machine: Machine, caplog: pytest.LogCaptureFixture, layers: tuple[int, bool], missing: str
) -> None:
    machine.layers = layers
    error = await refusal(MediaLimits(sandbox="required"), required=False)
    assert error.code == "media_sandbox_missing"
    assert missing in error.public
    await check_readiness(MediaLimits(), require_patched_ffmpeg=False)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert missing in caplog.text


@pytest.mark.parametrize(
    ("version", "code", "word"), [("5.1.9", "media_tool_unpatched", "5.1.9"), (None, "media_tool_missing", "ffmpeg")]
)
async def test_an_old_or_missing_ffmpeg_stops_the_start_where_a_patched_one_is_required(
    machine: Machine, caplog: pytest.LogCaptureFixture, version: str | None, code: str, word: str
) -> None:
    machine.version = version
    error = await refusal(MediaLimits(), required=True)
    assert error.code == code
    assert word in error.public
    await check_readiness(MediaLimits(), require_patched_ffmpeg=False)
    assert word in caplog.text
