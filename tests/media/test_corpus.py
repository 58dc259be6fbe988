"""Every file of the corpus ends as it must: used, used in part and said so, or refused with a sentence.

KIBITZ_CORPUS=full makes the largest as large as they are named and watches every file that is opened.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from bot.domain.errors import MediaError
from bot.media.child import ChildFailed, ChildFault, run_child
from bot.media.limits import MediaLimits
from bot.media.sandbox import available_layers
from tests.media.corpus import CASES, MARKER, Case, Corpus, Outcome, canary
from tests.media.looking import look
from tests.media.tracing import Trace, has_strace, traced

FULL = os.environ.get("KIBITZ_CORPUS") == "full"
MOST_FRAMES = 16
POINTING = [case for case in CASES if case.name.startswith(("s", "x01"))]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corpus]:
    folder = tmp_path_factory.mktemp("corpus")
    with canary(folder / "away") as bird:
        yield Corpus(folder, bird, full=FULL)


def test_the_corpus_is_complete():
    rows = [case.row for case in CASES]
    assert set(range(1, 66)) == set(rows)
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.row}-{case.name!a}")
async def test_a_file_ends_as_it_must(corpus: Corpus, limits: MediaLimits, tmp_path: Path, case: Case) -> None:
    path = corpus.path(case)
    before = set(path.parent.iterdir()), set(Path.cwd().iterdir())
    with traced(tmp_path / "traces") if FULL and has_strace() else nullcontext(Trace()) as trace:
        found = await look(path, limits, most_frames=MOST_FRAMES)
    assert not trace.outside + trace.sockets
    if case.outcome is Outcome.REFUSED:
        assert found.refusal is not None
        check_sentence(found.refusal)
        assert found.refusal.code == case.code or not case.code
        assert case.unseen == (found.facts is None)
    else:
        assert found.refusal is None
        assert (case.frames, case.sound) == (bool(found.frames), found.sound_seconds > 0)
        assert case.outcome is Outcome.OK or found.damaged or found.lost
        check_facts(case, found.facts)
        sizes = {(frame.width, frame.height) for frame in found.frames}
        assert len(sizes) == case.frames
        assert len(found.frames) <= MOST_FRAMES
        assert case.size is None or sizes == {case.size}
        check_nothing_private(found.frames, found.pcm)
    assert found.peak_bytes <= case.most_mib * 2**20
    assert not found.faults & {ChildFault.TIMEOUT, ChildFault.SIGNAL, ChildFault.OUTPUT}
    assert corpus.bird.visits == []
    assert (set(path.parent.iterdir()), set(Path.cwd().iterdir())) == before


def check_sentence(error: MediaError) -> None:
    assert isinstance(error, MediaError)
    assert error.code.startswith("media_")
    assert len(error.public) > 20
    assert error.public.endswith(".")
    assert MARKER.decode() not in error.public


def check_facts(case: Case, facts) -> None:
    """Of a file with one stream nothing of the other kind is asked of anybody."""
    assert facts.has_video is case.frames or case.outcome is Outcome.PART
    assert facts.has_audio is case.sound or case.outcome is Outcome.PART
    if case.seconds is not None:
        assert facts.duration_seconds == pytest.approx(case.seconds, abs=0.3)


def check_nothing_private(frames, pcm) -> None:
    """Neither the marker nor the colour of the clip that nobody may read."""
    assert not any(MARKER in frame.jpeg for frame in frames)
    assert not any(MARKER in piece for piece in pcm)


@pytest.mark.parametrize("case", POINTING, ids=lambda case: case.name)
async def test_what_points_elsewhere_reaches_nothing_without_the_sandbox_either(corpus: Corpus, case: Case) -> None:
    found = await look(corpus.path(case), MediaLimits(sandbox="off"))
    assert (found.refusal is None) == (case.outcome is Outcome.OK)
    assert corpus.bird.visits == []


def gullible(path: Path) -> list[str]:
    """An ffprobe without any of our lists."""
    return ["ffprobe", "-v", "quiet", "-protocol_whitelist", "file,http,tcp", "-allowed_extensions", "ALL", str(path)]


def test_the_canary_sings(corpus: Corpus) -> None:
    """Without lists and sandbox a playlist is followed."""
    subprocess.run(gullible(corpus.named("s02_hls_http.m3u8")), check=False)
    assert corpus.bird.visits
    corpus.bird.visits.clear()
    shown = subprocess.run(
        [*gullible(corpus.named("s14_hls_clip.m3u8")), "-show_streams"], check=True, capture_output=True
    )
    assert b"codec_name=h264" in shown.stdout


@pytest.mark.skipif(not all(available_layers()), reason="this kernel lacks Landlock or seccomp")
@pytest.mark.parametrize("name", ["s02_hls_http.m3u8", "s14_hls_clip.m3u8"])
async def test_the_sandbox_holds_without_our_lists_too(corpus: Corpus, limits: MediaLimits, name: str) -> None:
    path = corpus.named(name)
    with pytest.raises(ChildFailed):
        await run_child([*gullible(path), "-show_streams"], readable=[path], limits=limits, wall_seconds=20)
    assert corpus.bird.visits == []
