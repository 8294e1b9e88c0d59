"""The catalog: courses, their modules, lessons and quizzes (brief, "New Tables for LMS"), and prices per currency."""

from piccolo.columns import UUID, Array, Text
from piccolo.columns.defaults.uuid import UUID4
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from db.columns import (
    brief_now,
    brief_price,
    brief_time,
    created_now,
    integer,
    json,
    money,
    optional_boolean,
    optional_integer,
    optional_json,
    optional_text,
    primary_key,
    reference,
    text,
)
from db.engine import DB
from db.tables.identity import Clinic, User


class Course(Table, tablename="courses", db=DB):
    """A course. `price` includes tax and is in the default currency; other currencies have a `course_prices` row."""

    id = primary_key()
    slug = text(unique=True)
    title = text()
    description = optional_text()
    cms_content_id = optional_text("cmsContentId")
    thumbnail_url = optional_text("thumbnailUrl")
    trailer_video_url = optional_text("trailerVideoUrl")
    category = text()
    level = text()
    language = optional_text(default="en")
    duration = optional_integer()
    """Minutes."""
    price = brief_price("price")
    subscription_price = brief_price("subscriptionPrice")
    is_free = optional_boolean("isFree", default=False)
    is_published = optional_boolean("isPublished", default=False)
    published_at = brief_time("publishedAt")
    clinic_id = reference(Clinic, "clinicId", null=True)
    instructor_id = reference(User, "instructorId", null=True)
    max_enrollments = optional_integer("maxEnrollments")
    certificate_template = optional_text("certificateTemplate")
    metadata = optional_json()
    created_at = brief_now("createdAt")
    updated_at = brief_now("updatedAt")


class CourseModule(Table, tablename="course_modules", db=DB):
    """A part of a course."""

    id = primary_key()
    course_id = reference(Course, "courseId", cascade=True)
    title = text()
    description = optional_text()
    order = integer("order")
    cms_content_id = optional_text("cmsContentId")
    is_preview = optional_boolean("isPreview", default=False)
    estimated_duration = optional_integer("estimatedDuration")
    """Minutes."""
    created_at = brief_now("createdAt")
    updated_at = brief_now("updatedAt")


class CourseLesson(Table, tablename="course_lessons", db=DB):
    """A lesson; `type` is video, text, quiz, assignment or live-session."""

    id = primary_key()
    module_id = reference(CourseModule, "moduleId", cascade=True)
    title = text()
    description = optional_text()
    order = integer("order")
    type = text()
    cms_content_id = optional_text("cmsContentId")
    video_url = optional_text("videoUrl")
    video_duration = optional_integer("videoDuration")
    """Seconds."""
    content = optional_text()
    is_preview = optional_boolean("isPreview", default=False)
    estimated_duration = optional_integer("estimatedDuration")
    """Minutes."""
    resource_urls = Array(base_column=Text(), null=True, default=None, db_column_name="resourceUrls")
    quiz_id = optional_text("quizId")
    created_at = brief_now("createdAt")
    updated_at = brief_now("updatedAt")


class CourseQuiz(Table, tablename="course_quizzes", db=DB):
    """A quiz of a lesson."""

    id = primary_key()
    lesson_id = reference(CourseLesson, "lessonId", cascade=True)
    title = text()
    description = optional_text()
    passing_score = optional_integer("passingScore", default=70)
    """Percent."""
    max_attempts = optional_integer("maxAttempts", default=3)
    time_limit = optional_integer("timeLimit")
    """Minutes."""
    questions = json()
    created_at = brief_now("createdAt")
    updated_at = brief_now("updatedAt")


class CoursePrice(Table, tablename="course_prices", db=DB):
    """The price of a course in a currency other than the default one; never a conversion."""

    id = primary_key()
    course_id = reference(Course, cascade=True)
    currency = text()
    amount = money()
    created_at = created_now()

    course_prices_course_currency_key = Unique([course_id, currency])
    course_prices_amount_check = Check(amount > 0)


class CatalogGeneration(Table, tablename="catalog_generation", db=DB):
    """One row whose random token triggers renew with every change of what the catalog shows (ADR 3)."""

    id = primary_key()
    token = UUID(null=False, default=UUID4())

    catalog_generation_one_row_check = Check("id = 'catalog'")
