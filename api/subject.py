"""Who is calling: from the access token to a living session and its user."""

from dataclasses import dataclass
from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection

from api.identity.tokens import TokenRefusedError
from api.problems import ProblemError
from db.queries.identity import living_session
from domain.roles import Permission, Role, permissions_of

AnyConnection = ASGIConnection[Any, Any, Any, Any]


@dataclass(frozen=True, slots=True)
class Subject:
    """The caller of this request; in a handler the parameter `subject: Subject`."""

    user_id: str
    session_id: str
    roles: frozenset[Role]
    permissions: frozenset[Permission]


async def authenticate(connection: AnyConnection, token_cookie: str | None = None) -> Subject:
    """The caller, by one query. Raises `ProblemError("login_required")`.

    Session and roles are read at each request, so that a logout, a revocation, a disabled account and a
    changed role act at once and not when the token expires.
    """
    token = _bearer_token(connection)
    if token is None and token_cookie is not None:
        token = connection.cookies.get(token_cookie)
    if token is None:
        raise ProblemError("login_required")
    try:
        claims = connection.app.state.access_tokens.verify(token)
    except TokenRefusedError:
        raise _refused() from None
    roles = await living_session(claims.sid, claims.sub)
    if roles is None:
        raise _refused()
    known = frozenset(roles)
    return Subject(claims.sub, claims.sid, known, permissions_of(known))


def _refused() -> ProblemError:
    """With the challenge of RFC 6750 §3.1."""
    challenge = 'Bearer realm="academy", error="invalid_token"'
    return ProblemError("login_required", headers={"WWW-Authenticate": challenge})


def _bearer_token(connection: AnyConnection) -> str | None:
    for name, value in connection.scope["headers"]:
        if name == b"authorization":
            scheme, _, token = value.partition(b" ")
            # The scheme's name is case-insensitive (RFC 9110 §11.1).
            return token.strip().decode("latin-1") if scheme.lower() == b"bearer" else None
    return None


def provide_subject(request: Request[Any, Any, Any]) -> Subject:
    """The dependency `subject`. Raises `KeyError` on a public route, which has no caller."""
    subject: Subject = request.scope["user"]
    return subject
