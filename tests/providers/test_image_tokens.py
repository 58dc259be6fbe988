"""Picture tokens against the vendor's own figures."""

import pytest

from bot.providers.image_tokens import Detail, image_tokens

SIZES = ((512, 288), (640, 360), (768, 432), (1024, 576), (1280, 720), (1920, 1080))


@pytest.mark.parametrize(("size", "tokens"), list(zip(SIZES, (173, 288, 404, 692, 1104, 2448), strict=True)), ids=str)
@pytest.mark.parametrize(
    "model", ["gpt-6-luna", "gpt-5.6-luna", "openai/gpt-5.6-luna", "gpt-5.5", "gpt-5.4", "qwen3-vl:8b"]
)
def test_patch_models(model: str, size: tuple[int, int], tokens: int) -> None:
    assert image_tokens(model, *size, Detail.HIGH) == tokens


@pytest.mark.parametrize(("size", "tokens"), list(zip(SIZES, (255, 425, 425, 765, 1105, 1105), strict=True)), ids=str)
@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4.1", "gpt-4-turbo", "gpt-4o-2024-08-06"])
def test_tile_models(model: str, size: tuple[int, int], tokens: int) -> None:
    assert image_tokens(model, *size, Detail.HIGH) == tokens


@pytest.mark.parametrize(
    ("model", "size", "detail", "tokens"),
    [
        ("gpt-6-luna", (1024, 1024), Detail.HIGH, 1229),
        ("gpt-4o-mini", (1024, 576), Detail.HIGH, 25_501),
        ("gpt-4o", (1024, 576), Detail.LOW, 85),
        ("gpt-5.1", (1024, 576), Detail.HIGH, 70 + 140 * 4),
        ("gpt-4.1-mini", (1024, 576), Detail.LOW, 934),  # 576 patches x 1.62, whatever the detail
        ("gpt-6-luna", (1024, 576), Detail.LOW, 173),  # shrunk to 512x288
        ("gpt-5.4-mini", (4096, 4096), Detail.LOW, 4916),  # 2048 square: 4,096 patches, dearer than high
        ("gpt-6-luna", (3840, 2160), Detail.ORIGINAL, 9792),  # 120 x 68 patches, untouched
    ],
)
def test_published_cases(model: str, size: tuple[int, int], detail: Detail, tokens: int) -> None:
    assert image_tokens(model, *size, detail) == tokens


def test_high_detail_stays_within_its_patches() -> None:
    assert image_tokens("gpt-6-luna", 4000, 4000, Detail.HIGH) == 3000
    assert image_tokens("gpt-5.4", 4096, 4096, Detail.LOW) > image_tokens("gpt-5.4", 4096, 4096, Detail.HIGH)
