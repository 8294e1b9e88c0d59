"""Completing lessons and courses: the one way by which a learner comes to the end (`docs/stories/learning.md`).

Everything here locks the enrollment first and counts in a later statement. Under READ COMMITTED that statement sees
what others committed before they let go of the lock: of the two last lessons at the same instant, or of a last lesson
and an editor's change, whoever comes second counts both.
"""

from collections.abc import Sequence
from datetime import timedelta

import msgspec

from db.queries.audit import Audit, record_audits
from db.queries.learning.programmes import complete_programmes, queue_for_programmes
from db.sql import as_json, fetch, fetch_one
from db.transaction import in_transaction
from domain.identifiers import new_id
from domain.learning.analytics import EventType, Place

_COUNT = """
WITH in_course AS (
  SELECT l.id, coalesce(r.is_required, TRUE) AS is_required
  FROM course_lessons l JOIN course_modules m ON m.id = l."moduleId" LEFT JOIN lesson_rules r ON r.lesson_id = l.id
  WHERE m."courseId" = $1
), counted AS (
  SELECT id FROM in_course WHERE is_required OR NOT EXISTS (SELECT FROM in_course WHERE is_required)
), standing AS (
  SELECT e.id, count(c.id)::int AS done, (SELECT count(*)::int FROM counted) AS lessons
  FROM course_enrollments e
  LEFT JOIN lesson_progress g ON g."enrollmentId" = e.id AND g.status = 'completed'
  LEFT JOIN counted c ON c.id = g."lessonId"
  WHERE e.id = ANY ($2) AND NOT EXISTS (SELECT FROM course_completions k WHERE k.enrollment_id = e.id)
  GROUP BY e.id
), shown AS (
  UPDATE course_enrollments e SET "completionPercentage" = 100 * s.done / greatest(s.lessons, 1)
  FROM standing s
  WHERE e.id = s.id AND e."completionPercentage" IS DISTINCT FROM 100 * s.done / greatest(s.lessons, 1)
)
INSERT INTO course_completions (enrollment_id)
SELECT id FROM standing WHERE lessons > 0 AND done = lessons
RETURNING enrollment_id
"""


class Completed(msgspec.Struct, frozen=True):
    """What the completion of a lesson did."""

    is_new: bool
    """False when the lesson was completed before."""
    course_is_done: bool
    """Whether this was the last lesson: then `completion/{enrollmentId}` is to be started after the commit."""


async def lock_enrollment(enrollment_id: str) -> str | None:
    """Stand in the queue of one learner's writes; the course's id, `None` when there is no such enrollment."""
    row = await fetch_one(
        'SELECT "courseId" AS course_id FROM course_enrollments WHERE id = $1 FOR NO KEY UPDATE', enrollment_id
    )
    return None if row is None else str(row["course_id"])


async def complete_lesson(
    enrollment_id: str, lesson_id: str, *, percentage: int = 100, place: Place | None = None
) -> Completed:
    """Mark a lesson as completed, once, and count the course again. Call it in a transaction.

    `percentage` is how much of it was watched; what is stored never falls. `place` is where it was done, for the
    analytics. Access is the caller's to check. Raises `LookupError` when there is no such enrollment or the lesson is
    not of its course.
    """
    course_id = await lock_enrollment(enrollment_id)
    rows = await fetch(
        """
        INSERT INTO lesson_progress AS g (id, "enrollmentId", "lessonId", status, "progressPercentage", "completedAt")
        SELECT $1, $2, l.id, 'completed', $4, now()
        FROM course_lessons l JOIN course_modules m ON m.id = l."moduleId"
        WHERE l.id = $3 AND m."courseId" = $5
        ON CONFLICT ("enrollmentId", "lessonId") DO UPDATE SET status = 'completed', "updatedAt" = now(),
            "completedAt" = coalesce(g."completedAt", now()),
            "progressPercentage" = greatest(g."progressPercentage", EXCLUDED."progressPercentage")
        RETURNING (SELECT status FROM lesson_progress WHERE "enrollmentId" = $2 AND "lessonId" = $3) AS status_before
        """,
        *(new_id(), enrollment_id, lesson_id, percentage, course_id),
    )
    if not rows:
        raise LookupError("no such lesson for this enrollment")
    if rows[0]["status_before"] == "completed":
        return Completed(is_new=False, course_is_done=False)
    await record_audits([Audit("lesson.completed", "enrollment", enrollment_id, details={"lessonId": lesson_id})])
    await fetch(
        'INSERT INTO course_analytics (id, "courseId", "userId", "eventType", "lessonId", metadata)'
        ' SELECT $1, "courseId", "userId", $2, $3, $4 FROM course_enrollments WHERE id = $5',
        *(new_id(), EventType.COMPLETE, lesson_id, None if place is None else as_json(place), enrollment_id),
    )
    return Completed(is_new=True, course_is_done=bool(await fetch(_COUNT, course_id, [enrollment_id])))


async def lock_learners(course_id: str) -> list[str]:
    """Stand in the queue of every active learner of a course; their enrollments.

    Before a change of lessons, too: a learner locks the enrollment and then a lesson's row, and so does the editor.
    """
    rows = await fetch(
        "SELECT id FROM course_enrollments WHERE \"courseId\" = $1 AND status = 'active' ORDER BY id FOR NO KEY UPDATE",
        course_id,
    )
    return [row["id"] for row in rows]


async def recount_course(course_id: str) -> Sequence[str]:
    """Count all active learners of a course again, after its lessons or their rules changed in this transaction.

    Answers with the enrollments that are done by it, whose stories are to be started after the commit. A completion
    that was reached stays.
    """
    done = await fetch(_COUNT, course_id, await lock_learners(course_id))
    return [row["enrollment_id"] for row in done]


async def mark_completed(enrollment_id: str) -> None:
    """The story's step: the enrollment is `completed`, once, and so are the programmes of which it was the last course.
    One whose access ended meanwhile stays cancelled, and its completion stands all the same: it was earned."""

    async def work() -> None:
        user_id = await queue_for_programmes(enrollment_id)
        await lock_enrollment(enrollment_id)
        marked = await fetch(
            "UPDATE course_completions SET marked_at = now() WHERE enrollment_id = $1 AND marked_at IS NULL"
            " RETURNING enrollment_id",
            enrollment_id,
        )
        if not marked or user_id is None:
            return
        await fetch(
            "UPDATE course_enrollments SET status = 'completed', \"completionPercentage\" = 100"
            " WHERE id = $1 AND status = 'active'",
            enrollment_id,
        )
        await record_audits([Audit("course.completed", "enrollment", enrollment_id)])
        await complete_programmes(user_id)

    await in_transaction(work)


async def completions_without_story(older_than: timedelta, limit: int) -> list[str]:
    """Enrollments that came to the end and whose story may never have been started, oldest first."""
    rows = await fetch(
        "SELECT enrollment_id FROM course_completions WHERE marked_at IS NULL AND reached_at < now() - $1::interval"
        " ORDER BY reached_at LIMIT $2",
        *(older_than, limit),
    )
    return [row["enrollment_id"] for row in rows]
