"""Certificate programmes as everybody sees them."""

from datetime import datetime

import msgspec

from db.sql import fetch


class ProgrammeCourse(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A course of a programme; `duration` is in minutes. The course's own page says the rest."""

    id: str
    slug: str
    title: str
    level: str
    language: str
    duration: int | None
    is_on_sale: bool


class ProgrammeCard(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A programme with the courses that make it up, in the order in which they are learned."""

    id: str
    slug: str
    title: str
    description: str | None
    published_at: datetime
    courses: list[ProgrammeCourse]


_PROGRAMMES = """
SELECT p.id, p.slug, p.title, p.description, p.published_at AS "publishedAt",
  (SELECT coalesce(json_agg(json_build_object(
     'id', c.id, 'slug', c.slug, 'title', c.title, 'level', c.level, 'language', coalesce(c.language, 'en'),
     'duration', c.duration, 'isOnSale', coalesce(c."isPublished", FALSE)) ORDER BY pc.position), '[]')
   FROM programme_courses pc JOIN courses c ON c.id = pc.course_id WHERE pc.programme_id = p.id) AS courses
FROM programmes p WHERE p.published_at IS NOT NULL AND ($1::text IS NULL OR p.id < $1) ORDER BY p.id DESC LIMIT $2
"""


async def list_programmes(cursor: str | None, limit: int) -> list[ProgrammeCard]:
    """Published programmes, the newest first, at most `limit` behind the cursor."""
    return [
        msgspec.convert({**row, "courses": msgspec.json.decode(row["courses"])}, ProgrammeCard)
        for row in await fetch(_PROGRAMMES, cursor, limit)
    ]
