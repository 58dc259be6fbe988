"""A clip answered by the plain recipe and by Kibitz, side by side."""

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.bench.material import make_clips
from tests.bench.report import Report, Row, table
from tests.bench.sides import DELAYS, Measured, bound_seconds, run_extraction, run_kibitz, run_recipe

_FIRST_AUDIO = 1.25
_TOTAL = 1 / 6
_IMAGE_TOKENS = 1 / 2
_PEAK_MEGABYTES = 350
_CAPTION_REQUESTS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Both sides on one clip. `is_summed`: the recipe's delays were added up, not waited for."""

    clip: str
    recipe: Measured
    kibitz: Measured
    bound: float
    extraction: float
    is_summed: bool


async def run(folder: Path) -> Report:
    """Measures all clips; `folder` keeps the clips for the next time."""
    print("making clips", file=sys.stderr, flush=True)
    pairs = [await _measure(name, clip) for name, clip in make_clips(folder).items()]
    rows = tuple(row for pair in pairs for row in _rows(pair))
    return Report(text="\n\n".join((_preface(), *map(_draw, pairs))), rows=rows)


async def _measure(name: str, clip: Path) -> Pair:
    is_summed = name == "10min"
    with tempfile.TemporaryDirectory(prefix="kibitz-bench-") as one:
        folder = Path(one)
        print(f"measuring the clip of {name}", file=sys.stderr, flush=True)
        recipe = await run_recipe(clip, folder, in_real_time=not is_summed)
        kibitz = await run_kibitz(clip, folder)
        extraction = await run_extraction(clip, folder)
    return Pair(
        clip=name,
        recipe=recipe,
        kibitz=kibitz,
        bound=bound_seconds(extraction, kibitz),
        extraction=extraction,
        is_summed=is_summed,
    )


def _rows(pair: Pair) -> list[Row]:
    name, recipe, kibitz = f"video.{pair.clip}", pair.recipe, pair.kibitz
    short, long = pair.clip != "10min", pair.clip == "10min"
    rows = [
        Row(
            name=f"{name}.first_audio_to_bound",
            value=kibitz.first_audio_seconds,
            unit="s",
            reference=pair.bound,
            target=_FIRST_AUDIO if short else None,
        )
    ]
    for label, value, reference, unit, target in (
        ("first_text", kibitz.first_text_seconds, recipe.first_text_seconds, "s", None),
        ("first_audio", kibitz.first_audio_seconds, recipe.first_audio_seconds, "s", None),
        ("total", kibitz.total_seconds, recipe.total_seconds, "s", _TOTAL if pair.clip == "15s" else None),
        ("requests", len(kibitz.calls), len(recipe.calls), "", None),
        ("image_tokens", kibitz.image_tokens, recipe.image_tokens, "", _IMAGE_TOKENS if pair.clip == "60s" else None),
        ("upload", kibitz.upload_bytes, recipe.upload_bytes, "B", None),
        ("peak_memory", kibitz.peak_bytes / 1e6, recipe.peak_bytes / 1e6, "MB", None),
    ):
        rows.append(
            Row(name=f"{name}.{label}", value=float(value), unit=unit, reference=float(reference), target=target)
        )
    if long:
        limits = (
            ("peak_memory_to_limit", kibitz.peak_bytes / 1e6, "MB", _PEAK_MEGABYTES),
            ("caption_requests_to_limit", kibitz.caption_requests, "", _CAPTION_REQUESTS),
        )
        for label, value, unit, limit in limits:
            rows.append(Row(name=f"{name}.{label}", value=float(value), unit=unit, reference=float(limit), target=1.0))
    return rows


def _preface() -> str:
    return (
        "Both sides talk to an emulated OpenAI on this machine.\n"
        f"A caption request takes {DELAYS.caption:g} s whatever its number of pictures, a transcript "
        f"{DELAYS.transcript:g} s + {DELAYS.transcript_per_second:g} s per second of sound,\nthe first token "
        f"{DELAYS.first_token:g} s, each token {DELAYS.per_token * 1000:g} ms, the first byte of speech "
        f"{DELAYS.first_speech_byte:g} s.\nSeconds count from the start of the run on both sides; memory is that of "
        "the process and all its children at once.\n"
        "bound = local extraction + max(caption, transcript) + first sentence + first byte of speech"
    )


def _draw(pair: Pair) -> str:
    recipe, kibitz = pair.recipe, pair.kibitz
    plain: list[tuple[str, float, float, float | None, str]] = [
        ("first text, s", recipe.first_text_seconds, kibitz.first_text_seconds, None, ".2f"),
        ("first audio byte, s", recipe.first_audio_seconds, kibitz.first_audio_seconds, pair.bound, ".2f"),
        ("total, s", recipe.total_seconds, kibitz.total_seconds, None, ".2f"),
        ("requests", len(recipe.calls), len(kibitz.calls), None, ".0f"),
        ("of these with pictures", recipe.caption_requests, kibitz.caption_requests, None, ".0f"),
        ("image tokens", recipe.image_tokens, kibitz.image_tokens, None, ".0f"),
        ("uploaded, MB", recipe.upload_bytes / 1e6, kibitz.upload_bytes / 1e6, None, ".2f"),
        ("peak memory, MB", recipe.peak_bytes / 1e6, kibitz.peak_bytes / 1e6, None, ".0f"),
        ("process around the run, s", recipe.around_seconds, kibitz.around_seconds, None, ".2f"),
    ]
    lines = [
        (
            label,
            format(left, form),
            format(right, form),
            f"{right / left:.3f}" if left else "-",
            format(bound, form) if bound else "",
            f"{right / bound:.2f}" if bound else "",
        )
        for label, left, right, bound, form in plain
    ]
    note = f"local extraction alone: {pair.extraction:.2f} s"
    if pair.is_summed:
        note += (
            "\nThe recipe ran without delays here; they are added up, not waited for, and its times are extrapolated. "
            f"Its sound ({recipe.longest_sound_seconds:.0f} s as WAV) is above the limit for uploads: a real server "
            "refuses it with 413, this one was told not to."
        )
    head = (f"clip of {pair.clip}", "recipe", "Kibitz", "ratio", "bound", "to bound")
    return f"{table(head, lines)}\n{note}"
