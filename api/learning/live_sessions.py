"""The dates of a live lesson."""

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath

from api.access import AUTHENTICATED, requires
from api.http.problems import ProblemError
from api.http.schemas import ApiStruct
from api.subject import Subject
from db.queries.learning.live_sessions import LiveSession, live_sessions


class LiveSessionList(ApiStruct):
    """The dates of a lesson, the earliest first."""

    items: list[LiveSession]


@get(
    "/api/v1/lessons/{lesson_id:str}/live-sessions",
    operation_id="listLiveSessions",
    tags=["Learning"],
    **requires(AUTHENTICATED, "not_found"),
)
async def list_live_sessions(lesson_id: FromPath[str], subject: NamedDependency[Subject]) -> LiveSessionList:
    """When a lesson is held live; where, only for those to whom it is open now."""
    items = await live_sessions(subject.user_id, lesson_id)
    if items is None:
        raise ProblemError("not_found")
    return LiveSessionList(items)
