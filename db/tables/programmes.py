"""Certificate programmes: several courses, one certificate."""

from piccolo.constraints import Unique
from piccolo.table import Table

from db.columns import (
    created_now,
    integer,
    optional_moment,
    optional_text,
    primary_key,
    reference,
    text,
)
from db.engine import DB
from db.tables.courses import Course
from db.tables.identity import User


class Programme(Table, tablename="programmes", db=DB):
    """A programme; learners see it once it is published."""

    id = primary_key()
    slug = text(unique=True)
    title = text()
    description = optional_text()
    author_id = reference(User)
    certificate_template = optional_text()
    published_at = optional_moment()
    created_at = created_now()


class ProgrammeCourse(Table, tablename="programme_courses", db=DB):
    """A course of a programme."""

    id = primary_key()
    programme_id = reference(Programme, cascade=True)
    course_id = reference(Course)
    position = integer()

    programme_courses_programme_course_key = Unique([programme_id, course_id])


class ProgrammeCompletion(Table, tablename="programme_completions", db=DB):
    """The outbox of programmes' certificates: written once, with the completion of the last course."""

    id = primary_key()
    programme_id = reference(Programme)
    user_id = reference(User)
    reached_at = created_now()

    programme_completions_programme_user_key = Unique([programme_id, user_id])
