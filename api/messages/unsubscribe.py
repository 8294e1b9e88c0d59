"""One-click unsubscribe (RFC 8058): POST does it, without a login; GET, which scanners follow, changes nothing."""

from typing import Any

from litestar import MediaType, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.status_codes import HTTP_200_OK

from api.access import PUBLIC, requires
from api.http.problems import ProblemError
from api.operations.docs import PAGE_HEADERS, PAGES
from bootstrap import Services
from db.queries.messaging.preferences import opt_out
from domain.messaging.telling import Category, Channel
from domain.messaging.unsubscribe import UnsubscribeTokens

HEADERS = PAGE_HEADERS | {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


@get(
    "/api/v1/unsubscribe/{token:str}",
    operation_id="showUnsubscribe",
    tags=["Messages"],
    media_type=MediaType.HTML,
    **requires(PUBLIC, "not_found"),
)
async def show_unsubscribe(
    token: FromPath[str], request: Request[Any, Any, Any], services: NamedDependency[Services]
) -> Response[str]:
    """A page with one button."""
    _meant(token, services)
    return _page(request, done=False)


@post(
    "/api/v1/unsubscribe/{token:str}",
    operation_id="unsubscribe",
    tags=["Messages"],
    media_type=MediaType.HTML,
    status_code=HTTP_200_OK,
    **requires(PUBLIC, "not_found", "service_unavailable"),
)
async def unsubscribe(
    token: FromPath[str], request: Request[Any, Any, Any], services: NamedDependency[Services]
) -> Response[str]:
    """No more e-mail of this kind to this person. What the body says does not matter; a second time changes nothing."""
    user_id, category = _meant(token, services)
    await opt_out(user_id, category, Channel.EMAIL)
    return _page(request, done=True)


def _meant(token: str, services: Services) -> tuple[str, Category]:
    settings = services.settings
    keys = settings.unsubscribe_keys.get_secret_value(), settings.jwt_keys.get_secret_value()
    meant = UnsubscribeTokens.from_settings(*keys).read(token)
    if meant is None:
        raise ProblemError("not_found")
    return meant


def _page(request: Request[Any, Any, Any], *, done: bool) -> Response[str]:
    hindi = request.headers.get("Accept-Language", "").lower().startswith("hi")
    page = PAGES.get_template("unsubscribe.html").render(done=done, hindi=hindi)
    return Response(page, media_type=MediaType.HTML, headers=HEADERS)
