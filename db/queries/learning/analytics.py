"""Learning events in `course_analytics`."""

from db.sql import as_json, fetch
from domain.identifiers import new_id
from domain.learning.analytics import EventType, Place


async def note_event(
    event: EventType, *, course_id: str, user_id: str, lesson_id: str, place: Place, once_as: str | None = None
) -> None:
    """Note what a learner did; `once_as` is the id of an event that is noted once, however often it is told."""
    await fetch(
        'INSERT INTO course_analytics (id, "courseId", "userId", "eventType", "lessonId", metadata)'
        " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING",
        *(once_as or new_id(), course_id, user_id, event, lesson_id, as_json(place)),
    )
