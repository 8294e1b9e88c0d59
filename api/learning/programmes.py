"""How far one has come in certificate programmes."""

from litestar import Response, get
from litestar.di import NamedDependency

from api.access import AUTHENTICATED, requires
from api.http.paging import page_of
from api.http.schemas import ApiStruct
from api.purchases.mine import Cursor, Limit
from api.subject import Subject
from db.queries.learning.programmes import ProgrammeStanding, standings


class StandingPage(ApiStruct):
    """Programmes that the caller learns a course of or has completed, the newest first."""

    items: list[ProgrammeStanding]
    next_cursor: str | None


@get("/api/v1/me/programmes", operation_id="listMyProgrammes", tags=["Me"], **requires(AUTHENTICATED))
async def list_my_programmes(
    subject: NamedDependency[Subject], cursor: Cursor = None, limit: Limit = 20
) -> Response[StandingPage]:
    """Which courses of each programme are completed; `completedAt` once all are."""
    rows = await standings(subject.user_id, cursor, limit + 1)
    items, next_cursor, headers = page_of(rows, limit, "/api/v1/me/programmes")
    return Response(StandingPage(items, next_cursor), headers=headers)
