"""Courses, lessons and clinics for the catalog's tests."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from db.sql import as_json, fetch
from domain.identifiers import new_id

LONG_AGO = datetime(2026, 1, 1, 6, 0)  # noqa: DTZ001 the brief's columns are UTC without a zone


async def add_course(category: str, *, days: int = 0, tags: object = (), **columns: Any) -> str:
    """A published beginners' course of 100.00 in English, unless told otherwise; its id. `days` orders the list."""
    course_id = new_id()
    values: dict[str, Any] = {
        "id": course_id,
        "slug": f"slug-{course_id}",
        "title": "A course",
        "category": category,
        "level": "beginner",
        "language": "en",
        "price": Decimal("100.00"),
        "isPublished": True,
        "publishedAt": LONG_AGO + timedelta(days=days),
        "metadata": as_json({"tags": tags}),
        **columns,
    }
    names = ", ".join(f'"{name}"' for name in values)
    places = ", ".join(f"${number}" for number in range(1, len(values) + 1))
    await fetch(f"INSERT INTO courses ({names}) VALUES ({places})", *values.values())
    return course_id


async def add_module(course_id: str, order: int, *, preview: bool = False) -> str:
    """A module; its id."""
    module_id = new_id()
    await fetch(
        'INSERT INTO course_modules (id, "courseId", title, "order", "isPreview") VALUES ($1, $2, $3, $4, $5)',
        *(module_id, course_id, f"Module {order}", order, preview),
    )
    return module_id


async def add_lesson(module_id: str, order: int, *, preview: bool = False) -> str:
    """A lesson with content, a video and a worksheet; its id."""
    lesson_id = new_id()
    await fetch(
        'INSERT INTO course_lessons (id, "moduleId", title, "order", type, content, "videoUrl", "resourceUrls",'
        " \"isPreview\") VALUES ($1, $2, $3, $4, 'video', 'secret words', 'https://v.example/1', $5, $6)",
        *(lesson_id, module_id, f"Lesson {order}", order, ["https://v.example/sheet.pdf"], preview),
    )
    return lesson_id


async def add_programme(author_id: str, *course_ids: str) -> str:
    """A draft of a certificate programme of these courses; its id."""
    programme_id = new_id()
    await fetch(
        "INSERT INTO programmes (id, slug, title, author_id) VALUES ($1, $1, 'A programme', $2)",
        *(programme_id, author_id),
    )
    for position, course_id in enumerate(course_ids, start=1):
        await fetch(
            "INSERT INTO programme_courses (id, programme_id, course_id, position) VALUES ($1, $2, $3, $4)",
            *(new_id(), programme_id, course_id, position),
        )
    return programme_id


async def add_clinic(*member_ids: str) -> str:
    """A clinic with these members; its id."""
    clinic_id = new_id()
    await fetch(
        "INSERT INTO clinics (id, slug, name, state, settings) VALUES ($1, $1, 'A clinic', 'KL', '{}')", clinic_id
    )
    for member_id in member_ids:
        await fetch(
            "INSERT INTO clinic_members (id, clinic_id, user_id) VALUES ($1, $2, $3)", new_id(), clinic_id, member_id
        )
    return clinic_id
