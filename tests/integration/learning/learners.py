"""Courses with lessons, and people who learn."""

from typing import Any

from db.queries.learning.completion import Completed, complete_lesson
from db.sql import fetch, fetch_one
from db.transaction import in_transaction
from domain.identifiers import new_id
from tests.integration.catalog.catalog_rows import add_course, add_lesson, add_module
from tests.integration.conftest import NewPerson


async def course_of(lessons: int) -> tuple[str, list[str]]:
    """A published course of one module with so many lessons; their ids."""
    course_id = await add_course("herbology")
    module_id = await add_module(course_id, 1)
    return course_id, [await add_lesson(module_id, order) for order in range(lessons)]


async def enroll(user_id: str, course_id: str, *, status: str = "active") -> str:
    """An enrollment with a gift's entitlement behind it; its id."""
    enrollment_id = new_id()
    await fetch(
        "INSERT INTO entitlements (id, user_id, course_id, reason, source_id, since)"
        " VALUES ($1, $2, $3, 'gift', $1, now())",
        *(new_id(), user_id, course_id),
    )
    await fetch(
        'INSERT INTO course_enrollments (id, "userId", "courseId", status) VALUES ($1, $2, $3, $4)',
        *(enrollment_id, user_id, course_id, status),
    )
    return enrollment_id


async def learner_of(new_person: NewPerson, course_id: str, *, status: str = "active") -> str:
    """Somebody new in this course; the enrollment's id."""
    return await enroll((await new_person()).id, course_id, status=status)


async def complete(enrollment_id: str, lesson_id: str) -> Completed:
    """In a transaction of its own, as every caller does it."""
    return await in_transaction(lambda: complete_lesson(enrollment_id, lesson_id))


async def enrollment(enrollment_id: str) -> Any:
    """Its row, with `reached` and `marked` of its completion."""
    row = await fetch_one(
        'SELECT e.*, e."completionPercentage" AS percentage, k.enrollment_id IS NOT NULL AS reached,'
        " k.marked_at IS NOT NULL AS marked FROM course_enrollments e"
        " LEFT JOIN course_completions k ON k.enrollment_id = e.id WHERE e.id = $1",
        enrollment_id,
    )
    assert row is not None
    return row


async def audits(action: str, subject_id: str) -> int:
    """How often this was written down."""
    row = await fetch_one(
        "SELECT count(*) AS n FROM audit_events WHERE action = $1 AND subject_id = $2", action, subject_id
    )
    assert row is not None
    return int(row["n"])
