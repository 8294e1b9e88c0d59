"""What learners have and do (brief, "New Tables for LMS")."""

from piccolo.constraints import Check, Unique
from piccolo.table import Table

from db.columns import (
    brief_now,
    brief_time,
    integer,
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
from db.tables.identity import Clinic, User


class CourseEnrollment(Table, tablename="course_enrollments", db=DB):
    """One learner in one course; active while some entitlement holds."""

    id = primary_key()
    user_id = reference(User, "userId")
    course_id = reference(Course, "courseId")
    clinic_id = reference(Clinic, "clinicId", null=True)
    enrolled_at = brief_now("enrolledAt")
    status = optional_text(default="active")
    payment_id = optional_text("paymentId")
    expires_at = brief_time("expiresAt")
    certificate_issued_at = brief_time("certificateIssuedAt")
    certificate_id = optional_text("certificateId")
    completion_percentage = optional_integer("completionPercentage", default=0)
    last_accessed_at = brief_time("lastAccessedAt")
    accessed_from = optional_text("accessedFrom")
    metadata = optional_json()

    course_enrollments_user_course_key = Unique([user_id, course_id])


class LessonProgress(Table, tablename="lesson_progress", db=DB):
    """One learner's progress in one lesson."""

    id = primary_key()
    enrollment_id = reference(CourseEnrollment, "enrollmentId", cascade=True)
    lesson_id = reference(CourseLesson, "lessonId", cascade=True)
    status = optional_text(default="not_started")
    progress_percentage = optional_integer("progressPercentage", default=0)
    time_spent = optional_integer("timeSpent", default=0)
    """Seconds."""
    last_position = optional_integer("lastPosition")
    """Seconds into the video."""
    completed_at = brief_time("completedAt")
    quiz_score = optional_integer("quizScore")
    quiz_attempts = optional_integer("quizAttempts", default=0)
    notes = optional_text()
    bookmarked = optional_boolean("bookmarked", default=False)
    created_at = brief_now("createdAt")
    updated_at = brief_now("updatedAt")

    lesson_progress_enrollment_lesson_key = Unique([enrollment_id, lesson_id])


class CourseReview(Table, tablename="course_reviews", db=DB):
    """One learner's review of one course, 1 to 5 stars."""

    id = primary_key()
    course_id = reference(Course, "courseId")
    user_id = reference(User, "userId")
    rating = integer()
    review = optional_text()
    is_verified_purchase = optional_boolean("isVerifiedPurchase", default=True)
    is_published = optional_boolean("isPublished", default=True)
    created_at = brief_now("createdAt")
    updated_at = brief_now("updatedAt")

    course_reviews_course_user_key = Unique([course_id, user_id])
    course_reviews_rating_check = Check((rating >= 1) & (rating <= 5))


class CourseAnalytics(Table, tablename="course_analytics", db=DB):
    """One learning event: view, start, complete, pause or bookmark."""

    id = primary_key()
    course_id = reference(Course, "courseId")
    user_id = reference(User, "userId")
    event_type = text("eventType")
    lesson_id = reference(CourseLesson, "lessonId", null=True)
    timestamp = brief_now("timestamp")
    metadata = optional_json()
