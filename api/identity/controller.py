"""`/api/v1/auth`: accounts and sessions."""

from typing import Any

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.background_tasks import BackgroundTask
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.status_codes import HTTP_200_OK, HTTP_204_NO_CONTENT

from api.access import AUTHENTICATED, PUBLIC, requires
from api.http.client_address import address_of
from api.http.problems import ProblemError
from api.http.rates import ACCOUNTS_MADE
from api.identity.recovery import Recovery
from api.identity.schemas import LoginBody, Me, RefreshBody, RegisterBody, TokenPair
from api.identity.sessions import Sessions, user_agent_of
from api.subject import Subject
from db.queries.identity.accounts import Profile, close_session, profile_of
from domain.identity.roles import permissions_of

NO_STORE = {"Cache-Control": "no-store"}
"""RFC 6749 §5.1: answers with tokens are kept by nobody on the way."""


class IdentityController(Controller):
    """Register, log in, refresh, log out, and see oneself."""

    path = "/api/v1/auth"
    tags = ("Identity",)

    @post(
        "/register", operation_id="register", **requires(PUBLIC, "email_taken", "validation_failed", rate=ACCOUNTS_MADE)
    )
    async def register(
        self,
        data: JSONBody[RegisterBody],
        sessions: NamedDependency[Sessions],
        recovery: NamedDependency[Recovery],
        request: Request[Any, Any, Any],
    ) -> Response[Me]:
        """Make an account with the role Student. Log in with it afterwards; a mail asks to verify its address."""
        profile, message_id = await sessions.register(data, address_of(request))
        return Response(_me(profile), background=BackgroundTask(recovery.tell, message_id))

    @post(
        "/login",
        operation_id="logIn",
        status_code=HTTP_200_OK,
        **requires(PUBLIC, "credentials_refused", "account_disabled", "too_many_requests"),
    )
    async def log_in(
        self, data: JSONBody[LoginBody], sessions: NamedDependency[Sessions], request: Request[Any, Any, Any]
    ) -> Response[TokenPair]:
        """Open a session. Ten failed tries for an account, or a hundred from an address, close the door for a while."""
        _, pair = await sessions.log_in(data.email, data.password, address_of(request), user_agent_of(request))
        return Response(pair, headers=NO_STORE)

    @post(
        "/refresh",
        operation_id="refreshTokens",
        status_code=HTTP_200_OK,
        **requires(PUBLIC, "refresh_token_refused"),
    )
    async def refresh(self, data: JSONBody[RefreshBody], sessions: NamedDependency[Sessions]) -> Response[TokenPair]:
        """Exchange the refresh token for a new pair. It works once: a second use ends the session for everybody."""
        return Response(await sessions.refresh(data.refresh_token), headers=NO_STORE)

    @post(
        "/logout",
        operation_id="logOut",
        status_code=HTTP_204_NO_CONTENT,
        **requires(AUTHENTICATED, "login_elsewhere"),
    )
    async def log_out(self, subject: NamedDependency[Subject]) -> None:
        """End this session: its access and refresh tokens are refused from now on."""
        if subject.session_id is None:
            raise ProblemError("login_elsewhere")
        await close_session(subject.session_id)

    @get("/me", operation_id="getMe", **requires(AUTHENTICATED))
    async def me(self, subject: NamedDependency[Subject]) -> Me:
        """The caller's account."""
        profile = await profile_of(subject.user_id)
        if profile is None:
            raise ProblemError("login_required")
        return _me(profile)


def _me(profile: Profile) -> Me:
    return Me(**msgspec.structs.asdict(profile), permissions=sorted(permissions_of(profile.roles)))
