"""Frames into captions, as everybody who describes any does it: past the plugins, through the gate, past them again."""

from dataclasses import replace

from bot.domain.role import Role
from bot.hooks.specs import Specs
from bot.pipeline.crew import Crew
from bot.pipeline.run import Run
from bot.providers.base import CaptionBatch, CaptionRequest


async def caption(run: Run, crew: Crew, request: CaptionRequest) -> tuple[CaptionRequest, CaptionBatch]:
    """The request as it was made, which a plugin may have changed, and what came of it. Raises ProviderError."""
    hooks, occasion = crew.hooks, run.occasion
    request = await hooks.edit(Specs.edit_frames, request, occasion)
    async with crew.gates[Role.CAPTIONS]:
        batch = await crew.captioner.caption(request)
    run.used(batch.usages)
    captions = await hooks.edit(Specs.edit_captions, batch.captions, request.frames, occasion)
    return request, replace(batch, captions=captions)
