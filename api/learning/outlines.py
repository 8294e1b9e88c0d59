"""The outline of a course for one of its learners."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from litestar import Request, get
from litestar.params import FromPath

from api.access import AUTHENTICATED, requires
from api.gathering import Gatherer
from api.http.problems import ProblemError
from api.http.schemas import ApiStruct
from api.subject import Subject
from db.queries.learning.outline import Modules, OutlineRow, read_outlines
from domain.learning.outline import ModuleView, ResumePoint, outline_of, resume_point

MOST_HELD_COURSES = 256


class OutlineView(ApiStruct):
    """A course with the learner's progress, its locks as of this moment, and where to go on."""

    enrollment_id: str
    course_id: str
    title: str
    status: str
    completion_percentage: int
    last_accessed_at: datetime | None
    resume: ResumePoint | None
    modules: list[ModuleView]


class Outlines:
    """Reads outlines, all who ask at once in one statement.

    What is the same for all learners of a course is held in this process under the catalog's generation, which every
    such statement reads anew: held or not, an outline is as new as the database. Access, locks and progress are never
    held.
    """

    def __init__(self, most_held: int = MOST_HELD_COURSES) -> None:
        self._most_held = most_held
        self._generation = ""
        self._courses: dict[str, Modules] = {}
        self._gatherer: Gatherer[tuple[str, str], OutlineView | None] = Gatherer(self._read)

    async def read(self, user_id: str, enrollment_id: str) -> OutlineView | None:
        """The outline; `None` when this is no enrollment of theirs."""
        return await self._gatherer.add((user_id, enrollment_id))

    async def _read(self, asked: Sequence[tuple[str, str]]) -> list[OutlineView | None]:
        held = self._courses
        rows = await read_outlines(asked, self._generation, list(held))
        return [None if row is None else _view_of(row, self._modules(row, held)) for row in rows]

    def _modules(self, row: OutlineRow, held: dict[str, Modules]) -> Modules:
        """`held` is what was held when the statement was sent, whatever has come meanwhile."""
        if row.modules is None:
            return held[row.course_id]
        if row.generation != self._generation:
            self._generation, self._courses = row.generation, {}
        if len(self._courses) < self._most_held:
            self._courses[row.course_id] = row.modules
        return row.modules


def _view_of(row: OutlineRow, modules: Modules) -> OutlineView:
    views = outline_of(modules, row.learner)
    return OutlineView(
        enrollment_id=row.enrollment_id,
        course_id=row.course_id,
        title=row.title,
        status=row.status,
        completion_percentage=row.completion_percentage,
        last_accessed_at=None if row.last_accessed_at is None else row.last_accessed_at.replace(tzinfo=UTC),
        resume=resume_point(views, row.learner),
        modules=views,
    )


@get(
    "/api/v1/me/enrollments/{enrollment_id:str}/outline",
    operation_id="getMyOutline",
    tags=["Learning"],
    **requires(AUTHENTICATED, "service_unavailable"),
)
async def get_my_outline(enrollment_id: FromPath[str], request: Request[Subject, Any, Any]) -> OutlineView:
    """The course with the caller's progress, what keeps each lesson shut, and where to go on."""
    outlines: Outlines = request.app.state["outlines"]
    outline = await outlines.read(request.user.user_id, enrollment_id)
    if outline is None:
        raise ProblemError("not_found")
    return outline
