"""`/api/v1/authoring/programmes`: several courses, one certificate."""

from typing import Annotated

from litestar import Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK, HTTP_204_NO_CONTENT
from msgspec import UNSET, Meta, UnsetType

from api.access import requires
from api.authoring.common import Id, Line, MaybeId, MaybeText, Slug, author_of, given
from api.http.paging import page_of
from api.http.schemas import ApiStruct
from api.purchases.mine import Cursor, Limit
from api.subject import Subject
from db.queries.authoring import programmes as queries
from db.queries.authoring.programmes import AuthoredProgramme, read_programme
from domain.identity.roles import Permission

PATH = "/api/v1/authoring/programmes"
COLUMNS = {
    "title": "title",
    "slug": "slug",
    "description": "description",
    "certificate_template": "certificate_template",
}
CourseIds = Annotated[list[Id], Meta(max_length=50, description="In the order in which they are to be learned.")]


class NewProgramme(ApiStruct, kw_only=True, forbid_unknown_fields=True):
    """A programme to be written; a draft at first."""

    title: Line
    slug: Slug
    course_ids: CourseIds
    description: MaybeText = UNSET
    certificate_template: MaybeId = UNSET


class ProgrammeChange(ApiStruct, kw_only=True, forbid_unknown_fields=True):
    """What is to be different; what is left out stays."""

    title: Line | UnsetType = UNSET
    slug: Slug | UnsetType = UNSET
    course_ids: CourseIds | UnsetType = UNSET
    description: MaybeText = UNSET
    certificate_template: MaybeId = UNSET


class AuthoredProgrammePage(ApiStruct):
    """Programmes that the caller may write, the newest first."""

    items: list[AuthoredProgramme]
    next_cursor: str | None


@get(
    PATH,
    operation_id="listAuthoredProgrammes",
    tags=["Authoring"],
    **requires(Permission.COURSE_MANAGE),
)
async def list_authored_programmes(
    subject: NamedDependency[Subject], cursor: Cursor = None, limit: Limit = 20
) -> Response[AuthoredProgrammePage]:
    """One's own programmes; editors see all."""
    rows = await queries.list_programmes(author_of(subject), cursor, limit + 1)
    items, next_cursor, headers = page_of(rows, limit, PATH)
    return Response(AuthoredProgrammePage(items, next_cursor), headers=headers)


@post(
    PATH,
    operation_id="createProgramme",
    tags=["Authoring"],
    **requires(Permission.COURSE_CREATE, "validation_failed", "slug_taken"),
)
async def create_programme(
    data: JSONBody[NewProgramme], subject: NamedDependency[Subject]
) -> Response[AuthoredProgramme]:
    """Begin a programme of courses that the caller may write."""
    author = author_of(subject)
    programme_id = await queries.create_programme(author, given(data, COLUMNS), data.course_ids)
    programme = await read_programme(author, programme_id)
    return Response(programme, headers={"Location": f"{PATH}/{programme_id}"})


@get(
    f"{PATH}/{{programme_id:str}}",
    operation_id="getAuthoredProgramme",
    tags=["Authoring"],
    **requires(Permission.COURSE_MANAGE, "not_found"),
)
async def get_authored_programme(programme_id: FromPath[str], subject: NamedDependency[Subject]) -> AuthoredProgramme:
    """A programme with its courses."""
    return await read_programme(author_of(subject), programme_id)


@patch(
    f"{PATH}/{{programme_id:str}}",
    operation_id="changeProgramme",
    tags=["Authoring"],
    **requires(Permission.COURSE_MANAGE, "not_found", "validation_failed", "slug_taken", "programme_incomplete"),
)
async def change_programme(
    data: JSONBody[ProgrammeChange], programme_id: FromPath[str], subject: NamedDependency[Subject]
) -> AuthoredProgramme:
    """Change some of a programme; the last of two changes at once wins, field by field. Who lacked only what is taken
    away has completed it; nobody's completion is taken back."""
    author = author_of(subject)
    course_ids = data.course_ids if isinstance(data.course_ids, list) else None
    await queries.update_programme(author, programme_id, given(data, COLUMNS), course_ids)
    return await read_programme(author, programme_id)


@post(
    f"{PATH}/{{programme_id:str}}/publish",
    operation_id="publishProgramme",
    tags=["Authoring"],
    status_code=HTTP_200_OK,
    **requires(Permission.COURSE_PUBLISH, "not_found", "programme_incomplete"),
)
async def publish_programme(programme_id: FromPath[str], subject: NamedDependency[Subject]) -> AuthoredProgramme:
    """Show a programme to learners. Who has completed all of its courses has completed it at once."""
    author = author_of(subject)
    await queries.publish_programme(author, programme_id)
    return await read_programme(author, programme_id)


@post(
    f"{PATH}/{{programme_id:str}}/withdraw",
    operation_id="withdrawProgramme",
    tags=["Authoring"],
    status_code=HTTP_200_OK,
    **requires(Permission.COURSE_PUBLISH, "not_found"),
)
async def withdraw_programme(programme_id: FromPath[str], subject: NamedDependency[Subject]) -> AuthoredProgramme:
    """Show a programme no more. Completions stay."""
    author = author_of(subject)
    await queries.withdraw_programme(author, programme_id)
    return await read_programme(author, programme_id)


@delete(
    f"{PATH}/{{programme_id:str}}",
    operation_id="deleteProgramme",
    tags=["Authoring"],
    status_code=HTTP_204_NO_CONTENT,
    **requires(Permission.COURSE_MANAGE, "not_found", "programme_in_use"),
)
async def delete_programme(programme_id: FromPath[str], subject: NamedDependency[Subject]) -> Response[None]:
    """Delete a programme that is not published and that nobody has completed."""
    await queries.delete_programme(author_of(subject), programme_id)
    return Response(None)
