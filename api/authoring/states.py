"""`/api/v1/authoring/courses/{id}/…`: a course on its way to the catalog and out of it again."""

from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.status_codes import HTTP_200_OK

from api.access import requires
from api.authoring.common import IfMatch, author_of, etag, version_of
from api.authoring.courses import PATH
from api.subject import Subject
from db.queries.authoring.editing import move_course
from db.queries.authoring.reading import AuthoredCourse, read_course
from domain.identity.roles import Permission
from domain.learning.authoring import ARCHIVE, PUBLISH, RESTORE, RETURN, SUBMIT, Move

MOVING = ("not_found", "version_changed", "state_differs")


async def _move(course_id: str, subject: Subject, move: Move, if_match: str | None) -> Response[AuthoredCourse]:
    author = author_of(subject)
    await move_course(author, course_id, move, if_version=version_of(if_match))
    course = await read_course(author, course_id)
    return Response(course, headers=etag(course.version))


@post(
    f"{PATH}/{{course_id:str}}/submit",
    operation_id="submitCourse",
    tags=["Authoring"],
    status_code=HTTP_200_OK,
    **requires(Permission.COURSE_MANAGE, *MOVING, "course_incomplete"),
)
async def submit_course(
    course_id: FromPath[str], subject: NamedDependency[Subject], if_match: IfMatch = None
) -> Response[AuthoredCourse]:
    """Ask for a draft's publication."""
    return await _move(course_id, subject, SUBMIT, if_match)


@post(
    f"{PATH}/{{course_id:str}}/return",
    operation_id="returnCourse",
    tags=["Authoring"],
    status_code=HTTP_200_OK,
    **requires(Permission.COURSE_MANAGE, *MOVING),
)
async def return_course(
    course_id: FromPath[str], subject: NamedDependency[Subject], if_match: IfMatch = None
) -> Response[AuthoredCourse]:
    """Make a course in review a draft again: the editor who has read it, or its author who has thought again."""
    return await _move(course_id, subject, RETURN, if_match)


@post(
    f"{PATH}/{{course_id:str}}/publish",
    operation_id="publishCourse",
    tags=["Authoring"],
    status_code=HTTP_200_OK,
    **requires(Permission.COURSE_PUBLISH, *MOVING, "course_incomplete"),
)
async def publish_course(
    course_id: FromPath[str], subject: NamedDependency[Subject], if_match: IfMatch = None
) -> Response[AuthoredCourse]:
    """Put a course that was reviewed on sale; `If-Match` makes sure that it is the one that was read."""
    return await _move(course_id, subject, PUBLISH, if_match)


@post(
    f"{PATH}/{{course_id:str}}/archive",
    operation_id="archiveCourse",
    tags=["Authoring"],
    status_code=HTTP_200_OK,
    **requires(Permission.COURSE_PUBLISH, *MOVING),
)
async def archive_course(
    course_id: FromPath[str], subject: NamedDependency[Subject], if_match: IfMatch = None
) -> Response[AuthoredCourse]:
    """Take a course off sale; it stays open to its learners."""
    return await _move(course_id, subject, ARCHIVE, if_match)


@post(
    f"{PATH}/{{course_id:str}}/restore",
    operation_id="restoreCourse",
    tags=["Authoring"],
    status_code=HTTP_200_OK,
    **requires(Permission.COURSE_MANAGE, *MOVING),
)
async def restore_course(
    course_id: FromPath[str], subject: NamedDependency[Subject], if_match: IfMatch = None
) -> Response[AuthoredCourse]:
    """Make an archived course a draft, to be submitted anew."""
    return await _move(course_id, subject, RESTORE, if_match)
