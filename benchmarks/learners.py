"""People who learn, for the learning benchmarks: accounts, sessions, a course, enrollments, and rows of others."""

from datetime import UTC, datetime, timedelta

import asyncpg
import msgspec

from api.identity.tokens import AccessTokens
from domain.identifiers import new_id
from domain.identity.roles import Role
from settings import Settings

LIFE = timedelta(hours=2)
ACCESS_SINCE = timedelta(days=60)
VIDEO_SECONDS = 36_000


class Learner(msgspec.Struct, frozen=True):
    """Somebody enrolled in the benchmark's course."""

    user_id: str
    enrollment_id: str
    login: str
    """The request header, a whole line."""


class School(msgspec.Struct, frozen=True):
    """A course, its lessons in their order, and its learners."""

    course_id: str
    lessons: list[str]
    learners: list[Learner]


async def open_school(sql: asyncpg.Connection, settings: Settings, *, lessons: int, learners: int) -> School:
    """A course of videos in modules of ten lessons, and so many learners whose access began 60 days ago."""
    course_id = new_id()
    await sql.execute(
        "INSERT INTO courses (id, slug, title, category, level, price, \"isPublished\") VALUES ($1, $1, 'A course',"
        " 'herbology', 'beginner', 100, TRUE)",
        course_id,
    )
    lesson_ids = []
    for number in range(lessons):
        if number % 10 == 0:
            module_id = new_id()
            await sql.execute(
                'INSERT INTO course_modules (id, "courseId", title, "order") VALUES ($1, $2, $3, $4)',
                *(module_id, course_id, f"Module {number // 10}", number),
            )
        lesson_ids.append(new_id())
        await sql.execute(
            'INSERT INTO course_lessons (id, "moduleId", title, "order", type, "videoDuration", "estimatedDuration")'
            " VALUES ($1, $2, $3, $4, 'video', $5, 10)",
            *(lesson_ids[-1], module_id, f"Lesson {number}: herbs and their uses", number, VIDEO_SECONDS),
        )
    tokens = AccessTokens.from_setting(settings.jwt_keys.get_secret_value(), settings.public_base_url)
    people = [await _learner(sql, tokens, course_id) for _ in range(learners)]
    return School(course_id, lesson_ids, people)


async def _learner(sql: asyncpg.Connection, tokens: AccessTokens, course_id: str) -> Learner:
    user_id, session_id, enrollment_id = new_id(), new_id(), new_id()
    now = datetime.now(UTC)
    await sql.execute(
        """INSERT INTO users (id, email, password_hash, name, roles, locale, time_zone, contact_channels, consents)
           VALUES ($1, $1 || '@people.example', 'none', 'A Learner', '{Student}', 'en', 'Asia/Kolkata', '{}', '{}')""",
        user_id,
    )
    await sql.execute(
        "INSERT INTO auth_sessions (id, user_id, expires_at) VALUES ($1, $2, $3)", session_id, user_id, now + LIFE
    )
    await sql.execute(
        "INSERT INTO entitlements (id, user_id, course_id, reason, source_id, since)"
        " VALUES ($1, $2, $3, 'gift', $1, $4)",
        *(new_id(), user_id, course_id, now - ACCESS_SINCE),
    )
    await sql.execute(
        'INSERT INTO course_enrollments (id, "userId", "courseId") VALUES ($1, $2, $3)',
        *(enrollment_id, user_id, course_id),
    )
    token = tokens.issue(user_id, session_id, [Role.STUDENT], life=LIFE)
    return Learner(user_id, enrollment_id, f"Authorization: Bearer {token}\r\n")


async def add_progress(sql: asyncpg.Connection, school: School, rows: int) -> int:
    """Bring `lesson_progress` and `lesson_watches` to so many rows, of other learners; how many there are."""
    have = await sql.fetchval("SELECT count(*) FROM lesson_progress")
    learners = -(-(rows - have) // len(school.lessons))
    if learners > 0:
        await sql.execute(_OTHERS, learners, school.course_id)
        await sql.execute(_THEIR_PROGRESS, school.course_id)
        await sql.execute("VACUUM ANALYZE lesson_progress, lesson_watches, course_enrollments")
    return int(await sql.fetchval("SELECT count(*) FROM lesson_progress"))


_OTHERS = """
WITH people AS (
  INSERT INTO users (id, email, password_hash, name, roles, locale, time_zone, contact_channels, consents)
  SELECT uuidv7()::text, gen_random_uuid() || '@people.example', 'none', 'Another', '{Student}', 'en', 'Asia/Kolkata',
    '{}', '{}' FROM generate_series(1, $1)
  RETURNING id
)
INSERT INTO course_enrollments (id, "userId", "courseId", metadata)
SELECT uuidv7()::text, id, $2, '{"other": true}' FROM people
"""
_THEIR_PROGRESS = """
WITH pairs AS (
  SELECT e.id AS enrollment_id, l.id AS lesson_id FROM course_enrollments e
  JOIN course_modules m ON m."courseId" = e."courseId" JOIN course_lessons l ON l."moduleId" = m.id
  WHERE e."courseId" = $1 AND e.metadata ? 'other'
), watched AS (
  INSERT INTO lesson_watches
    (id, enrollment_id, lesson_id, watched, spent, newest_at, newest_sequence, newest_position)
  SELECT uuidv7()::text, enrollment_id, lesson_id, '{[0,300000)}', '{[2026-01-01 10:00+00,2026-01-01 10:05+00)}',
    '2026-01-01 10:05+00', 30, 300000 FROM pairs ON CONFLICT DO NOTHING
)
INSERT INTO lesson_progress (id, "enrollmentId", "lessonId", status, "progressPercentage", "timeSpent", "lastPosition")
SELECT uuidv7()::text, enrollment_id, lesson_id, 'in_progress', 50, 300, 300 FROM pairs ON CONFLICT DO NOTHING
"""
