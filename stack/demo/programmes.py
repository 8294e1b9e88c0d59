"""Demo programmes, each written once: its audit row says so."""

from datetime import UTC

from db.sql import fetch
from stack.demo.content import Programme
from stack.demo.ids import demo_id


async def load_programme(programme: Programme, user_ids: dict[str, str]) -> None:
    """Write a published programme of the courses that are there, unless it was written before."""
    programme_id, author = demo_id("programme", programme.slug), user_ids[programme.author]
    at = programme.published_at.replace(tzinfo=UTC)
    written = await fetch(
        "INSERT INTO audit_events (id, at, action, actor_id, subject_type, subject_id)"
        " VALUES ($1, $2, 'programme.published', $3, 'programme', $4) ON CONFLICT (id) DO NOTHING RETURNING id",
        *(demo_id("audit", f"programme.published/{programme.slug}"), at, author, programme_id),
    )
    if not written:
        return
    await fetch(
        "INSERT INTO programmes (id, slug, title, description, author_id, published_at, created_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $6)",
        *(programme_id, programme.slug, programme.title, programme.description, author, at),
    )
    for position, slug in enumerate(programme.courses, start=1):
        await fetch(
            "INSERT INTO programme_courses (id, programme_id, course_id, position)"
            " SELECT $1, $2, id, $3 FROM courses WHERE id = $4",
            *(demo_id("programme-course", f"{programme.slug}/{slug}"), programme_id, position, demo_id("course", slug)),
        )
