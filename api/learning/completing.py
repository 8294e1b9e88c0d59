"""Completing a lesson from a request, and starting the story of a course that is done by it."""

import structlog

from bootstrap import Services
from db.queries.learning.completion import complete_lesson
from db.transaction import in_transaction
from domain.errors import OutageError
from domain.learning.analytics import Place

log = structlog.get_logger()


async def complete(
    services: Services, enrollment_id: str, lesson_id: str, place: Place, *, percentage: int = 100
) -> None:
    """Complete a lesson, in a transaction of its own; once done it stays done."""
    completed = await in_transaction(
        lambda: complete_lesson(enrollment_id, lesson_id, percentage=percentage, place=place)
    )
    if completed.course_is_done:
        await start_story(services, enrollment_id)


async def start_story(services: Services, enrollment_id: str) -> None:
    """Start the story of a course that is done, after the commit.

    Best effort: the completion's row is committed, and the relay starts what was not.
    """
    try:
        await services.stories.tell_completion(enrollment_id)
    except OutageError as error:
        log.warning("story_left_to_relay", exc_info=error)
