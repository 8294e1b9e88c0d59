"""A course while it is written: its states, what may follow which, and what it lacks for its publication; pure."""

from enum import StrEnum

import msgspec


class CourseState(StrEnum):
    """Where a course stands. Only a published one is sold; an archived one stays open to its learners."""

    DRAFT = "draft"
    IN_REVIEW = "in_review"
    PUBLISHED = "published"
    ARCHIVED = "archived"


class LessonType(StrEnum):
    """The brief's five; a lesson keeps the one that it began with."""

    VIDEO = "video"
    TEXT = "text"
    QUIZ = "quiz"
    ASSIGNMENT = "assignment"
    LIVE_SESSION = "live-session"


class Move(msgspec.Struct, frozen=True):
    """A step from one state to another, and the audit event that tells of it."""

    since: CourseState
    to: CourseState
    action: str


SUBMIT = Move(CourseState.DRAFT, CourseState.IN_REVIEW, "course.submitted")
RETURN = Move(CourseState.IN_REVIEW, CourseState.DRAFT, "course.returned")
PUBLISH = Move(CourseState.IN_REVIEW, CourseState.PUBLISHED, "course.published")
ARCHIVE = Move(CourseState.PUBLISHED, CourseState.ARCHIVED, "course.archived")
RESTORE = Move(CourseState.ARCHIVED, CourseState.DRAFT, "course.restored")


class GapKind(StrEnum):
    """What a course can lack: of itself, or in a lesson that counts."""

    LESSONS = "lessons"
    DESCRIPTION = "description"
    PRICE = "price"
    VIDEO = "video"
    TEXT = "text"
    QUIZ = "quiz"
    ASSIGNMENT = "assignment"
    LIVE_SESSION = "live-session"


MESSAGES: dict[GapKind, str] = {
    GapKind.LESSONS: "At least one lesson is needed.",
    GapKind.DESCRIPTION: "Say what the course is about.",
    GapKind.PRICE: "A price is needed, or `isFree`.",
    GapKind.VIDEO: "The video's address (or its content in the CMS) and its duration are needed.",
    GapKind.TEXT: "The text, or its content in the CMS, is needed.",
    GapKind.QUIZ: "Questions are needed.",
    GapKind.ASSIGNMENT: "Say what is to be handed in.",
    GapKind.LIVE_SESSION: "A date is needed.",
}


class Gap(msgspec.Struct, frozen=True, rename="camel"):
    """One thing that keeps a course from being published."""

    kind: GapKind
    lesson_id: str | None = None
    """The lesson that lacks it; `null` for the course itself."""

    @property
    def field(self) -> str:
        """Where a problem names it."""
        return str(self.kind) if self.lesson_id is None else f"lessons.{self.lesson_id}"
