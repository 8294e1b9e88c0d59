"""Reviews of a course: everybody reads them, learners write their own."""

from typing import Annotated, Any

from litestar import Request, Response, delete, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from api.access import PUBLIC, requires
from api.catalog.controller import clinics_of_caller
from api.http.paging import page_of
from api.http.problems import ProblemError
from api.http.schemas import FieldError
from api.reviews.schemas import OwnReview, ReviewBody, ReviewPage, own_view_of, view_of
from api.subject import Subject
from db.queries.reviews import (
    can_see_course,
    delete_review,
    list_published,
    rating_of,
    read_own_review,
    write_review,
)
from domain.identity.roles import Permission
from domain.reviews import has_html

Cursor = Annotated[str | None, QueryParameter(max_length=64, description="`nextCursor` of the page before.")]
Limit = Annotated[int, QueryParameter(ge=1, le=50)]
OWN = "/api/v1/courses/{course_id:str}/reviews/mine"


@get(
    "/api/v1/courses/{course_id:str}/reviews",
    operation_id="listReviews",
    tags=["Reviews"],
    **requires(PUBLIC, "course_not_found", "validation_failed", "service_unavailable"),
)
async def list_reviews(
    request: Request[Any, Any, Any], course_id: FromPath[str], cursor: Cursor = None, limit: Limit = 20
) -> Response[ReviewPage]:
    """What learners say of a course that the catalog shows to the caller."""
    if not await can_see_course(course_id, await clinics_of_caller(request)):
        raise ProblemError("course_not_found")
    rows = await list_published(course_id, cursor, limit + 1)
    items, next_cursor, headers = page_of(rows, limit, f"/api/v1/courses/{course_id}/reviews")
    page = ReviewPage(await rating_of(course_id), [view_of(row) for row in items], next_cursor)
    return Response(page, headers=headers)


@get(OWN, operation_id="getMyReview", tags=["Reviews"], **requires(Permission.COURSE_VIEW, "not_found"))
async def get_my_review(course_id: FromPath[str], subject: NamedDependency[Subject]) -> OwnReview:
    """The caller's own review of a course."""
    row = await read_own_review(subject.user_id, course_id)
    if row is None:
        raise ProblemError("not_found")
    return own_view_of(row)


@put(
    OWN,
    operation_id="putMyReview",
    tags=["Reviews"],
    **requires(Permission.COURSE_VIEW, "not_a_learner", "not_found", "validation_failed"),
)
async def put_my_review(
    data: JSONBody[ReviewBody], course_id: FromPath[str], subject: NamedDependency[Subject]
) -> OwnReview:
    """Write or replace the caller's review of a course that they are or were enrolled in."""
    if data.review is not None and has_html(data.review):
        raise ProblemError("validation_failed", errors=[FieldError(field="review", message="Plain text, no HTML.")])
    return own_view_of(await write_review(subject.user_id, course_id, data.rating, data.review))


@delete(OWN, operation_id="deleteMyReview", tags=["Reviews"], **requires(Permission.COURSE_VIEW, "not_found"))
async def delete_my_review(course_id: FromPath[str], subject: NamedDependency[Subject]) -> None:
    """Delete the caller's own review. What a moderator has hidden stays hidden, should it be written anew."""
    if not await delete_review(subject.user_id, course_id):
        raise ProblemError("not_found")
