"""What a learner does with a quiz: start, save, hand in. Each is one transaction under the enrollment's lock; a saving
only locks its attempt's row."""

import secrets
from datetime import timedelta
from typing import Any

import msgspec

from db.queries.idempotency import KeyedRequest, keep_key
from db.queries.learning.quiz_grading import Graded, content_of, lock_attempt, submit_locked
from db.queries.learning.quiz_reading import NOT_FOUND, require_access
from db.sql import as_json, fetch, fetch_one
from db.transaction import in_transaction
from domain.errors import BusinessRefusalError
from domain.identifiers import new_id
from domain.learning.answers import Answer
from domain.learning.papers import answer_errors, paper_of
from domain.learning.quizzes import AttemptRefusal, SubmittedBy


class Started(msgspec.Struct, frozen=True):
    """An attempt that is open."""

    attempt_id: str
    is_new: bool
    """False for one that was open before."""
    has_deadline: bool
    """Then `quiz-attempt/{attemptId}` is to be started."""


class AnswersRefusedError(Exception):
    """Some answers cannot be answers to their questions: by question, what would be one."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("answers_refused")
        self.errors = errors


_QUIZ = """
SELECT q.id, coalesce(q."passingScore", 70) AS passing_score, v.id AS version_id,
       q."maxAttempts" + coalesce(x.extra_attempts, 0) AS most_attempts,
       (q."timeLimit" + coalesce(x.extra_minutes, 0)) * interval '1 minute' AS time_limit,
       coalesce(r.cool_down_minutes, 0) * interval '1 minute' AS cool_down,
       (SELECT count(*)::int FROM quiz_attempts WHERE enrollment_id = $2 AND quiz_id = q.id) AS used,
       (SELECT max(submitted_at) FROM quiz_attempts WHERE enrollment_id = $2 AND quiz_id = q.id) AS last_submitted_at,
       o.id AS open_id, o.deadline_at, clock_timestamp() AS now
FROM course_lessons l
JOIN course_quizzes q ON q.id = l."quizId"
LEFT JOIN quiz_rules r ON r.quiz_id = q.id
LEFT JOIN quiz_allowances x ON x.quiz_id = q.id AND x.enrollment_id = $2
LEFT JOIN quiz_attempts o ON o.quiz_id = q.id AND o.enrollment_id = $2 AND o.submitted_at IS NULL
JOIN LATERAL (SELECT id FROM quiz_versions WHERE quiz_id = q.id ORDER BY number DESC LIMIT 1) v ON TRUE
WHERE l.id = $1
"""


async def start_attempt(user_id: str, lesson_id: str, request: KeyedRequest) -> Started:
    """Begin an attempt, which counts from now on; or go on with the one that is open.

    Raises `BusinessRefusalError`: `not_found`, an `AttemptRefusal`, or what `keep_key` raises.
    """

    async def work() -> Started:
        enrollment_id = await _learner_at(user_id, lesson_id)
        await fetch("SELECT FROM course_enrollments WHERE id = $1 FOR NO KEY UPDATE", enrollment_id)
        quiz = await fetch_one(_QUIZ, lesson_id, enrollment_id)
        if quiz is None:
            raise BusinessRefusalError(AttemptRefusal.NO_QUIZ)
        if quiz["open_id"] is not None:
            await keep_key(request, quiz["open_id"])
            return Started(quiz["open_id"], is_new=False, has_deadline=quiz["deadline_at"] is not None)
        _require_another(quiz)
        attempt_id = await _begin(quiz, lesson_id, enrollment_id)
        await keep_key(request, attempt_id)
        return Started(attempt_id, is_new=True, has_deadline=quiz["time_limit"] is not None)

    await _hand_in_overdue(user_id, lesson_id)
    return await in_transaction(work)


async def save_answers(user_id: str, attempt_id: str, sequence: int, answers: dict[str, Answer]) -> int:
    """Keep all answers so far instead of those before, unless they are older; the sequence number that is kept.

    Raises `AnswersRefusedError`, and `BusinessRefusalError`: `not_found` or an `AttemptRefusal`.
    """
    attempt = await _own(user_id, attempt_id)
    paper = paper_of(await content_of(attempt["version_id"]), attempt["seed"])
    if errors := answer_errors(paper, attempt["seed"], answers):
        raise AnswersRefusedError({error.question_id: error.message for error in errors})
    await require_access(user_id, attempt["lesson_id"])
    saved = await fetch(
        "UPDATE quiz_attempts SET answers = $2, answers_sequence = $3 WHERE id = $1 AND submitted_at IS NULL"
        " AND (deadline_at IS NULL OR deadline_at > clock_timestamp())"
        " AND (answers_sequence < $3 OR (answers_sequence = $3 AND answers = $2)) RETURNING answers_sequence",
        *(attempt_id, as_json(answers), sequence),
    )
    if not saved:
        raise BusinessRefusalError(await _why_not_saved(attempt_id))
    return int(saved[0]["answers_sequence"])


async def submit_attempt(user_id: str, attempt_id: str) -> Graded:
    """Hand in what is saved; a second time changes nothing.

    Raises `BusinessRefusalError`: `not_found` or an `AttemptRefusal`; `attempt_over` after the deadline, when what was
    saved counts without the learner.
    """

    async def work() -> Graded:
        lesson_id = (await _own(user_id, attempt_id))["lesson_id"]
        await require_access(user_id, lesson_id)
        attempt = await lock_attempt(attempt_id)
        if attempt["submitted_by"] == SubmittedBy.LEARNER:
            return Graded(is_changed=False)
        if attempt["is_over"] or attempt["submitted_by"] is not None:
            raise BusinessRefusalError(AttemptRefusal.OVER)
        return await submit_locked(attempt, SubmittedBy.LEARNER)

    return await in_transaction(work)


class HandedIn(msgspec.Struct, frozen=True):
    """What became of an attempt at its deadline."""

    seconds_left: float | None
    """Until its deadline, by the database's clock; `None` once it is handed in, or gone with its enrollment."""
    completed_enrollment: str | None = None
    """Whose course is done by it: its story is to be started."""


async def hand_in(attempt_id: str) -> HandedIn:
    """Hand in what an attempt has saved if its time is over, once, whoever else does."""

    async def work() -> HandedIn:
        attempt = await lock_attempt(attempt_id)
        if attempt is None or attempt["submitted_at"] is not None or attempt["deadline_at"] is None:
            return HandedIn(None)
        if not attempt["is_over"]:
            return HandedIn(attempt["seconds_left"])
        graded = await submit_locked(attempt, SubmittedBy.DEADLINE)
        return HandedIn(None, graded.completed_enrollment)

    return await in_transaction(work)


async def attempts_overdue(older_than: timedelta, limit: int) -> list[str]:
    """Attempts that nobody handed in although their time is over for so long: their stories may never have started."""
    rows = await fetch(
        "SELECT id FROM quiz_attempts WHERE submitted_at IS NULL AND deadline_at < now() - $1::interval"
        " ORDER BY deadline_at LIMIT $2",
        *(older_than, limit),
    )
    return [row["id"] for row in rows]


async def _begin(quiz: Any, lesson_id: str, enrollment_id: str) -> str:
    attempt_id = new_id()
    await fetch(
        "INSERT INTO quiz_attempts (id, enrollment_id, quiz_id, version_id, number, seed, passing_score, started_at,"
        " deadline_at, answers, answers_sequence) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '{}', 0)",
        *(attempt_id, enrollment_id, quiz["id"], quiz["version_id"], quiz["used"] + 1, secrets.token_hex(16)),
        *(quiz["passing_score"], quiz["now"], quiz["time_limit"] and quiz["now"] + quiz["time_limit"]),
    )
    await fetch(
        'INSERT INTO lesson_progress AS g (id, "enrollmentId", "lessonId", status, "quizAttempts")'
        ' VALUES ($1, $2, $3, \'in_progress\', $4) ON CONFLICT ("enrollmentId", "lessonId") DO UPDATE SET'
        ' "quizAttempts" = $4, "updatedAt" = now(),'
        " status = CASE WHEN g.status = 'completed' THEN g.status ELSE 'in_progress' END",
        *(new_id(), enrollment_id, lesson_id, quiz["used"] + 1),
    )
    return attempt_id


def _require_another(quiz: Any) -> None:
    if quiz["most_attempts"] is not None and quiz["used"] >= quiz["most_attempts"]:
        raise BusinessRefusalError(AttemptRefusal.NONE_LEFT)
    last = quiz["last_submitted_at"]
    if last is not None and quiz["now"] < last + quiz["cool_down"]:
        raise BusinessRefusalError(AttemptRefusal.COOL_DOWN)


async def _hand_in_overdue(user_id: str, lesson_id: str) -> None:
    """Before a start: a deadline must not need its story to free the place of the next attempt."""
    rows = await fetch(
        "SELECT a.id FROM quiz_attempts a JOIN course_enrollments e ON e.id = a.enrollment_id"
        ' JOIN course_quizzes q ON q.id = a.quiz_id WHERE e."userId" = $1 AND q."lessonId" = $2'
        " AND a.submitted_at IS NULL AND a.deadline_at <= clock_timestamp()",
        *(user_id, lesson_id),
    )
    for row in rows:
        await hand_in(row["id"])


async def _learner_at(user_id: str, lesson_id: str) -> str:
    """The enrollment of a learner before an open door."""
    door = await require_access(user_id, lesson_id)
    if door.locks:
        raise BusinessRefusalError(AttemptRefusal.LOCKED)
    if door.type != "quiz":
        raise BusinessRefusalError(AttemptRefusal.NO_QUIZ)
    if door.enrollment_id is None:
        raise BusinessRefusalError(AttemptRefusal.NOT_ENROLLED)
    return door.enrollment_id


async def _own(user_id: str, attempt_id: str) -> Any:
    attempt = await fetch_one(
        'SELECT a.id, a.version_id, a.seed, q."lessonId" AS lesson_id FROM quiz_attempts a'
        " JOIN course_enrollments e ON e.id = a.enrollment_id JOIN course_quizzes q ON q.id = a.quiz_id"
        ' WHERE a.id = $1 AND e."userId" = $2',
        *(attempt_id, user_id),
    )
    if attempt is None:
        raise BusinessRefusalError(NOT_FOUND)
    return attempt


async def _why_not_saved(attempt_id: str) -> str:
    row = await fetch_one(
        "SELECT submitted_at IS NOT NULL AS is_submitted, submitted_by, deadline_at <= clock_timestamp() AS is_over"
        " FROM quiz_attempts WHERE id = $1",
        attempt_id,
    )
    if row is None:
        return NOT_FOUND
    if row["is_over"] or row["submitted_by"] == SubmittedBy.DEADLINE:
        return AttemptRefusal.OVER
    return AttemptRefusal.SUBMITTED if row["is_submitted"] else AttemptRefusal.OUTDATED
