"""What a worker does with a job: the same as ChatService does for a gateway in its own process."""

from bot.domain.errors import BotError
from bot.domain.money import PAYING, Account
from bot.jobs.order import Claim, Outcome
from bot.jobs.runner import Report
from bot.services.parcel import pack_done, pack_error
from bot.services.reporter import Reporter
from bot.services.works import Works


class WorkerService:
    """Answers for whoever ordered it. What may be tried again is raised; an error in words for people is an outcome."""

    def __init__(self, works: Works) -> None:
        self._works = works

    async def serve(self, claim: Claim, report: Report) -> Outcome:
        """See bot/jobs/runner.py."""
        ask, reporter = claim.ask, Reporter(report)
        PAYING.set(Account(job_id=ask.job_id, person_id=ask.asker_id or None, server_id=ask.key.server_id))
        try:
            async with reporter.reporting():
                done = await self._works.serve(ask, claim.place, reporter)
        except BotError as error:
            return Outcome(error=pack_error(error))
        result, data = pack_done(done)
        return Outcome(result=result, data=data)
