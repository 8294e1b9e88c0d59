"""Heartbeats in SQL: who may be heard, what they watched, and what a killed process left undone."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from db.sql import as_json, fetch
from domain.identifiers import new_id, repeatable_id
from domain.learning.analytics import Place
from domain.learning.watching import (
    FASTEST,
    LONGEST_VIDEO_MS,
    Counted,
    Span,
    milliseconds,
    milliseconds_up,
    moment_of,
)


class Viewer(msgspec.Struct, frozen=True):
    """Somebody at a lesson, as of one moment of the database's clock."""

    course_id: str
    enrollment_id: str | None
    """`None` for somebody who may see the lesson and is no learner of its course."""
    length: int
    """Of the video, in milliseconds; 0 for what is no video."""
    opened: tuple[Span, ...]
    """When the lesson was open, in milliseconds since 1970, up to `now`; empty while other lessons come first."""
    now: int

    @property
    def is_open(self) -> bool:
        """Whether the lesson is open to them now."""
        return any(span.end == self.now for span in self.opened)


class Standing(msgspec.Struct, frozen=True, rename="camel"):
    """A learner's progress in a lesson, as it is answered and copied to Valkey."""

    status: str
    progress_percentage: int
    time_spent: int
    """Seconds."""
    last_position: int | None
    """Seconds of the video."""


class Heard(msgspec.Struct, frozen=True):
    """All that one gathering has of one learner at one lesson."""

    enrollment_id: str
    lesson_id: str
    user_id: str
    viewer: Viewer
    counted: Sequence[Counted]
    pauses: Sequence[Counted]
    place: Place


_VIEWERS = """
SELECT given.n, c.id AS course_id, e.id AS enrollment_id, statement_timestamp() AS now,
       CASE WHEN l.type = 'video' THEN least(coalesce(l."videoDuration", 0)::bigint * 1000, $3) ELSE 0 END AS length,
       coalesce(e."enrolledAt" AT TIME ZONE 'UTC', statement_timestamp()) AS enrolled_at,
       coalesce(l."isPreview", FALSE) OR coalesce(m."isPreview", FALSE) AS is_preview,
       coalesce(r.opens_at, (e."enrolledAt" AT TIME ZONE 'UTC') + r.opens_after_days * interval '1 day') AS opens_at,
       EXISTS (SELECT FROM lesson_prerequisites p WHERE p.lesson_id = l.id AND NOT EXISTS (
         SELECT FROM lesson_progress d WHERE d."enrollmentId" = e.id AND d."lessonId" = p.requires_lesson_id
         AND d.status = 'completed')) AS comes_later,
       (SELECT range_agg(tstzrange(t.since, least(t.until, t.ended_at))) FROM entitlements t
        WHERE t.user_id = given.user_id AND t.course_id = c.id
        AND t.since < coalesce(least(t.until, t.ended_at), 'infinity')) AS access
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS given (user_id, lesson_id, n)
JOIN course_lessons l ON l.id = given.lesson_id
JOIN course_modules m ON m.id = l."moduleId"
JOIN courses c ON c.id = m."courseId"
LEFT JOIN lesson_rules r ON r.lesson_id = l.id
LEFT JOIN course_enrollments e ON e."courseId" = c.id AND e."userId" = given.user_id
WHERE e.id IS NOT NULL OR (c."isPublished" AND (c."clinicId" IS NULL OR EXISTS (
  SELECT FROM clinic_members WHERE clinic_id = c."clinicId" AND user_id = given.user_id)))
"""

_IS_NEWER = (
    "(EXCLUDED.newest_at, EXCLUDED.newest_sequence, EXCLUDED.newest_position)"
    " > (w.newest_at, w.newest_sequence, w.newest_position)"
)
_WRITE = f"""
WITH given AS MATERIALIZED (
  SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::bigint[],
                       $8::int[], $9::bigint[], $10::text[], $11::text[], $12::text[], $13::jsonb[])
    AS given (id, enrollment_id, lesson_id, watched, spent, at, sequence, position, length, user_id, course_id,
              start_id, place)
), watches AS (
  INSERT INTO lesson_watches AS w
    (id, enrollment_id, lesson_id, watched, spent, newest_at, newest_sequence, newest_position)
  SELECT id, enrollment_id, lesson_id, watched::int4multirange, spent::tstzmultirange, at, sequence, position
  FROM given ORDER BY enrollment_id, lesson_id
  ON CONFLICT (enrollment_id, lesson_id) DO UPDATE SET
    watched = w.watched + EXCLUDED.watched, spent = w.spent + EXCLUDED.spent,
    newest_at = CASE WHEN {_IS_NEWER} THEN EXCLUDED.newest_at ELSE w.newest_at END,
    newest_sequence = CASE WHEN {_IS_NEWER} THEN EXCLUDED.newest_sequence ELSE w.newest_sequence END,
    newest_position = CASE WHEN {_IS_NEWER} THEN EXCLUDED.newest_position ELSE w.newest_position END
  RETURNING enrollment_id, lesson_id, newest_position,
    (SELECT coalesce(sum(upper(s) - lower(s)), 0) FROM unnest(watched) s) AS watched_ms,
    (SELECT coalesce(sum(extract(epoch FROM upper(s) - lower(s)) * 1000), 0)::bigint FROM unnest(spent) s) AS spent_ms
), written AS (
  INSERT INTO lesson_progress AS g
    (id, "enrollmentId", "lessonId", status, "progressPercentage", "timeSpent", "lastPosition")
  SELECT given.id, enrollment_id, lesson_id, 'in_progress',
    CASE WHEN length > 0 THEN least(100, 100 * least(watched_ms, {FASTEST:.0f} * spent_ms) / length) ELSE 0 END,
    spent_ms / 1000, CASE WHEN length > 0 THEN newest_position / 1000 END
  FROM watches JOIN given USING (enrollment_id, lesson_id) ORDER BY enrollment_id, lesson_id
  ON CONFLICT ("enrollmentId", "lessonId") DO UPDATE SET
    status = CASE WHEN g.status = 'completed' THEN g.status ELSE EXCLUDED.status END,
    "progressPercentage" = greatest(g."progressPercentage", EXCLUDED."progressPercentage"),
    "timeSpent" = EXCLUDED."timeSpent", "lastPosition" = EXCLUDED."lastPosition", "updatedAt" = now()
  RETURNING "enrollmentId" AS enrollment_id, "lessonId" AS lesson_id, old.status AS status_before, g.status,
    "progressPercentage" AS progress_percentage, "timeSpent" AS time_spent, "lastPosition" AS last_position
), noted AS (
  INSERT INTO course_analytics (id, "courseId", "userId", "eventType", "lessonId", "timestamp", metadata)
  SELECT start_id, course_id, user_id, 'start', lesson_id, now(), place
  FROM written JOIN given USING (enrollment_id, lesson_id) WHERE coalesce(status_before, 'not_started') = 'not_started'
  UNION ALL
  SELECT p.id, course_id, user_id, 'pause', lesson_id, p.at AT TIME ZONE 'UTC', place
  FROM unnest($14::text[], $15::text[], $16::timestamptz[]) AS p (id, watch_id, at) JOIN given ON given.id = p.watch_id
  ON CONFLICT (id) DO NOTHING
)
SELECT enrollment_id, lesson_id, status, progress_percentage, time_spent, last_position FROM written
"""  # noqa: S608  # constants of ours


async def read_viewers(asked: Sequence[tuple[str, str]]) -> list[Viewer | None]:
    """For each (user, lesson) who they are to it; `None` for a lesson that they neither learn nor may see."""
    viewers: list[Viewer | None] = [None] * len(asked)
    users, lessons = zip(*asked, strict=True)
    for row in await fetch(_VIEWERS, users, lessons, LONGEST_VIDEO_MS):
        viewers[row["n"] - 1] = Viewer(
            row["course_id"], row["enrollment_id"], row["length"], _opened(row), milliseconds(row["now"])
        )
    return viewers


def _opened(row: Any) -> tuple[Span, ...]:
    """When the lesson was open, as `domain.learning.locks.locks_of` would have said it at each moment."""
    now = milliseconds(row["now"])
    if row["enrollment_id"] is None:
        return ()
    if row["is_preview"]:
        return (Span(milliseconds(row["enrolled_at"]), now),)
    if row["comes_later"] or row["access"] is None:
        return ()
    opens = 0 if row["opens_at"] is None else milliseconds_up(row["opens_at"])
    spans = []
    for part in row["access"]:
        begin = max(milliseconds_up(part.lower), opens)
        end = now if part.upper is None else min(milliseconds(part.upper), now)
        if begin < end:
            spans.append(Span(begin, end))
    return tuple(spans)


def _ranges(spans: Iterable[Span]) -> str:
    return "{" + ",".join(f"[{begin},{end})" for begin, end in spans) + "}"


def _times(spans: Iterable[Span]) -> str:
    return "{" + ",".join(f"[{moment_of(begin)},{moment_of(end)})" for begin, end in spans) + "}"


async def write_watches(heard: Sequence[Heard]) -> dict[tuple[str, str], Standing]:
    """Write all in one statement, which locks its rows in the order of their keys; the standings by their keys.

    What was written before is not written again: both sets of ranges are unions, and a pause has an id of its own.
    """
    ids = [new_id() for _ in heard]
    newest = [max(each.counted, key=lambda counted: counted.age) for each in heard]
    pauses = [
        (repeatable_id(each.enrollment_id, each.lesson_id, "pause", pause.at, pause.sequence), row_id, pause.at)
        for row_id, each in zip(ids, heard, strict=True)
        for pause in each.pauses
    ]
    rows = await fetch(
        _WRITE,
        ids,
        [each.enrollment_id for each in heard],
        [each.lesson_id for each in heard],
        [_ranges(span for counted in each.counted for span in counted.watched) for each in heard],
        [_times(span for counted in each.counted for span in counted.spent) for each in heard],
        [moment_of(counted.at) for counted in newest],
        [counted.sequence for counted in newest],
        [counted.position for counted in newest],
        [each.viewer.length for each in heard],
        [each.user_id for each in heard],
        [each.viewer.course_id for each in heard],
        [repeatable_id(each.enrollment_id, each.lesson_id, "start") for each in heard],
        [as_json(each.place) for each in heard],
        [pause[0] for pause in pauses],
        [pause[1] for pause in pauses],
        [moment_of(pause[2]) for pause in pauses],
    )
    return {(row["enrollment_id"], row["lesson_id"]): Standing(*tuple(row)[2:]) for row in rows}


async def watched_and_not_completed(percent: int, limit: int) -> list[tuple[str, str]]:
    """(enrollment, lesson) of videos that were watched far enough and whose completion a killed process left undone."""
    rows = await fetch(
        """
        SELECT g."enrollmentId", g."lessonId" FROM lesson_progress g JOIN course_lessons l ON l.id = g."lessonId"
        WHERE g."progressPercentage" >= $1 AND g.status = 'in_progress' AND l.type = 'video'
          AND g."updatedAt" < now() - interval '30 seconds' LIMIT $2
        """,
        *(percent, limit),
    )
    return [tuple(row) for row in rows]
