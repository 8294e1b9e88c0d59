"""Outlines in SQL: what a course has, and what its learner has of it, in one statement for all who ask at once."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from db.queries.billing.seats import HOLDS_NOW
from db.sql import fetch
from domain.learning.outline import Learner, Module, Progress

Modules = tuple[Module, ...]


class OutlineRow(msgspec.Struct, frozen=True):
    """An enrollment of the one who asks."""

    enrollment_id: str
    course_id: str
    title: str
    status: str
    completion_percentage: int
    last_accessed_at: datetime | None
    learner: Learner
    generation: str
    modules: Modules | None
    """`None` when the caller has them, as of this generation."""


_MODULES = """
SELECT coalesce(json_agg(json_build_object('id', m.id, 'title', m.title, 'lessons', (
    SELECT coalesce(json_agg(json_build_object(
      'id', l.id, 'title', l.title, 'type', l.type, 'isPreview', coalesce(l."isPreview", FALSE)
        OR coalesce(m."isPreview", FALSE), 'isRequired', coalesce(r.is_required, TRUE),
      'estimatedDuration', l."estimatedDuration", 'videoDuration', l."videoDuration",
      'opensAt', r.opens_at, 'opensAfterDays', r.opens_after_days,
      'requires', ARRAY (SELECT p.requires_lesson_id FROM lesson_prerequisites p WHERE p.lesson_id = l.id ORDER BY p.id)
    ) ORDER BY l."order", l.id), '[]')
    FROM course_lessons l LEFT JOIN lesson_rules r ON r.lesson_id = l.id WHERE l."moduleId" = m.id
  )) ORDER BY m."order", m.id), '[]')::text
FROM course_modules m WHERE m."courseId" = c.id
"""

_OUTLINES = f"""
SELECT given.n, e.id AS enrollment_id, c.id AS course_id, c.title, e.status,
  coalesce(e."completionPercentage", 0) AS completion_percentage, e."lastAccessedAt" AS last_accessed_at,
  coalesce(e."enrolledAt" AT TIME ZONE 'UTC', statement_timestamp()) AS enrolled_at, statement_timestamp() AS now,
  EXISTS (SELECT FROM entitlements WHERE user_id = given.user_id AND course_id = c.id AND {HOLDS_NOW}) AS has_access,
  generation.token::text AS generation,
  CASE WHEN generation.token::text = $3 AND c.id = ANY ($4) THEN NULL ELSE ({_MODULES}) END AS modules,
  (SELECT json_agg(json_build_array(g."lessonId", coalesce(g.status, 'not_started'),
     coalesce(g."progressPercentage", 0), coalesce(g."timeSpent", 0), g."lastPosition", coalesce(g.bookmarked, FALSE),
     coalesce(extract(epoch FROM g."updatedAt"), 0)))::text
   FROM lesson_progress g WHERE g."enrollmentId" = e.id) AS progress
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS given (user_id, enrollment_id, n)
JOIN course_enrollments e ON e.id = given.enrollment_id AND e."userId" = given.user_id
JOIN courses c ON c.id = e."courseId"
CROSS JOIN catalog_generation generation
"""  # noqa: S608  # constants of ours

_read_modules = msgspec.json.Decoder(Modules).decode


class _ProgressRow(Progress, frozen=True, array_like=True):
    """As SQL sends it."""


_read_progress = msgspec.json.Decoder(list[_ProgressRow]).decode


async def read_outlines(
    asked: Sequence[tuple[str, str]], generation: str, known: Sequence[str]
) -> list[OutlineRow | None]:
    """For each (user, enrollment) the outline's parts; `None` where it is not theirs.

    Modules of the courses in `known`, which the caller has as of `generation`, are left out while they are right.
    """
    rows: list[OutlineRow | None] = [None] * len(asked)
    users, enrollments = zip(*asked, strict=True)
    for row in await fetch(_OUTLINES, users, enrollments, generation, known):
        progress = _read_progress(row["progress"]) if row["progress"] else []
        rows[row["n"] - 1] = OutlineRow(
            enrollment_id=row["enrollment_id"],
            course_id=row["course_id"],
            title=row["title"],
            status=row["status"],
            completion_percentage=row["completion_percentage"],
            last_accessed_at=row["last_accessed_at"],
            learner=Learner(
                row["enrolled_at"], row["has_access"], row["now"], {each.lesson_id: each for each in progress}
            ),
            generation=row["generation"],
            modules=None if row["modules"] is None else _read_modules(row["modules"]),
        )
    return rows
