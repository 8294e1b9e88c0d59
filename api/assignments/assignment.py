"""An assignment and what its learner hands in."""

from litestar import Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from api.access import requires
from api.assignments.common import OF_LEARNERS, asked_in, grader_of, open_assignment
from api.assignments.schemas import (
    AssignmentBody,
    AssignmentView,
    Submission,
    SubmissionBody,
    assignment_view,
    own_view,
)
from api.http.problems import ProblemError
from api.http.schemas import FieldError
from api.subject import Subject
from bootstrap import Services
from db.queries.assignments.assignments import may_grade_lesson, write_assignment
from db.queries.assignments.submissions import hand_in, list_own
from domain.assignments.rubric import Criterion, is_rubric
from domain.identity.roles import Permission

PATH = "/api/v1/lessons/{lesson_id:str}/assignment"
MEGABYTE = 1_000_000


@put(
    PATH,
    operation_id="putAssignment",
    tags=["Assignments"],
    **requires(Permission.COURSE_MANAGE, "not_found", "lesson_type_differs", "validation_failed"),
)
async def put_assignment(
    data: JSONBody[AssignmentBody],
    lesson_id: FromPath[str],
    services: NamedDependency[Services],
    subject: NamedDependency[Subject],
) -> AssignmentView:
    """Say what a lesson asks for. What is graded already keeps the rubric that it was graded by."""
    rubric = [Criterion(id=c.id, title=c.title, description=c.description, points=c.points) for c in data.rubric]
    if not is_rubric(rubric):
        message = "Each `id` once, and points that sum to 100."
        raise ProblemError("validation_failed", errors=[FieldError(field="rubric", message=message)])
    grader = grader_of(subject)
    await write_assignment(
        lesson_id,
        subject.user_id,
        any_course=grader.any_course,
        instructions=data.instructions,
        rubric=rubric,
        passing=data.passing_score,
    )
    return assignment_view(await asked_in(lesson_id), [], largest_bytes(services))


@get(PATH, operation_id="getAssignment", tags=["Assignments"], **requires(Permission.COURSE_VIEW, *OF_LEARNERS))
async def get_assignment(
    lesson_id: FromPath[str], services: NamedDependency[Services], subject: NamedDependency[Subject]
) -> AssignmentView:
    """What a lesson asks for, and what the caller has handed in; graders of the course see it without."""
    grader = grader_of(subject)
    teaches = Permission.COURSE_MANAGE in subject.permissions
    if teaches and await may_grade_lesson(lesson_id, grader.user_id, any_course=grader.any_course):
        return assignment_view(await asked_in(lesson_id), [], largest_bytes(services))
    enrollment_id, asked = await open_assignment(subject, lesson_id)
    return assignment_view(asked, await list_own(enrollment_id, lesson_id), largest_bytes(services))


@post(
    "/api/v1/lessons/{lesson_id:str}/submissions",
    operation_id="handInSubmission",
    tags=["Assignments"],
    **requires(Permission.COURSE_VIEW, *OF_LEARNERS, "file_not_ready", "submission_graded", "too_many_submissions"),
)
async def hand_in_submission(
    data: JSONBody[SubmissionBody], lesson_id: FromPath[str], subject: NamedDependency[Subject]
) -> Response[Submission]:
    """Hand in a version of one's work; it replaces the one before, unless that is graded. The same files again are the
    same submission."""
    enrollment_id, _ = await open_assignment(subject, lesson_id)
    submission_id = await hand_in(enrollment_id, lesson_id, list(dict.fromkeys(data.file_ids)), data.comment)
    rows = {row.id: row for row in await list_own(enrollment_id, lesson_id)}
    if submission_id not in rows:  # the lesson was deleted meanwhile
        raise ProblemError("not_found")
    return Response(own_view(rows[submission_id]))


def largest_bytes(services: Services) -> int:
    """Of one file."""
    return services.settings.upload_max_megabytes * MEGABYTE
