"""Grading: the queue, claims, and gradings that overwrite nobody's (`docs/stories/assignments.md`)."""

from collections.abc import Mapping
from typing import Any

import msgspec

from db.queries.assignments.rows import MAY_GRADE, SUBMISSION, SubmissionRow, submission_of
from db.queries.audit import record_audit
from db.queries.learning.completion import complete_lesson, lock_enrollment
from db.queries.messaging.telling import Queued, queue_messages
from db.sql import as_json, fetch, fetch_one
from db.transaction import in_transaction
from domain.assignments.rubric import Criterion, points_of, score_of
from domain.assignments.submission import CLAIM_LIFE, SubmissionState
from domain.errors import BusinessRefusalError
from domain.identifiers import new_id
from domain.messaging.telling import Channel


class Grader(msgspec.Struct, frozen=True):
    """Who grades: their own courses, or any."""

    user_id: str
    any_course: bool

    def instructor_id(self) -> str | None:
        """For `MAY_GRADE`."""
        return None if self.any_course else self.user_id


class NewGrading(msgspec.Struct, frozen=True, kw_only=True):
    """What a grader says of the version of a submission that they read."""

    submission_id: str
    version: int
    points: Mapping[str, int]
    """By criterion's id."""
    feedback: str
    asks_again: bool


class Graded(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be set going after the commit."""

    enrollment_id: str
    queued: Queued
    course_is_done: bool


async def list_queue(grader: Grader, course_id: str | None, after: str | None, limit: int) -> list[SubmissionRow]:
    """Submissions that wait to be graded, the oldest first; claimed ones, too."""
    rows = await fetch(
        SUBMISSION
        + f"WHERE s.state = 'submitted' AND {MAY_GRADE} AND ($4::text IS NULL OR c.id = $4)"
        + " AND ($5::text IS NULL OR s.id > $5) ORDER BY s.id LIMIT $6",
        *(CLAIM_LIFE, grader.instructor_id(), grader.user_id, course_id, after, limit),
    )
    return [submission_of(row) for row in rows]


async def read_submission(submission_id: str, grader: Grader) -> SubmissionRow:
    """A submission that this grader may read. Raises `BusinessRefusalError("not_found")`."""
    row = await fetch_one(
        SUBMISSION + f"WHERE {MAY_GRADE} AND s.id = $4",
        *(CLAIM_LIFE, grader.instructor_id(), grader.user_id, submission_id),
    )
    if row is None:
        raise BusinessRefusalError("not_found")
    return submission_of(row)


async def claim(submission_id: str, grader: Grader) -> None:
    """Keep other graders away for a while; one's own claim is renewed.

    Raises `BusinessRefusalError`: `not_found`, `submission_claimed`, `submission_changed` when nobody waits for it.
    """

    async def work() -> None:
        row = await _locked(submission_id, grader)
        _require_free(row, grader)
        if row.state is not SubmissionState.SUBMITTED:
            raise BusinessRefusalError("submission_changed")
        # A renewed claim changes nothing that its own grader must read again.
        await fetch(
            "UPDATE assignment_submissions SET claimed_by = $2, claimed_at = now(), version = version"
            " + CASE WHEN $3 THEN 0 ELSE 1 END WHERE id = $1",
            *(submission_id, grader.user_id, row.claimed_by == grader.user_id),
        )

    await in_transaction(work)


async def release(submission_id: str, grader: Grader) -> None:
    """Give one's claim up; without one it does nothing. Raises `BusinessRefusalError("not_found")`."""

    async def work() -> None:
        await _locked(submission_id, grader)
        await fetch(
            "UPDATE assignment_submissions SET claimed_by = NULL, claimed_at = NULL, version = version + 1"
            " WHERE id = $1 AND claimed_by = $2",
            *(submission_id, grader.user_id),
        )

    await in_transaction(work)


async def grade(new: NewGrading, grader: Grader) -> Graded:
    """Grade a submission, or grade it anew: one transaction with the lesson's completion and the messages.

    Raises `BusinessRefusalError`: `not_found`, `submission_claimed` by another, `submission_changed` since this version
    was read, `submission_replaced` by a newer one; and `ValueError` for points that the rubric does not have.
    """

    async def work() -> Graded:
        row = await _locked(new.submission_id, grader)
        _require_free(row, grader)
        if row.version != new.version:
            raise BusinessRefusalError("submission_changed")
        newer = "SELECT FROM assignment_submissions WHERE enrollment_id = $1 AND lesson_id = $2 AND number > $3"
        if await fetch(newer, row.enrollment_id, row.lesson_id, row.number):
            raise BusinessRefusalError("submission_replaced")
        grading_id, has_passed = await _write(new, row, grader)
        done = await complete_lesson(row.enrollment_id, row.lesson_id) if has_passed else None
        queued = await queue_messages(
            row.learner_id,
            f"assignment-graded:{grading_id}",
            "assignment-graded",
            {"gradingId": grading_id},
            channels=(Channel.PUSH, Channel.EMAIL),
        )
        await record_audit(
            "assignment.graded",
            "submission",
            row.id,
            actor_id=grader.user_id,
            enrollmentId=row.enrollment_id,
            lessonId=row.lesson_id,
        )
        return Graded(
            enrollment_id=row.enrollment_id, queued=queued, course_is_done=done is not None and done.course_is_done
        )

    return await in_transaction(work)


async def _write(new: NewGrading, row: SubmissionRow, grader: Grader) -> tuple[str, bool]:
    """The grading's row and the submission's new state; its id, and whether it passes."""
    asked = await _asked(row.lesson_id)
    points = points_of(msgspec.json.decode(asked["rubric"], type=tuple[Criterion, ...]), new.points)
    score, grading_id = score_of(points), new_id()
    has_passed = score >= asked["passing_score"]
    await fetch(
        "INSERT INTO assignment_gradings (id, submission_id, number, graded_by, score, has_passed, points, feedback,"
        " asks_again) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        *(grading_id, row.id, len(row.gradings) + 1, grader.user_id, score, has_passed),
        *(as_json(points), new.feedback, new.asks_again),
    )
    await fetch(
        "UPDATE assignment_submissions SET state = $2, version = version + 1, claimed_by = NULL, claimed_at = NULL"
        " WHERE id = $1",
        *(row.id, SubmissionState.RETURNED if new.asks_again else SubmissionState.GRADED),
    )
    return grading_id, has_passed


async def _asked(lesson_id: str) -> Any:
    row = await fetch_one("SELECT rubric, passing_score FROM assignments WHERE lesson_id = $1", lesson_id)
    if row is None:
        raise LookupError("a submission without its assignment")
    return row


async def _locked(submission_id: str, grader: Grader) -> SubmissionRow:
    """The submission as it is once its learner's other writes are done: what it was before the lock is not used."""
    await lock_enrollment((await read_submission(submission_id, grader)).enrollment_id)
    return await read_submission(submission_id, grader)


def _require_free(row: SubmissionRow, grader: Grader) -> None:
    if row.claimed_by is not None and row.claimed_by != grader.user_id:
        raise BusinessRefusalError("submission_claimed")
