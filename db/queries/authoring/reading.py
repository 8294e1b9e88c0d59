"""Courses as their authors see them: everything, in one statement, with the version that it is."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from db.queries.authoring.editing import Author
from db.queries.authoring.gaps import gaps_of
from db.queries.catalog import Price
from db.sql import fetch, fetch_one
from domain.errors import BusinessRefusalError
from domain.learning.authoring import CourseState, Gap, LessonType


class AuthoredSession(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A date of a live lesson; `duration` is in minutes."""

    id: str
    title: str
    starts_at: datetime
    duration: int | None
    join_url: str | None
    recording_url: str | None


class LessonSummary(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A lesson in the outline. `estimated_duration` is in minutes, `video_duration` in seconds."""

    id: str
    module_id: str
    title: str
    description: str | None
    order: int
    type: LessonType
    cms_content_id: str | None
    video_url: str | None
    video_duration: int | None
    is_preview: bool
    estimated_duration: int | None
    resource_urls: list[str]
    is_required: bool
    opens_at: datetime | None
    """The day on which it opens …"""
    opens_after_days: int | None
    """… or the days from the enrollment to it."""
    prerequisites: list[str]
    """Lessons that come first."""


class AuthoredLesson(LessonSummary, frozen=True, kw_only=True, rename="camel"):
    """A lesson with its words and dates."""

    course_id: str
    version: int
    """The course's."""
    content: str | None
    transcript: str | None
    live_sessions: list[AuthoredSession]


class AuthoredModule(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A part of a course; `estimated_duration` is in minutes."""

    id: str
    title: str
    description: str | None
    order: int
    cms_content_id: str | None
    is_preview: bool
    estimated_duration: int | None
    lessons: list[LessonSummary]


class AuthoredCard(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A course in an author's list."""

    id: str
    slug: str
    title: str
    state: CourseState
    instructor_id: str | None
    clinic_id: str | None
    category: str
    level: str
    published_at: datetime | None
    """When it was last published."""
    created_at: datetime | None
    updated_at: datetime | None


class AuthoredCourse(AuthoredCard, frozen=True, kw_only=True, rename="camel"):
    """A course with its outline. Prices include tax; `price` is in the default currency."""

    version: int
    description: str | None
    thumbnail_url: str | None
    trailer_video_url: str | None
    cms_content_id: str | None
    language: str
    duration: int | None
    """Minutes."""
    price: Decimal | None
    subscription_price: Decimal | None
    is_free: bool
    prices: list[Price]
    """In other currencies."""
    max_enrollments: int | None
    certificate_template: str | None
    tags: list[str]
    modules: list[AuthoredModule]
    gaps: list[Gap]
    """What keeps it from being published."""


_STATE = "coalesce(s.state, CASE WHEN c.\"isPublished\" THEN 'published' ELSE 'draft' END)"
_CARD = f"""
c.id, c.slug, c.title, {_STATE} AS state, c."instructorId", c."clinicId", c.category, c.level,
c."publishedAt" AT TIME ZONE 'UTC' AS "publishedAt", c."createdAt" AT TIME ZONE 'UTC' AS "createdAt",
c."updatedAt" AT TIME ZONE 'UTC' AS "updatedAt"
"""
_MINE = '($2 OR c."instructorId" = $3)'

_SUMMARY = """
'id', l.id, 'moduleId', l."moduleId", 'title', l.title, 'description', l.description, 'order', l."order",
'type', l.type, 'cmsContentId', l."cmsContentId", 'videoUrl', l."videoUrl", 'videoDuration', l."videoDuration",
'isPreview', coalesce(l."isPreview", FALSE), 'estimatedDuration', l."estimatedDuration",
'resourceUrls', coalesce(l."resourceUrls", '{}'), 'isRequired', coalesce(r.is_required, TRUE),
'opensAt', r.opens_at, 'opensAfterDays', r.opens_after_days,
'prerequisites', ARRAY (SELECT requires_lesson_id FROM lesson_prerequisites WHERE lesson_id = l.id ORDER BY id)
"""

_COURSE = f"""
SELECT {_CARD}, coalesce(s.version, 0) AS version, c.description, c."thumbnailUrl", c."trailerVideoUrl",
  c."cmsContentId", coalesce(c.language, 'en') AS language, c.duration, c.price, c."subscriptionPrice",
  coalesce(c."isFree", FALSE) AS "isFree", c."maxEnrollments", c."certificateTemplate",
  CASE WHEN jsonb_typeof(c.metadata -> 'tags') = 'array'
       THEN ARRAY (SELECT jsonb_array_elements_text(c.metadata -> 'tags')) ELSE '{{}}' END AS tags,
  (SELECT coalesce(json_agg(json_build_object('currency', currency, 'amount', amount::text) ORDER BY currency), '[]')
   FROM course_prices WHERE course_id = c.id) AS prices,
  (SELECT coalesce(json_agg(json_build_object(
     'id', m.id, 'title', m.title, 'description', m.description, 'order', m."order", 'cmsContentId', m."cmsContentId",
     'isPreview', coalesce(m."isPreview", FALSE), 'estimatedDuration', m."estimatedDuration", 'lessons',
     (SELECT coalesce(json_agg(json_build_object({_SUMMARY}) ORDER BY l."order", l.id), '[]')
      FROM course_lessons l LEFT JOIN lesson_rules r ON r.lesson_id = l.id WHERE l."moduleId" = m.id)
   ) ORDER BY m."order", m.id), '[]') FROM course_modules m WHERE m."courseId" = c.id) AS modules
FROM courses c LEFT JOIN course_states s ON s.course_id = c.id WHERE c.id = $1 AND {_MINE}
"""  # noqa: S608  # constants of ours

_LESSON = f"""
SELECT json_build_object({_SUMMARY}, 'courseId', c.id, 'version', coalesce(s.version, 0), 'content', l.content,
  'transcript', r.transcript, 'liveSessions',
  (SELECT coalesce(json_agg(json_build_object(
     'id', v.id, 'title', v.title, 'startsAt', v."startsAt" AT TIME ZONE 'UTC', 'duration', v.duration,
     'joinUrl', v."joinUrl", 'recordingUrl', v."recordingUrl") ORDER BY v."startsAt", v.id), '[]')
   FROM course_live_sessions v WHERE v."lessonId" = l.id)) AS lesson
FROM course_lessons l JOIN course_modules m ON m.id = l."moduleId" JOIN courses c ON c.id = m."courseId"
LEFT JOIN course_states s ON s.course_id = c.id LEFT JOIN lesson_rules r ON r.lesson_id = l.id
WHERE l.id = $1 AND {_MINE}
"""  # noqa: S608


async def read_course(author: Author, course_id: str) -> AuthoredCourse:
    """A course of the author's. Raises `BusinessRefusalError("not_found")`."""
    row = await fetch_one(_COURSE, course_id, author.any_course, author.user_id)
    if row is None:
        raise BusinessRefusalError("not_found")
    values: dict[str, Any] = dict(row)
    values |= {name: msgspec.json.decode(values[name]) for name in ("prices", "modules")}
    gaps = sorted(await gaps_of(course_id), key=lambda gap: (gap.lesson_id or "", gap.kind))
    return msgspec.convert({**values, "gaps": [msgspec.to_builtins(gap) for gap in gaps]}, AuthoredCourse)


async def read_lesson(author: Author, lesson_id: str) -> AuthoredLesson:
    """A lesson of a course of the author's. Raises `BusinessRefusalError("not_found")`."""
    row = await fetch_one(_LESSON, lesson_id, author.any_course, author.user_id)
    if row is None:
        raise BusinessRefusalError("not_found")
    return msgspec.json.decode(row["lesson"], type=AuthoredLesson)


async def list_courses(
    author: Author, *, state: CourseState | None, cursor: str | None, limit: int
) -> list[AuthoredCard]:
    """The author's courses, the newest first, at most `limit` behind the cursor."""
    rows = await fetch(
        f"SELECT {_CARD} FROM courses c LEFT JOIN course_states s ON s.course_id = c.id"  # noqa: S608
        f" WHERE ($1::text IS NULL OR c.id < $1) AND {_MINE} AND ($4::text IS NULL OR {_STATE} = $4)"
        " ORDER BY c.id DESC LIMIT $5",
        *(cursor, author.any_course, author.user_id, state, limit),
    )
    return [msgspec.convert(dict(row), AuthoredCard) for row in rows]
