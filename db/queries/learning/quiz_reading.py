"""What a learner may see of a quiz, of their attempts, and, when nothing is left to be guessed, of what was right."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from db.queries.learning.doors import LessonDoor, lesson_door
from db.queries.learning.quiz_grading import answers_of, content_of
from db.sql import fetch, fetch_one
from domain.errors import BusinessRefusalError
from domain.learning.answers import Answer
from domain.learning.locks import LockReason
from domain.learning.papers import ShownQuestion, paper_of, shown
from domain.learning.questions import Question
from domain.learning.quizzes import AttemptRefusal, ScoreCounts, SubmittedBy

NOT_FOUND = "not_found"


class AttemptRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An attempt in the list of one's attempts."""

    id: str
    number: int
    started_at: datetime
    deadline_at: datetime | None
    submitted_at: datetime | None
    submitted_by: SubmittedBy | None
    score: int | None
    """Percent."""
    is_passed: bool | None


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A quiz and where one learner stands."""

    quiz_id: str
    lesson_id: str
    title: str
    description: str | None
    passing_score: int
    score_counts: ScoreCounts
    time_limit: int | None
    """Minutes, with what this learner has beyond the rules."""
    max_attempts: int | None
    """With what this learner has beyond the rules."""
    cool_down_minutes: int
    score: int | None
    next_attempt_at: datetime | None
    """When the cool-down is over; `None` when it is."""
    attempts: list[AttemptRow]

    @property
    def open_attempt_id(self) -> str | None:
        """The attempt that goes on."""
        return next((attempt.id for attempt in self.attempts if attempt.submitted_at is None), None)

    @property
    def attempts_left(self) -> int | None:
        """How many may still be begun; `None`: as many as one likes."""
        return None if self.max_attempts is None else max(0, self.max_attempts - len(self.attempts))


class Sitting(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt as its learner sees it. `paper`, `seed` and `voided` are for the feedback and go no further."""

    row: AttemptRow
    lesson_id: str
    passing_score: int
    now: datetime
    questions: list[ShownQuestion]
    sequence: int
    answers: dict[str, Answer]
    may_know: bool
    """Whether what is right may be told: this attempt is handed in, no other is open, and none remains."""
    paper: list[Question]
    seed: str
    voided: frozenset[str]


_STANDING = """
SELECT q.id, l.id AS lesson_id, q.title, q.description, coalesce(q."passingScore", 70) AS passing_score,
       coalesce(r.score_counts, 'best') AS score_counts, q."timeLimit" + coalesce(x.extra_minutes, 0) AS time_limit,
       q."maxAttempts" + coalesce(x.extra_attempts, 0) AS max_attempts,
       coalesce(r.cool_down_minutes, 0) AS cool_down_minutes, g."quizScore" AS score, clock_timestamp() AS now
FROM course_lessons l
JOIN course_quizzes q ON q.id = l."quizId"
LEFT JOIN quiz_rules r ON r.quiz_id = q.id
LEFT JOIN quiz_allowances x ON x.quiz_id = q.id AND x.enrollment_id = $2
LEFT JOIN lesson_progress g ON g."enrollmentId" = $2 AND g."lessonId" = l.id
WHERE l.id = $1
"""

_ATTEMPTS = """
SELECT id, number, started_at, deadline_at, submitted_at, submitted_by, score, is_passed FROM quiz_attempts
WHERE enrollment_id = $1 AND quiz_id = $2 ORDER BY number
"""


async def read_standing(user_id: str, lesson_id: str) -> Standing:
    """The quiz of a lesson, without its questions.

    Raises `BusinessRefusalError`: `not_found`, `lesson_locked`, `quiz_not_ready`.
    """
    door = await require_access(user_id, lesson_id)
    if door.locks:
        raise BusinessRefusalError(AttemptRefusal.LOCKED)
    standing = await _standing(lesson_id, door.enrollment_id)
    if standing is None:
        raise BusinessRefusalError(AttemptRefusal.NO_QUIZ)
    return standing


async def read_sitting(user_id: str, attempt_id: str) -> Sitting:
    """One's attempt. Raises `BusinessRefusalError`: `not_found`, or `lesson_locked` when access has ended."""
    row = await fetch_one(
        'SELECT a.*, q."lessonId" AS lesson_id, coalesce(q."maxAttempts" + coalesce(x.extra_attempts, 0) <= s.begun'
        " AND s.submitted = s.begun, FALSE) AS none_left, clock_timestamp() AS now,"
        " ARRAY (SELECT question_id FROM quiz_voids WHERE version_id = a.version_id) AS voided"
        " FROM quiz_attempts a JOIN course_enrollments e ON e.id = a.enrollment_id"
        " JOIN course_quizzes q ON q.id = a.quiz_id"
        " LEFT JOIN quiz_allowances x ON x.quiz_id = q.id AND x.enrollment_id = e.id"
        " CROSS JOIN LATERAL (SELECT count(*) AS begun, count(submitted_at) AS submitted FROM quiz_attempts"
        "   WHERE enrollment_id = a.enrollment_id AND quiz_id = a.quiz_id) s"
        ' WHERE a.id = $1 AND e."userId" = $2',
        *(attempt_id, user_id),
    )
    if row is None:
        raise BusinessRefusalError(NOT_FOUND)
    await require_access(user_id, row["lesson_id"])
    content, seed = await content_of(row["version_id"]), row["seed"]
    paper = paper_of(content, seed)
    return Sitting(
        row=_attempt(row),
        lesson_id=row["lesson_id"],
        passing_score=row["passing_score"],
        now=row["now"],
        questions=[shown(question, seed, shuffle=content.shuffle) for question in paper],
        sequence=row["answers_sequence"],
        answers=answers_of(row),
        may_know=row["submitted_at"] is not None and row["none_left"],
        paper=paper,
        seed=seed,
        voided=frozenset(row["voided"]),
    )


async def require_access(user_id: str, lesson_id: str) -> LessonDoor:
    """The lesson's door. An attempt that was begun goes on as long as access holds, whatever else shuts it meanwhile.

    Raises `BusinessRefusalError`: `not_found`, `lesson_locked`.
    """
    door = await lesson_door(user_id, lesson_id)
    if door is None:
        raise BusinessRefusalError(NOT_FOUND)
    if any(lock.reason is LockReason.ACCESS for lock in door.locks):
        raise BusinessRefusalError(AttemptRefusal.LOCKED)
    return door


async def _standing(lesson_id: str, enrollment_id: str | None) -> Standing | None:
    row = await fetch_one(_STANDING, lesson_id, enrollment_id)
    if row is None:
        return None
    attempts = [_attempt(attempt) for attempt in await fetch(_ATTEMPTS, enrollment_id, row["id"])]
    submitted = [attempt.submitted_at for attempt in attempts if attempt.submitted_at is not None]
    cool_until = max(submitted) + timedelta(minutes=row["cool_down_minutes"]) if submitted else None
    return Standing(
        quiz_id=row["id"],
        lesson_id=row["lesson_id"],
        title=row["title"],
        description=row["description"],
        passing_score=row["passing_score"],
        score_counts=ScoreCounts(row["score_counts"]),
        time_limit=row["time_limit"],
        max_attempts=row["max_attempts"],
        cool_down_minutes=row["cool_down_minutes"],
        score=row["score"],
        next_attempt_at=cool_until if cool_until and cool_until > row["now"] else None,
        attempts=attempts,
    )


def _attempt(row: Any) -> AttemptRow:
    by = row["submitted_by"]
    fields = {name: row[name] for name in AttemptRow.__struct_fields__}
    return AttemptRow(**{**fields, "submitted_by": SubmittedBy(by) if by else None})
