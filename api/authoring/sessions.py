"""The dates of a lesson that is held live."""

from datetime import UTC
from typing import Any

from litestar import Response, delete, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_201_CREATED, HTTP_204_NO_CONTENT
from msgspec import UNSET, UnsetType

from api.access import requires
from api.authoring.common import (
    EDITING,
    IfMatch,
    Line,
    MaybeLink,
    MaybeMinutes,
    author_of,
    etag,
    given,
    require_https,
    version_of,
)
from api.authoring.lessons import LESSONS, require_meant
from api.http.schemas import ApiStruct, AwareTime
from api.subject import Subject
from db.queries.authoring import sessions as queries
from db.queries.authoring.reading import AuthoredLesson, read_lesson
from domain.identity.roles import Permission

COLUMNS = {
    "title": "title",
    "starts_at": "startsAt",
    "duration": "duration",
    "join_url": "joinUrl",
    "recording_url": "recordingUrl",
}


class SessionFields(ApiStruct, kw_only=True, forbid_unknown_fields=True):
    """What a date may have: `duration` in minutes; the addresses are shown only to those who have access."""

    title: Line | UnsetType = UNSET
    duration: MaybeMinutes = UNSET
    join_url: MaybeLink = UNSET
    recording_url: MaybeLink = UNSET


class NewSession(SessionFields, kw_only=True, forbid_unknown_fields=True):
    """A date of a live lesson; without a title it has the lesson's."""

    starts_at: AwareTime


class SessionChange(SessionFields, kw_only=True, forbid_unknown_fields=True):
    """What is to be different; what is left out stays."""

    starts_at: AwareTime | UnsetType = UNSET


@post(
    f"{LESSONS}/{{lesson_id:str}}/live-sessions",
    operation_id="addLiveSession",
    tags=["Authoring"],
    **requires(Permission.COURSE_MANAGE, *EDITING, "lesson_type_differs"),
)
async def add_live_session(
    data: JSONBody[NewSession],
    lesson_id: FromPath[str],
    subject: NamedDependency[Subject],
    if_match: IfMatch = None,
) -> Response[AuthoredLesson]:
    """Add a date to a live lesson."""
    author = author_of(subject)
    await queries.add_session(author, lesson_id, _values(data), if_version=version_of(if_match))
    lesson = await read_lesson(author, lesson_id)
    return Response(lesson, status_code=HTTP_201_CREATED, headers=etag(lesson.version))


@patch(
    "/api/v1/authoring/live-sessions/{session_id:str}",
    operation_id="changeLiveSession",
    tags=["Authoring"],
    **requires(Permission.COURSE_MANAGE, *EDITING),
)
async def change_live_session(
    data: JSONBody[SessionChange],
    session_id: FromPath[str],
    subject: NamedDependency[Subject],
    if_match: IfMatch = None,
) -> Response[AuthoredLesson]:
    """Change some of a date."""
    author = author_of(subject)
    lesson_id = await queries.update_session(author, session_id, _values(data), if_version=version_of(if_match))
    lesson = await read_lesson(author, lesson_id)
    return Response(lesson, headers=etag(lesson.version))


@delete(
    "/api/v1/authoring/live-sessions/{session_id:str}",
    operation_id="removeLiveSession",
    tags=["Authoring"],
    status_code=HTTP_204_NO_CONTENT,
    **requires(Permission.COURSE_MANAGE, *EDITING),
)
async def remove_live_session(
    session_id: FromPath[str], subject: NamedDependency[Subject], if_match: IfMatch = None
) -> Response[None]:
    """Take a date away."""
    await queries.remove_session(author_of(subject), session_id, if_version=version_of(if_match))
    return Response(None)


def _values(data: NewSession | SessionChange) -> dict[str, Any]:
    """What a body says, by column; the brief's times are UTC without a zone."""
    require_https(data, "join_url", "recording_url")
    require_meant("startsAt", data.starts_at)
    values = given(data, COLUMNS)
    if "startsAt" in values:
        values["startsAt"] = values["startsAt"].astimezone(UTC).replace(tzinfo=None)
    return values
