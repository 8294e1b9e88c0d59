"""Who is calling: from the access token to a living session and its user, or to the user of another issuer's token."""

from dataclasses import dataclass
from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection

from api.http.problems import ProblemError
from api.identity.external import user_of
from api.identity.tokens import TokenRefusedError
from domain.errors import BusinessRefusalError
from domain.identity.external_login import ExternalLogin, ExternalTokenRefusedError
from domain.identity.roles import Permission, Role, permissions_of

AnyConnection = ASGIConnection[Any, Any, Any, Any]


@dataclass(frozen=True, slots=True)
class Subject:
    """The caller of this request; in a handler the parameter `subject: Subject`."""

    user_id: str
    session_id: str | None
    """`None` with a token of the adopter's own login, which keeps its sessions itself."""
    roles: frozenset[Role]
    permissions: frozenset[Permission]


async def authenticate(connection: AnyConnection, token_cookie: str | None = None) -> Subject:
    """The caller, by one query, which all share who ask at the same moment.

    Raises `ProblemError` (`login_required`, and for tokens of the adopter's own login `FIRST_SIGHT_REFUSALS` of
    `api.access`) and `OutageError` when that login must be asked and does not answer.

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
        return await _by_external_login(connection, token)
    roles = await connection.app.state.logins.add((claims.sid, claims.sub))
    if roles is None:
        raise _refused()
    known = frozenset(roles)
    return Subject(claims.sub, claims.sid, known, permissions_of(known))


async def _by_external_login(connection: AnyConnection, token: str) -> Subject:
    issuer = connection.app.state.login_issuer
    if issuer is None:
        raise _refused()
    try:
        login: ExternalLogin = await issuer.verify(token)
    except ExternalTokenRefusedError:
        raise _refused() from None
    except BusinessRefusalError as refusal:
        raise ProblemError(refusal.code) from None
    user_id, roles = await user_of(login)
    known = frozenset(roles)
    return Subject(user_id, None, known, permissions_of(known))


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
