"""The three tables that the brief only names, in its own style of column names (ADR 2)."""

from piccolo.columns import Numeric, Timestamp
from piccolo.constraints import Unique
from piccolo.table import Table

from db.columns import (
    brief_now,
    brief_time,
    optional_boolean,
    optional_integer,
    optional_json,
    optional_text,
    primary_key,
    reference,
    text,
)
from db.engine import DB
from db.tables.courses import Course, CourseLesson
from db.tables.identity import User


class InstructorEarning(Table, tablename="instructor_earnings", db=DB):
    """What one payment earned an instructor (brief, "Doctor → Instructor": 70/30); reversals are rows with a minus."""

    id = primary_key()
    instructor_id = reference(User, "instructorId")
    course_id = reference(Course, "courseId")
    source_id = text("sourceId")
    """The payment or refund row that caused it."""
    amount = Numeric(digits=(10, 2), null=False, default=None)
    currency = text()
    payout_id = optional_text("payoutId")
    metadata = optional_json()
    created_at = brief_now("createdAt")

    instructor_earnings_source_key = Unique([source_id, instructor_id])


class CourseLiveSession(Table, tablename="course_live_sessions", db=DB):
    """A live question-and-answer session of a course."""

    id = primary_key()
    course_id = reference(Course, "courseId", cascade=True)
    lesson_id = reference(CourseLesson, "lessonId", null=True, cascade=True)
    instructor_id = reference(User, "instructorId", null=True)
    title = text()
    starts_at = Timestamp(null=False, default=None, db_column_name="startsAt")
    duration = optional_integer()
    """Minutes."""
    join_url = optional_text("joinUrl")
    recording_url = optional_text("recordingUrl")
    metadata = optional_json()
    created_at = brief_now("createdAt")
    updated_at = brief_now("updatedAt")


class CourseRecommendation(Table, tablename="course_recommendations", db=DB):
    """A course recommended to somebody; `appointmentId` links it to `health.appointments` and says no more."""

    id = primary_key()
    user_id = reference(User, "userId")
    course_id = reference(Course, "courseId")
    appointment_id = optional_text("appointmentId")
    score = Numeric(digits=(6, 5), null=True, default=None)
    discount_code = optional_text("discountCode")
    is_clicked = optional_boolean("isClicked", default=False)
    converted_at = brief_time("convertedAt")
    metadata = optional_json()
    created_at = brief_now("createdAt")

    course_recommendations_appointment_course_key = Unique([appointment_id, course_id])
