"""What was asked passes the plugins before any work is done for it."""

from bot.domain.errors import BotError
from bot.hooks.specs import Specs
from bot.hooks.values import Received
from bot.pipeline.crew import Crew
from bot.pipeline.run import Run


async def receive(run: Run, crew: Crew, received: Received) -> Received:
    """As plugins leave it; its hints hold for the run from then on. Raises BotError where one refuses."""
    refusal = await crew.hooks.screen(Specs.screen_ask, received, run.occasion)
    if refusal is not None:
        raise BotError("ask_refused", refusal)
    received = await crew.hooks.edit(Specs.edit_received, received, run.occasion)
    run.hints = received.hints
    return received
