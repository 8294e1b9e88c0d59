"""Modules and lessons: added, changed, put in order, removed."""

from collections.abc import Mapping, Sequence
from typing import Any

from db.queries.authoring.editing import Author, Edited, LockedCourse, edit_course, insert_row, write_columns
from db.sql import fetch, fetch_one
from domain.errors import BusinessRefusalError
from domain.identifiers import new_id

RULES = ("is_required", "opens_at", "opens_after_days", "transcript")
"""Columns of `lesson_rules`; the others are of `course_lessons`."""

Order = Sequence[tuple[str, Sequence[str]]]
"""Every module of a course with its lessons, from the first to the last."""

_LESSON = 'SELECT l.* FROM course_lessons l JOIN course_modules m ON m.id = l."moduleId" WHERE l.id = $1'


async def course_of_module(module_id: str) -> str:
    """The course that a module is of. Raises `BusinessRefusalError("not_found")`."""
    return _id_of(await fetch_one('SELECT "courseId" AS id FROM course_modules WHERE id = $1', module_id))


async def course_of_lesson(lesson_id: str) -> str:
    """The course that a lesson is of. Raises `BusinessRefusalError("not_found")`."""
    return _id_of(
        await fetch_one(
            'SELECT m."courseId" AS id FROM course_lessons l JOIN course_modules m ON m.id = l."moduleId"'
            " WHERE l.id = $1",
            lesson_id,
        )
    )


async def add_module(author: Author, course_id: str, values: Mapping[str, Any], *, if_version: int | None) -> str:
    """A module behind the others; its id. Raises as `edit_course` does, as all here."""

    async def change(_: LockedCourse) -> str:
        row = await fetch_one(
            'SELECT coalesce(max("order"), 0) + 1 AS next FROM course_modules WHERE "courseId" = $1', course_id
        )
        assert row is not None  # noqa: S101  # an aggregate
        return await insert_row("course_modules", {"courseId": course_id, "order": row["next"], **values})

    return (await edit_course(author, course_id, change, what="module_added", if_version=if_version)).value


async def update_module(author: Author, module_id: str, values: Mapping[str, Any], *, if_version: int | None) -> str:
    """Change the columns named; the course's id."""
    course_id = await course_of_module(module_id)

    async def change(_: LockedCourse) -> None:
        await write_columns("course_modules", module_id, values)

    ids = {"moduleId": module_id}
    await edit_course(author, course_id, change, what="module_changed", ids=ids, if_version=if_version)
    return course_id


async def remove_module(author: Author, module_id: str, *, if_version: int | None) -> Edited[None]:
    """Remove a module with its lessons, and what learners did in them. Learners are counted again."""
    course_id = await course_of_module(module_id)

    async def change(_: LockedCourse) -> None:
        rows = await fetch('SELECT id FROM course_lessons WHERE "moduleId" = $1', module_id)
        await _forget_in_analytics([row["id"] for row in rows])
        await fetch("DELETE FROM course_modules WHERE id = $1", module_id)

    ids = {"moduleId": module_id}
    return await edit_course(
        author, course_id, change, what="module_removed", ids=ids, if_version=if_version, counts=True
    )


async def add_lesson(
    author: Author, module_id: str, values: Mapping[str, Any], *, if_version: int | None
) -> Edited[str]:
    """A lesson behind the others of its module; its id. Learners are counted again."""
    course_id = await course_of_module(module_id)
    lesson_id = new_id()

    async def change(_: LockedCourse) -> str:
        added = await fetch(
            'INSERT INTO course_lessons (id, "moduleId", "order", title, type)'
            ' SELECT $1, m.id, (SELECT coalesce(max("order"), 0) + 1 FROM course_lessons WHERE "moduleId" = m.id),'
            " $3, $4 FROM course_modules m WHERE m.id = $2 RETURNING id",
            *(lesson_id, module_id, values["title"], values["type"]),
        )
        if not added:  # the module was removed meanwhile
            raise BusinessRefusalError("not_found")
        await _write_lesson(lesson_id, values)
        return lesson_id

    ids = {"lessonId": lesson_id}
    return await edit_course(
        author, course_id, change, what="lesson_added", ids=ids, if_version=if_version, counts=True
    )


async def update_lesson(
    author: Author, lesson_id: str, values: Mapping[str, Any], *, if_version: int | None
) -> Edited[None]:
    """Change the columns named. Learners are counted again when it becomes required or optional."""
    course_id = await course_of_lesson(lesson_id)

    async def change(_: LockedCourse) -> None:
        if not await fetch(_LESSON, lesson_id):
            raise BusinessRefusalError("not_found")
        await _write_lesson(lesson_id, values)

    return await edit_course(
        author,
        course_id,
        change,
        what="lesson_changed",
        ids={"lessonId": lesson_id},
        if_version=if_version,
        counts="is_required" in values,
    )


async def remove_lesson(author: Author, lesson_id: str, *, if_version: int | None) -> Edited[None]:
    """Remove a lesson and what learners did in it; who was completed stays so. Learners are counted again."""
    course_id = await course_of_lesson(lesson_id)

    async def change(_: LockedCourse) -> None:
        await _forget_in_analytics([lesson_id])
        await fetch("DELETE FROM course_lessons WHERE id = $1", lesson_id)

    ids = {"lessonId": lesson_id}
    return await edit_course(
        author, course_id, change, what="lesson_removed", ids=ids, if_version=if_version, counts=True
    )


async def put_in_order(author: Author, course_id: str, order: Order, *, if_version: int | None) -> None:
    """Give every module and lesson of a course its place; lessons may go to another module.

    Raises `BusinessRefusalError("order_incomplete")` unless each that there is now is named once: so an order that was
    made before somebody added or removed something changes nothing.
    """
    modules = [module_id for module_id, _ in order]
    lessons = [(lesson_id, module_id, place) for module_id, ids in order for place, lesson_id in enumerate(ids, 1)]

    async def change(_: LockedCourse) -> None:
        rows = await fetch('SELECT id FROM course_modules WHERE "courseId" = $1', course_id)
        inside = await fetch(
            'SELECT l.id FROM course_lessons l JOIN course_modules m ON m.id = l."moduleId" WHERE m."courseId" = $1',
            course_id,
        )
        is_complete = sorted(modules) == sorted(row["id"] for row in rows)
        if not is_complete or sorted(lesson[0] for lesson in lessons) != sorted(row["id"] for row in inside):
            raise BusinessRefusalError("order_incomplete")
        await fetch(
            'UPDATE course_modules m SET "order" = o.place FROM unnest($1::text[]) WITH ORDINALITY AS o (id, place)'
            " WHERE m.id = o.id",
            modules,
        )
        await fetch(
            'UPDATE course_lessons l SET "order" = o.place, "moduleId" = o.module_id'
            " FROM unnest($1::text[], $2::text[], $3::int[]) AS o (id, module_id, place) WHERE l.id = o.id",
            *([list(column) for column in zip(*lessons, strict=True)] or [[], [], []]),
        )

    await edit_course(author, course_id, change, what="order", if_version=if_version)


async def _write_lesson(lesson_id: str, values: Mapping[str, Any]) -> None:
    plain = {name: value for name, value in values.items() if name not in RULES}
    await write_columns("course_lessons", lesson_id, plain)
    rules = {name: values[name] for name in RULES if name in values}
    # A lesson opens on a day or some days after the enrollment: who sets one takes the other away.
    if rules.get("opens_at") is not None:
        rules.setdefault("opens_after_days", None)
    elif rules.get("opens_after_days") is not None:
        rules.setdefault("opens_at", None)
    if rules:
        names, places = ", ".join(rules), ", ".join(f"${number}" for number in range(2, len(rules) + 2))
        sets = ", ".join(f"{name} = EXCLUDED.{name}" for name in rules)
        await fetch(
            f"INSERT INTO lesson_rules (lesson_id, {names}) VALUES ($1, {places})"  # noqa: S608  # names of ours
            f" ON CONFLICT (lesson_id) DO UPDATE SET {sets}",
            *(lesson_id, *rules.values()),
        )


async def _forget_in_analytics(lesson_ids: Sequence[str]) -> None:
    """Events outlive their lesson; which one it was stands in their metadata from then on."""
    await fetch(
        "UPDATE course_analytics SET \"lessonId\" = NULL, metadata = coalesce(metadata, '{}') ||"
        ' jsonb_build_object(\'removedLessonId\', "lessonId") WHERE "lessonId" = ANY ($1)',
        lesson_ids,
    )


def _id_of(row: Any | None) -> str:
    if row is None:
        raise BusinessRefusalError("not_found")
    return str(row["id"])
