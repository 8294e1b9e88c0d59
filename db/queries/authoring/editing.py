"""Changing a course: one transaction under the course's row lock, for everything that instructors write.

The lock is the queue of a course's editors. What a rule needs to know of the whole course (cycles, gaps, the order of
all lessons) is read after it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import asyncpg
import msgspec

from db.queries.audit import record_audit
from db.queries.authoring.gaps import gaps_of
from db.queries.learning.completion import lock_learners, recount_course
from db.sql import fetch, fetch_one
from db.transaction import in_transaction
from domain.errors import BusinessRefusalError, FieldsRefusedError
from domain.identifiers import new_id
from domain.learning.authoring import MESSAGES, CourseState, Gap, Move

T = TypeVar("T")


class Author(msgspec.Struct, frozen=True):
    """Who writes."""

    user_id: str
    any_course: bool
    """Whether courses of others, too."""


class LockedCourse(msgspec.Struct, frozen=True):
    """A course whose row is locked until the transaction ends."""

    id: str
    state: CourseState
    version: int


class Edited(msgspec.Struct, Generic[T], frozen=True):
    """What a change answered with."""

    value: T
    completed: Sequence[str] = ()
    """Enrollments that are done by it: their stories are to be started."""


async def edit_course(
    author: Author,
    course_id: str,
    change: Callable[[LockedCourse], Awaitable[T]],
    *,
    what: str,
    ids: Mapping[str, str] | None = None,
    if_version: int | None = None,
    counts: bool = False,
) -> Edited[T]:
    """Make a change of a course's content, written down as `content.updated` with the word `what` and the `ids`.

    `counts`: whether it changes which lessons count, so that its learners are counted again. Raises
    `BusinessRefusalError`: `not_found` for what is not the author's, `version_changed` unless the course is at
    `if_version`, `course_incomplete` when a published course would lack something that it has.
    """

    async def work() -> Edited[T]:
        course = await _locked(author, course_id, if_version)
        is_public = course.state is CourseState.PUBLISHED
        before = await gaps_of(course_id) if is_public else frozenset()
        if counts:
            await lock_learners(course_id)
        value = await change(course)
        completed = await recount_course(course_id) if counts else []
        if is_public:
            _require_none(await gaps_of(course_id) - before)
        await _write_version(course, course.state)
        await record_audit("content.updated", "course", course_id, actor_id=author.user_id, change=what, **(ids or {}))
        return Edited(value, completed)

    return await in_transaction(work)


async def move_course(author: Author, course_id: str, move: Move, *, if_version: int | None = None) -> None:
    """Take a course from one state to the next; `isPublished` and `publishedAt` follow.

    Raises `BusinessRefusalError`: as `edit_course`, and `state_differs` when the course is not where the move begins.
    """

    async def work() -> None:
        course = await _locked(author, course_id, if_version)
        if course.state is not move.since:
            raise BusinessRefusalError("state_differs")
        publishes = move.to is CourseState.PUBLISHED
        if publishes or move.to is CourseState.IN_REVIEW:
            _require_none(await gaps_of(course_id))
        await fetch(
            'UPDATE courses SET "isPublished" = $2, "publishedAt" = CASE WHEN $2 THEN now() ELSE "publishedAt" END'
            " WHERE id = $1",
            *(course_id, publishes),
        )
        await _write_version(course, move.to)
        await fetch(
            "UPDATE course_states SET changed_at = now(), changed_by = $2 WHERE course_id = $1",
            *(course_id, author.user_id),
        )
        await record_audit(move.action, "course", course_id, actor_id=author.user_id)

    await in_transaction(work)


async def delete_course(author: Author, course_id: str, *, if_version: int | None = None) -> None:
    """Delete a course that nobody ever had to do with.

    Raises `BusinessRefusalError`: as `edit_course`, and `course_in_use` when it was published, or anything of
    somebody's refers to it: such a course is archived.
    """

    async def work() -> None:
        course = await _locked(author, course_id, if_version)
        deleted = course.state is CourseState.DRAFT and await fetch(
            'DELETE FROM courses WHERE id = $1 AND "publishedAt" IS NULL RETURNING id', course_id
        )
        if not deleted:
            raise BusinessRefusalError("course_in_use")
        await record_audit("course.deleted", "course", course_id, actor_id=author.user_id)

    try:
        await in_transaction(work)
    except asyncpg.ForeignKeyViolationError:
        raise BusinessRefusalError("course_in_use") from None


async def write_columns(table: str, row_id: str, columns: Mapping[str, Any]) -> None:
    """Set some columns of a row, and its `updatedAt`. Table and columns are constants of ours."""
    sets = "".join(f', "{name}" = ${number}' for number, name in enumerate(columns, start=2))
    await fetch(f'UPDATE {table} SET "updatedAt" = now(){sets} WHERE id = $1', row_id, *columns.values())  # noqa: S608


async def insert_row(table: str, columns: Mapping[str, Any]) -> str:
    """Add a row; its new id. Table and columns are constants of ours."""
    row_id = new_id()
    names = ", ".join(f'"{name}"' for name in columns)
    places = ", ".join(f"${number}" for number in range(2, len(columns) + 2))
    await fetch(f"INSERT INTO {table} (id, {names}) VALUES ($1, {places})", row_id, *columns.values())  # noqa: S608
    return row_id


async def _locked(author: Author, course_id: str, if_version: int | None) -> LockedCourse:
    mine = await fetch(
        'SELECT FROM courses WHERE id = $1 AND ($2 OR "instructorId" = $3) FOR NO KEY UPDATE',
        *(course_id, author.any_course, author.user_id),
    )
    if not mine:
        raise BusinessRefusalError("not_found")
    # A statement of its own, which sees what the editor before has committed.
    row = await fetch_one(
        "SELECT coalesce(s.state, CASE WHEN c.\"isPublished\" THEN 'published' ELSE 'draft' END) AS state,"
        " coalesce(s.version, 0) AS version FROM courses c LEFT JOIN course_states s ON s.course_id = c.id"
        " WHERE c.id = $1",
        course_id,
    )
    assert row is not None  # noqa: S101  # locked above
    if if_version is not None and row["version"] != if_version:
        raise BusinessRefusalError("version_changed")
    return LockedCourse(course_id, CourseState(row["state"]), row["version"])


async def _write_version(course: LockedCourse, state: CourseState) -> None:
    await fetch(
        "INSERT INTO course_states (course_id, state, version) VALUES ($1, $2, $3)"
        " ON CONFLICT (course_id) DO UPDATE SET state = $2, version = $3",
        *(course.id, state, course.version + 1),
    )
    await fetch('UPDATE courses SET "updatedAt" = now() WHERE id = $1', course.id)


def _require_none(gaps: frozenset[Gap]) -> None:
    if gaps:
        named = sorted(gaps, key=lambda gap: (gap.lesson_id or "", gap.kind))
        raise FieldsRefusedError("course_incomplete", {gap.field: MESSAGES[gap.kind] for gap in named})
