"""Assignments: what is asked of a lesson's learners, what they handed in, how it was graded; and hidden reviews."""

from typing import Any

from piccolo.columns import BigInt, Boolean, ForeignKey, Integer
from piccolo.columns.base import OnDelete, OnUpdate
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from db.columns import (
    created_now,
    integer,
    json,
    optional_moment,
    optional_text,
    primary_key,
    reference,
    text,
)
from db.engine import DB
from db.tables.courses import Course, CourseLesson
from db.tables.identity import User
from db.tables.learning import CourseEnrollment
from db.tables.progress import one_for


def _loose_reference(table: type[Table]) -> ForeignKey[Any]:
    """A foreign key that is emptied when its row goes."""
    return ForeignKey(table, null=True, default=None, on_delete=OnDelete.set_null, on_update=OnUpdate.no_action)


class Assignment(Table, tablename="assignments", db=DB):
    """What a lesson of the type `assignment` asks for."""

    lesson_id = one_for(CourseLesson)
    instructions = text()
    rubric = json()
    """`domain.assignments.rubric.Criterion`s whose points sum to 100."""
    passing_score = integer()
    changed_at = created_now()
    changed_by = reference(User, null=True)

    assignments_passing_score_check = Check((passing_score >= 0) & (passing_score <= 100))


class AssignmentSubmission(Table, tablename="assignment_submissions", db=DB):
    """One version of a learner's work; `number` counts from 1."""

    id = primary_key()
    enrollment_id = reference(CourseEnrollment, cascade=True)
    lesson_id = reference(CourseLesson, cascade=True)
    number = integer()
    comment = optional_text()
    state = text()
    """A `domain.assignments.submission.SubmissionState`."""
    version = Integer(null=False, default=1)
    """Grows with every change that a grader must have seen."""
    submitted_at = created_now()
    claimed_by = reference(User, null=True)
    claimed_at = optional_moment()

    assignment_submissions_number_key = Unique([enrollment_id, lesson_id, number])
    assignment_submissions_state_check = Check("state IN ('submitted', 'replaced', 'graded', 'returned')")


class AssignmentFile(Table, tablename="assignment_files", db=DB):
    """A file of a learner: announced, then stored, then part of a submission; or abandoned.

    It outlives its lesson and its submission until the sweep has deleted what is stored of it.
    """

    id = primary_key()
    enrollment_id = _loose_reference(CourseEnrollment)
    lesson_id = _loose_reference(CourseLesson)
    submission_id = _loose_reference(AssignmentSubmission)
    name = text()
    """As its learner calls it: shown, and never a key or a word in a log."""
    media_type = text()
    size = BigInt(null=False, default=None)
    """Bytes."""
    state = text()
    storage_key = optional_text()
    """Where the checked copy lies."""
    created_at = created_now()
    swept_at = optional_moment()

    assignment_files_state_check = Check("state IN ('announced', 'stored', 'abandoned')")


class AssignmentGrading(Table, tablename="assignment_gradings", db=DB):
    """How a submission was graded; a later one counts, the earlier ones are kept."""

    id = primary_key()
    submission_id = reference(AssignmentSubmission, cascade=True)
    number = integer()
    graded_by = reference(User)
    graded_at = created_now()
    score = integer()
    """Of 100."""
    has_passed = Boolean(null=False, default=None)
    points = json()
    """By criterion, with the rubric as it was."""
    feedback = text()
    asks_again = Boolean(null=False, default=None)
    """The grader wants another version."""

    assignment_gradings_number_key = Unique([submission_id, number])
    assignment_gradings_score_check = Check((score >= 0) & (score <= 100))


class HiddenReview(Table, tablename="hidden_reviews", db=DB):
    """A learner's review of a course that a moderator has hidden; outlives the review."""

    id = primary_key()
    course_id = reference(Course, cascade=True)
    user_id = reference(User)
    hidden_by = reference(User)
    hidden_at = created_now()

    hidden_reviews_course_user_key = Unique([course_id, user_id])
