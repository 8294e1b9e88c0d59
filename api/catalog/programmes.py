"""The certificate programmes that the academy offers."""

from litestar import Response, get

from api.access import PUBLIC, requires
from api.http.paging import page_of
from api.http.schemas import ApiStruct
from api.purchases.mine import Cursor, Limit
from db.queries.programmes import ProgrammeCard, list_programmes

PATH = "/api/v1/programmes"


class ProgrammeList(ApiStruct):
    """Programmes, the newest first."""

    items: list[ProgrammeCard]
    next_cursor: str | None


@get(PATH, operation_id="listProgrammes", tags=["Catalog"], **requires(PUBLIC, "service_unavailable"))
async def list_programmes_on_offer(cursor: Cursor = None, limit: Limit = 20) -> Response[ProgrammeList]:
    """Published programmes with the courses that make them up; each is bought and learned like any other."""
    rows = await list_programmes(cursor, limit + 1)
    items, next_cursor, headers = page_of(rows, limit, PATH)
    return Response(ProgrammeList(items, next_cursor), headers=headers)
