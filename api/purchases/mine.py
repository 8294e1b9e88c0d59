"""What the caller has bought and may watch."""

from typing import Annotated

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from api.access import AUTHENTICATED, requires
from api.http.paging import page_of
from api.http.problems import ProblemError
from api.http.schemas import ApiStruct
from api.purchases.schemas import PurchaseSummary, summary_of
from api.subject import Subject
from db.queries.billing.purchases import Enrollment, list_enrollments, list_purchases, list_reasons
from domain.access import Entitlement

Cursor = Annotated[str | None, QueryParameter(max_length=64, description="`nextCursor` of the page before.")]
Limit = Annotated[int, QueryParameter(ge=1, le=50)]


class PurchasePage(ApiStruct):
    """One's purchases, the newest first."""

    items: list[PurchaseSummary]
    next_cursor: str | None


class EnrollmentPage(ApiStruct):
    """One's enrollments, the newest first."""

    items: list[Enrollment]
    next_cursor: str | None


class AccessView(ApiStruct):
    """Why one may watch a course: every reason, ended ones too. Access holds while at least one does."""

    enrollment_id: str
    reasons: list[Entitlement]


@get(
    "/api/v1/me/purchases",
    operation_id="listMyPurchases",
    tags=["Me"],
    **requires(AUTHENTICATED, "validation_failed"),
)
async def list_my_purchases(
    subject: NamedDependency[Subject], cursor: Cursor = None, limit: Limit = 20
) -> Response[PurchasePage]:
    """The caller's purchases."""
    rows = await list_purchases(subject.user_id, cursor, limit + 1)
    items, next_cursor, headers = page_of(rows, limit, "/api/v1/me/purchases")
    return Response(PurchasePage([summary_of(item) for item in items], next_cursor), headers=headers)


@get(
    "/api/v1/me/enrollments",
    operation_id="listMyEnrollments",
    tags=["Me"],
    **requires(AUTHENTICATED, "validation_failed"),
)
async def list_my_enrollments(
    subject: NamedDependency[Subject], cursor: Cursor = None, limit: Limit = 20
) -> Response[EnrollmentPage]:
    """The caller's enrollments."""
    rows = await list_enrollments(subject.user_id, cursor, limit + 1)
    items, next_cursor, headers = page_of(rows, limit, "/api/v1/me/enrollments")
    return Response(EnrollmentPage(items, next_cursor), headers=headers)


@get(
    "/api/v1/me/enrollments/{enrollment_id:str}/access",
    operation_id="getMyAccess",
    tags=["Me"],
    **requires(AUTHENTICATED, "not_found"),
)
async def get_my_access(enrollment_id: FromPath[str], subject: NamedDependency[Subject]) -> AccessView:
    """Why the caller may watch this course."""
    reasons = await list_reasons(enrollment_id, subject.user_id)
    if reasons is None:
        raise ProblemError("not_found")
    return AccessView(enrollment_id, reasons)
