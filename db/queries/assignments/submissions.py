"""A learner's submissions: handed in, replaced until they are graded."""

from collections.abc import Sequence

from db.queries.assignments.rows import SUBMISSION, SubmissionRow, submission_of
from db.queries.audit import record_audit
from db.queries.learning.completion import lock_enrollment
from db.sql import fetch, fetch_one
from db.transaction import in_transaction
from domain.assignments.submission import CLAIM_LIFE, MOST_SUBMISSIONS, SubmissionState
from domain.errors import BusinessRefusalError
from domain.identifiers import new_id


async def hand_in(enrollment_id: str, lesson_id: str, file_ids: Sequence[str], comment: str | None) -> str:
    """Hand in a version of one's work; its id. The same files again are the same submission.

    Raises `BusinessRefusalError`: `file_not_ready` for a file that is not this learner's, not stored, or in another
    submission; `submission_graded` when no other version is wanted; `too_many_submissions`.
    """

    async def work() -> str:
        await lock_enrollment(enrollment_id)
        again = await _submission_of_files(enrollment_id, lesson_id, file_ids)
        if again is not None:
            return again
        last = await fetch_one(
            "SELECT id, number, state FROM assignment_submissions WHERE enrollment_id = $1 AND lesson_id = $2"
            " ORDER BY number DESC LIMIT 1",
            *(enrollment_id, lesson_id),
        )
        number = last["number"] + 1 if last else 1
        if last and last["state"] == SubmissionState.GRADED:
            raise BusinessRefusalError("submission_graded")
        if number > MOST_SUBMISSIONS:
            raise BusinessRefusalError("too_many_submissions")
        if last:
            await fetch(
                "UPDATE assignment_submissions SET version = version + 1,"
                " state = CASE state WHEN 'submitted' THEN 'replaced' ELSE state END WHERE id = $1",
                last["id"],
            )
        return await _add(enrollment_id, lesson_id, number, file_ids, comment)

    return await in_transaction(work)


async def list_own(enrollment_id: str, lesson_id: str) -> list[SubmissionRow]:
    """A learner's submissions of one assignment, the newest first."""
    rows = await fetch(
        SUBMISSION + "WHERE s.enrollment_id = $2 AND s.lesson_id = $3 ORDER BY s.number DESC",
        *(CLAIM_LIFE, enrollment_id, lesson_id),
    )
    return [submission_of(row) for row in rows]


async def _submission_of_files(enrollment_id: str, lesson_id: str, file_ids: Sequence[str]) -> str | None:
    """The submission that has just these files: an answer was lost, and its request repeated."""
    row = await fetch_one(
        """SELECT s.id FROM assignment_submissions s JOIN assignment_files f ON f.submission_id = s.id
           WHERE s.enrollment_id = $1 AND s.lesson_id = $2 GROUP BY s.id
           HAVING array_agg(f.id ORDER BY f.id) = (SELECT array_agg(id ORDER BY id) FROM unnest($3::text[]) AS id)""",
        *(enrollment_id, lesson_id, list(file_ids)),
    )
    return None if row is None else str(row["id"])


async def _add(enrollment_id: str, lesson_id: str, number: int, file_ids: Sequence[str], comment: str | None) -> str:
    submission_id = new_id()
    await fetch(
        "INSERT INTO assignment_submissions (id, enrollment_id, lesson_id, number, comment, state)"
        " VALUES ($1, $2, $3, $4, $5, 'submitted')",
        *(submission_id, enrollment_id, lesson_id, number, comment),
    )
    taken = await fetch(
        "UPDATE assignment_files SET submission_id = $1 WHERE id = ANY ($2) AND enrollment_id = $3 AND lesson_id = $4"
        " AND state = 'stored' AND submission_id IS NULL RETURNING id",
        *(submission_id, list(file_ids), enrollment_id, lesson_id),
    )
    if len(taken) != len(file_ids):
        raise BusinessRefusalError("file_not_ready")
    await record_audit("assignment.submitted", "submission", submission_id, enrollmentId=enrollment_id)
    return submission_id
