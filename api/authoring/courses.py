"""`/api/v1/authoring/courses`: courses as their instructors and the academy's editors write them."""

import contextlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

from litestar import Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.status_codes import HTTP_204_NO_CONTENT
from msgspec import UNSET, Meta, UnsetType

from api.access import requires
from api.authoring.common import (
    EDITING,
    IfMatch,
    Line,
    MaybeId,
    MaybeLink,
    MaybeMinutes,
    MaybeText,
    Slug,
    author_of,
    etag,
    given,
    require_https,
    version_of,
)
from api.http.paging import page_of
from api.http.problems import ProblemError
from api.http.schemas import ApiStruct, FieldError
from api.purchases.mine import Cursor, Limit
from api.subject import Subject
from bootstrap import Services
from db.queries.authoring import courses as queries
from db.queries.authoring.editing import delete_course as delete_row
from db.queries.authoring.reading import AuthoredCard, AuthoredCourse, list_courses, read_course
from db.queries.catalog import Level
from domain.billing.money import SOLD_IN, to_minor
from domain.identity.roles import Permission
from domain.learning.authoring import CourseState

PATH = "/api/v1/authoring/courses"
COLUMNS = {
    "title": "title",
    "slug": "slug",
    "category": "category",
    "level": "level",
    "language": "language",
    "description": "description",
    "thumbnail_url": "thumbnailUrl",
    "trailer_video_url": "trailerVideoUrl",
    "cms_content_id": "cmsContentId",
    "duration": "duration",
    "is_free": "isFree",
    "clinic_id": "clinicId",
    "instructor_id": "instructorId",
    "max_enrollments": "maxEnrollments",
    "certificate_template": "certificateTemplate",
    "tags": queries.TAGS,
}
Amount = Annotated[str, Meta(pattern=r"^[0-9]{1,8}(\.[0-9]{1,2})?$", examples=["1180.00"])]
Category = Annotated[str, Meta(max_length=60, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", examples=["herbology"])]
Language = Annotated[str, Meta(max_length=35, pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", examples=["hi"])]
Tag = Annotated[str, Meta(min_length=1, max_length=60, pattern=r"\S")]
Seats = Annotated[int, Meta(ge=1, le=1_000_000)]


class PriceBody(ApiStruct, forbid_unknown_fields=True):
    """What the course costs in another currency than the academy's own, tax included."""

    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$", description="ISO 4217")]
    amount: Amount


class CourseFields(ApiStruct, kw_only=True, forbid_unknown_fields=True):
    """What a course may have. `price` and `subscriptionPrice` (a month) include tax, in the academy's currency;
    `duration` is in minutes. Only editors may name another `instructorId`, only a clinic's staff its `clinicId`."""

    language: Language | UnsetType = UNSET
    description: MaybeText = UNSET
    thumbnail_url: MaybeLink = UNSET
    trailer_video_url: MaybeLink = UNSET
    cms_content_id: MaybeId = UNSET
    duration: MaybeMinutes = UNSET
    price: Amount | UnsetType | None = UNSET
    subscription_price: Amount | UnsetType | None = UNSET
    is_free: bool | UnsetType = UNSET
    prices: Annotated[list[PriceBody], Meta(max_length=len(SOLD_IN))] | UnsetType = UNSET
    clinic_id: MaybeId = UNSET
    instructor_id: MaybeId = UNSET
    max_enrollments: Seats | UnsetType | None = UNSET
    certificate_template: MaybeId = UNSET
    tags: Annotated[list[Tag], Meta(max_length=30)] | UnsetType = UNSET


class NewCourse(CourseFields, kw_only=True, forbid_unknown_fields=True):
    """A course to be written; a draft at first."""

    title: Line
    slug: Slug
    category: Category
    level: Level


class CourseChange(CourseFields, kw_only=True, forbid_unknown_fields=True):
    """What is to be different; what is left out stays."""

    title: Line | UnsetType = UNSET
    slug: Slug | UnsetType = UNSET
    category: Category | UnsetType = UNSET
    level: Level | UnsetType = UNSET


class AuthoredPage(ApiStruct):
    """Courses that the caller may write, the newest first."""

    items: list[AuthoredCard]
    next_cursor: str | None


@get(PATH, operation_id="listAuthoredCourses", tags=["Authoring"], **requires(Permission.COURSE_MANAGE))
async def list_authored_courses(
    subject: NamedDependency[Subject],
    in_state: Annotated[CourseState | None, QueryParameter(name="state")] = None,
    cursor: Cursor = None,
    limit: Limit = 20,
) -> Response[AuthoredPage]:
    """One's own courses; editors see all."""
    rows = await list_courses(author_of(subject), state=in_state, cursor=cursor, limit=limit + 1)
    items, next_cursor, headers = page_of(rows, limit, PATH)
    if in_state is not None:
        headers = {name: value.replace("?", f"?state={in_state}&") for name, value in headers.items()}
    return Response(AuthoredPage(items, next_cursor), headers=headers)


@post(
    PATH,
    operation_id="createCourse",
    tags=["Authoring"],
    **requires(Permission.COURSE_CREATE, "validation_failed", "slug_taken"),
)
async def create_course(
    data: JSONBody[NewCourse], subject: NamedDependency[Subject], services: NamedDependency[Services]
) -> Response[AuthoredCourse]:
    """Begin a course; a second try with the same slug is refused, so that a repetition makes no second one."""
    author = author_of(subject)
    course_id = await queries.create_course(author, _values(data, services.settings.default_currency))
    course = await read_course(author, course_id)
    headers = {"Location": f"{PATH}/{course_id}", **etag(course.version)}
    return Response(course, headers=headers)


@get(
    f"{PATH}/{{course_id:str}}",
    operation_id="getAuthoredCourse",
    tags=["Authoring"],
    **requires(Permission.COURSE_MANAGE, "not_found"),
)
async def get_authored_course(course_id: FromPath[str], subject: NamedDependency[Subject]) -> Response[AuthoredCourse]:
    """A course with its outline, its state, and what keeps it from being published."""
    course = await read_course(author_of(subject), course_id)
    return Response(course, headers=etag(course.version))


@patch(
    f"{PATH}/{{course_id:str}}",
    operation_id="changeCourse",
    tags=["Authoring"],
    **requires(Permission.COURSE_MANAGE, *EDITING, "slug_taken"),
)
async def change_course(
    data: JSONBody[CourseChange],
    course_id: FromPath[str],
    subject: NamedDependency[Subject],
    services: NamedDependency[Services],
    if_match: IfMatch = None,
) -> Response[AuthoredCourse]:
    """Change some of a course, at once also when it is published."""
    author = author_of(subject)
    values = _values(data, services.settings.default_currency)
    await queries.update_course(author, course_id, values, if_version=version_of(if_match))
    course = await read_course(author, course_id)
    return Response(course, headers=etag(course.version))


@delete(
    f"{PATH}/{{course_id:str}}",
    operation_id="deleteCourse",
    tags=["Authoring"],
    status_code=HTTP_204_NO_CONTENT,
    **requires(Permission.COURSE_MANAGE, "not_found", "version_changed", "course_in_use"),
)
async def delete_course(
    course_id: FromPath[str], subject: NamedDependency[Subject], if_match: IfMatch = None
) -> Response[None]:
    """Delete a draft that was never published and that nobody has anything to do with."""
    await delete_row(author_of(subject), course_id, if_version=version_of(if_match))
    return Response(None)


def _values(data: NewCourse | CourseChange, currency: str) -> Mapping[str, Any]:
    """What a body says, by column. Raises `ProblemError("validation_failed")`."""
    require_https(data, "thumbnail_url", "trailer_video_url")
    values = given(data, COLUMNS)
    errors = []
    for field, column in (("price", "price"), ("subscription_price", "subscriptionPrice")):
        amount = getattr(data, field)
        if amount is not UNSET:
            values[column] = None if amount is None else _money(amount, currency)
            if amount is not None and not values[column]:
                errors.append(FieldError(field=column, message=PRICED))
    if data.prices is not UNSET:
        prices = {price.currency: _money(price.amount, price.currency) for price in data.prices}
        if len(prices) < len(data.prices) or not prices.keys() <= SOLD_IN - {currency} or not all(prices.values()):
            errors.append(FieldError(field="prices", message=f"Each of our other currencies once. {PRICED}"))
        values[queries.PRICES] = prices
    if errors:
        raise ProblemError("validation_failed", errors=errors)
    return values


PRICED = "More than nothing, in whole minor units of the currency."


def _money(amount: str, currency: str) -> Decimal | None:
    """The amount; `None` for nothing, and for a fraction of a minor unit."""
    value = Decimal(amount)
    with contextlib.suppress(ValueError):
        return value if to_minor(value, currency) else None
    return None
