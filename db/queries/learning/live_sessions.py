"""The dates of a live lesson, as learners see them."""

from datetime import datetime

import msgspec

from db.queries.billing.seats import HOLDS_NOW
from db.queries.learning.doors import lesson_door
from db.sql import fetch


class LiveSession(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A date; `duration` is in minutes. The addresses are `null` for whoever may not open the lesson now."""

    id: str
    title: str
    starts_at: datetime
    duration: int | None
    join_url: str | None
    recording_url: str | None


_SESSIONS = f"""
WITH may AS (
  SELECT $3 AND EXISTS (SELECT FROM entitlements WHERE user_id = $1 AND course_id = $4 AND {HOLDS_NOW}) AS enter
)
SELECT v.id, v.title, v."startsAt" AT TIME ZONE 'UTC' AS "startsAt", v.duration,
       CASE WHEN may.enter THEN v."joinUrl" END AS "joinUrl",
       CASE WHEN may.enter THEN v."recordingUrl" END AS "recordingUrl"
FROM course_live_sessions v, may WHERE v."lessonId" = $2 ORDER BY v."startsAt", v.id
"""  # noqa: S608  # a constant of ours


async def live_sessions(user_id: str, lesson_id: str) -> list[LiveSession] | None:
    """The dates of a lesson that this person may know of; `None` for any other.

    A preview shows its addresses only to those with access, too: who has a meeting's address is in it.
    """
    door = await lesson_door(user_id, lesson_id)
    if door is None:
        return None
    rows = await fetch(_SESSIONS, user_id, lesson_id, not door.locks, door.course_id)
    return [msgspec.convert(dict(row), LiveSession) for row in rows]
