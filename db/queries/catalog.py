"""The catalog as readers see it: published courses, each in one statement, so that a page is one snapshot."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec

from db.queries.billing.seats import SEATED
from db.sql import fetch, fetch_one

Level = Literal["beginner", "intermediate", "advanced"]


class CourseFilters(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a list asks for. Prices are in the default currency; a free course counts as 0."""

    category: str | None = None
    level: Level | None = None
    language: str | None = None
    free: bool | None = None
    price_min: Decimal | None = None
    price_max: Decimal | None = None
    words: tuple[str, ...] = ()
    """Each must occur in the title, the description, a tag or the instructor's name; case does not matter. In NFC."""


class Position(msgspec.Struct, frozen=True):
    """Where a page ends: the list runs from the newest publication to the oldest, by id where two are equal."""

    shown_at: datetime
    """UTC without a zone, as the brief's columns are."""
    course_id: str


class Instructor(msgspec.Struct, frozen=True):
    """Who teaches a course."""

    id: str
    name: str


class CourseCard(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A course in a list. `price` includes tax, in `currency`; `duration` is in minutes."""

    id: str
    slug: str
    title: str
    description: str | None
    thumbnail_url: str | None
    category: str
    level: str
    language: str
    duration: int | None
    is_free: bool
    price: Decimal | None
    subscription_price: Decimal | None
    currency: str
    instructor: Instructor | None
    tags: list[str]
    is_limited: bool
    """Whether the seats are limited; the course's own page says how many are left."""
    published_at: datetime | None
    rating_average: float | None
    """Of 5, to two decimals, over the published reviews; `null` without any."""
    rating_count: int


class Lesson(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A lesson of the outline. `content`, `video_url` and `resource_urls` are there for previews only."""

    id: str
    title: str
    description: str | None
    order: int
    type: str
    is_preview: bool
    estimated_duration: int | None
    """Minutes."""
    video_duration: int | None
    """Seconds."""
    content: str | None
    video_url: str | None
    resource_urls: list[str] | None


class Module(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A part of a course; `estimated_duration` is in minutes."""

    id: str
    title: str
    description: str | None
    order: int
    is_preview: bool
    estimated_duration: int | None
    lessons: list[Lesson]


class Price(msgspec.Struct, frozen=True):
    """What the course costs in one currency, tax included."""

    currency: str
    amount: Decimal


class CoursePage(CourseCard, frozen=True, kw_only=True, rename="camel"):
    """A course with its outline."""

    clinic_id: str | None
    trailer_video_url: str | None
    has_certificate: bool
    modules: list[Module]
    prices: list[Price]
    """The default currency first. Empty for a free course."""
    max_enrollments: int | None
    seats_left: int | None
    """`null` where the seats are not limited."""


_SHOWN = """
WITH shown AS (
  SELECT c.id, c.slug, c.title, c.description, c."thumbnailUrl", c.category, c.level,
         coalesce(c.language, 'en') AS language, c.duration, coalesce(c."isFree", false) AS "isFree", c.price,
         c."subscriptionPrice", c."publishedAt" AT TIME ZONE 'UTC' AS "publishedAt",
         c."clinicId", c."trailerVideoUrl", c."certificateTemplate",
         c."maxEnrollments", c."maxEnrollments" IS NOT NULL AS "isLimited",
         coalesce(c."publishedAt", c."createdAt", 'epoch') AS shown_at,
         CASE WHEN u.id IS NULL THEN NULL ELSE json_build_object('id', u.id, 'name', u.name) END AS instructor,
         u.name AS instructor_name,
         CASE WHEN jsonb_typeof(c.metadata -> 'tags') = 'array'
              THEN ARRAY(SELECT jsonb_array_elements_text(c.metadata -> 'tags')) ELSE '{}' END AS tags,
         rated.average AS "ratingAverage", rated.count AS "ratingCount"
  FROM courses c LEFT JOIN users u ON u.id = c."instructorId",
       LATERAL (SELECT round(avg(rating), 2)::float8 AS average, count(*)::int AS count
                FROM course_reviews WHERE "courseId" = c.id AND "isPublished") rated
  WHERE c."isPublished" AND (c."clinicId" IS NULL OR c."clinicId" = ANY ($1::text[]))
)
"""

_LIST = (
    _SHOWN
    + """
SELECT *, $2::text AS currency FROM shown
WHERE ($3::text IS NULL OR category = $3) AND ($4::text IS NULL OR level = $4) AND ($5::text IS NULL OR language = $5)
  AND ($6::boolean IS NULL OR "isFree" = $6)
  AND ($7::numeric IS NULL OR CASE WHEN "isFree" THEN 0 ELSE price END >= $7)
  AND ($8::numeric IS NULL OR CASE WHEN "isFree" THEN 0 ELSE price END <= $8)
  AND normalize(concat_ws(' ', title, description, array_to_string(tags, ' '), instructor_name)) ILIKE ALL ($9::text[])
  AND ($10::timestamp IS NULL OR (shown_at, id) < ($10, $11::text))
ORDER BY shown_at DESC, id DESC LIMIT $12
"""
)

_PAGE = (
    _SHOWN  # noqa: S608 two constants
    + """
SELECT s.*, $2::text AS currency, s."certificateTemplate" IS NOT NULL AS "hasCertificate", NULL AS "seatsLeft",
  (SELECT coalesce(json_agg(json_build_object('currency', p.currency, 'amount', p.amount::text)
                            ORDER BY p.currency <> $2, p.currency), '[]')
   FROM (SELECT $2 AS currency, s.price AS amount WHERE s.price IS NOT NULL
         UNION ALL SELECT currency, amount FROM course_prices WHERE course_id = s.id AND currency <> $2) p
   WHERE NOT s."isFree") AS prices,
  (SELECT coalesce(json_agg(json_build_object(
     'id', m.id, 'title', m.title, 'description', m.description, 'order', m."order",
     'isPreview', coalesce(m."isPreview", false), 'estimatedDuration', m."estimatedDuration", 'lessons',
     (SELECT coalesce(json_agg(json_build_object(
        'id', l.id, 'title', l.title, 'description', l.description, 'order', l."order", 'type', l.type,
        'isPreview', preview, 'estimatedDuration', l."estimatedDuration", 'videoDuration', l."videoDuration",
        'content', CASE WHEN preview THEN l.content END, 'videoUrl', CASE WHEN preview THEN l."videoUrl" END,
        'resourceUrls', CASE WHEN preview THEN l."resourceUrls" END
      ) ORDER BY l."order", l.id), '[]')
      FROM course_lessons l,
           LATERAL (SELECT coalesce(l."isPreview", false) OR coalesce(m."isPreview", false)) AS p (preview)
      WHERE l."moduleId" = m.id)
   ) ORDER BY m."order", m.id), '[]') FROM course_modules m WHERE m."courseId" = s.id) AS modules
FROM shown s WHERE s.id = $3 OR s.slug = $3 ORDER BY s.id = $3 DESC LIMIT 1
"""
)


async def read_generation() -> str:
    """The catalog's generation: another word after every committed change of what the catalog shows (ADR 3)."""
    row = await fetch_one("SELECT token FROM catalog_generation")
    if row is None:
        raise LookupError("catalog_generation is empty: were the migrations applied?")
    return str(row["token"].hex)


async def list_courses(
    filters: CourseFilters, *, after: Position | None, limit: int, currency: str, clinic_ids: Sequence[str] = ()
) -> tuple[list[CourseCard], Position | None]:
    """At most `limit` courses after a position, and the position of the last one where more follow.

    A clinic's own courses are there only for the clinics named.
    """
    rows = await fetch(
        _LIST,
        list(clinic_ids),
        currency,
        filters.category,
        filters.level,
        filters.language,
        filters.free,
        filters.price_min,
        filters.price_max,
        [_containing(word) for word in filters.words],
        after.shown_at if after else None,
        after.course_id if after else None,
        limit + 1,
    )
    kept = rows[:limit]
    more = Position(kept[-1]["shown_at"], kept[-1]["id"]) if len(rows) > limit else None
    return [msgspec.convert(_decoded(row, "instructor"), CourseCard) for row in kept], more


async def is_position_of_course(position: Position) -> bool:
    """Whether some course stands exactly there: what cursors of ours say, unless the course has moved since."""
    row = await fetch_one(
        """SELECT FROM courses WHERE id = $1 AND coalesce("publishedAt", "createdAt", 'epoch') = $2""",
        position.course_id,
        position.shown_at,
    )
    return row is not None


async def find_course(id_or_slug: str, *, currency: str, clinic_ids: Sequence[str] = ()) -> CoursePage | None:
    """A published course by its id or, failing that, its slug; a clinic's own only for the clinics named.

    `seats_left` is left to `seats_left()`, since it changes with every purchase.
    """
    row = await fetch_one(_PAGE, list(clinic_ids), currency, id_or_slug)
    return None if row is None else msgspec.convert(_decoded(row, "instructor", "prices", "modules"), CoursePage)


async def seats_left(course_id: str) -> int | None:
    """Seats that nobody has or holds, never below 0; `None` where they are not limited or the course is gone.

    The same rule as `has_free_seat`: learners with access, and people who hold a seat at checkout and are none.
    """
    row = await fetch_one(
        f"""
        SELECT greatest(0, "maxEnrollments" - (
          SELECT count(*) FROM (
            SELECT "userId" FROM course_enrollments e WHERE {SEATED}
            UNION SELECT user_id FROM orders WHERE course_id = $1 AND holds_seat) seated)) AS left
        FROM courses WHERE id = $1
        """,  # noqa: S608  # a constant of ours
        course_id,
    )
    return None if row is None or row["left"] is None else int(row["left"])


async def clinics_of(user_id: str) -> list[str]:
    """The clinics that somebody belongs to, as staff or as a patient."""
    return [row["clinic_id"] for row in await fetch("SELECT clinic_id FROM clinic_members WHERE user_id = $1", user_id)]


def _decoded(row: Any, *json_columns: str) -> dict[str, Any]:
    values = dict(row)
    for name in json_columns:
        values[name] = None if values[name] is None else msgspec.json.decode(values[name])
    return values


def _containing(word: str) -> str:
    """An ILIKE pattern in which `%`, `_` and `\\` stand for themselves."""
    escaped = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
