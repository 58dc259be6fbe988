"""The plugin labels: pictures and labels become vectors on the server, and those that are near belong together."""

import asyncio
import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import aiohttp
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError, field_validator

from bot.hooks import (
    Caption,
    CaptionBatch,
    Captioner,
    CaptionRequest,
    Frame,
    Key,
    Kibitz,
    MediaProbe,
    Permission,
    Plugin,
    PluginSettings,
    Role,
    ServerAddress,
    Usage,
    hookimpl,
    request_failed,
)

_TEMPERATURE = 100.0  # what CLIP multiplies similarities with before they become probabilities
_MOST_TEXTS = 1_000
_BESIDE_SECONDS = 4.0  # less than there is for edit_captions
_NOTHING = "none of the labels"

Vectors = NDArray[np.float64]


class LabelsSettings(PluginSettings):
    base_url: ServerAddress = Field(description="Address of the embeddings server, without /embeddings")
    model: str = Field(min_length=1, max_length=200, description="Name of its CLIP model")
    api_key: Key | None = Field(default=None, description="Its key, where it wants one")
    labels: tuple[str, ...] = Field(
        min_length=1, max_length=200, description="1 to 200 things that may be in a picture"
    )
    template: str = Field(default="a photo of {label}", max_length=200, description="A text with {label} in it")
    against: str = Field(default="a photo", max_length=200, description="A text that fits pictures without any label")
    threshold: float = Field(default=0.2, gt=0, lt=1, description="Probability from which a label is told")
    most: int = Field(default=3, ge=1, le=20, description="How many labels a frame has at most")
    beside: bool = Field(default=False, description="Add labels to the captions of another captioner")
    timeout_seconds: float = Field(default=20, gt=0, le=60, description="Longest wait for the server")

    @field_validator("template")
    @classmethod
    def _has_one_place(cls, template: str) -> str:
        if template.count("{label}") != 1:
            raise ValueError("does not have {label} in it exactly once.")
        return template


class Labels(Plugin):
    """A Captioner, or somebody who adds to what another has seen."""

    name = "labels"
    version = "1.0"
    summary = "Tells which of your labels fit a frame, with a CLIP model."
    permissions = frozenset({Permission.PICTURES, Permission.NETWORK})
    sends = "Frames of clips go to the embeddings server of the settings."
    settings_model = LabelsSettings
    catalogue = Path(__file__).parent / "locales"
    settings: LabelsSettings

    def __init__(self, kibitz: Kibitz, settings: LabelsSettings) -> None:
        super().__init__(kibitz, settings)
        self._session: aiohttp.ClientSession | None = None
        self._known: dict[str, Vectors] = {}
        self._one_at_a_time = asyncio.Lock()

    @hookimpl
    async def on_start(self) -> None:
        key, seconds = self.settings.api_key, self.settings.timeout_seconds
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {key.get_secret_value()}"} if key else {},
            timeout=aiohttp.ClientTimeout(total=min(seconds, _BESIDE_SECONDS) if self.settings.beside else seconds),
        )

    @hookimpl
    async def on_stop(self) -> None:
        if self._session is not None:
            await self._session.close()

    @hookimpl
    async def on_probed(self, probe: MediaProbe) -> None:
        """While the first frames are still being chosen, the labels are put into numbers."""
        if probe.has_video:
            await self._of_texts(self._texts(self.settings.labels))

    @hookimpl
    def register_captioners(self) -> Mapping[str, Captioner]:
        return {} if self.settings.beside else {self.name: self}

    async def caption(self, request: CaptionRequest) -> CaptionBatch:
        """A caption is the labels that fit, the surest first; empty where they are those of the frame before. What the
        request is to attend to are labels as well."""
        labels = tuple(dict.fromkeys((*self.settings.labels, *request.focus)))
        found = [", ".join(fitting) or _NOTHING for fitting in await self._fitting(request.frames, labels)]
        captions = tuple(
            Caption(at_seconds=frame.at_seconds, since_seconds=frame.since_seconds, text="" if text == before else text)
            for frame, text, before in zip(request.frames, found, [None, *found], strict=False)
        )
        usage = Usage(role=Role.CAPTIONS, provider=self.name, model=self.settings.model, cost_usd=0.0)
        return CaptionBatch(captions=captions, usages=(usage,))

    @hookimpl
    async def edit_captions(
        self, captions: tuple[Caption, ...], frames: tuple[Frame, ...]
    ) -> tuple[Caption, ...] | None:
        described = {caption.at_seconds for caption in captions if caption.text}
        shown = [frame for frame in frames if frame.at_seconds in described]
        if not (self.settings.beside and shown):
            return None
        fitting = dict(
            zip([frame.at_seconds for frame in shown], await self._fitting(shown, self.settings.labels), strict=True)
        )
        return tuple(_with_labels(caption, fitting.get(caption.at_seconds, ())) for caption in captions)

    async def _fitting(self, frames: Sequence[Frame], labels: Sequence[str]) -> list[tuple[str, ...]]:
        """The labels of each frame. Raises ProviderError."""
        sides = await self._of_texts(self._texts(labels))
        pictures = [f"data:image/jpeg;base64,{base64.b64encode(frame.jpeg).decode()}" for frame in frames]
        seen = await self._embed(pictures, "image")
        if seen.shape[1] != sides.shape[1]:
            raise request_failed(self.name, 400)
        likely = _probabilities(seen @ sides.T)
        return [self._surest(labels, row) for row in likely]

    def _texts(self, labels: Sequence[str]) -> list[str]:
        return [*(self.settings.template.replace("{label}", label) for label in labels), self.settings.against]

    def _surest(self, labels: Sequence[str], likely: Vectors) -> tuple[str, ...]:
        ranked = sorted(range(len(labels)), key=lambda place: -likely[place])[: self.settings.most]
        return tuple(labels[place] for place in ranked if likely[place] >= self.settings.threshold)

    async def _of_texts(self, texts: Sequence[str]) -> Vectors:
        """Each text is embedded once."""
        async with self._one_at_a_time:
            unknown = [text for text in dict.fromkeys(texts) if text not in self._known]
            if len(self._known) + len(unknown) > _MOST_TEXTS:
                self._known.clear()
                unknown = list(dict.fromkeys(texts))
            if unknown:
                self._known.update(zip(unknown, await self._embed(unknown, "text"), strict=True))
            return np.stack([self._known[text] for text in texts])

    async def _embed(self, inputs: Sequence[str], modality: str) -> Vectors:
        """A vector of unit length for each. Raises ProviderError."""
        if self._session is None:
            raise request_failed(self.name, None)
        body = {"model": self.settings.model, "input": inputs, "modality": modality, "encoding_format": "float"}
        url = f"{self.settings.base_url}/embeddings"
        try:
            async with self._session.post(url, json=body, allow_redirects=False) as response:
                if response.status != 200:
                    raise request_failed(self.name, response.status)
                reply = _Reply.model_validate_json(await response.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            raise request_failed(self.name, None) from error
        except ValidationError as error:
            raise request_failed(self.name, 200) from error
        return self._vectors(reply, len(inputs))

    def _vectors(self, reply: "_Reply", count: int) -> Vectors:
        items = sorted(reply.data, key=lambda item: item.index)
        if [item.index for item in items] != list(range(count)) or len({len(item.embedding) for item in items}) != 1:
            raise request_failed(self.name, 200)
        vectors = np.array([item.embedding for item in items])
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(lengths).all() or not lengths.all():
            raise request_failed(self.name, 200)
        return vectors / lengths


class _Item(BaseModel):
    index: int
    embedding: list[float]


class _Reply(BaseModel):
    data: list[_Item]


def _probabilities(similarities: Vectors) -> Vectors:
    """Of each text for each picture, as CLIP does it: a softmax over all texts."""
    raised = np.exp(_TEMPERATURE * (similarities - similarities.max(axis=1, keepdims=True)))
    return raised / raised.sum(axis=1, keepdims=True)


def _with_labels(caption: Caption, fitting: Sequence[str]) -> Caption:
    return replace(caption, text=f"{caption.text} (labels: {', '.join(fitting)})") if fitting else caption
