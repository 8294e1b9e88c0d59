"""Grading an attempt: its score, the learner's score of the lesson, and the lesson's completion, in one transaction."""

from collections.abc import Collection
from typing import Any

import msgspec

from db.queries.audit import Audit, record_audits
from db.queries.learning.completion import complete_lesson
from db.sql import fetch, fetch_one
from domain.learning.answers import Answer
from domain.learning.grading import Grade, grade
from domain.learning.papers import paper_of
from domain.learning.questions import QuizContent
from domain.learning.quizzes import SubmittedBy

_ANSWERS = msgspec.json.Decoder(dict[str, Answer])
_CONTENT = msgspec.json.Decoder(QuizContent)


class Graded(msgspec.Struct, frozen=True):
    """What grading did."""

    is_changed: bool
    completed_enrollment: str | None = None
    """Whose course is done by it: `completion/{enrollmentId}` is to be started after the commit."""


async def lock_attempt(attempt_id: str) -> Any:
    """An attempt's row with its lesson and whether its time is over; locked, as its enrollment is before it. `None`
    when there is none."""
    owner = await fetch_one("SELECT enrollment_id FROM quiz_attempts WHERE id = $1", attempt_id)
    if owner is None:
        return None
    await fetch("SELECT FROM course_enrollments WHERE id = $1 FOR NO KEY UPDATE", owner["enrollment_id"])
    return await fetch_one(
        'SELECT a.*, q."lessonId" AS lesson_id, coalesce(a.deadline_at <= clock_timestamp(), FALSE) AS is_over,'
        " greatest(extract(epoch FROM a.deadline_at - clock_timestamp()), 0)::float8 AS seconds_left"
        " FROM quiz_attempts a JOIN course_quizzes q ON q.id = a.quiz_id WHERE a.id = $1 FOR NO KEY UPDATE OF a",
        attempt_id,
    )


async def submit_locked(attempt: Any, by: SubmittedBy) -> Graded:
    """Hand in what a locked, open attempt has saved."""
    result, is_passed = await _worth(attempt)
    await fetch(
        "UPDATE quiz_attempts SET submitted_at = clock_timestamp(), submitted_by = $2, score = $3, is_passed = $4"
        " WHERE id = $1",
        *(attempt["id"], by, result.score, is_passed),
    )
    await count_attempts(attempt["enrollment_id"], attempt["quiz_id"], attempt["lesson_id"])
    event = {"attemptId": attempt["id"], "lessonId": attempt["lesson_id"], "by": by, "score": result.score}
    await record_audits([Audit("quiz.submitted", "enrollment", attempt["enrollment_id"], details=event)])
    return Graded(is_changed=True, completed_enrollment=await _complete_if(attempt, is_passed=is_passed))


async def grade_again(attempt: Any) -> Graded:
    """Grade a locked attempt that was handed in, by what is voided now. What was passed stays passed."""
    result, is_passed = await _worth(attempt)
    if (result.score, is_passed) == (attempt["score"], attempt["is_passed"]):
        return Graded(is_changed=False)
    await fetch(
        "UPDATE quiz_attempts SET score = $2, is_passed = is_passed OR $3 WHERE id = $1",
        *(attempt["id"], result.score, is_passed),
    )
    await count_attempts(attempt["enrollment_id"], attempt["quiz_id"], attempt["lesson_id"])
    return Graded(is_changed=True, completed_enrollment=await _complete_if(attempt, is_passed=is_passed))


async def count_attempts(enrollment_id: str, quiz_id: str, lesson_id: str) -> None:
    """Write `quizAttempts` and `quizScore` of the learner's row of `lesson_progress`, which is there."""
    await fetch(
        """
        UPDATE lesson_progress SET "updatedAt" = now(),
          "quizAttempts" = (SELECT count(*) FROM quiz_attempts WHERE enrollment_id = $1 AND quiz_id = $2),
          "quizScore" = (
            SELECT CASE WHEN (SELECT score_counts FROM quiz_rules WHERE quiz_id = $2) = 'last'
              THEN (array_agg(score ORDER BY number DESC))[1] ELSE max(score) END
            FROM quiz_attempts WHERE enrollment_id = $1 AND quiz_id = $2 AND submitted_at IS NOT NULL)
        WHERE "enrollmentId" = $1 AND "lessonId" = $3
        """,
        *(enrollment_id, quiz_id, lesson_id),
    )


async def voided_in(version_id: str) -> Collection[str]:
    """The voided questions of a version. In a transaction nobody voids another one until its end: grading holds the
    version's lock, and voiding waits for it."""
    await fetch("SELECT FROM quiz_versions WHERE id = $1 FOR SHARE", version_id)
    return {
        row["question_id"]
        for row in await fetch("SELECT question_id FROM quiz_voids WHERE version_id = $1", version_id)
    }


def answers_of(attempt: Any) -> dict[str, Answer]:
    """What an attempt's row has saved."""
    return _ANSWERS.decode(attempt["answers"])


async def content_of(version_id: str) -> QuizContent:
    """The questions of a version."""
    row = await fetch_one("SELECT content FROM quiz_versions WHERE id = $1", version_id)
    if row is None:
        raise LookupError("no such version")
    return _CONTENT.decode(row["content"])


async def _worth(attempt: Any) -> tuple[Grade, bool]:
    voided = await voided_in(attempt["version_id"])
    paper = paper_of(await content_of(attempt["version_id"]), attempt["seed"])
    result = grade(paper, attempt["seed"], answers_of(attempt), voided)
    return result, result.score >= attempt["passing_score"]


async def _complete_if(attempt: Any, *, is_passed: bool) -> str | None:
    """The enrollment whose course is done by it, if it is."""
    if not is_passed:
        return None
    enrollment_id = str(attempt["enrollment_id"])
    completed = await complete_lesson(enrollment_id, attempt["lesson_id"])
    return enrollment_id if completed.course_is_done else None
