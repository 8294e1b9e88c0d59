"""Courses as their authors write them."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import asyncpg

from db.queries.audit import record_audit
from db.queries.authoring.editing import Author, Edited, LockedCourse, edit_course, insert_row, write_columns
from db.sql import fetch, fetch_one
from db.transaction import in_transaction
from domain.errors import BusinessRefusalError, FieldsRefusedError
from domain.identifiers import new_id
from domain.identity.roles import Permission, Role, permissions_of
from domain.learning.authoring import CourseState

TAGS = "tags"
PRICES = "prices"
"""Not columns: words of `metadata`, and rows of `course_prices`."""


async def create_course(author: Author, values: Mapping[str, Any]) -> str:
    """Write a draft; its id. `values` are columns of `courses`, and `tags` and `prices` (by currency).

    Raises `BusinessRefusalError("slug_taken")` and `validation_failed` for an instructor or a clinic that cannot be.
    """
    columns = {"instructorId": author.user_id, **values}

    async def work() -> str:
        await _check_people(author, columns)
        plain = {name: value for name, value in columns.items() if name not in (TAGS, PRICES)}
        course_id = await insert_row("courses", plain)
        await _write_beside(course_id, columns)
        await fetch(
            "INSERT INTO course_states (course_id, state, version, changed_by) VALUES ($1, $2, 1, $3)",
            *(course_id, CourseState.DRAFT, author.user_id),
        )
        await record_audit("course.created", "course", course_id, actor_id=author.user_id)
        return course_id

    try:
        return await in_transaction(work)
    except asyncpg.UniqueViolationError:
        raise BusinessRefusalError("slug_taken") from None


async def update_course(
    author: Author, course_id: str, values: Mapping[str, Any], *, if_version: int | None
) -> Edited[None]:
    """Change the columns named, and no others. Raises as `create_course` and `edit_course` do."""

    async def change(_: LockedCourse) -> None:
        await _check_people(author, values)
        if values.get("clinicId") is not None:
            await _require_no_programme(course_id)
        await write_columns("courses", course_id, {k: v for k, v in values.items() if k not in (TAGS, PRICES)})
        await _write_beside(course_id, values)

    try:
        return await edit_course(author, course_id, change, what="course", if_version=if_version)
    except asyncpg.UniqueViolationError:
        raise BusinessRefusalError("slug_taken") from None


async def _write_beside(course_id: str, values: Mapping[str, Any]) -> None:
    if TAGS in values:
        await fetch(
            "UPDATE courses SET metadata = coalesce(metadata, '{}') || jsonb_build_object('tags', $2::text[])"
            " WHERE id = $1",
            *(course_id, values[TAGS]),
        )
    if PRICES in values:
        prices: Mapping[str, Decimal] = values[PRICES]
        await fetch("DELETE FROM course_prices WHERE course_id = $1", course_id)
        await fetch(
            "INSERT INTO course_prices (id, course_id, currency, amount)"
            " SELECT p.id, $2, p.currency, p.amount FROM unnest($1::text[], $3::text[], $4::numeric[])"
            " AS p (id, currency, amount)",
            *([new_id() for _ in prices], course_id, list(prices), list(prices.values())),
        )


async def _require_no_programme(course_id: str) -> None:
    """A programme is for everybody, a clinic's own course for its members."""
    if await fetch("SELECT FROM programme_courses WHERE course_id = $1", course_id):
        raise FieldsRefusedError("validation_failed", {"clinicId": "The course is part of a programme."})


async def _check_people(author: Author, values: Mapping[str, Any]) -> None:
    """An author names himself, or whom he may name: editors anybody who may teach; staff of a clinic, that clinic."""
    instructor_id, clinic_id = values.get("instructorId"), values.get("clinicId")
    if instructor_id not in (None, author.user_id):
        row = await fetch_one("SELECT roles FROM users WHERE id = $1 AND disabled_at IS NULL", instructor_id)
        known = {role.value for role in Role}
        roles = [Role(role) for role in row["roles"] if role in known] if row and author.any_course else []
        if Permission.COURSE_MANAGE not in permissions_of(roles):
            raise FieldsRefusedError("validation_failed", {"instructorId": "Nobody who may teach by you."})
    if instructor_id is None and "instructorId" in values and not author.any_course:
        raise FieldsRefusedError("validation_failed", {"instructorId": "Your course stays yours."})
    if clinic_id is not None:
        found = await fetch(
            "SELECT FROM clinics WHERE id = $1 AND ($2 OR EXISTS ("
            " SELECT FROM clinic_members WHERE clinic_id = $1 AND user_id = $3 AND is_staff))",
            *(clinic_id, author.any_course, author.user_id),
        )
        if not found:
            raise FieldsRefusedError("validation_failed", {"clinicId": "No clinic whose staff you are."})
