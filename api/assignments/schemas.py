"""What the routes of assignments read and write."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from api.http.schemas import ApiStruct
from db.queries.assignments.rows import AssignmentRow, FileRow, GradingRow, SubmissionRow
from domain.assignments.file_types import EXTENSIONS
from domain.assignments.rubric import Criterion
from domain.assignments.submission import MOST_FILES, SubmissionState

Id = Annotated[str, Meta(min_length=1, max_length=64)]
Line = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*[^\x00-\x20][^\x00-\x1f]*$")]


class CriterionBody(ApiStruct, forbid_unknown_fields=True):
    """One thing that is looked at, and the most points that it can bring."""

    id: Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,40}$")]
    title: Line
    points: Annotated[int, Meta(ge=1, le=100)]
    description: Annotated[str, Meta(max_length=2000)] = ""


class AssignmentBody(ApiStruct, forbid_unknown_fields=True):
    """What is asked. The rubric's points sum to 100; `passingScore` completes the lesson."""

    instructions: Annotated[str, Meta(min_length=1, max_length=50_000, pattern=r"\S")]
    rubric: Annotated[list[CriterionBody], Meta(min_length=1, max_length=20)]
    passing_score: Annotated[int, Meta(ge=0, le=100)] = 70


class Submission(ApiStruct):
    """One version of one's work; the last of `gradings` counts."""

    id: str
    number: int
    state: SubmissionState
    comment: str | None
    submitted_at: datetime
    files: list[FileRow]
    gradings: list[GradingRow]


class AssignmentView(ApiStruct):
    """What is asked, in which form, and what one has handed in, the newest first."""

    lesson_id: str
    instructions: str
    rubric: list[Criterion]
    passing_score: int
    media_types: list[str]
    largest_bytes: int
    most_files: int
    submissions: list[Submission]


class UploadBody(ApiStruct, forbid_unknown_fields=True):
    """The file that is to be uploaded: its name is only shown, its size has to be exact, its content of the type."""

    name: Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f/\\]+$")]
    size: Annotated[int, Meta(ge=1, le=1_000_000_000)]
    media_type: str


class Upload(ApiStruct):
    """Send the file with `method` to `url`, without a login's header, before `expiresAt`; then confirm it."""

    id: str
    method: str
    url: str
    expires_at: datetime


class Download(ApiStruct):
    """`GET` it, without a login's header, before `expiresAt`."""

    url: str
    expires_at: datetime


class SubmissionBody(ApiStruct, forbid_unknown_fields=True):
    """Confirmed uploads, and what one wants to say of them."""

    file_ids: Annotated[list[Id], Meta(min_length=1, max_length=MOST_FILES)]
    comment: Annotated[str, Meta(min_length=1, max_length=4000)] | None = None


class QueuedSubmission(ApiStruct):
    """A submission that waits. `claimedBy` is a grader's user id, until `claimedUntil`."""

    id: str
    course_id: str
    course_title: str
    lesson_id: str
    lesson_title: str
    learner_id: str
    learner_name: str
    number: int
    submitted_at: datetime
    claimed_by: str | None
    claimed_until: datetime | None
    version: int


class SubmissionQueue(ApiStruct):
    """Submissions that wait, the oldest first."""

    items: list[QueuedSubmission]
    next_cursor: str | None


class GradedSubmission(QueuedSubmission):
    """A submission as its graders see it; `version` goes with a grading."""

    state: SubmissionState
    comment: str | None
    files: list[FileRow]
    gradings: list[GradingRow]
    rubric: list[Criterion]


class PointsBody(ApiStruct, forbid_unknown_fields=True):
    """What a criterion gets."""

    criterion_id: Id
    points: Annotated[int, Meta(ge=0, le=100)]


class GradingBody(ApiStruct, forbid_unknown_fields=True):
    """Points for each criterion of the rubric; `version` is the submission's that was read."""

    version: Annotated[int, Meta(ge=1, le=1_000_000)]
    points: Annotated[list[PointsBody], Meta(min_length=1, max_length=20)]
    feedback: Annotated[str, Meta(max_length=4000)] = ""
    asks_again: bool = False


def assignment_view(row: AssignmentRow, submissions: list[SubmissionRow], largest_bytes: int) -> AssignmentView:
    """An assignment for a learner, or without submissions for a grader."""
    return AssignmentView(
        lesson_id=row.lesson_id,
        instructions=row.instructions,
        rubric=list(row.rubric),
        passing_score=row.passing_score,
        media_types=list(EXTENSIONS),
        largest_bytes=largest_bytes,
        most_files=MOST_FILES,
        submissions=[own_view(submission) for submission in submissions],
    )


def own_view(row: SubmissionRow) -> Submission:
    """A submission for its learner."""
    return Submission(
        id=row.id,
        number=row.number,
        state=row.state,
        comment=row.comment,
        submitted_at=row.submitted_at,
        files=list(row.files),
        gradings=list(row.gradings),
    )


def queued_view(row: SubmissionRow) -> QueuedSubmission:
    """A submission in the queue."""
    return msgspec.convert(row, QueuedSubmission, from_attributes=True)


def graded_view(row: SubmissionRow, rubric: tuple[Criterion, ...]) -> GradedSubmission:
    """A submission for its graders."""
    queued = msgspec.structs.asdict(queued_view(row))
    return GradedSubmission(
        **queued,
        state=row.state,
        comment=row.comment,
        files=list(row.files),
        gradings=list(row.gradings),
        rubric=list(rubric),
    )
