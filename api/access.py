"""Who may call a route: each route declares what it asks for, and one middleware enforces it."""

from enum import StrEnum
from typing import Any

from litestar import Litestar
from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.exceptions import ImproperlyConfiguredException
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from api.http.client_address import scope_address
from api.http.problems import ProblemError
from api.http.rates import UNLIMITED
from api.subject import authenticate
from cache.buckets import Rate
from domain.identity.roles import Permission


class Audience(StrEnum):
    """What a route may ask for besides a permission."""

    PUBLIC = "public"
    AUTHENTICATED = "authenticated"


PUBLIC = Audience.PUBLIC
AUTHENTICATED = Audience.AUTHENTICATED
Requirement = Audience | Permission


FIRST_SIGHT_REFUSALS = ("account_disabled", "login_not_linked", "login_subject_unusable", "login_without_email")
"""What a good token of the adopter's own login may be answered with (docs/identity.md)."""


def requires(
    requirement: Requirement,
    *problems: str,
    cookie: str | None = None,
    rate: Rate | None = None,
    body_seconds: float | None = None,
) -> dict[str, Any]:
    """What a route asks of its caller, and the problem codes it may answer with: `@get("/", **requires(PUBLIC))`.

    Problems that follow from what a route takes (a body, parameters, services) need no mention (`api.described`).

    `cookie` names a cookie that may carry the access token instead of the `Authorization` header.
    `rate` is how often one user, or one address where no login is needed, may call this route; besides it, each counts
    against the general limits (`api.http.rates`).
    `body_seconds` is how long the body may take, where it is larger than most (`api.http.bodies`).
    """
    codes = list(problems)
    if requirement is not PUBLIC:
        codes += ("login_required", *FIRST_SIGHT_REFUSALS)
    if isinstance(requirement, Permission):
        codes.append("forbidden")
    if rate is not UNLIMITED:
        codes.append("too_many_requests")
    return {
        "opt": {
            "permission": requirement,
            "token_cookie": cookie,
            "rate": rate,
            "problems": tuple(codes),
            "body_seconds": body_seconds,
        },
        "security": [] if requirement is PUBLIC else [{"accessToken": []}],
    }


class AccessMiddleware(ASGIMiddleware):
    """Around every route: 429 beyond its limits, 401 without a living login, 403 without the permission.

    The caller goes to `scope["user"]`.

    A route that declared nothing is shut to all. No guard, since Litestar copies the handler for each guard at each
    request, which costs as much as a small route itself.
    """

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        options = scope["route_handler"].opt
        requirement = options.get("permission")
        if scope.get("method") == "OPTIONS":
            await next_app(scope, receive, send)
            return
        limits, rate, public = scope["litestar_app"].state["rate_limits"], options.get("rate"), requirement is PUBLIC
        route = str(getattr(scope["route_handler"], "operation_id", ""))
        # Before the login is looked up, which costs a query.
        await limits.enter_address(scope_address(scope), route, rate if public or rate is UNLIMITED else None)
        if not public:
            subject = await authenticate(ASGIConnection(scope), options.get("token_cookie"))
            scope["user"] = subject
            await limits.enter_user(subject.user_id, route, rate)
            if requirement is not AUTHENTICATED and requirement not in subject.permissions:
                raise ProblemError("forbidden")
        await next_app(scope, receive, send)


def require_declared_access(app: Litestar) -> None:
    """Refuse to start with a route that declares no permission or no operation id."""
    for path, handler in declared_handlers(app):
        if not isinstance(handler.opt.get("permission"), Audience | Permission):
            raise ImproperlyConfiguredException(f"{path} declares no permission: use api.access.requires(…)")
        if not getattr(handler, "operation_id", None):
            raise ImproperlyConfiguredException(f"{path} has no operation_id")


def declared_handlers(app: Litestar) -> list[tuple[str, Any]]:
    """Every route of ours as (path, handler); not the OPTIONS answers that Litestar adds by itself."""
    return [
        (route.path, handler)
        for route in app.routes
        for handler in getattr(route, "route_handlers", [getattr(route, "route_handler", None)])
        if getattr(handler, "http_methods", None) != {"OPTIONS"}
    ]
