"""Reviews: written by learners, shown with an average that is computed from the rows, hidden by moderators.

Who writes a review and who ends an access both lock the enrollment first (`docs/stories/reviews.md`).
"""

from datetime import datetime

import msgspec

from db.queries.audit import record_audit
from db.queries.billing.seats import HOLDS_NOW
from db.sql import fetch, fetch_as, fetch_one
from db.transaction import in_transaction
from domain.errors import BusinessRefusalError
from domain.identifiers import new_id
from domain.reviews import VERIFIED_FROM_PERCENT


class ReviewRow(msgspec.Struct, frozen=True, kw_only=True):
    """A review, with its writer's name."""

    id: str
    course_id: str
    user_id: str
    name: str
    rating: int
    review: str | None
    is_verified_purchase: bool
    is_published: bool
    created_at: datetime
    updated_at: datetime


class Rating(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the published reviews of a course come to."""

    average: float | None
    """Of 5, to two decimals; `null` without reviews."""
    count: int
    by_stars: tuple[int, int, int, int, int]
    """How many gave one star, two, … five."""


_REVIEW = """
SELECT r.id, r."courseId" AS course_id, r."userId" AS user_id, u.name, r.rating, r.review,
       coalesce(r."isVerifiedPurchase", FALSE) AS is_verified_purchase,
       coalesce(r."isPublished", FALSE) AS is_published,
       r."createdAt" AT TIME ZONE 'UTC' AS created_at, r."updatedAt" AT TIME ZONE 'UTC' AS updated_at
FROM course_reviews r JOIN users u ON u.id = r."userId"
"""


async def write_review(user_id: str, course_id: str, rating: int, text: str | None) -> ReviewRow:
    """Write or replace somebody's review of a course; whether it is verified is judged anew each time.

    Raises `BusinessRefusalError("not_a_learner")` without an enrollment.
    """

    async def work() -> None:
        learner = await _lock_learner(user_id, course_id)
        if learner is None:
            raise BusinessRefusalError("not_a_learner")
        # What exists keeps `isPublished`: only a moderator changes it.
        await fetch(
            f"""
            INSERT INTO course_reviews AS r
              (id, "courseId", "userId", rating, review, "isVerifiedPurchase", "isPublished")
            SELECT $1, $2, $3, $4, $5,
              e."completionPercentage" >= $6
                AND EXISTS (SELECT FROM entitlements WHERE user_id = $3 AND course_id = $2 AND {HOLDS_NOW}),
              NOT EXISTS (SELECT FROM hidden_reviews WHERE course_id = $2 AND user_id = $3)
            FROM course_enrollments e WHERE e.id = $7
            ON CONFLICT ("courseId", "userId") DO UPDATE SET rating = EXCLUDED.rating, review = EXCLUDED.review,
              "isVerifiedPurchase" = EXCLUDED."isVerifiedPurchase", "updatedAt" = now()
            """,  # noqa: S608  # a constant of ours
            *(new_id(), course_id, user_id, rating, text, VERIFIED_FROM_PERCENT, learner),
        )

    await in_transaction(work)
    written = await read_own_review(user_id, course_id)
    if written is None:  # deleted by another tab meanwhile
        raise BusinessRefusalError("not_found")
    return written


async def clear_verified(user_id: str, course_id: str) -> None:
    """The access ended by a refund or a chargeback: unless another reason holds, the review is a buyer's no more.

    Call it in the transaction that ends the access, after its end is written.
    """
    await _lock_learner(user_id, course_id)
    await fetch(
        f"""
        UPDATE course_reviews SET "isVerifiedPurchase" = FALSE
        WHERE "userId" = $1 AND "courseId" = $2 AND "isVerifiedPurchase" AND NOT EXISTS (
            SELECT FROM entitlements WHERE user_id = $1 AND course_id = $2 AND {HOLDS_NOW})
        """,  # noqa: S608  # a constant of ours
        *(user_id, course_id),
    )


async def read_own_review(user_id: str, course_id: str) -> ReviewRow | None:
    """Somebody's own review of a course, hidden or not."""
    rows = await fetch_as(ReviewRow, _REVIEW + ' WHERE r."userId" = $1 AND r."courseId" = $2', user_id, course_id)
    return rows[0] if rows else None


async def delete_review(user_id: str, course_id: str) -> bool:
    """Delete somebody's own review; whether there was one."""
    sql = 'DELETE FROM course_reviews WHERE "userId" = $1 AND "courseId" = $2 RETURNING id'
    return bool(await fetch(sql, user_id, course_id))


async def list_published(course_id: str, before: str | None, limit: int) -> list[ReviewRow]:
    """The published reviews of a course, the newest first."""
    return await fetch_as(
        ReviewRow,
        _REVIEW
        + """WHERE r."courseId" = $1 AND r."isPublished" AND ($2::text IS NULL OR r.id < $2)
             ORDER BY r.id DESC LIMIT $3""",
        *(course_id, before, limit),
    )


async def list_all(course_id: str | None, published: bool | None, before: str | None, limit: int) -> list[ReviewRow]:
    """Reviews of one course or of all, for moderators, the newest first."""
    return await fetch_as(
        ReviewRow,
        _REVIEW
        + """WHERE ($1::text IS NULL OR r."courseId" = $1) AND ($2::boolean IS NULL OR r."isPublished" = $2)
               AND ($3::text IS NULL OR r.id < $3) ORDER BY r.id DESC LIMIT $4""",
        *(course_id, published, before, limit),
    )


async def rating_of(course_id: str) -> Rating:
    """Average and counts of a course's published reviews, from the rows."""
    row = await fetch_one(
        """
        SELECT round(avg(rating), 2)::float8 AS average, count(*)::int AS count,
               ARRAY (SELECT (SELECT count(*)::int FROM course_reviews
                              WHERE "courseId" = $1 AND "isPublished" AND rating = star)
                      FROM generate_series(1, 5) AS star ORDER BY star) AS "byStars"
        FROM course_reviews WHERE "courseId" = $1 AND "isPublished"
        """,
        course_id,
    )
    return msgspec.convert(dict(row or {}), Rating)


async def can_see_course(course_id: str, clinic_ids: list[str]) -> bool:
    """Whether the catalog shows this course to a member of these clinics."""
    sql = 'SELECT FROM courses WHERE id = $1 AND "isPublished" AND ("clinicId" IS NULL OR "clinicId" = ANY ($2))'
    return bool(await fetch(sql, course_id, clinic_ids))


async def set_visibility(review_id: str, moderator_id: str, *, is_published: bool) -> ReviewRow | None:
    """Hide a review or show it again, with an audit event where it changes; `None` when there is no such review."""

    async def work() -> ReviewRow | None:
        row = await fetch_one(
            'SELECT "courseId" AS course_id, "userId" AS user_id, "isPublished" AS is_published FROM course_reviews'
            " WHERE id = $1 FOR UPDATE",
            review_id,
        )
        if row is None:
            return None
        if row["is_published"] is not is_published:
            await _moderate(review_id, row["course_id"], row["user_id"], moderator_id, is_published=is_published)
        return (await fetch_as(ReviewRow, _REVIEW + " WHERE r.id = $1", review_id))[0]

    return await in_transaction(work)


async def _moderate(review_id: str, course_id: str, user_id: str, moderator_id: str, *, is_published: bool) -> None:
    if is_published:
        await fetch("DELETE FROM hidden_reviews WHERE course_id = $1 AND user_id = $2", course_id, user_id)
    else:
        await fetch(
            "INSERT INTO hidden_reviews (id, course_id, user_id, hidden_by) VALUES ($1, $2, $3, $4)"
            " ON CONFLICT (course_id, user_id) DO NOTHING",
            *(new_id(), course_id, user_id, moderator_id),
        )
    await fetch('UPDATE course_reviews SET "isPublished" = $2 WHERE id = $1', review_id, is_published)
    await record_audit("review.shown" if is_published else "review.hidden", "review", review_id, actor_id=moderator_id)


async def _lock_learner(user_id: str, course_id: str) -> str | None:
    """Stand in the queue of one learner's writes; the enrollment's id, `None` when there is none."""
    row = await fetch_one(
        'SELECT id FROM course_enrollments WHERE "userId" = $1 AND "courseId" = $2 FOR NO KEY UPDATE',
        *(user_id, course_id),
    )
    return None if row is None else str(row["id"])
