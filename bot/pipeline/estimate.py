"""What an answer will take and cost, before anything is paid."""

import math
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass
from typing import Any

from bot.domain.media import AudioChunk, Frame, MediaFile, MediaKind, MediaProbe
from bot.domain.role import Role
from bot.media.audio import AudioEnd, cut_audio
from bot.media.frames import FramesEnd, sample_frames
from bot.media.selector import frame_budget
from bot.pipeline.crew import Crew
from bot.pipeline.fusion import RULES
from bot.pipeline.together import together
from bot.pipeline.tokens import estimate_tokens
from bot.providers.image_tokens import image_tokens
from bot.providers.prices import Quantity, cost_usd

# Rounded up from what vision models write about a frame and what people say in a second.
_CAPTION_TOKENS = 60
_REQUEST_TOKENS = 400
_SPEECH_TOKENS_PER_SECOND = 5
_CHARACTERS_PER_TOKEN = 4
_CHARACTERS_PER_SPOKEN_SECOND = 14
_PIECE_SECONDS = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleEstimate:
    """One role's share; `cost_usd` None: the model's price is unknown."""

    role: Role
    model: str
    cost_usd: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Frames, sound, tokens and money of one answer that is also spoken."""

    duration_seconds: float
    frames: int
    caption_requests: int
    image_tokens: int
    audio_seconds: float
    transcript_requests: int
    input_tokens: int
    output_tokens: int
    parts: tuple[RoleEstimate, ...]

    @property
    def cost_usd(self) -> float | None:
        """All roles together; None when one price is unknown."""
        costs = [part.cost_usd for part in self.parts]
        return None if None in costs else sum(cost for cost in costs if cost is not None)

    def as_json(self) -> dict[str, Any]:
        """The JSON contract of `estimate --json`."""
        return {**asdict(self), "cost_usd": self.cost_usd}


def estimate_ahead(crew: Crew, facts: MediaProbe) -> Estimate:
    """An upper estimate from the probe alone: every frame of the budget, every second of sound."""
    duration = facts.duration_seconds or crew.limits.max_seconds
    if facts.kind is MediaKind.PICTURE:
        duration = 0.0
    frames = frame_budget(duration, crew.limits.max_frames) if facts.has_video else 0
    size = (facts.video.width, facts.video.height) if facts.video else (1, 1)
    audio_seconds = duration if facts.has_audio else 0.0
    pieces = [_PIECE_SECONDS] * math.ceil(audio_seconds / _PIECE_SECONDS)
    return _priced(crew, duration, [size] * frames, pieces)


async def estimate_exactly(crew: Crew, file: MediaFile, facts: MediaProbe) -> Estimate:
    """The frames and pieces an answer would really send, chosen and cut here. Raises MediaError."""
    sizes: list[tuple[int, int]] = []
    pieces: list[float] = []
    ends: list[float] = [0.0]

    async def look() -> None:
        if facts.has_video:
            async with aclosing(sample_frames(file, facts, crew.limits)) as items:
                async for item in items:
                    if isinstance(item, Frame):
                        sizes.append((item.width, item.height))
                    elif isinstance(item, FramesEnd):
                        ends.append(item.decoded_seconds)

    async def listen() -> None:
        if facts.has_audio:
            async with aclosing(cut_audio(file, facts, crew.limits)) as items:
                async for item in items:
                    if isinstance(item, AudioChunk):
                        pieces.append(item.duration_seconds)
                    elif isinstance(item, AudioEnd):
                        ends.append(item.decoded_seconds)

    await together(look(), listen())
    return _priced(crew, max(ends), sizes, pieces)


def _priced(crew: Crew, duration_seconds: float, sizes: Sequence[tuple[int, int]], pieces: Sequence[float]) -> Estimate:
    model = {role: refs[0] for role, refs in crew.models.items()}
    viewer = Role.CHAT if 0 < len(sizes) <= crew.direct_max_frames else Role.CAPTIONS
    pictures = sum(
        image_tokens(model[viewer].model, *_fitted(size, crew.caption_edge_px), crew.caption_detail) for size in sizes
    )
    requests = math.ceil(len(sizes) / crew.frames_per_request) if viewer is Role.CAPTIONS else 0
    heard = math.ceil(sum(pieces) * _SPEECH_TOKENS_PER_SECOND)
    evidence = min(len(sizes) * _CAPTION_TOKENS + heard, crew.evidence_tokens)
    spoken = min(crew.max_output_tokens * _CHARACTERS_PER_TOKEN, crew.max_spoken_characters)
    quantities = {
        Role.CAPTIONS: Quantity(
            input_tokens=(pictures if requests else 0) + requests * _REQUEST_TOKENS,
            output_tokens=len(sizes) * _CAPTION_TOKENS if requests else 0,
        ),
        Role.TRANSCRIPTS: Quantity(audio_seconds=sum(pieces)),
        Role.CHAT: Quantity(
            input_tokens=evidence + estimate_tokens(RULES) + _REQUEST_TOKENS + (0 if requests else pictures),
            output_tokens=crew.max_output_tokens,
        ),
        Role.SPEECH: Quantity(characters=spoken, audio_seconds=spoken / _CHARACTERS_PER_SPOKEN_SECOND),
    }
    return Estimate(
        duration_seconds=round(duration_seconds, 3),
        frames=len(sizes),
        caption_requests=requests,
        image_tokens=pictures,
        audio_seconds=round(sum(pieces), 3),
        transcript_requests=len(pieces),
        input_tokens=sum(quantity.input_tokens for quantity in quantities.values()),
        output_tokens=sum(quantity.output_tokens for quantity in quantities.values()),
        parts=tuple(
            RoleEstimate(
                role=role,
                model=model[role].model,
                cost_usd=0.0 if model[role].is_free else cost_usd(model[role].model, quantity),
            )
            for role, quantity in quantities.items()
        ),
    )


def _fitted(size: tuple[int, int], edge_px: int) -> tuple[int, int]:
    shrink = min(1.0, edge_px / max(size))
    return max(1, round(size[0] * shrink)), max(1, round(size[1] * shrink))
