"""The public catalog: the list of courses, and each course with its outline.

Signed in, members of a clinic also see its own courses; those answers come from the database each time.
"""

from typing import Annotated

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.status_codes import HTTP_304_NOT_MODIFIED

from api.access import PUBLIC, requires
from api.catalog.cursor import LONGEST_CURSOR
from api.catalog.filters import (
    MOST_COURSES,
    USUAL_COURSES,
    ListQuestion,
    is_storable,
    plain,
    position_of,
    price_bounds,
    words_of,
)
from api.catalog.held import address_of, may_be_signed_in, serve_held
from api.catalog.pages import (
    LIST_PATH,
    AnyRequest,
    CourseList,
    answer,
    build_course,
    build_list,
    may_be_kept,
    with_seats,
)
from api.http.problems import ProblemError
from api.subject import authenticate
from bootstrap import Services
from cache.catalog import CatalogCache
from cache.keys import course_list, course_page
from cache.store import ByteStore
from db.queries.catalog import CourseFilters, CoursePage, Level, clinics_of, read_generation
from domain.errors import BusinessRefusalError

LONGEST_NAME = 200
"""Characters of an id or a slug; PostgreSQL is not asked about longer ones."""

NOT_MODIFIED = {
    HTTP_304_NOT_MODIFIED: ResponseSpec(None, description="`If-None-Match` names this version: show the kept one.")
}
Word = Annotated[str | None, QueryParameter(min_length=1, max_length=60)]
AMOUNT = "In the default currency, both bounds included; a free course costs 0."
SEARCH = "Words that title, description, tags or instructor contain."


@get(
    LIST_PATH,
    operation_id="listCourses",
    tags=["Catalog"],
    middleware=[serve_held],
    responses=NOT_MODIFIED,
    **requires(PUBLIC, "validation_failed"),
)
async def list_courses(
    request: AnyRequest,
    services: NamedDependency[Services],
    *,
    category: Word = None,
    level: FromQuery[Level | None] = None,
    language: Word = None,
    free: FromQuery[bool | None] = None,
    price_min: Annotated[str | None, QueryParameter(name="priceMin", description=AMOUNT)] = None,
    price_max: Annotated[str | None, QueryParameter(name="priceMax", description=AMOUNT)] = None,
    q: Annotated[str | None, QueryParameter(max_length=100, description=SEARCH)] = None,
    cursor: Annotated[str | None, QueryParameter(max_length=LONGEST_CURSOR)] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=MOST_COURSES)] = USUAL_COURSES,
) -> Response[CourseList]:
    """Published courses, the newest first. `Link: <…>; rel="next"` and `nextCursor` lead to the next page."""
    lowest, highest = price_bounds(price_min, price_max)
    filters = CourseFilters(
        category=category and plain("category", category),
        level=level,
        language=language and plain("language", language),
        free=free,
        price_min=lowest,
        price_max=highest,
        words=words_of(q),
    )
    question = ListQuestion(
        filters=filters, after=position_of(cursor), limit=limit, currency=services.settings.default_currency
    )
    if clinic_ids := await clinics_of_caller(request):
        return answer(request, await build_list(question, clinic_ids), private=True)
    cache = _cache(request, services)
    generation = await cache.generation()
    key = course_list(category, question, generation)
    page = await cache.stored(key)
    if page is None:
        page = await build_list(question)
        if await may_be_kept(question, page):
            await cache.keep(key, page)
    cache.hold(address_of(request.scope), generation, page)
    return answer(request, page)


@get(
    f"{LIST_PATH}/{{id_or_slug:str}}",
    operation_id="getCourse",
    tags=["Catalog"],
    middleware=[serve_held],
    responses=NOT_MODIFIED,
    **requires(PUBLIC, "course_not_found"),
)
async def get_course(
    request: AnyRequest, services: NamedDependency[Services], id_or_slug: FromPath[str]
) -> Response[CoursePage]:
    """A published course with its outline; lessons show their content in previews only.

    A clinic's own course is found by the clinic's members only.
    """
    if len(id_or_slug) > LONGEST_NAME or not is_storable(id_or_slug):
        raise BusinessRefusalError("course_not_found")
    currency = services.settings.default_currency
    if clinic_ids := await clinics_of_caller(request):
        return answer(request, await with_seats(await build_course(id_or_slug, currency, clinic_ids)), private=True)
    cache = _cache(request, services)
    generation = await cache.generation()
    key = course_page(id_or_slug, currency, generation)
    page = await cache.stored(key)
    if page is None:
        page = await build_course(id_or_slug, currency)
        await cache.keep(key, page)
    cache.hold(address_of(request.scope), generation, page)
    return answer(request, await with_seats(page))


def _cache(request: AnyRequest, services: Services) -> CatalogCache:
    """The cache of this application."""
    state = request.app.state
    if "catalog_cache" not in state:
        state["catalog_cache"] = CatalogCache(ByteStore(services.redis), read_generation)
    cache: CatalogCache = state["catalog_cache"]
    return cache


async def clinics_of_caller(request: AnyRequest) -> list[str]:
    """The caller's clinics; none without a living login, since the routes that ask are public."""
    if not may_be_signed_in(request.scope):
        return []
    try:
        subject = await authenticate(request)
    except ProblemError:
        return []
    return await clinics_of(subject.user_id)
