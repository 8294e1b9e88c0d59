"""Starting stories that a committed row asks for: best effort, the relay starts what was not."""

from collections.abc import Awaitable, Iterable

import structlog

from bootstrap import Services
from domain.errors import OutageError

log = structlog.get_logger()


async def tell_completions(services: Services, enrollment_ids: Iterable[str]) -> None:
    """What follows learners' last lessons; an outage leaves all that are left to the relay."""

    async def tell() -> None:
        for enrollment_id in enrollment_ids:
            await services.stories.tell_completion(enrollment_id)

    await _or_leave_to_relay(tell())


async def tell_quiz_attempt(services: Services, attempt_id: str) -> None:
    """The deadline of an attempt."""
    await _or_leave_to_relay(services.stories.tell_quiz_attempt(attempt_id))


async def tell_quiz_regrade(services: Services, void_id: str) -> None:
    """The regrading after a voided question."""
    await _or_leave_to_relay(services.stories.tell_quiz_regrade(void_id))


async def _or_leave_to_relay(started: Awaitable[None]) -> None:
    try:
        await started
    except OutageError as error:
        log.warning("story_left_to_relay", exc_info=error)
