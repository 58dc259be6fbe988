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
from bot.media.sheet import sheet_size
from bot.pipeline.crew import Crew
from bot.pipeline.fusion import RULES
from bot.pipeline.looking import LOOK_EDGE_PX, LOOK_FRAMES
from bot.pipeline.together import together
from bot.pipeline.tokens import estimate_tokens
from bot.providers.image_tokens import image_tokens
from bot.providers.prices import Quantity

# What nearly all replies of vision models stay below, with their JSON, and what people say in a second.
_CAPTION_TOKENS = 90
_SHEET_TOKENS = 150
_REQUEST_TOKENS = 500
_QUESTION_TOKENS = 250
_RULES_TOKENS = estimate_tokens(RULES)
_SPEECH_TOKENS_PER_SECOND = 5
_CHARACTERS_PER_TOKEN = 4
_CHARACTERS_PER_SPOKEN_SECOND = 14
_ANSWER_TOKENS = 220
_SPOKEN_CHARACTERS = 800
_PIECE_SECONDS = 8.0
# One question in eight has a part of a clip examined again. What is left over elsewhere pays for the rest of that.
_LOOK_SHARE = 0.35
_LOOK_SECONDS = 30.0
_LOOK_OUTPUT_TOKENS = 700


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleEstimate:
    """One role's share; `cost_usd` None: the model's price is unknown."""

    role: Role
    model: str
    cost_usd: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Frames, sound, tokens and money of one answer; `frames` are pictures as they are sent."""

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

    @property
    def known_usd(self) -> float:
        """All roles whose price is known."""
        return sum(part.cost_usd or 0.0 for part in self.parts)

    def as_json(self) -> dict[str, Any]:
        """The JSON contract of `estimate --json`."""
        return {**asdict(self), "cost_usd": self.cost_usd}


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What of one clip is to be put into words: pictures of one size, `sheets` of frames where that is so, and pieces
    of sound in seconds. Up to `hold` pictures go to the chat model itself. `known_tokens`: words of it that are there
    already."""

    duration_seconds: float = 0.0
    pictures: int = 0
    size: tuple[int, int] = (1, 1)
    sheets: bool = False
    pieces: tuple[float, ...] = ()
    hold: int = 0
    known_tokens: int = 0


def length_of(crew: Crew, facts: MediaProbe) -> float:
    """How long a clip is, at the most."""
    if facts.kind is MediaKind.PICTURE:
        return 0.0
    return min(facts.duration_seconds or crew.limits.max_seconds, crew.limits.max_seconds)


def frames_of(crew: Crew, facts: MediaProbe) -> int:
    """How many frames of a clip are looked at, at the most."""
    if not facts.has_video:
        return 0
    return 1 if facts.kind is MediaKind.PICTURE else frame_budget(length_of(crew, facts), crew.limits.max_frames)


def load_ahead(
    crew: Crew,
    facts: MediaProbe,
    *,
    pictures: int | None = None,
    sheets: bool = False,
    hold: int | None = None,
    watches: bool = True,
    listens: bool = True,
) -> Load:
    """An upper bound from the probe alone: every frame of the budget (or so many `pictures`), every second of sound.
    What is known already is not paid for again; `hold` None: as many as the crew's chat model takes."""
    duration, frames = length_of(crew, facts), frames_of(crew, facts)
    sound = duration if facts.has_audio else 0.0
    count = frames if pictures is None else min(pictures, frames)
    known = (0 if watches else frames * _CAPTION_TOKENS) + (0.0 if listens else sound * _SPEECH_TOKENS_PER_SECOND)
    size = (facts.video.width, facts.video.height) if facts.video else (1, 1)
    return Load(
        duration_seconds=duration,
        pictures=count if watches else 0,
        size=sheet_size(*size, crew.caption_edge_px) if sheets else size,
        sheets=sheets,
        pieces=(_PIECE_SECONDS,) * math.ceil(sound / _PIECE_SECONDS) if listens else (),
        hold=crew.direct_max_frames if hold is None else hold,
        known_tokens=math.ceil(known),
    )


def estimate_ahead(crew: Crew, facts: MediaProbe, *, speaks: bool = True) -> Estimate:
    """An upper estimate from the probe alone."""
    return priced(crew, [load_ahead(crew, facts)], speaks=speaks)


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
    load = Load(
        duration_seconds=max(ends),
        pictures=len(sizes),
        size=max(sizes, default=(1, 1)),
        pieces=tuple(pieces),
        hold=crew.direct_max_frames,
    )
    return priced(crew, [load])


def priced(crew: Crew, loads: Sequence[Load], *, answers: bool = True, speaks: bool = True) -> Estimate:
    """All clips of one question; `answers` False: only put into words."""
    models = {role: refs[0] for role, refs in crew.models.items()}
    quantities = {role: Quantity() for role in (Role.CAPTIONS, Role.TRANSCRIPTS, Role.CHAT, Role.SPEECH)}
    requests = shown = 0
    told = 0
    for load in loads:
        is_direct = answers and 0 < load.pictures <= load.hold
        viewer = Role.CHAT if is_direct else Role.CAPTIONS
        size = _fitted(load.size, crew.caption_edge_px)
        pictures = load.pictures * image_tokens(models[viewer].model, *size, crew.caption_detail)
        calls = 0 if is_direct else math.ceil(load.pictures / crew.frames_per_request)
        words = 0 if is_direct else load.pictures * (_SHEET_TOKENS if load.sheets else _CAPTION_TOKENS)
        quantities[viewer] = _plus(quantities[viewer], Quantity(input_tokens=pictures + calls * _REQUEST_TOKENS))
        quantities[Role.CAPTIONS] = _plus(quantities[Role.CAPTIONS], Quantity(output_tokens=words))
        heard = Quantity(audio_seconds=sum(load.pieces))
        quantities[Role.TRANSCRIPTS] = _plus(quantities[Role.TRANSCRIPTS], heard)
        told += load.known_tokens + words + math.ceil(sum(load.pieces) * _SPEECH_TOKENS_PER_SECOND)
        requests += calls
        shown += pictures
    if answers:
        prompt = min(told, crew.evidence_tokens) + _RULES_TOKENS + _QUESTION_TOKENS
        output = Quantity(input_tokens=prompt, output_tokens=min(crew.max_output_tokens, _ANSWER_TOKENS))
        asked_again = quantities[Role.CHAT].input_tokens + prompt + _LOOK_OUTPUT_TOKENS
        quantities[Role.CHAT] = _plus(quantities[Role.CHAT], output)
        for role, look in _look(crew, loads, asked_again).items():
            quantities[role] = _plus(quantities[role], look)
    if speaks:
        spoken = min(crew.max_output_tokens * _CHARACTERS_PER_TOKEN, crew.max_spoken_characters, _SPOKEN_CHARACTERS)
        quantities[Role.SPEECH] = Quantity(characters=spoken, audio_seconds=spoken / _CHARACTERS_PER_SPOKEN_SECOND)
    return Estimate(
        duration_seconds=round(max((load.duration_seconds for load in loads), default=0.0), 3),
        frames=sum(load.pictures for load in loads),
        caption_requests=requests,
        image_tokens=shown,
        audio_seconds=round(sum(sum(load.pieces) for load in loads), 3),
        transcript_requests=sum(len(load.pieces) for load in loads),
        input_tokens=sum(quantity.input_tokens for quantity in quantities.values()),
        output_tokens=sum(quantity.output_tokens for quantity in quantities.values()),
        parts=tuple(
            RoleEstimate(
                role=role,
                model=models[role].model,
                cost_usd=0.0
                if models[role].is_free or quantity == Quantity()
                else crew.prices.cost_usd(models[role].model, quantity),
            )
            for role, quantity in quantities.items()
        ),
    )


def _look(crew: Crew, loads: Sequence[Load], asked_again: int) -> dict[Role, Quantity]:
    """What is spent where the model has a part of a clip examined again, as it does now and then."""
    pictures = [load for load in loads if load.pictures]
    if not crew.max_looks or not loads:
        return {}
    again = {Role.CHAT: Quantity(input_tokens=round(_LOOK_SHARE * asked_again))}
    if pictures:
        size = max(_fitted(load.size, LOOK_EDGE_PX) for load in pictures)
        tokens = LOOK_FRAMES * image_tokens(crew.models[Role.CAPTIONS][0].model, *size, crew.caption_detail)
        again[Role.CAPTIONS] = Quantity(
            input_tokens=round(_LOOK_SHARE * (tokens + _REQUEST_TOKENS)),
            output_tokens=round(_LOOK_SHARE * _LOOK_OUTPUT_TOKENS),
        )
    else:
        longest = max(load.duration_seconds for load in loads)
        again[Role.TRANSCRIPTS] = Quantity(audio_seconds=_LOOK_SHARE * min(_LOOK_SECONDS, longest))
    return again


def _plus(one: Quantity, other: Quantity) -> Quantity:
    return Quantity(
        input_tokens=one.input_tokens + other.input_tokens,
        cached_tokens=one.cached_tokens + other.cached_tokens,
        output_tokens=one.output_tokens + other.output_tokens,
        audio_seconds=one.audio_seconds + other.audio_seconds,
        characters=one.characters + other.characters,
    )


def _fitted(size: tuple[int, int], edge_px: int) -> tuple[int, int]:
    shrink = min(1.0, edge_px / max(size))
    return max(1, round(size[0] * shrink)), max(1, round(size[1] * shrink))
