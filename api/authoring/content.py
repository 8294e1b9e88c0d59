"""Modules, the order of a course, and what comes before what."""

from typing import Annotated

from litestar import Response, delete, patch, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_204_NO_CONTENT
from msgspec import UNSET, Meta, UnsetType

from api.access import requires
from api.authoring.common import (
    EDITING,
    Id,
    IfMatch,
    Line,
    MaybeId,
    MaybeMinutes,
    MaybeText,
    answer,
    author_of,
    etag,
    given,
    version_of,
)
from api.authoring.courses import PATH
from api.http.schemas import ApiStruct
from api.subject import Subject
from bootstrap import Services
from db.queries.authoring import content as queries
from db.queries.authoring.prerequisites import set_prerequisites
from db.queries.authoring.reading import AuthoredCourse, AuthoredLesson, read_course, read_lesson
from domain.identity.roles import Permission

COLUMNS = {
    "title": "title",
    "description": "description",
    "cms_content_id": "cmsContentId",
    "is_preview": "isPreview",
    "estimated_duration": "estimatedDuration",
}


class ModuleFields(ApiStruct, kw_only=True, forbid_unknown_fields=True):
    """What a module may have. All lessons of a preview are previews; `estimatedDuration` is in minutes."""

    description: MaybeText = UNSET
    cms_content_id: MaybeId = UNSET
    is_preview: bool | UnsetType = UNSET
    estimated_duration: MaybeMinutes = UNSET


class NewModule(ModuleFields, kw_only=True, forbid_unknown_fields=True):
    """A part of a course, behind the others."""

    title: Line


class ModuleChange(ModuleFields, kw_only=True, forbid_unknown_fields=True):
    """What is to be different; what is left out stays."""

    title: Line | UnsetType = UNSET


class PlacedModule(ApiStruct, forbid_unknown_fields=True):
    """A module and its lessons, from the first to the last."""

    id: Id
    lesson_ids: Annotated[list[Id], Meta(max_length=2000)]


class OrderBody(ApiStruct, forbid_unknown_fields=True):
    """Every module and every lesson of the course, once. A lesson may stand in another module than before."""

    modules: Annotated[list[PlacedModule], Meta(max_length=500)]


class PrerequisitesBody(ApiStruct, forbid_unknown_fields=True):
    """All lessons that come first; none for a lesson that waits for nothing."""

    lesson_ids: Annotated[list[Id], Meta(max_length=50)]


@post(
    f"{PATH}/{{course_id:str}}/modules",
    operation_id="addModule",
    tags=["Authoring"],
    **requires(Permission.COURSE_MANAGE, *EDITING),
)
async def add_module(
    data: JSONBody[NewModule],
    course_id: FromPath[str],
    subject: NamedDependency[Subject],
    if_match: IfMatch = None,
) -> Response[AuthoredCourse]:
    """Add a module behind the others."""
    author = author_of(subject)
    await queries.add_module(author, course_id, given(data, COLUMNS), if_version=version_of(if_match))
    course = await read_course(author, course_id)
    return Response(course, headers=etag(course.version))


@patch(
    "/api/v1/authoring/modules/{module_id:str}",
    operation_id="changeModule",
    tags=["Authoring"],
    **requires(Permission.COURSE_MANAGE, *EDITING),
)
async def change_module(
    data: JSONBody[ModuleChange],
    module_id: FromPath[str],
    subject: NamedDependency[Subject],
    if_match: IfMatch = None,
) -> Response[AuthoredCourse]:
    """Change some of a module."""
    author = author_of(subject)
    values = given(data, COLUMNS)
    course_id = await queries.update_module(author, module_id, values, if_version=version_of(if_match))
    course = await read_course(author, course_id)
    return Response(course, headers=etag(course.version))


@delete(
    "/api/v1/authoring/modules/{module_id:str}",
    operation_id="removeModule",
    tags=["Authoring"],
    status_code=HTTP_204_NO_CONTENT,
    **requires(Permission.COURSE_MANAGE, *EDITING),
)
async def remove_module(
    module_id: FromPath[str],
    subject: NamedDependency[Subject],
    services: NamedDependency[Services],
    if_match: IfMatch = None,
) -> Response[None]:
    """Remove a module with all its lessons, and what learners did in them. Completions stay."""
    edited = await queries.remove_module(author_of(subject), module_id, if_version=version_of(if_match))
    return answer(None, services, edited.completed)


@put(
    f"{PATH}/{{course_id:str}}/order",
    operation_id="orderCourse",
    tags=["Authoring"],
    **requires(Permission.COURSE_MANAGE, *EDITING, "order_incomplete"),
)
async def order_course(
    data: JSONBody[OrderBody],
    course_id: FromPath[str],
    subject: NamedDependency[Subject],
    if_match: IfMatch = None,
) -> Response[AuthoredCourse]:
    """Put all modules and lessons in order, at once. Of two orders at the same time the later one holds."""
    author = author_of(subject)
    order = [(module.id, module.lesson_ids) for module in data.modules]
    await queries.put_in_order(author, course_id, order, if_version=version_of(if_match))
    course = await read_course(author, course_id)
    return Response(course, headers=etag(course.version))


@put(
    "/api/v1/authoring/lessons/{lesson_id:str}/prerequisites",
    operation_id="putPrerequisites",
    tags=["Authoring"],
    **requires(Permission.COURSE_MANAGE, *EDITING, "prerequisite_cycle"),
)
async def put_prerequisites(
    data: JSONBody[PrerequisitesBody],
    lesson_id: FromPath[str],
    subject: NamedDependency[Subject],
    if_match: IfMatch = None,
) -> Response[AuthoredLesson]:
    """Say which lessons of the course are to be completed before this one opens."""
    author = author_of(subject)
    await set_prerequisites(author, lesson_id, data.lesson_ids, if_version=version_of(if_match))
    lesson = await read_lesson(author, lesson_id)
    return Response(lesson, headers=etag(lesson.version))
