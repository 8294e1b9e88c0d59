"""What a learner does at a lesson besides playing it: opening it, notes, bookmarks. Call these in a transaction."""

from typing import Any

import msgspec

from db.queries.audit import Audit, record_audits
from db.queries.learning.analytics import note_event
from db.queries.learning.doors import LessonDoor
from db.sql import fetch, fetch_one
from domain.identifiers import new_id, repeatable_id
from domain.learning.analytics import EventType, Place


class Content(msgspec.Struct, frozen=True):
    """A lesson with all that its learners may see, and one's own progress, if any."""

    id: str
    module_id: str
    course_id: str
    title: str
    description: str | None
    type: str
    content: str | None
    video_url: str | None
    video_duration: int | None
    resource_urls: list[str]
    transcript: str | None
    quiz_id: str | None
    status: str
    progress_percentage: int
    time_spent: int
    last_position: int | None
    notes: str | None
    is_bookmarked: bool


_CONTENT = """
SELECT l.id, l."moduleId" AS module_id, m."courseId" AS course_id, l.title, l.description, l.type, l.content,
  l."videoUrl" AS video_url, l."videoDuration" AS video_duration, coalesce(l."resourceUrls", '{}') AS resource_urls,
  r.transcript, l."quizId" AS quiz_id, coalesce(g.status, 'not_started') AS status,
  coalesce(g."progressPercentage", 0) AS progress_percentage, coalesce(g."timeSpent", 0) AS time_spent,
  g."lastPosition" AS last_position, g.notes, coalesce(g.bookmarked, FALSE) AS is_bookmarked
FROM course_lessons l JOIN course_modules m ON m.id = l."moduleId"
LEFT JOIN lesson_rules r ON r.lesson_id = l.id
LEFT JOIN lesson_progress g ON g."lessonId" = l.id AND g."enrollmentId" = $2
WHERE l.id = $1
"""


async def open_lesson(door: LessonDoor, user_id: str, place: Place) -> Content | None:
    """Note the visit (audit `lesson.viewed`, analytics, the enrollment's last access) and read the lesson; `None` when
    it was taken away this moment. Whether the door is open is the caller's to check."""
    if door.enrollment_id is not None:
        await fetch(
            'UPDATE course_enrollments SET "lastAccessedAt" = now(), "accessedFrom" = $2 WHERE id = $1',
            *(door.enrollment_id, place.device),
        )
        begun = await fetch_one(
            """
            INSERT INTO lesson_progress AS g (id, "enrollmentId", "lessonId", status) VALUES ($1, $2, $3, 'in_progress')
            ON CONFLICT ("enrollmentId", "lessonId") DO UPDATE SET "updatedAt" = now(),
              status = CASE WHEN g.status = 'completed' THEN g.status ELSE EXCLUDED.status END
            RETURNING old.status IS NULL OR old.status = 'not_started' AS is_start
            """,
            *(new_id(), door.enrollment_id, door.lesson_id),
        )
        if begun is not None and begun["is_start"]:
            await _note(
                EventType.START, door, user_id, place, repeatable_id(door.enrollment_id, door.lesson_id, "start")
            )
    await _note(EventType.VIEW, door, user_id, place)
    subject = ("lesson", door.lesson_id) if door.enrollment_id is None else ("enrollment", door.enrollment_id)
    await record_audits(
        [Audit("lesson.viewed", *subject, actor_id=user_id, details={"lessonId": door.lesson_id})],
    )
    rows: list[Any] = await fetch(_CONTENT, door.lesson_id, door.enrollment_id)
    return Content(**dict(rows[0])) if rows else None


async def write_notes(enrollment_id: str, lesson_id: str, notes: str | None) -> None:
    """Replace one's notes; the lesson is not begun by that."""
    await fetch(
        'INSERT INTO lesson_progress (id, "enrollmentId", "lessonId", notes) VALUES ($1, $2, $3, $4)'
        ' ON CONFLICT ("enrollmentId", "lessonId") DO UPDATE SET notes = EXCLUDED.notes',
        *(new_id(), enrollment_id, lesson_id, notes),
    )


async def read_notes(user_id: str, lesson_id: str) -> tuple[bool, str | None]:
    """Whether this person is a learner of the lesson's course, and their notes."""
    row = await fetch_one(
        """
        SELECT g.notes FROM course_lessons l JOIN course_modules m ON m.id = l."moduleId"
        JOIN course_enrollments e ON e."courseId" = m."courseId" AND e."userId" = $1
        LEFT JOIN lesson_progress g ON g."enrollmentId" = e.id AND g."lessonId" = l.id WHERE l.id = $2
        """,
        *(user_id, lesson_id),
    )
    return row is not None, None if row is None else row["notes"]


async def set_bookmark(door: LessonDoor, user_id: str, place: Place, *, is_set: bool) -> None:
    """Set or take away a bookmark; one that is set newly is an event."""
    row = await fetch_one(
        'INSERT INTO lesson_progress AS g (id, "enrollmentId", "lessonId", bookmarked) VALUES ($1, $2, $3, $4)'
        ' ON CONFLICT ("enrollmentId", "lessonId") DO UPDATE SET bookmarked = EXCLUDED.bookmarked'
        " RETURNING coalesce(old.bookmarked, FALSE) AS was_set",
        *(new_id(), door.enrollment_id, door.lesson_id, is_set),
    )
    if is_set and row is not None and not row["was_set"]:
        await _note(EventType.BOOKMARK, door, user_id, place)


async def _note(event: EventType, door: LessonDoor, user_id: str, place: Place, once_as: str | None = None) -> None:
    await note_event(
        event, course_id=door.course_id, user_id=user_id, lesson_id=door.lesson_id, place=place, once_as=once_as
    )
