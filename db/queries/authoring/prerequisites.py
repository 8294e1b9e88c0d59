"""Which lessons come first."""

from collections.abc import Sequence

from db.queries.authoring.content import course_of_lesson
from db.queries.authoring.editing import Author, LockedCourse, edit_course
from db.sql import fetch
from domain.errors import BusinessRefusalError, FieldsRefusedError
from domain.identifiers import new_id
from domain.learning.prerequisites import has_cycle


async def set_prerequisites(author: Author, lesson_id: str, first: Sequence[str], *, if_version: int | None) -> None:
    """Let these lessons, and no others, come before a lesson.

    All edges of the course are read under its lock, so that of two editors who each add half of a cycle the second is
    refused. Raises `BusinessRefusalError`: as `edit_course`, `validation_failed` for lessons of other courses,
    `prerequisite_cycle`.
    """
    course_id = await course_of_lesson(lesson_id)

    async def change(_: LockedCourse) -> None:
        rows = await fetch(
            'SELECT l.id FROM course_lessons l JOIN course_modules m ON m.id = l."moduleId" WHERE m."courseId" = $1',
            course_id,
        )
        inside = {row["id"] for row in rows}
        if lesson_id not in inside:
            raise BusinessRefusalError("not_found")
        if set(first) - inside:
            raise FieldsRefusedError("validation_failed", {"lessonIds": "Not all are lessons of this course."})
        requires: dict[str, set[str]] = {lesson_id: set(first)}
        edges = await fetch(
            "SELECT lesson_id, requires_lesson_id FROM lesson_prerequisites"
            " WHERE lesson_id = ANY ($1) AND lesson_id <> $2",
            *(list(inside), lesson_id),
        )
        for edge in edges:
            requires.setdefault(edge["lesson_id"], set()).add(edge["requires_lesson_id"])
        if has_cycle(requires):
            raise BusinessRefusalError("prerequisite_cycle")
        await fetch("DELETE FROM lesson_prerequisites WHERE lesson_id = $1", lesson_id)
        unique = list(dict.fromkeys(first))
        await fetch(
            "INSERT INTO lesson_prerequisites (id, lesson_id, requires_lesson_id)"
            " SELECT p.id, $2, p.needed FROM unnest($1::text[], $3::text[]) AS p (id, needed)",
            *([new_id() for _ in unique], lesson_id, unique),
        )

    ids = {"lessonId": lesson_id}
    await edit_course(author, course_id, change, what="prerequisites", ids=ids, if_version=if_version)
