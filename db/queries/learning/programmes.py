"""Certificate programmes from the learner's side: several courses, one completion.

A programme is completed when the last of its courses is marked as completed (`mark_completed`), or by an editor's
change that leaves nothing to do. Two queues keep the count right: a person's marks wait for each other by the row of
the person, and editors of programmes wait for all marks, and they for the editor, by one lock. Whoever comes second
counts in a later statement, which sees what the first has committed.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from db.queries.audit import Audit, record_audits
from db.sql import fetch
from domain.identifiers import new_id

_EDITORS_AND_MARKS = "programmes"


class CourseStanding(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A course of a programme, and how far one has come in it."""

    id: str
    slug: str
    title: str
    enrollment_id: str | None
    """`null` for somebody who is no learner of it yet."""
    completion_percentage: int
    is_completed: bool


class ProgrammeStanding(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A programme, and how far one has come in it."""

    id: str
    slug: str
    title: str
    description: str | None
    courses: list[CourseStanding]
    completed_at: datetime | None
    """When the last course was completed; it stays, whatever becomes of the programme."""


async def queue_for_programmes(enrollment_id: str) -> str | None:
    """Stand in the queue of a person's marks until the transaction ends; the person's id. Before any other lock."""
    await fetch("SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 0))", _EDITORS_AND_MARKS)
    rows = await fetch(
        'SELECT id FROM users WHERE id = (SELECT "userId" FROM course_enrollments WHERE id = $1) FOR NO KEY UPDATE',
        enrollment_id,
    )
    return str(rows[0]["id"]) if rows else None


async def wait_for_marks() -> None:
    """Let no course be marked as completed until the transaction ends: for a change of a programme's courses."""
    await fetch("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", _EDITORS_AND_MARKS)


def _done(whose: str) -> str:
    """Everybody who has completed all courses of a published programme and has no row for it yet."""
    return f"""
SELECT c.programme_id, e."userId" AS user_id
FROM programmes p
JOIN programme_courses c ON c.programme_id = p.id
JOIN course_enrollments e ON e."courseId" = c.course_id
JOIN course_completions k ON k.enrollment_id = e.id AND k.marked_at IS NOT NULL
WHERE p.published_at IS NOT NULL AND {whose} AND NOT EXISTS (
  SELECT FROM programme_completions d WHERE d.programme_id = p.id AND d.user_id = e."userId")
GROUP BY c.programme_id, e."userId"
HAVING count(*) = (SELECT count(*) FROM programme_courses a WHERE a.programme_id = c.programme_id)
"""  # noqa: S608  # constants of ours


_BY_PERSON, _BY_PROGRAMME = _done('e."userId" = $1'), _done("p.id = $1")


async def complete_programmes(user_id: str) -> None:
    """Write what this person has completed by now. Call it after `queue_for_programmes` and the mark."""
    await _write(await fetch(_BY_PERSON, user_id))


async def complete_for_everybody(programme_id: str) -> None:
    """Write who has completed a programme by its change. Call it after `wait_for_marks` and the change."""
    await _write(await fetch(_BY_PROGRAMME, programme_id))


async def _write(done: Sequence[Any]) -> None:
    if not done:
        return
    await fetch(
        "INSERT INTO programme_completions (id, programme_id, user_id)"
        " SELECT * FROM unnest($1::text[], $2::text[], $3::text[])",
        [new_id() for _ in done],
        [row["programme_id"] for row in done],
        [row["user_id"] for row in done],
    )
    await record_audits(
        [Audit("programme.completed", "programme", row["programme_id"], actor_id=row["user_id"]) for row in done]
    )


_STANDINGS = """
SELECT p.id, p.slug, p.title, p.description, d.reached_at AS "completedAt",
  (SELECT json_agg(json_build_object(
     'id', c.id, 'slug', c.slug, 'title', c.title, 'enrollmentId', e.id,
     'completionPercentage', coalesce(e."completionPercentage", 0), 'isCompleted', k.marked_at IS NOT NULL
   ) ORDER BY pc.position) FROM programme_courses pc
   JOIN courses c ON c.id = pc.course_id
   LEFT JOIN course_enrollments e ON e."courseId" = c.id AND e."userId" = $1
   LEFT JOIN course_completions k ON k.enrollment_id = e.id WHERE pc.programme_id = p.id) AS courses
FROM programmes p LEFT JOIN programme_completions d ON d.programme_id = p.id AND d.user_id = $1
WHERE ($2::text IS NULL OR p.id < $2) AND (d.id IS NOT NULL OR (p.published_at IS NOT NULL AND p.id IN (
  SELECT pc.programme_id FROM programme_courses pc JOIN course_enrollments e ON e."courseId" = pc.course_id
  WHERE e."userId" = $1)))
ORDER BY p.id DESC LIMIT $3
"""


async def standings(user_id: str, cursor: str | None, limit: int) -> list[ProgrammeStanding]:
    """The programmes that somebody learns a course of or has completed, the newest first, behind the cursor."""
    rows = await fetch(_STANDINGS, user_id, cursor, limit)
    return [
        msgspec.convert({**row, "courses": msgspec.json.decode(row["courses"] or "[]")}, ProgrammeStanding)
        for row in rows
    ]
