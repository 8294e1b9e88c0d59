"""What learning needs beside the brief's tables: states of courses, rules of lessons, what was watched, completions."""

from piccolo.columns import BigInt, Column, ForeignKey, Integer
from piccolo.columns.base import OnDelete, OnUpdate
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from db.columns import (
    boolean,
    created_now,
    integer,
    moment,
    optional_integer,
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


class _Ranges(Column):
    """A set of ranges; read and written by plain SQL only."""

    value_type = str

    def __init__(self) -> None:
        super().__init__(null=False, default=None)


class IntegerRanges(_Ranges):
    """`int4multirange`."""

    column_type = "INT4MULTIRANGE"


class TimeRanges(_Ranges):
    """`tstzmultirange`."""

    column_type = "TSTZMULTIRANGE"


def one_for(table: type[Table]) -> ForeignKey[Table]:
    """A primary key that is a reference: one row at most for each of the other table's."""
    return ForeignKey(
        table,
        primary_key=True,
        null=False,
        default=None,
        on_delete=OnDelete.cascade,
        on_update=OnUpdate.no_action,
    )


class CourseState(Table, tablename="course_states", db=DB):
    """Where a course stands while it is written: a `domain.learning.authoring.CourseState`.

    A course without a row is published or a draft, as its `isPublished` says, which follows in the same transaction.
    """

    course_id = one_for(Course)
    state = text()
    changed_at = created_now()
    changed_by = reference(User, null=True)
    version = Integer(null=False, default=0)
    """Rises with every change of the course or its content: its ETag."""

    course_states_state_check = Check("state IN ('draft', 'in_review', 'published', 'archived')")


class LessonRule(Table, tablename="lesson_rules", db=DB):
    """What holds for a lesson beyond the brief's columns. A lesson without a row is required and open at once."""

    lesson_id = one_for(CourseLesson)
    is_required = boolean(default=True)
    opens_at = optional_moment()
    opens_after_days = optional_integer()
    """Whole days since the enrollment. At most one of the two is set."""
    transcript = optional_text()

    lesson_rules_drip_check = Check("opens_at IS NULL OR opens_after_days IS NULL")
    lesson_rules_days_check = Check("opens_after_days >= 0")


class LessonPrerequisite(Table, tablename="lesson_prerequisites", db=DB):
    """A lesson that opens only when another of its course is completed."""

    lesson_id = reference(CourseLesson, cascade=True)
    requires_lesson_id = reference(CourseLesson, cascade=True)
    id = primary_key()

    lesson_prerequisites_pair_key = Unique([lesson_id, requires_lesson_id])
    lesson_prerequisites_self_check = Check("lesson_id <> requires_lesson_id")


class LessonWatch(Table, tablename="lesson_watches", db=DB):
    """What one learner watched of one lesson, beside its row of `lesson_progress`."""

    id = primary_key()
    enrollment_id = reference(CourseEnrollment, cascade=True)
    lesson_id = reference(CourseLesson, cascade=True)
    watched = IntegerRanges()
    """Milliseconds of the video, each range without its end."""
    spent = TimeRanges()
    """When the learner was at it, over all tabs and devices."""
    newest_at = moment()
    newest_sequence = BigInt(null=False, default=None)
    """The newest event by its own clock: `lastPosition` is its."""
    newest_position = integer()
    """Milliseconds of the video."""

    lesson_watches_enrollment_lesson_key = Unique([enrollment_id, lesson_id])


class CourseCompletion(Table, tablename="course_completions", db=DB):
    """The outbox of completions: written once, in the transaction that completes the last lesson."""

    enrollment_id = one_for(CourseEnrollment)
    reached_at = created_now()
    marked_at = optional_moment()
    """Set by the completion's story."""
