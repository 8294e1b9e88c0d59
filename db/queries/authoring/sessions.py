"""The dates of a lesson that is held live."""

from collections.abc import Mapping
from typing import Any

from db.queries.authoring.content import course_of_lesson
from db.queries.authoring.editing import Author, LockedCourse, edit_course, insert_row, write_columns
from db.sql import fetch, fetch_one
from domain.errors import BusinessRefusalError
from domain.learning.authoring import LessonType


async def add_session(author: Author, lesson_id: str, values: Mapping[str, Any], *, if_version: int | None) -> str:
    """A date of a lesson of this type; its id. Raises as `edit_course` does, and `lesson_type_differs`."""
    course_id = await course_of_lesson(lesson_id)

    async def change(_: LockedCourse) -> str:
        row = await fetch_one(
            'SELECT l.title, l.type, c."instructorId" AS instructor_id FROM course_lessons l'
            ' JOIN course_modules m ON m.id = l."moduleId" JOIN courses c ON c.id = m."courseId" WHERE l.id = $1',
            lesson_id,
        )
        if row is None:
            raise BusinessRefusalError("not_found")
        if row["type"] != LessonType.LIVE_SESSION:
            raise BusinessRefusalError("lesson_type_differs")
        mine = {"courseId": course_id, "lessonId": lesson_id, "instructorId": row["instructor_id"]}
        return await insert_row("course_live_sessions", {"title": row["title"], **mine, **values})

    ids = {"lessonId": lesson_id}
    return (await edit_course(author, course_id, change, what="session_added", ids=ids, if_version=if_version)).value


async def update_session(author: Author, session_id: str, values: Mapping[str, Any], *, if_version: int | None) -> str:
    """Change the columns named; the lesson's id."""
    course_id, lesson_id = await _of(session_id)

    async def change(_: LockedCourse) -> None:
        await write_columns("course_live_sessions", session_id, values)

    ids = {"lessonId": lesson_id}
    await edit_course(author, course_id, change, what="session_changed", ids=ids, if_version=if_version)
    return lesson_id


async def remove_session(author: Author, session_id: str, *, if_version: int | None) -> None:
    """Take a date away."""
    course_id, lesson_id = await _of(session_id)

    async def change(_: LockedCourse) -> None:
        await fetch("DELETE FROM course_live_sessions WHERE id = $1", session_id)

    ids = {"lessonId": lesson_id}
    await edit_course(author, course_id, change, what="session_removed", ids=ids, if_version=if_version)


async def _of(session_id: str) -> tuple[str, str]:
    """Course and lesson. A session without a lesson is none that is written here."""
    row = await fetch_one(
        'SELECT "courseId" AS course_id, "lessonId" AS lesson_id FROM course_live_sessions'
        ' WHERE id = $1 AND "lessonId" IS NOT NULL',
        session_id,
    )
    if row is None:
        raise BusinessRefusalError("not_found")
    return row["course_id"], row["lesson_id"]
