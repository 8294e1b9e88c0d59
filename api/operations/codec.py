"""The codec endpoint of the Temporal UI: reads and writes encrypted payloads for a logged-in operator.

The protocol is Temporal's (samples-go `codec-server/protocol.md`): `Payloads` as protobuf JSON, in and out.
Whoever may read payloads may read what customers bought: only `Permission.OPERATIONS`, and each decode is audited.
"""

from typing import Annotated, Any

from google.protobuf import json_format
from litestar import MediaType, Request, Response, Router, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import Body, JSONBody
from litestar.status_codes import HTTP_200_OK
from temporalio.api.common.v1 import Payloads

from api.access import PUBLIC, requires
from api.http.client_address import address_of
from api.http.problem_table import PROBLEMS
from api.http.problems import ProblemError
from api.http.schemas import FieldError
from api.identity.schemas import LoginBody
from api.identity.sessions import Sessions, user_agent_of
from api.identity.tokens import ACCESS_TOKEN_LIFE
from api.operations.docs import PAGE_HEADERS, PAGES
from api.subject import Subject
from bootstrap import Services
from db.queries.audit import record_audit
from db.queries.identity.accounts import close_session
from domain.errors import AcademyError, BusinessRefusalError
from domain.identity.roles import Permission, permissions_of

LARGEST_BATCH_BYTES = 16 * 1024 * 1024
"""The UI sends a page of history at once; Temporal itself takes payloads of 2 MB."""
COOKIE = "codec_access"
OPERATOR = requires(Permission.OPERATIONS, "malformed_body", "validation_failed", "payload_not_readable", cookie=COOKIE)


@post(
    "/encode",
    operation_id="encodePayloads",
    status_code=HTTP_200_OK,
    request_max_body_size=LARGEST_BATCH_BYTES,
    **OPERATOR,
)
async def encode(data: JSONBody[dict[str, Any]], services: NamedDependency[Services]) -> dict[str, Any]:
    """Encrypt payloads, so that a typed signal or update reaches a workflow."""
    return _as_json(await services.codec.encode(_payloads(data).payloads))


@post(
    "/decode",
    operation_id="decodePayloads",
    status_code=HTTP_200_OK,
    request_max_body_size=LARGEST_BATCH_BYTES,
    **OPERATOR,
)
async def decode(
    data: JSONBody[dict[str, Any]], services: NamedDependency[Services], subject: NamedDependency[Subject]
) -> dict[str, Any]:
    """Decrypt payloads; one that is not encrypted comes back as it is."""
    payloads = _payloads(data).payloads
    # Before the answer: what cannot be recorded is not shown.
    namespace = services.settings.temporal_namespace
    await record_audit("payloads.decoded", "namespace", namespace, actor_id=subject.user_id, count=len(payloads))
    try:
        return _as_json(await services.codec.decode(payloads))
    except AcademyError:
        raise ProblemError("payload_not_readable") from None


@get("/login", operation_id="getCodecLogin", media_type=MediaType.HTML, include_in_schema=False, **requires(PUBLIC))
async def login_page() -> Response[str]:
    """A form for operators, whose browser then sends a cookie along with what the Temporal UI asks."""
    return _page()


@post(
    "/login",
    operation_id="codecLogIn",
    status_code=HTTP_200_OK,
    media_type=MediaType.HTML,
    include_in_schema=False,
    **requires(PUBLIC, "credentials_refused", "forbidden", "too_many_requests"),
)
async def log_in(
    data: Annotated[LoginBody, Body(media_type=RequestEncodingType.URL_ENCODED)],
    sessions: NamedDependency[Sessions],
    services: NamedDependency[Services],
    request: Request[Any, Any, Any],
) -> Response[str]:
    """Set the cookie: an access token, for this endpoint only, gone after a quarter of an hour."""
    try:
        session, pair = await sessions.log_in(data.email, data.password, address_of(request), user_agent_of(request))
        if Permission.OPERATIONS not in permissions_of(session.roles):
            await close_session(session.id)
            raise ProblemError("forbidden")
    except (ProblemError, BusinessRefusalError) as refusal:
        return _page(refusal.code, headers=getattr(refusal, "headers", {}))
    cookie = Cookie(
        key=COOKIE,
        value=pair.access_token,
        path="/codec",
        max_age=int(ACCESS_TOKEN_LIFE.total_seconds()),
        httponly=True,
        secure=services.settings.public_base_url.startswith("https:"),
        samesite="strict",
    )
    return _page(done=True, cookies=[cookie])


def _payloads(data: dict[str, Any]) -> Payloads:
    try:
        return json_format.ParseDict(data, Payloads(), ignore_unknown_fields=True)
    except json_format.ParseError:
        error = FieldError(field="payloads", message="Send `Payloads` in protobuf's JSON: metadata and data in base64.")
        raise ProblemError("validation_failed", errors=[error]) from None


def _as_json(payloads: Any) -> dict[str, Any]:
    return json_format.MessageToDict(Payloads(payloads=payloads))


def _page(code: str | None = None, *, done: bool = False, **more: Any) -> Response[str]:
    kind = PROBLEMS[code] if code else None
    headers = {**PAGE_HEADERS, "Cache-Control": "no-store", **more.pop("headers", {})}
    page = PAGES.get_template("codec_login.html").render(kind=kind, done=done)
    status = kind.status if kind else HTTP_200_OK
    return Response(page, status_code=status, media_type=MediaType.HTML, headers=headers, **more)


codec_router = Router(
    "/codec",
    route_handlers=[encode, decode, login_page, log_in],
    tags=["Operations"],
)
"""`/codec/*`; `api.http.codec_cors` stands around it."""
