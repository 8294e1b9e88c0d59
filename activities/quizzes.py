"""The steps of quizzes: handing in at the deadline, and grading again."""

from collections.abc import Iterable

import structlog
from temporalio import activity

from db.queries.learning.quiz_attempts import hand_in
from db.queries.learning.quiz_regrading import regrade_batch
from domain.errors import OutageError
from domain.learning.quizzes import RegradeInput
from gateways.temporal.stories import Stories

log = structlog.get_logger()


class Quizzes:
    """What happens to attempts without their learners."""

    def __init__(self, stories: Stories) -> None:
        self._stories = stories

    @activity.defn(name="hand_in_attempt")
    async def hand_in(self, attempt_id: str) -> float | None:
        """Hand in what is there when the attempt's time is over; else the seconds that are left."""
        handed_in = await hand_in(attempt_id)
        if handed_in.completed_enrollment is not None:
            await self._tell_completions([handed_in.completed_enrollment])
        return handed_in.seconds_left

    @activity.defn(name="regrade_attempts")
    async def regrade(self, batch: RegradeInput) -> RegradeInput | None:
        """Grade a batch again; the next one, or `None` at the end."""
        regraded = await regrade_batch(batch)
        await self._tell_completions(regraded.completed_enrollments)
        return regraded.next

    async def _tell_completions(self, enrollment_ids: Iterable[str]) -> None:
        """Best effort: the relay starts what was not."""
        try:
            for enrollment_id in enrollment_ids:
                await self._stories.tell_completion(enrollment_id)
        except OutageError as error:
            log.warning("story_left_to_relay", exc_info=error)
