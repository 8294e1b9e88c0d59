"""What is read of assignments: the assignment, files, gradings, submissions; each nested in the one before."""

from datetime import datetime

import msgspec

from domain.assignments.rubric import Criterion, Points
from domain.assignments.submission import SubmissionState


class AssignmentRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a lesson asks for."""

    lesson_id: str
    course_id: str
    instructions: str
    rubric: tuple[Criterion, ...]
    passing_score: int


class FileRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A file of somebody's; `size` in bytes."""

    id: str
    name: str
    media_type: str
    size: int
    state: str


class GradingRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How a submission was graded; the last one counts."""

    id: str
    score: int
    has_passed: bool
    points: tuple[Points, ...]
    feedback: str
    asks_again: bool
    graded_at: datetime


class SubmissionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One version of somebody's work."""

    id: str
    enrollment_id: str
    lesson_id: str
    lesson_title: str
    course_id: str
    course_title: str
    learner_id: str
    learner_name: str
    number: int
    comment: str | None
    state: SubmissionState
    version: int
    submitted_at: datetime
    claimed_by: str | None
    """Who grades it now; claims that are over count as none."""
    claimed_until: datetime | None
    files: tuple[FileRow, ...]
    gradings: tuple[GradingRow, ...]


SUBMISSION = """
SELECT s.id, s.enrollment_id, s.lesson_id, l.title AS lesson_title, c.id AS course_id, c.title AS course_title,
       e."userId" AS learner_id, u.name AS learner_name, s.number, s.comment, s.state, s.version, s.submitted_at,
       CASE WHEN s.claimed_at > now() - $1::interval THEN s.claimed_by END AS claimed_by,
       CASE WHEN s.claimed_at > now() - $1::interval THEN s.claimed_at + $1::interval END AS claimed_until,
       (SELECT coalesce(json_agg(json_build_object('id', f.id, 'name', f.name, 'mediaType', f.media_type,
                                                   'size', f.size, 'state', f.state) ORDER BY f.id), '[]')
        FROM assignment_files f WHERE f.submission_id = s.id) AS files,
       (SELECT coalesce(json_agg(json_build_object('id', g.id, 'score', g.score, 'hasPassed', g.has_passed,
                 'points', g.points, 'feedback', g.feedback, 'asksAgain', g.asks_again, 'gradedAt', g.graded_at)
                 ORDER BY g.number), '[]')
        FROM assignment_gradings g WHERE g.submission_id = s.id) AS gradings
FROM assignment_submissions s
JOIN course_enrollments e ON e.id = s.enrollment_id
JOIN users u ON u.id = e."userId"
JOIN course_lessons l ON l.id = s.lesson_id
JOIN courses c ON c.id = e."courseId"
"""
"""`$1` is how long a claim lives."""

MAY_GRADE = '($2::text IS NULL OR c."instructorId" = $2) AND e."userId" <> $3'
"""Of a row of `SUBMISSION`: `$2` is the instructor, NULL for those who grade any course; `$3` is who asks. Nobody
grades their own work."""


def submission_of(row: object) -> SubmissionRow:
    """A row of `SUBMISSION` with its nested JSON read."""
    values = dict(row)  # type: ignore[call-overload]
    values["files"] = msgspec.json.decode(values["files"], type=tuple[FileRow, ...])
    values["gradings"] = msgspec.json.decode(values["gradings"], type=tuple[GradingRow, ...])
    return msgspec.convert(values, SubmissionRow)
