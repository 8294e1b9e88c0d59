"""Moderation of reviews, by those who publish courses."""

from typing import Annotated
from urllib.parse import urlencode

from litestar import Response, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from api.access import requires
from api.http.paging import page_of
from api.http.problems import ProblemError
from api.reviews.controller import Cursor, Limit
from api.reviews.schemas import ModeratedReview, ModerationPage, Visibility, moderated_view_of
from api.subject import Subject
from db.queries.reviews import list_all, set_visibility
from domain.identity.roles import Permission


@get(
    "/api/v1/reviews",
    operation_id="listAllReviews",
    tags=["Reviews"],
    **requires(Permission.COURSE_PUBLISH, "validation_failed", "service_unavailable"),
)
async def list_all_reviews(
    *,
    course_id: Annotated[str | None, QueryParameter(name="courseId", max_length=64)] = None,
    published: FromQuery[bool | None] = None,
    cursor: Cursor = None,
    limit: Limit = 20,
) -> Response[ModerationPage]:
    """Reviews of one course or of all, hidden ones, too."""
    rows = await list_all(course_id, published, cursor, limit + 1)
    asked = {"courseId": course_id, "published": None if published is None else str(published).lower()}
    query = urlencode({name: value for name, value in asked.items() if value is not None})
    items, next_cursor, headers = page_of(rows, limit, "/api/v1/reviews", query)
    return Response(ModerationPage([moderated_view_of(row) for row in items], next_cursor), headers=headers)


@put(
    "/api/v1/reviews/{review_id:str}/visibility",
    operation_id="putReviewVisibility",
    tags=["Reviews"],
    **requires(Permission.COURSE_PUBLISH, "not_found"),
)
async def put_review_visibility(
    data: JSONBody[Visibility], review_id: FromPath[str], subject: NamedDependency[Subject]
) -> ModeratedReview:
    """Hide a review from everybody but its writer, or show it again. Repeating it changes nothing."""
    row = await set_visibility(review_id, subject.user_id, is_published=data.is_published)
    if row is None:
        raise ProblemError("not_found")
    return moderated_view_of(row)
