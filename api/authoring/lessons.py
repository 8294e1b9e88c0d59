"""Lessons of the five types: their words, their rules, and the dates of live ones."""

from datetime import UTC, datetime
from typing import Annotated, Any

from litestar import Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_204_NO_CONTENT
from msgspec import UNSET, Meta, UnsetType

from api.access import requires
from api.authoring.common import (
    EDITING,
    IfMatch,
    Line,
    Link,
    LongText,
    MaybeId,
    MaybeLink,
    MaybeMinutes,
    MaybeText,
    answer,
    author_of,
    etag,
    given,
    require_https,
    version_of,
)
from api.http.problems import ProblemError
from api.http.schemas import ApiStruct, AwareTime, FieldError
from api.subject import Subject
from bootstrap import Services
from db.queries.authoring import content as queries
from db.queries.authoring.reading import AuthoredLesson, read_lesson
from domain.identity.roles import Permission
from domain.learning.authoring import LessonType

LESSONS = "/api/v1/authoring/lessons"
COLUMNS = {
    "title": "title",
    "description": "description",
    "cms_content_id": "cmsContentId",
    "video_url": "videoUrl",
    "video_duration": "videoDuration",
    "content": "content",
    "is_preview": "isPreview",
    "estimated_duration": "estimatedDuration",
    "resource_urls": "resourceUrls",
    **{name: name for name in queries.RULES},
}
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""Of dates that can be meant."""


class LessonFields(ApiStruct, kw_only=True, forbid_unknown_fields=True):
    """What a lesson may have. `videoUrl` and `videoDuration` (seconds) are for videos. It opens at once, or at
    `opensAt`, or `opensAfterDays` days after the enrollment: setting one takes the other away."""

    description: MaybeText = UNSET
    cms_content_id: MaybeId = UNSET
    video_url: MaybeLink = UNSET
    video_duration: Annotated[int, Meta(ge=1, le=360_000)] | UnsetType | None = UNSET
    content: LongText | UnsetType | None = UNSET
    transcript: LongText | UnsetType | None = UNSET
    is_preview: bool | UnsetType = UNSET
    is_required: bool | UnsetType = UNSET
    estimated_duration: MaybeMinutes = UNSET
    resource_urls: Annotated[list[Link], Meta(max_length=50)] | UnsetType = UNSET
    opens_at: AwareTime | UnsetType | None = UNSET
    opens_after_days: Annotated[int, Meta(ge=0, le=3650)] | UnsetType | None = UNSET


class NewLesson(LessonFields, kw_only=True, forbid_unknown_fields=True):
    """A lesson, behind the others of its module; required unless `isRequired` says otherwise."""

    title: Line
    type: LessonType


class LessonChange(LessonFields, kw_only=True, forbid_unknown_fields=True):
    """What is to be different; what is left out stays. A lesson keeps its type."""

    title: Line | UnsetType = UNSET


@post(
    "/api/v1/authoring/modules/{module_id:str}/lessons",
    operation_id="addLesson",
    tags=["Authoring"],
    **requires(Permission.COURSE_MANAGE, *EDITING),
)
async def add_lesson(
    data: JSONBody[NewLesson],
    module_id: FromPath[str],
    subject: NamedDependency[Subject],
    services: NamedDependency[Services],
    if_match: IfMatch = None,
) -> Response[AuthoredLesson]:
    """Add a lesson. Who learns the course has that much more to do; who has completed it stays so."""
    author = author_of(subject)
    values = {**_values(data, data.type), "type": data.type}
    edited = await queries.add_lesson(author, module_id, values, if_version=version_of(if_match))
    lesson = await read_lesson(author, edited.value)
    headers = {"Location": f"{LESSONS}/{lesson.id}", **etag(lesson.version)}
    return answer(lesson, services, edited.completed, headers=headers)


@get(
    f"{LESSONS}/{{lesson_id:str}}",
    operation_id="getAuthoredLesson",
    tags=["Authoring"],
    **requires(Permission.COURSE_MANAGE, "not_found"),
)
async def get_authored_lesson(lesson_id: FromPath[str], subject: NamedDependency[Subject]) -> Response[AuthoredLesson]:
    """A lesson with all its words and dates."""
    lesson = await read_lesson(author_of(subject), lesson_id)
    return Response(lesson, headers=etag(lesson.version))


@patch(
    f"{LESSONS}/{{lesson_id:str}}",
    operation_id="changeLesson",
    tags=["Authoring"],
    **requires(Permission.COURSE_MANAGE, *EDITING),
)
async def change_lesson(
    data: JSONBody[LessonChange],
    lesson_id: FromPath[str],
    subject: NamedDependency[Subject],
    services: NamedDependency[Services],
    if_match: IfMatch = None,
) -> Response[AuthoredLesson]:
    """Change some of a lesson."""
    author = author_of(subject)
    before = await read_lesson(author, lesson_id)
    values = _values(data, before.type)
    edited = await queries.update_lesson(author, lesson_id, values, if_version=version_of(if_match))
    lesson = await read_lesson(author, lesson_id)
    return answer(lesson, services, edited.completed, headers=etag(lesson.version))


@delete(
    f"{LESSONS}/{{lesson_id:str}}",
    operation_id="removeLesson",
    tags=["Authoring"],
    status_code=HTTP_204_NO_CONTENT,
    **requires(Permission.COURSE_MANAGE, *EDITING),
)
async def remove_lesson(
    lesson_id: FromPath[str],
    subject: NamedDependency[Subject],
    services: NamedDependency[Services],
    if_match: IfMatch = None,
) -> Response[None]:
    """Remove a lesson, and what learners did in it. Whoever lacked only this one has completed the course."""
    edited = await queries.remove_lesson(author_of(subject), lesson_id, if_version=version_of(if_match))
    return answer(None, services, edited.completed)


def require_meant(field: str, moment: datetime | UnsetType | None) -> None:
    """Raise `ProblemError("validation_failed")` for a moment that nobody means and not every column holds."""
    if isinstance(moment, datetime) and not EARLIEST <= moment < LATEST:
        message = f"From {EARLIEST.year} to {LATEST.year}."
        raise ProblemError("validation_failed", errors=[FieldError(field=field, message=message)])


def _values(data: NewLesson | LessonChange, lesson_type: LessonType) -> dict[str, Any]:
    """What a body says, by column. Raises `ProblemError("validation_failed")`."""
    require_https(data, "video_url", "resource_urls")
    require_meant("opensAt", data.opens_at)
    errors = []
    if isinstance(data.opens_at, datetime) and isinstance(data.opens_after_days, int):
        errors.append(FieldError(field="opensAfterDays", message="Send this or `opensAt`."))
    if lesson_type is not LessonType.VIDEO:
        given_ones = {"videoUrl": data.video_url, "videoDuration": data.video_duration}
        message = "Only a video has this."
        errors += [FieldError(field=name, message=message) for name, value in given_ones.items() if value is not UNSET]
    if errors:
        raise ProblemError("validation_failed", errors=errors)
    return given(data, COLUMNS)
