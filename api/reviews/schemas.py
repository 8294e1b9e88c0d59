"""What the routes of reviews read and write."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from api.http.schemas import ApiStruct
from db.queries.reviews import Rating, ReviewRow
from domain.reviews import shown_name

LONGEST_REVIEW = 4000


class ReviewBody(ApiStruct, forbid_unknown_fields=True):
    """One's own review: 1 to 5 stars, and words if one likes. Plain text: no HTML tags."""

    rating: Annotated[int, Meta(ge=1, le=5)]
    review: Annotated[str, Meta(min_length=1, max_length=LONGEST_REVIEW, pattern=r"\S")] | None = None


class ReviewView(ApiStruct):
    """A review as everybody sees it; `reviewer` is the first word of the writer's name."""

    id: str
    rating: int
    review: str | None
    is_verified_purchase: bool
    reviewer: str
    created_at: datetime
    updated_at: datetime


class OwnReview(ApiStruct):
    """One's own review. One that is not published was hidden by a moderator."""

    id: str
    rating: int
    review: str | None
    is_verified_purchase: bool
    is_published: bool
    created_at: datetime
    updated_at: datetime


class ReviewPage(ApiStruct):
    """The published reviews of a course, the newest first, and what all of them come to."""

    rating: Rating
    items: list[ReviewView]
    next_cursor: str | None


class ModeratedReview(OwnReview):
    """A review as moderators see it."""

    course_id: str
    user_id: str


class ModerationPage(ApiStruct):
    """Reviews, the newest first."""

    items: list[ModeratedReview]
    next_cursor: str | None


class Visibility(ApiStruct, forbid_unknown_fields=True):
    """Whether everybody sees a review."""

    is_published: bool


def view_of(row: ReviewRow) -> ReviewView:
    """A review for everybody."""
    return ReviewView(
        id=row.id,
        rating=row.rating,
        review=row.review,
        is_verified_purchase=row.is_verified_purchase,
        reviewer=shown_name(row.name),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def own_view_of(row: ReviewRow) -> OwnReview:
    """A review for its writer."""
    return OwnReview(
        id=row.id,
        rating=row.rating,
        review=row.review,
        is_verified_purchase=row.is_verified_purchase,
        is_published=row.is_published,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def moderated_view_of(row: ReviewRow) -> ModeratedReview:
    """A review for moderators."""
    return ModeratedReview(
        id=row.id,
        rating=row.rating,
        review=row.review,
        is_verified_purchase=row.is_verified_purchase,
        is_published=row.is_published,
        created_at=row.created_at,
        updated_at=row.updated_at,
        course_id=row.course_id,
        user_id=row.user_id,
    )
