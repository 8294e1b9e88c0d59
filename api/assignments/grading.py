"""Grading: the queue of submissions, claims, points and feedback."""

from typing import Annotated

import structlog
from litestar import Response, delete, get, post
from litestar.background_tasks import BackgroundTask
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.status_codes import HTTP_200_OK

from api.access import requires
from api.assignments.common import asked_in, grader_of
from api.assignments.schemas import (
    GradedSubmission,
    GradingBody,
    SubmissionQueue,
    graded_view,
    queued_view,
)
from api.http.paging import page_of
from api.http.problems import ProblemError
from api.http.schemas import FieldError
from api.subject import Subject
from bootstrap import Services
from db.queries.assignments.grading import (
    Graded,
    Grader,
    NewGrading,
    claim,
    grade,
    list_queue,
    read_submission,
    release,
)
from domain.errors import OutageError
from domain.identity.roles import Permission

log = structlog.get_logger()

PATH = "/api/v1/submissions/{submission_id:str}"
Cursor = Annotated[str | None, QueryParameter(max_length=64, description="`nextCursor` of the page before.")]
Limit = Annotated[int, QueryParameter(ge=1, le=50)]


@get(
    "/api/v1/submissions",
    operation_id="listSubmissions",
    tags=["Grading"],
    **requires(Permission.COURSE_MANAGE, "validation_failed"),
)
async def list_submissions(
    subject: NamedDependency[Subject],
    *,
    course_id: Annotated[str | None, QueryParameter(name="courseId", pattern=r"^[0-9a-f-]{1,64}$")] = None,
    cursor: Cursor = None,
    limit: Limit = 20,
) -> Response[SubmissionQueue]:
    """What waits to be graded in the caller's courses, the oldest first."""
    rows = await list_queue(grader_of(subject), course_id, cursor, limit + 1)
    query = f"courseId={course_id}" if course_id else ""
    items, next_cursor, headers = page_of(rows, limit, "/api/v1/submissions", query)
    return Response(SubmissionQueue([queued_view(row) for row in items], next_cursor), headers=headers)


@get(PATH, operation_id="getSubmission", tags=["Grading"], **requires(Permission.COURSE_MANAGE, "not_found"))
async def get_submission(submission_id: FromPath[str], subject: NamedDependency[Subject]) -> GradedSubmission:
    """A submission with its files, its rubric and how it was graded before."""
    return await _view(submission_id, grader_of(subject))


@post(
    f"{PATH}/claim",
    operation_id="claimSubmission",
    tags=["Grading"],
    status_code=HTTP_200_OK,
    **requires(Permission.COURSE_MANAGE, "not_found", "submission_claimed", "submission_changed"),
)
async def claim_submission(submission_id: FromPath[str], subject: NamedDependency[Subject]) -> GradedSubmission:
    """Keep other graders away for two hours; one's own claim is renewed."""
    grader = grader_of(subject)
    await claim(submission_id, grader)
    return await _view(submission_id, grader)


@delete(
    f"{PATH}/claim",
    operation_id="releaseSubmission",
    tags=["Grading"],
    **requires(Permission.COURSE_MANAGE, "not_found"),
)
async def release_submission(submission_id: FromPath[str], subject: NamedDependency[Subject]) -> None:
    """Give one's claim up; without one it does nothing."""
    await release(submission_id, grader_of(subject))


@post(
    f"{PATH}/gradings",
    operation_id="gradeSubmission",
    tags=["Grading"],
    **requires(
        Permission.COURSE_MANAGE,
        "not_found",
        "submission_claimed",
        "submission_changed",
        "submission_replaced",
        "validation_failed",
    ),
)
async def grade_submission(
    data: JSONBody[GradingBody],
    submission_id: FromPath[str],
    services: NamedDependency[Services],
    subject: NamedDependency[Subject],
) -> Response[GradedSubmission]:
    """Grade a submission, or grade it anew; its learner is told each time. A lesson that is completed stays so."""
    grader = grader_of(subject)
    new = NewGrading(
        submission_id=submission_id,
        version=data.version,
        points={each.criterion_id: each.points for each in data.points},
        feedback=data.feedback,
        asks_again=data.asks_again,
    )
    try:
        graded = await grade(new, grader)
    except ValueError:
        message = "Points for each criterion of the rubric, once, and no more than it has."
        raise ProblemError("validation_failed", errors=[FieldError(field="points", message=message)]) from None
    return Response(await _view(submission_id, grader), background=BackgroundTask(_tell, services, graded))


async def _view(submission_id: str, grader: Grader) -> GradedSubmission:
    row = await read_submission(submission_id, grader)
    return graded_view(row, (await asked_in(row.lesson_id)).rubric)


async def _tell(services: Services, graded: Graded) -> None:
    """After the answer; what is not started now the relay starts."""
    try:
        for message_id in graded.queued.emails:
            await services.stories.tell_message(message_id)
        for message_id in graded.queued.notices:
            await services.stories.tell_notice(message_id)
        if graded.course_is_done:
            await services.stories.tell_completion(graded.enrollment_id)
    except OutageError:
        log.warning("grading_left_to_the_relay", enrollment_id=graded.enrollment_id)
