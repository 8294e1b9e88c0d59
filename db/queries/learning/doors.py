"""Whether a learner may open a lesson now, asked of SQL at every opening, after any cache."""

from datetime import datetime

import msgspec

from db.queries.billing.seats import HOLDS_NOW
from db.sql import fetch_one
from domain.learning.locks import Lock, locks_of


class LessonDoor(msgspec.Struct, frozen=True, kw_only=True):
    """A lesson, and what one person has to do with it."""

    lesson_id: str
    course_id: str
    type: str
    has_length: bool
    """Whether it is known how long its video is."""
    is_preview: bool
    enrollment_id: str | None
    """`None` for somebody who is no learner of the course; a preview is open to them all the same."""
    is_completed: bool
    now: datetime
    """The database's clock, by which the locks were judged."""
    locks: tuple[Lock, ...]
    """Why it is shut; empty when it is open."""


_DOOR = f"""
SELECT l.id AS lesson_id, c.id AS course_id, l.type, statement_timestamp() AS now,
       coalesce(l."videoDuration", 0) > 0 AS has_length,
       coalesce(l."isPreview", FALSE) OR coalesce(m."isPreview", FALSE) AS is_preview,
       e.id AS enrollment_id, coalesce(g.status = 'completed', FALSE) AS is_completed,
       EXISTS (SELECT FROM entitlements WHERE user_id = $1 AND course_id = c.id AND {HOLDS_NOW}) AS has_access,
       ARRAY (
         SELECT p.requires_lesson_id FROM lesson_prerequisites p WHERE p.lesson_id = l.id AND NOT EXISTS (
           SELECT FROM lesson_progress d WHERE d."enrollmentId" = e.id AND d."lessonId" = p.requires_lesson_id
           AND d.status = 'completed') ORDER BY p.id) AS missing_lessons,
       coalesce(r.opens_at, (e."enrolledAt" AT TIME ZONE 'UTC') + r.opens_after_days * interval '1 day') AS opens_at
FROM course_lessons l
JOIN course_modules m ON m.id = l."moduleId"
JOIN courses c ON c.id = m."courseId"
LEFT JOIN lesson_rules r ON r.lesson_id = l.id
LEFT JOIN course_enrollments e ON e."courseId" = c.id AND e."userId" = $1
LEFT JOIN lesson_progress g ON g."enrollmentId" = e.id AND g."lessonId" = l.id
WHERE l.id = $2 AND (e.id IS NOT NULL OR (c."isPublished" AND (
  c."clinicId" IS NULL OR EXISTS (SELECT FROM clinic_members WHERE clinic_id = c."clinicId" AND user_id = $1))))
"""  # noqa: S608  # a constant of ours


async def lesson_door(user_id: str, lesson_id: str) -> LessonDoor | None:
    """A lesson of a course that this person is enrolled in or may see in the catalog; `None` for any other."""
    row = await fetch_one(_DOOR, user_id, lesson_id)
    if row is None:
        return None
    return LessonDoor(
        lesson_id=row["lesson_id"],
        course_id=row["course_id"],
        type=row["type"],
        has_length=row["has_length"],
        is_preview=row["is_preview"],
        enrollment_id=row["enrollment_id"],
        is_completed=row["is_completed"],
        now=row["now"],
        locks=locks_of(
            has_access=row["has_access"],
            is_preview=row["is_preview"],
            missing_lessons=tuple(row["missing_lessons"]),
            opens_at=row["opens_at"],
            now=row["now"],
        ),
    )
