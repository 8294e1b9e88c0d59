"""A lesson as its learner uses it: opened, noted upon, bookmarked, marked as done. Each asks its door first."""

from typing import Annotated

from litestar import Response, delete, get, post, put
from litestar.background_tasks import BackgroundTask
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK
from msgspec import Meta

from api.access import AUTHENTICATED, requires
from api.http.problems import ProblemError
from api.http.schemas import ApiStruct, FieldError
from api.learning.stories import tell_completions
from api.subject import Subject
from bootstrap import Services
from db.queries.learning.completion import complete_lesson
from db.queries.learning.doors import LessonDoor, lesson_door
from db.queries.learning.visits import Content, open_lesson, read_notes, set_bookmark, write_notes
from db.transaction import in_transaction
from domain.learning.analytics import Device, Place

LONGEST_NOTES = 20_000
BY_HAND = ("text", "live-session")
"""Types of lessons that their learner marks as done; a video that nobody knows the length of is one, too."""


class VisitBody(ApiStruct):
    """From where somebody learns."""

    accessed_from: Device = Device.WEB


class LessonProgressView(ApiStruct):
    """The learner's own part of a lesson; of a preview that one is no learner of, nothing."""

    status: str
    progress_percentage: int
    time_spent: int
    """Seconds."""
    last_position: int | None
    """Seconds of the video."""
    notes: str | None
    is_bookmarked: bool


class OpenLessonView(ApiStruct):
    """A lesson, open."""

    id: str
    module_id: str
    course_id: str
    title: str
    description: str | None
    type: str
    content: str | None
    video_url: str | None
    video_duration: int | None
    """Seconds."""
    resource_urls: list[str]
    transcript: str | None
    quiz_id: str | None
    progress: LessonProgressView


class NotesBody(ApiStruct):
    """One's notes on a lesson; `null` takes them away."""

    notes: Annotated[str, Meta(max_length=LONGEST_NOTES)] | None


class CompletedView(ApiStruct):
    """A completed lesson."""

    lesson_id: str
    is_new: bool
    """False when it was completed before."""
    course_is_done: bool
    """Whether this was the last lesson."""


async def open_door(user_id: str, lesson_id: str) -> LessonDoor:
    """The door of a lesson that is open now. Raises `ProblemError` (`not_found`, `lesson_locked` with the locks)."""
    door = await lesson_door(user_id, lesson_id)
    if door is None:
        raise ProblemError("not_found")
    if door.locks:
        raise ProblemError(
            "lesson_locked", errors=[FieldError("lesson_id", lock.reason, "path") for lock in door.locks]
        )
    return door


async def learners_door(user_id: str, lesson_id: str) -> tuple[LessonDoor, str]:
    """The same for a learner of the course, with the enrollment. Raises `ProblemError` (`not_enrolled`), too."""
    door = await open_door(user_id, lesson_id)
    if door.enrollment_id is None:
        raise ProblemError("not_enrolled")
    return door, door.enrollment_id


@post(
    "/api/v1/lessons/{lesson_id:str}/visits",
    operation_id="openLesson",
    tags=["Learning"],
    status_code=HTTP_200_OK,
    **requires(AUTHENTICATED, "lesson_locked", "service_unavailable"),
)
async def open_a_lesson(
    lesson_id: FromPath[str], data: JSONBody[VisitBody], subject: NamedDependency[Subject]
) -> OpenLessonView:
    """Open a lesson: its content, transcript and resources, and one's own notes and progress."""

    async def work() -> Content | None:
        door = await open_door(subject.user_id, lesson_id)
        return await open_lesson(door, subject.user_id, Place(data.accessed_from, subject.session_id))

    content = await in_transaction(work)
    if content is None:
        raise ProblemError("not_found")
    return OpenLessonView(
        id=content.id,
        module_id=content.module_id,
        course_id=content.course_id,
        title=content.title,
        description=content.description,
        type=content.type,
        content=content.content,
        video_url=content.video_url,
        video_duration=content.video_duration,
        resource_urls=content.resource_urls,
        transcript=content.transcript,
        quiz_id=content.quiz_id,
        progress=LessonProgressView(
            status=content.status,
            progress_percentage=content.progress_percentage,
            time_spent=content.time_spent,
            last_position=content.last_position,
            notes=content.notes,
            is_bookmarked=content.is_bookmarked,
        ),
    )


@post(
    "/api/v1/lessons/{lesson_id:str}/completion",
    operation_id="completeLesson",
    tags=["Learning"],
    status_code=HTTP_200_OK,
    **requires(AUTHENTICATED, "lesson_locked", "not_enrolled", "completed_otherwise", "service_unavailable"),
)
async def complete_a_lesson(
    lesson_id: FromPath[str],
    data: JSONBody[VisitBody],
    subject: NamedDependency[Subject],
    services: NamedDependency[Services],
) -> Response[CompletedView]:
    """Mark a lesson as read or attended. Videos, quizzes and assignments are completed by what is done in them."""

    async def work() -> tuple[str, CompletedView]:
        door, enrollment_id = await learners_door(subject.user_id, lesson_id)
        if door.type not in BY_HAND and not (door.type == "video" and not door.has_length):
            raise ProblemError("completed_otherwise")
        place = Place(data.accessed_from, subject.session_id)
        done = await complete_lesson(enrollment_id, lesson_id, place=place)
        return enrollment_id, CompletedView(lesson_id, done.is_new, done.course_is_done)

    enrollment_id, view = await in_transaction(work)
    story = BackgroundTask(tell_completions, services, [enrollment_id]) if view.course_is_done else None
    return Response(view, background=story)


@get(
    "/api/v1/lessons/{lesson_id:str}/notes",
    operation_id="getMyNotes",
    tags=["Learning"],
    **requires(AUTHENTICATED),
)
async def get_my_notes(lesson_id: FromPath[str], subject: NamedDependency[Subject]) -> NotesBody:
    """One's notes. They stay one's own when the access ends."""
    is_learner, notes = await read_notes(subject.user_id, lesson_id)
    if not is_learner:
        raise ProblemError("not_found")
    return NotesBody(notes)


@put(
    "/api/v1/lessons/{lesson_id:str}/notes",
    operation_id="putMyNotes",
    tags=["Learning"],
    **requires(AUTHENTICATED, "lesson_locked", "not_enrolled"),
)
async def put_my_notes(
    lesson_id: FromPath[str], data: JSONBody[NotesBody], subject: NamedDependency[Subject]
) -> NotesBody:
    """Replace one's notes; of two that write at once, the last stays."""

    async def work() -> None:
        _, enrollment_id = await learners_door(subject.user_id, lesson_id)
        await write_notes(enrollment_id, lesson_id, data.notes)

    await in_transaction(work)
    return data


@put(
    "/api/v1/lessons/{lesson_id:str}/bookmark",
    operation_id="setBookmark",
    tags=["Learning"],
    status_code=204,
    **requires(AUTHENTICATED, "lesson_locked", "not_enrolled"),
)
async def put_bookmark(lesson_id: FromPath[str], data: JSONBody[VisitBody], subject: NamedDependency[Subject]) -> None:
    """Bookmark a lesson."""
    await _bookmark(lesson_id, subject, data.accessed_from, is_set=True)


@delete(
    "/api/v1/lessons/{lesson_id:str}/bookmark",
    operation_id="removeBookmark",
    tags=["Learning"],
    **requires(AUTHENTICATED, "lesson_locked", "not_enrolled"),
)
async def remove_bookmark(lesson_id: FromPath[str], subject: NamedDependency[Subject]) -> None:
    """Take a bookmark away."""
    await _bookmark(lesson_id, subject, Device.WEB, is_set=False)


async def _bookmark(lesson_id: str, subject: Subject, device: Device, *, is_set: bool) -> None:
    async def work() -> None:
        door, _ = await learners_door(subject.user_id, lesson_id)
        await set_bookmark(door, subject.user_id, Place(device, subject.session_id), is_set=is_set)

    await in_transaction(work)
