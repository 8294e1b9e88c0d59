"""Certificate programmes as their authors write them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from db.queries.audit import record_audit
from db.queries.authoring.editing import Author
from db.queries.learning.programmes import complete_for_everybody, wait_for_marks
from db.sql import fetch, fetch_one
from db.transaction import in_transaction
from domain.errors import BusinessRefusalError, FieldsRefusedError
from domain.identifiers import new_id

FEWEST_COURSES = 2
"""A programme of one course would only be that course's certificate once more."""
_SAME_COURSES = "Each once, of those that you may write; none that is a clinic's own."


class ProgrammeCourseView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A course of a programme."""

    id: str
    slug: str
    title: str
    is_published: bool


class AuthoredProgramme(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A programme; `published_at` is `null` for a draft, and for one that was withdrawn."""

    id: str
    slug: str
    title: str
    description: str | None
    certificate_template: str | None
    author_id: str
    published_at: datetime | None
    created_at: datetime
    courses: list[ProgrammeCourseView]
    """In the order in which they are to be learned."""


_PROGRAMME = """
SELECT p.id, p.slug, p.title, p.description, p.certificate_template AS "certificateTemplate",
  p.author_id AS "authorId", p.published_at AS "publishedAt", p.created_at AS "createdAt",
  (SELECT coalesce(json_agg(json_build_object('id', c.id, 'slug', c.slug, 'title', c.title,
     'isPublished', coalesce(c."isPublished", FALSE)) ORDER BY pc.position), '[]')
   FROM programme_courses pc JOIN courses c ON c.id = pc.course_id WHERE pc.programme_id = p.id) AS courses
FROM programmes p WHERE ($1 OR p.author_id = $2)
"""


async def read_programme(author: Author, programme_id: str) -> AuthoredProgramme:
    """A programme of the author's. Raises `BusinessRefusalError("not_found")`."""
    row = await fetch_one(_PROGRAMME + " AND p.id = $3", author.any_course, author.user_id, programme_id)
    if row is None:
        raise BusinessRefusalError("not_found")
    return _programme(row)


async def list_programmes(author: Author, cursor: str | None, limit: int) -> list[AuthoredProgramme]:
    """The author's programmes, the newest first, at most `limit` behind the cursor."""
    rows = await fetch(
        _PROGRAMME + " AND ($3::text IS NULL OR p.id < $3) ORDER BY p.id DESC LIMIT $4",
        *(author.any_course, author.user_id, cursor, limit),
    )
    return [_programme(row) for row in rows]


async def create_programme(author: Author, columns: Mapping[str, Any], course_ids: Sequence[str]) -> str:
    """Write a draft; its id. Raises `BusinessRefusalError`: `slug_taken`, `validation_failed` for its courses."""
    programme_id = new_id()

    async def work() -> None:
        names = ", ".join(columns)
        places = ", ".join(f"${number}" for number in range(3, len(columns) + 3))
        await fetch(
            f"INSERT INTO programmes (id, author_id, {names}) VALUES ($1, $2, {places})",  # noqa: S608  # ours
            *(programme_id, author.user_id, *columns.values()),
        )
        await _write_courses(author, programme_id, course_ids)
        await record_audit("programme.created", "programme", programme_id, actor_id=author.user_id)

    await _with_own_slug(work)
    return programme_id


async def update_programme(
    author: Author, programme_id: str, columns: Mapping[str, Any], course_ids: Sequence[str] | None
) -> None:
    """Change the columns named and, unless `None`, all courses. Who is done by it has completed it.

    Raises `BusinessRefusalError`: `not_found`, `slug_taken`, `validation_failed`, `programme_incomplete` when a
    published one would have too few courses.
    """

    async def change() -> None:
        if columns:
            sets = ", ".join(f"{name} = ${number}" for number, name in enumerate(columns, start=2))
            await fetch(f"UPDATE programmes SET {sets} WHERE id = $1", programme_id, *columns.values())  # noqa: S608
        if course_ids is not None:
            await _write_courses(author, programme_id, course_ids)

    await _with_own_slug(lambda: _change(author, programme_id, change, "programme.changed"))


async def publish_programme(author: Author, programme_id: str) -> None:
    """Show it to learners; who has completed all of its courses has completed it.

    Raises `BusinessRefusalError`: `not_found`, and `programme_incomplete` while a course of it is not published.
    """

    async def change() -> None:
        row = await fetch_one(
            'SELECT count(*) FILTER (WHERE NOT coalesce(c."isPublished", FALSE)) AS hidden'
            " FROM programme_courses pc JOIN courses c ON c.id = pc.course_id WHERE pc.programme_id = $1",
            programme_id,
        )
        if row and row["hidden"]:
            raise FieldsRefusedError("programme_incomplete", {"courseIds": "Not all are published."})
        await fetch("UPDATE programmes SET published_at = coalesce(published_at, now()) WHERE id = $1", programme_id)

    await in_transaction(lambda: _change(author, programme_id, change, "programme.published"))


async def withdraw_programme(author: Author, programme_id: str) -> None:
    """Show it no more; completions stay. Raises `BusinessRefusalError("not_found")`."""

    async def change() -> None:
        await fetch("UPDATE programmes SET published_at = NULL WHERE id = $1", programme_id)

    await in_transaction(lambda: _change(author, programme_id, change, "programme.withdrawn"))


async def delete_programme(author: Author, programme_id: str) -> None:
    """Delete one that nobody has completed and that is not published.

    Raises `BusinessRefusalError`: `not_found`, `programme_in_use`.
    """

    async def work() -> None:
        await wait_for_marks()
        await read_programme(author, programme_id)
        gone = await fetch(
            "DELETE FROM programmes p WHERE id = $1 AND published_at IS NULL"
            " AND NOT EXISTS (SELECT FROM programme_completions WHERE programme_id = p.id) RETURNING id",
            programme_id,
        )
        if not gone:
            raise BusinessRefusalError("programme_in_use")
        await record_audit("programme.deleted", "programme", programme_id, actor_id=author.user_id)

    await in_transaction(work)


async def _change(author: Author, programme_id: str, change: Callable[[], Awaitable[None]], action: str) -> None:
    await wait_for_marks()
    await read_programme(author, programme_id)
    await change()
    after = await read_programme(author, programme_id)
    if after.published_at is not None and len(after.courses) < FEWEST_COURSES:
        raise FieldsRefusedError("programme_incomplete", {"courseIds": f"At least {FEWEST_COURSES}."})
    await complete_for_everybody(programme_id)
    await record_audit(action, "programme", programme_id, actor_id=author.user_id)


async def _write_courses(author: Author, programme_id: str, course_ids: Sequence[str]) -> None:
    """Courses that are there already may stay, whosever they are."""
    [row] = await fetch(
        'SELECT count(*) AS n FROM courses WHERE id = ANY ($1) AND "clinicId" IS NULL AND ($2 OR "instructorId" = $3'
        " OR id IN (SELECT course_id FROM programme_courses WHERE programme_id = $4))",
        *(course_ids, author.any_course, author.user_id, programme_id),
    )
    if row["n"] != len(course_ids):
        raise FieldsRefusedError("validation_failed", {"courseIds": _SAME_COURSES})
    await fetch("DELETE FROM programme_courses WHERE programme_id = $1", programme_id)
    await fetch(
        "INSERT INTO programme_courses (id, programme_id, course_id, position)"
        " SELECT o.id, $2, o.course_id, o.place FROM unnest($1::text[], $3::text[]) WITH ORDINALITY"
        " AS o (id, course_id, place)",
        *([new_id() for _ in course_ids], programme_id, course_ids),
    )


async def _with_own_slug(work: Callable[[], Awaitable[None]]) -> None:
    try:
        await in_transaction(work)
    except asyncpg.UniqueViolationError:
        raise BusinessRefusalError("slug_taken") from None


def _programme(row: Any) -> AuthoredProgramme:
    return msgspec.convert({**row, "courses": msgspec.json.decode(row["courses"])}, AuthoredProgramme)
