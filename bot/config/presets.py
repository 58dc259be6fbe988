"""What each preset fills in where a setting is absent or empty. All of them fill the same settings."""

from collections.abc import Mapping
from typing import Any

Fill = Mapping[str, Mapping[str, Any]]

# Model states and prices behind these choices: the SDK's deprecation notes of November 2026. OpenAI's REST speech
# ends 2027-01-06, so a realtime model follows it; whisper-1 ends 2027-02-26 and is last in its list.
_BALANCED: Fill = {
    "captions": {
        "base_url": None,
        "flavour": "auto",
        "models": ("gpt-6-luna", "gpt-5.6-luna"),
        "timeout_seconds": 60,
        "max_concurrency": 8,
        "effort": "none",
        "frames_per_request": 8,
        "image_edge_px": 1024,
    },
    "transcripts": {
        "base_url": None,
        "flavour": "auto",
        "models": ("gpt-transcribe", "whisper-1"),
        "timeout_seconds": 60,
        "max_concurrency": 8,
    },
    "chat": {
        "base_url": None,
        "flavour": "auto",
        "models": ("gpt-6-luna", "gpt-5.6-luna"),
        "timeout_seconds": 60,
        "max_concurrency": 4,
        "effort": "none",
        "context_tokens": 0,
    },
    "speech": {
        "base_url": None,
        "flavour": "auto",
        "models": ("gpt-4o-mini-tts", "gpt-realtime-2.1-mini"),
        "timeout_seconds": 60,
        "max_concurrency": 4,
        "voice": "coral",
    },
    "embeddings": {
        "base_url": None,
        "flavour": "auto",
        "models": ("offline",),
        "timeout_seconds": 60,
        "max_concurrency": 4,
    },
    "answer": {"direct_max_frames": 1, "evidence_tokens": 24_000},
}


def _changed(base: Fill, changes: Fill) -> Fill:
    return {section: {**names, **changes.get(section, {})} for section, names in base.items()}


PRESETS: Mapping[str, Fill] = {
    "balanced": _BALANCED,
    # The chat model sees the frames itself. gpt-6.1-terra has no effort `none`.
    "quality": _changed(
        _BALANCED,
        {
            "chat": {"models": ("gpt-6.1-terra", "gpt-6-luna"), "effort": "low"},
            "answer": {"direct_max_frames": 24, "evidence_tokens": 60_000},
        },
    ),
    # The models the recipe was first written for. OpenAI has withdrawn gpt-4-turbo: for servers that serve its name.
    "classic": _changed(
        _BALANCED,
        {
            "captions": {"models": ("gpt-4-turbo",), "effort": "default"},
            "transcripts": {"models": ("whisper-1",)},
            "chat": {"models": ("gpt-4-turbo",), "effort": "default", "context_tokens": 128_000},
            "speech": {"models": ("tts-1",), "voice": "alloy"},
            "answer": {"direct_max_frames": 0},
        },
    ),
    # Ollama, speaches and Kokoro-FastAPI at their usual ports; small requests, because Ollama reads 4,096 tokens
    # unless told otherwise, and one at a time, because they share one machine.
    "local": _changed(
        _BALANCED,
        {
            "captions": {
                "base_url": "http://localhost:11434/v1",
                "flavour": "ollama",
                "models": ("qwen3-vl:8b",),
                "timeout_seconds": 300,
                "max_concurrency": 1,
                "effort": "default",
                "frames_per_request": 4,
            },
            "transcripts": {
                "base_url": "http://localhost:8000/v1",
                "flavour": "speaches",
                "models": ("deepdml/faster-whisper-large-v3-turbo-ct2", "Systran/faster-whisper-large-v3"),
                "timeout_seconds": 300,
                "max_concurrency": 1,
            },
            "chat": {
                "base_url": "http://localhost:11434/v1",
                "flavour": "ollama",
                "models": ("qwen3-vl:8b",),
                "timeout_seconds": 300,
                "max_concurrency": 1,
                "effort": "default",
                "context_tokens": 4096,
            },
            "speech": {
                "base_url": "http://localhost:8880/v1",
                "flavour": "kokoro",
                "models": ("kokoro",),
                "timeout_seconds": 300,
                "max_concurrency": 1,
                "voice": "af_heart",
            },
            "embeddings": {
                "base_url": "http://localhost:11434/v1",
                "flavour": "ollama",
                "timeout_seconds": 300,
                "max_concurrency": 1,
            },
            "answer": {"direct_max_frames": 0, "evidence_tokens": 2500},
        },
    ),
    # Nobody is sent these frames, so they may be large enough for small writing.
    "offline": _changed(
        _BALANCED,
        {
            "captions": {"models": ("offline",), "effort": "default", "image_edge_px": 1280},
            "transcripts": {"models": ("offline",)},
            "chat": {"models": ("offline",), "effort": "default"},
            "speech": {"models": ("offline",), "voice": None},
            "answer": {"direct_max_frames": 0},
        },
    ),
}

FILLED: frozenset[tuple[str, str]] = frozenset(
    (section, name) for section, names in _BALANCED.items() for name in names
)
