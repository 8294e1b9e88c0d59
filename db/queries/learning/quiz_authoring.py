"""What a quiz's author writes: rules, questions with their versions, and what one learner has beyond the rules."""

from datetime import datetime
from typing import Any

import msgspec

from db.queries.audit import record_audit
from db.queries.authoring.content import course_of_lesson
from db.queries.authoring.editing import Author, LockedCourse, edit_course
from db.sql import as_json, fetch, fetch_one
from db.transaction import in_transaction
from domain.errors import BusinessRefusalError
from domain.identifiers import new_id
from domain.learning.authoring import LessonType
from domain.learning.questions import QuizContent
from domain.learning.quizzes import ScoreCounts


class QuizRules(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """All of a quiz but its questions."""

    title: str
    description: str | None
    passing_score: int
    """Percent."""
    max_attempts: int | None
    """`None`: as many as one likes."""
    time_limit: int | None
    """Minutes; `None`: no limit."""
    cool_down_minutes: int
    score_counts: ScoreCounts


class VersionRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A version in the list of a quiz's versions."""

    id: str
    number: int
    created_at: datetime


class AuthoredQuiz(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a quiz with what is right, and the rules of today."""

    id: str
    lesson_id: str
    rules: QuizRules
    version: VersionRow
    versions: list[VersionRow]
    """All of the quiz, the newest first."""
    content: QuizContent
    voided: list[str]
    """Questions of this version that were voided."""
    course_version: int


_RULES = """
q.title, q.description, coalesce(q."passingScore", 70) AS passing_score, q."maxAttempts" AS max_attempts,
q."timeLimit" AS time_limit, coalesce(r.cool_down_minutes, 0) AS cool_down_minutes,
coalesce(r.score_counts, 'best') AS score_counts
"""

_QUIZ = f"""
SELECT q.id, l.id AS lesson_id, {_RULES}, v.id AS version_id, v.content,
       ARRAY (SELECT question_id FROM quiz_voids WHERE version_id = v.id ORDER BY id) AS voided,
       coalesce(k.version, 0) AS course_version
FROM course_quizzes q
JOIN course_lessons l ON l.id = q."lessonId"
JOIN course_modules m ON m.id = l."moduleId"
JOIN courses c ON c.id = m."courseId"
LEFT JOIN course_states k ON k.course_id = c.id
LEFT JOIN quiz_rules r ON r.quiz_id = q.id
JOIN quiz_versions v ON v.quiz_id = q.id
WHERE ($1 OR c."instructorId" = $2)
"""  # noqa: S608  # constants of ours


async def put_quiz(
    author: Author, lesson_id: str, rules: QuizRules, content: QuizContent, *, if_version: int | None
) -> AuthoredQuiz:
    """Write the quiz of a lesson. Other questions make a new version; attempts that were begun keep theirs.

    Raises `BusinessRefusalError` as `edit_course` does, and `lesson_type_differs`.
    """
    course_id = await course_of_lesson(lesson_id)

    async def change(_: LockedCourse) -> None:
        quiz_id = await _quiz_of(lesson_id)
        await fetch(
            'INSERT INTO course_quizzes (id, "lessonId", title, description, "passingScore", "maxAttempts",'
            ' "timeLimit", questions) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO UPDATE SET'
            ' title = $3, description = $4, "passingScore" = $5, "maxAttempts" = $6, "timeLimit" = $7, questions = $8,'
            ' "updatedAt" = now()',
            *(quiz_id, lesson_id, rules.title, rules.description, rules.passing_score, rules.max_attempts),
            *(rules.time_limit, as_json(content.questions)),
        )
        await fetch(
            "INSERT INTO quiz_rules (quiz_id, cool_down_minutes, score_counts) VALUES ($1, $2, $3)"
            " ON CONFLICT (quiz_id) DO UPDATE SET cool_down_minutes = $2, score_counts = $3",
            *(quiz_id, rules.cool_down_minutes, rules.score_counts),
        )
        await fetch(
            'UPDATE course_lessons SET "quizId" = $2, "updatedAt" = now()'
            ' WHERE id = $1 AND "quizId" IS DISTINCT FROM $2',
            *(lesson_id, quiz_id),
        )
        await _keep_version(author, quiz_id, content)

    ids = {"lessonId": lesson_id}
    await edit_course(author, course_id, change, what="quiz_written", ids=ids, if_version=if_version)
    return await read_quiz(author, lesson_id)


async def read_quiz(author: Author, lesson_id: str) -> AuthoredQuiz:
    """The newest version of a lesson's quiz. Raises `BusinessRefusalError("not_found")`."""
    row = await fetch_one(
        _QUIZ + ' AND l.id = $3 AND l."quizId" = q.id ORDER BY v.number DESC LIMIT 1',
        *(author.any_course, author.user_id, lesson_id),
    )
    return await _quiz(row)


async def read_version(author: Author, version_id: str) -> AuthoredQuiz:
    """A quiz as it once was. Raises `BusinessRefusalError("not_found")`."""
    row = await fetch_one(_QUIZ + " AND v.id = $3", *(author.any_course, author.user_id, version_id))
    return await _quiz(row)


class Allowance(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What one learner has beyond a quiz's rules."""

    extra_minutes: int
    extra_attempts: int


async def allow(author: Author, quiz_id: str, enrollment_id: str, allowance: Allowance) -> None:
    """Give one learner of the quiz's course more time and attempts, instead of what was given before. An attempt that
    is open gets the time, too; no deadline is moved back.

    Raises `BusinessRefusalError("not_found")`.
    """

    async def work() -> None:
        learner = await fetch(
            'SELECT FROM course_enrollments e JOIN courses c ON c.id = e."courseId"'
            ' JOIN course_modules m ON m."courseId" = c.id JOIN course_lessons l ON l."moduleId" = m.id'
            ' JOIN course_quizzes q ON q."lessonId" = l.id'
            ' WHERE e.id = $1 AND q.id = $2 AND ($3 OR c."instructorId" = $4) FOR NO KEY UPDATE OF e',
            *(enrollment_id, quiz_id, author.any_course, author.user_id),
        )
        if not learner:
            raise BusinessRefusalError("not_found")
        await fetch(
            "INSERT INTO quiz_allowances (id, enrollment_id, quiz_id, extra_minutes, extra_attempts, granted_by)"
            " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (enrollment_id, quiz_id) DO UPDATE"
            " SET extra_minutes = $4, extra_attempts = $5, granted_by = $6, granted_at = now()",
            *(new_id(), enrollment_id, quiz_id, allowance.extra_minutes, allowance.extra_attempts, author.user_id),
        )
        await fetch(
            "UPDATE quiz_attempts a SET deadline_at = greatest(a.deadline_at,"
            " a.started_at + (q.\"timeLimit\" + $3) * interval '1 minute') FROM course_quizzes q WHERE q.id = a.quiz_id"
            " AND a.enrollment_id = $1 AND a.quiz_id = $2 AND a.submitted_at IS NULL"
            " AND a.deadline_at > statement_timestamp()",
            *(enrollment_id, quiz_id, allowance.extra_minutes),
        )
        await record_audit(
            "quiz.allowance_granted",
            "enrollment",
            enrollment_id,
            actor_id=author.user_id,
            quizId=quiz_id,
            extraMinutes=allowance.extra_minutes,
            extraAttempts=allowance.extra_attempts,
        )

    await in_transaction(work)


async def _quiz_of(lesson_id: str) -> str:
    """The id of a lesson's quiz, a new one where it has none yet."""
    lesson = await fetch_one('SELECT type, "quizId" AS quiz_id FROM course_lessons WHERE id = $1', lesson_id)
    if lesson is None:
        raise BusinessRefusalError("not_found")
    if lesson["type"] != LessonType.QUIZ:
        raise BusinessRefusalError("lesson_type_differs")
    return lesson["quiz_id"] or new_id()


async def _keep_version(author: Author, quiz_id: str, content: QuizContent) -> None:
    """Keep this content as a new version unless it is the newest's."""
    await fetch(
        """
        WITH newest AS (SELECT number, content FROM quiz_versions WHERE quiz_id = $2 ORDER BY number DESC LIMIT 1)
        INSERT INTO quiz_versions (id, quiz_id, number, content, created_by)
        SELECT $1, $2, coalesce((SELECT number FROM newest), 0) + 1, $3, $4
        WHERE NOT EXISTS (SELECT FROM newest WHERE content = $3)
        """,
        *(new_id(), quiz_id, as_json(content), author.user_id),
    )


async def _quiz(row: Any) -> AuthoredQuiz:
    if row is None:
        raise BusinessRefusalError("not_found")
    fields = {name: row[name] for name in QuizRules.__struct_fields__}
    rows = await fetch(
        "SELECT id, number, created_at FROM quiz_versions WHERE quiz_id = $1 ORDER BY number DESC", row["id"]
    )
    versions = [VersionRow(**dict(version)) for version in rows]
    return AuthoredQuiz(
        id=row["id"],
        lesson_id=row["lesson_id"],
        rules=QuizRules(**{**fields, "score_counts": ScoreCounts(fields["score_counts"])}),
        version=next(version for version in versions if version.id == row["version_id"]),
        versions=versions,
        content=msgspec.json.decode(row["content"], type=QuizContent),
        voided=list(row["voided"]),
        course_version=row["course_version"],
    )
