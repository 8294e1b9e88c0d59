"""A course as one learner sees it: its lessons, what keeps each shut, how far they are, where to go on; pure."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import msgspec

from domain.learning.locks import Lock, locks_of


class Lesson(msgspec.Struct, frozen=True, rename="camel"):
    """What an outline needs of a lesson, the same for everybody."""

    id: str
    title: str
    type: str
    is_preview: bool
    is_required: bool
    estimated_duration: int | None
    """Minutes."""
    video_duration: int | None
    """Seconds."""
    opens_at: datetime | None
    opens_after_days: int | None
    requires: tuple[str, ...]


class Module(msgspec.Struct, frozen=True, rename="camel"):
    """A module and its lessons, in their order."""

    id: str
    title: str
    lessons: tuple[Lesson, ...]


class Progress(msgspec.Struct, frozen=True, rename="camel"):
    """How far a learner is with a lesson."""

    lesson_id: str
    status: str
    progress_percentage: int
    time_spent: int
    """Seconds."""
    last_position: int | None
    """Seconds of the video."""
    is_bookmarked: bool
    updated_at: float
    """Seconds since 1970."""


class Learner(msgspec.Struct, frozen=True):
    """What decides about locks, at one moment of the database's clock."""

    enrolled_at: datetime
    has_access: bool
    now: datetime
    progress: Mapping[str, Progress]
    """By lesson; lessons without a row were not begun."""


class LessonView(msgspec.Struct, frozen=True, rename="camel"):
    """A lesson in an outline. No locks: it is open."""

    id: str
    title: str
    type: str
    is_preview: bool
    is_required: bool
    estimated_duration: int | None
    """Minutes."""
    video_duration: int | None
    """Seconds."""
    locks: tuple[Lock, ...]
    status: str = "not_started"
    progress_percentage: int = 0
    time_spent: int = 0
    """Seconds."""
    last_position: int | None = None
    """Seconds of the video."""
    is_bookmarked: bool = False


class ModuleView(msgspec.Struct, frozen=True, rename="camel"):
    """A module in an outline."""

    id: str
    title: str
    lessons: list[LessonView]


class ResumePoint(msgspec.Struct, frozen=True, rename="camel"):
    """Where to go on."""

    lesson_id: str
    position: int | None
    """Seconds of the video; `None` where there is none yet."""


def outline_of(modules: tuple[Module, ...], learner: Learner) -> list[ModuleView]:
    """The course's modules as this learner sees them."""
    return [
        ModuleView(module.id, module.title, [_view(lesson, learner) for lesson in module.lessons]) for module in modules
    ]


def resume_point(modules: list[ModuleView], learner: Learner) -> ResumePoint | None:
    """The lesson in progress that was touched last, else the first that is open and not completed; `None` when nothing
    is left, or all of it is shut."""
    left = [lesson for lesson in _lessons(modules) if lesson.status != "completed" and not lesson.locks]
    if not left:
        return None
    begun = [lesson for lesson in left if lesson.status == "in_progress"]
    found = max(begun, key=lambda lesson: learner.progress[lesson.id].updated_at) if begun else left[0]
    return ResumePoint(found.id, found.last_position)


def _lessons(modules: list[ModuleView]) -> Iterator[LessonView]:
    return (lesson for module in modules for lesson in module.lessons)


def _view(lesson: Lesson, learner: Learner) -> LessonView:
    progress = learner.progress.get(lesson.id)
    shown = (
        *(lesson.id, lesson.title, lesson.type, lesson.is_preview, lesson.is_required),
        *(lesson.estimated_duration, lesson.video_duration, _locks(lesson, learner)),
    )
    if progress is None:
        return LessonView(*shown)
    return LessonView(
        *shown,
        *(progress.status, progress.progress_percentage, progress.time_spent),
        *(progress.last_position, progress.is_bookmarked),
    )


def _locks(lesson: Lesson, learner: Learner) -> tuple[Lock, ...]:
    opens_at = lesson.opens_at
    if opens_at is None and lesson.opens_after_days is not None:
        opens_at = learner.enrolled_at + timedelta(days=lesson.opens_after_days)
    if learner.has_access and opens_at is None and not lesson.requires:
        return ()
    return locks_of(
        has_access=learner.has_access,
        is_preview=lesson.is_preview,
        missing_lessons=tuple(each for each in lesson.requires if not _is_completed(each, learner)),
        opens_at=opens_at,
        now=learner.now,
    )


def _is_completed(lesson_id: str, learner: Learner) -> bool:
    progress = learner.progress.get(lesson_id)
    return progress is not None and progress.status == "completed"
