"""What the routes of assignments share: who grades, and whether a learner may work on a lesson now."""

from api.http.problems import ProblemError
from api.subject import Subject
from db.queries.assignments.assignments import has_access, read_assignment
from db.queries.assignments.grading import Grader
from db.queries.assignments.rows import AssignmentRow
from db.queries.learning.doors import lesson_door
from domain.identity.roles import Permission

OF_LEARNERS = ("not_found", "lesson_locked", "not_enrolled", "assignment_not_ready")
"""Problems of every route by which a learner works on an assignment."""


def grader_of(subject: Subject) -> Grader:
    """Who may publish grades any course, others their own."""
    return Grader(subject.user_id, any_course=Permission.COURSE_PUBLISH in subject.permissions)


async def open_assignment(subject: Subject, lesson_id: str) -> tuple[str, AssignmentRow]:
    """The caller's enrollment and what the lesson asks for; the lesson's door is asked each time.

    Raises `ProblemError`, one of `OF_LEARNERS`.
    """
    door = await lesson_door(subject.user_id, lesson_id)
    if door is None:
        raise ProblemError("not_found")
    if door.locks:
        raise ProblemError("lesson_locked")
    # A preview is open to everybody; who has no access hands in nothing there.
    if door.enrollment_id is None or (door.is_preview and not await has_access(subject.user_id, door.course_id)):
        raise ProblemError("not_enrolled")
    return door.enrollment_id, await asked_in(lesson_id)


async def asked_in(lesson_id: str) -> AssignmentRow:
    """What the lesson asks for. Raises `ProblemError("assignment_not_ready")`."""
    row = await read_assignment(lesson_id)
    if row is None:
        raise ProblemError("assignment_not_ready")
    return row
