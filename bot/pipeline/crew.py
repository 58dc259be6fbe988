"""Who does the hired work of a run, and within which limits."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.domain.conversation import ConversationKey
from bot.domain.occasion import Occasion, Surface
from bot.domain.role import Role
from bot.hooks.caller import Hooks
from bot.media.limits import MediaLimits
from bot.providers.base import Captioner, ChatModel, Embedder, Synthesizer, Transcriber
from bot.providers.image_tokens import Detail
from bot.providers.prices import PriceList, vendors_prices


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRef:
    """A model as configured: whose it is, what it is called, and whether its work costs nothing."""

    provider: str
    model: str
    is_free: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """The providers with what the pipeline must know about them.

    `gates` bound how many calls of a role are under way in this process. `direct_max_frames` is how many pictures
    the chat model takes beside a question (0: none). `evidence_tokens` is what a prompt may spend on the timeline.
    `caption_edge_px` is the longer edge of a frame as it is sent. `keywords` are names transcribers should expect.
    The languages (BCP 47) are what is spoken in clips, what captions and answers are written in, and what the voice
    speaks; None: as it comes. `voice` None: as configured. `embedder` None: nothing is found by its meaning.
    `max_looks`: how often an answer may have a part of a clip examined again; `max_tool_calls`: how often it may call
    tools of plugins. `hooks` are where plugins step in. `prices` are what its models cost.
    """

    captioner: Captioner
    transcriber: Transcriber
    chat: ChatModel
    synthesizer: Synthesizer
    models: Mapping[Role, tuple[ModelRef, ...]]
    gates: Mapping[Role, asyncio.Semaphore] = field(repr=False)
    limits: MediaLimits
    frames_per_request: int = 8
    caption_edge_px: int = 768
    caption_detail: Detail = Detail.HIGH
    direct_max_frames: int = 0
    evidence_tokens: int = 24_000
    max_output_tokens: int = 700
    max_spoken_characters: int = 1_200
    keywords: tuple[str, ...] = ()
    spoken_language: str | None = None
    answer_language: str | None = None
    voice_language: str | None = None
    voice: str | None = None
    embedder: Embedder | None = None
    max_looks: int = 2
    max_tool_calls: int = 4
    hooks: Hooks = field(default_factory=Hooks, repr=False)
    prices: PriceList = field(default_factory=vendors_prices, repr=False)

    def occasion(
        self,
        job_id: str,
        surface: Surface,
        *,
        key: ConversationKey | None = None,
        asker_id: int | None = None,
        locale: str = "en-US",
    ) -> Occasion:
        """What plugins are told of something this crew does."""
        return Occasion(
            job_id=job_id,
            surface=surface,
            key=key,
            asker_id=asker_id,
            locale=locale,
            language=self.answer_language,
            voice=self.voice,
        )
