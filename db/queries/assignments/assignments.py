"""What an assignment asks for: written by those who write the course, read by its learners."""

from collections.abc import Sequence

import msgspec

from db.queries.assignments.rows import AssignmentRow
from db.queries.authoring.content import course_of_lesson
from db.queries.authoring.editing import Author, LockedCourse, edit_course
from db.queries.billing.seats import HOLDS_NOW
from db.sql import as_json, fetch, fetch_one
from domain.assignments.rubric import Criterion
from domain.errors import BusinessRefusalError


async def write_assignment(
    lesson_id: str, author_id: str, *, any_course: bool, instructions: str, rubric: Sequence[Criterion], passing: int
) -> None:
    """Set what a lesson asks for. What was graded before keeps the rubric that it was graded by.

    Raises `BusinessRefusalError`: `not_found` unless the lesson is the author's to write, `lesson_type_differs`.
    """

    async def change(_: LockedCourse) -> None:
        if not await fetch("SELECT FROM course_lessons WHERE id = $1 AND type = 'assignment'", lesson_id):
            raise BusinessRefusalError("lesson_type_differs")
        await fetch(
            """
            INSERT INTO assignments (lesson_id, instructions, rubric, passing_score, changed_by)
            VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (lesson_id) DO UPDATE SET instructions = EXCLUDED.instructions, rubric = EXCLUDED.rubric,
              passing_score = EXCLUDED.passing_score, changed_by = EXCLUDED.changed_by, changed_at = now()
            """,
            *(lesson_id, instructions, as_json(rubric), passing, author_id),
        )

    author, course_id = Author(author_id, any_course), await course_of_lesson(lesson_id)
    await edit_course(author, course_id, change, what="assignment", ids={"lessonId": lesson_id})


async def read_assignment(lesson_id: str) -> AssignmentRow | None:
    """What a lesson asks for; `None` when nothing was set, or it is no assignment. Whether it is open is not asked."""
    row = await fetch_one(
        """SELECT a.lesson_id, m."courseId" AS course_id, a.instructions, a.rubric, a.passing_score
           FROM assignments a JOIN course_lessons l ON l.id = a.lesson_id JOIN course_modules m ON m.id = l."moduleId"
           WHERE a.lesson_id = $1 AND l.type = 'assignment'""",
        lesson_id,
    )
    if row is None:
        return None
    rubric = msgspec.json.decode(row["rubric"], type=tuple[Criterion, ...])
    return msgspec.convert({**dict(row), "rubric": rubric}, AssignmentRow)


async def has_access(user_id: str, course_id: str) -> bool:
    """Whether a reason for access holds now."""
    sql = f"SELECT FROM entitlements WHERE user_id = $1 AND course_id = $2 AND {HOLDS_NOW}"  # ours
    return bool(await fetch(sql, user_id, course_id))


async def may_grade_lesson(lesson_id: str, grader_id: str, *, any_course: bool) -> bool:
    """Whether somebody grades the course of this lesson."""
    sql = """SELECT FROM course_lessons l JOIN course_modules m ON m.id = l."moduleId"
             JOIN courses c ON c.id = m."courseId" WHERE l.id = $1 AND ($2 OR c."instructorId" = $3)"""
    return bool(await fetch(sql, lesson_id, any_course, grader_id))
