"""Completing a lesson from a request, and starting the story of a course that is done by it."""

from api.learning.stories import tell_completions
from bootstrap import Services
from db.queries.learning.completion import complete_lesson
from db.transaction import in_transaction
from domain.learning.analytics import Place


async def complete(
    services: Services, enrollment_id: str, lesson_id: str, place: Place, *, percentage: int = 100
) -> None:
    """Complete a lesson, in a transaction of its own; once done it stays done."""
    completed = await in_transaction(
        lambda: complete_lesson(enrollment_id, lesson_id, percentage=percentage, place=place)
    )
    if completed.course_is_done:
        await tell_completions(services, [enrollment_id])
