"""Finished pages of the catalog: built from the database, kept by `cache.catalog`, answered as bytes."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar import MediaType, Request, Response
from litestar.status_codes import HTTP_200_OK, HTTP_304_NOT_MODIFIED
from litestar.types import Scope

from api.catalog.cursor import encode_cursor
from api.catalog.filters import ListQuestion
from api.http.schemas import ApiStruct
from cache.catalog import Page
from db.queries.catalog import CourseCard, CoursePage, find_course, is_position_of_course, list_courses, seats_left
from domain.errors import BusinessRefusalError

LIST_PATH = "/api/v1/courses"
AnyRequest = Request[Any, Any, Any]


class CourseList(ApiStruct):
    """One page of courses; `next_cursor` asks for the following one and is `null` on the last."""

    items: list[CourseCard]
    next_cursor: str | None


async def build_list(question: ListQuestion, clinic_ids: Sequence[str] = ()) -> Page:
    """A page of the list, with the `Link` to the next one (RFC 8288)."""
    courses, position = await list_courses(
        question.filters,
        after=question.after,
        limit=question.limit,
        currency=question.currency,
        clinic_ids=clinic_ids,
    )
    cursor = encode_cursor(position) if position else None
    link = f'<{LIST_PATH}?{urlencode({**question.parameters(), "cursor": cursor})}>; rel="next"' if cursor else None
    return _page(CourseList(items=courses, next_cursor=cursor), link=link)


async def may_be_kept(question: ListQuestion, page: Page) -> bool:
    """Whether a page goes to the shared cache: nobody may fill it with pages that only he asks for.

    Free text, price bounds, unknown words and made-up cursors are such questions.
    """
    filters = question.filters
    if filters.words or filters.price_min is not None or filters.price_max is not None or page.body == EMPTY_LIST:
        return False
    return question.after is None or await is_position_of_course(question.after)


async def build_course(id_or_slug: str, currency: str, clinic_ids: Sequence[str] = ()) -> Page:
    """A course's page, without its seats. Raises `BusinessRefusalError("course_not_found")`."""
    course: CoursePage | None = await find_course(id_or_slug, currency=currency, clinic_ids=clinic_ids)
    if course is None:
        raise BusinessRefusalError("course_not_found")
    return _page(course, limited_course_id=course.id if course.is_limited else None)


async def with_seats(page: Page) -> Page:
    """The page as of now: seats change with every purchase, so no cache ever holds their number."""
    if page.limited_course_id is None:
        return page
    seats = await seats_left(page.limited_course_id)
    if seats is None:  # the limit was lifted, or the course deleted, while we looked
        return page
    # `seatsLeft` is the last field of `CoursePage`.
    body = page.body.removesuffix(b"null}") + b"%d}" % seats
    return Page(body, f'{page.etag[:-1]}-{seats}"', page.link)


def answer(request: AnyRequest, page: Page, *, private: bool = False) -> Response[Any]:
    """The page, or 304 when the caller has it."""
    headers = headers_of(page, private=private)
    if knows(request.scope, page.etag):
        return Response(b"", status_code=HTTP_304_NOT_MODIFIED, headers=headers)
    return Response(page.body, status_code=HTTP_200_OK, headers=headers, media_type=MediaType.JSON)


def headers_of(page: Page, *, private: bool = False) -> dict[str, str]:
    """Browsers keep the page but ask each time whether it is still right; shared caches keep none of a member's."""
    headers = {
        "cache-control": "private, no-cache" if private else "no-cache",
        "etag": page.etag,
        "vary": "Authorization",
    }
    if page.link is not None:
        headers["link"] = page.link
    return headers


def knows(scope: Scope, etag: str) -> bool:
    """Whether `If-None-Match` names this version (RFC 9110 §13.1.2, with the weak comparison that it asks for)."""
    for name, value in scope["headers"]:
        if name == b"if-none-match":
            known = [tag.strip().removeprefix("W/") for tag in value.decode("latin-1").split(",")]
            return etag in known or known == ["*"]
    return False


def _page(content: msgspec.Struct, *, link: str | None = None, limited_course_id: str | None = None) -> Page:
    body = msgspec.json.encode(content)
    # The link counts, too: it tells more about the question than the body.
    digest = blake2b(body + (link or "").encode(), digest_size=16).hexdigest()
    return Page(body, f'"{digest}"', link, limited_course_id)


EMPTY_LIST = msgspec.json.encode(CourseList(items=[], next_cursor=None))
