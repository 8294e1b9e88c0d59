"""Seats of a course with `maxEnrollments`, counted under the course's row lock."""

from typing import Any

from db.sql import fetch, fetch_one

_COURSE = """
SELECT id, slug, title, price, "isFree" AS is_free, "isPublished" AS is_published, "clinicId" AS clinic_id,
       "instructorId" AS instructor_id, "maxEnrollments" AS seats
FROM courses WHERE id = $1
"""


HOLDS_NOW = (
    "since <= statement_timestamp() AND (until IS NULL OR until > statement_timestamp())"
    " AND (ended_at IS NULL OR ended_at > statement_timestamp())"
)
"""Of a row of `entitlements`: whether this reason gives access now, as `domain.access.Entitlement.holds_at` says it. By
the statement's moment: a transaction that began earlier must see a reason that another has committed meanwhile."""

OWNS = (
    f"SELECT FROM entitlements WHERE user_id = $1 AND course_id = $2 AND reason IN ('purchase', 'gift') AND {HOLDS_NOW}"
)


SEATED = f"""
"courseId" = $1 AND status IN ('active', 'completed') AND EXISTS (
    SELECT FROM entitlements t WHERE t.user_id = e."userId" AND t.course_id = e."courseId" AND {HOLDS_NOW})
"""
"""Of a row `e` of `course_enrollments`: whether it takes a seat of course $1. Finishing a course ends no reason, and a
finished one whose reasons have ended (a refund, a chargeback) takes none, although it stays `completed`."""


async def read_course(course_id: str) -> Any:
    """What a sale needs to know of a course, or `None`."""
    return await fetch_one(_COURSE, course_id)


async def lock_course(course_id: str) -> Any:
    """The course's row; locked until the transaction ends when its seats are limited (others need no queue)."""
    course = await read_course(course_id)
    if course is not None and course["seats"] is not None:
        course = await fetch_one(_COURSE + " FOR NO KEY UPDATE", course_id)
    return course


async def has_free_seat(course: Any, user_id: str) -> bool:
    """Whether this person can have a seat: a learner with access has one, others need one neither taken nor held.

    Call it after `lock_course`, in the same transaction.
    """
    if course["seats"] is None:
        return True
    rows = await fetch(
        f"""
        SELECT (SELECT count(*) FROM course_enrollments e WHERE {SEATED} AND "userId" <> $2)
             + (SELECT count(*) FROM orders o
                WHERE o.course_id = $1 AND o.holds_seat AND o.user_id <> $2 AND NOT EXISTS (
                    SELECT FROM course_enrollments e WHERE {SEATED} AND "userId" = o.user_id)) AS taken
        """,  # noqa: S608  # a constant of ours
        course["id"],
        user_id,
    )
    return bool(rows[0]["taken"] < course["seats"])


async def queue_for_ownership(user_id: str, course_id: str) -> None:
    """Let the settlements of one person and course wait for each other until the transaction ends: two payments of
    two orders must not both find the course not owned yet."""
    await fetch("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"{user_id}/{course_id}")


async def may_buy(course: Any, user_id: str) -> bool:
    """Whether the course is on sale for this person: published, and a clinic's own course only for its members."""
    if not course["is_published"]:
        return False
    if course["clinic_id"] is None:
        return True
    member = await fetch(
        "SELECT FROM clinic_members WHERE clinic_id = $1 AND user_id = $2", course["clinic_id"], user_id
    )
    return bool(member)


async def owns_course(user_id: str, course_id: str) -> bool:
    """Whether a purchase or a gift already gives this person the course now (`domain.access.OWNING_REASONS`)."""
    return bool(await fetch(OWNS, user_id, course_id))
