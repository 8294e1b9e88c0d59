"""`/api/v1/auth/external-logins`: the caller's account and the adopter's own login, linked and unlinked by hand."""

from datetime import datetime
from typing import Annotated, Any

from litestar import Controller, Request, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK, HTTP_204_NO_CONTENT
from msgspec import Meta

from api.access import AUTHENTICATED, requires
from api.http.client_address import address_of
from api.http.problems import ProblemError
from api.http.schemas import ApiStruct
from api.identity.recovery import Recovery
from api.subject import Subject
from db.queries.identity.linked_logins import LinkedLogin, link_by_hand, linked_logins, unlink
from domain.errors import BusinessRefusalError
from domain.identity.accounts import PASSWORD_LONGEST
from domain.identity.external_login import ExternalLogin, ExternalTokenRefusedError

LONGEST_TOKEN = 16_384
"""Characters; a header of the usual size would not carry more."""


class LinkLoginBody(ApiStruct, forbid_unknown_fields=True):
    """Both logins proved: a token of the adopter's own login, and the password of the account here."""

    token: Annotated[str, Meta(min_length=1, max_length=LONGEST_TOKEN)]
    password: Annotated[str, Meta(min_length=1, max_length=PASSWORD_LONGEST)]


class ExternalLoginItem(ApiStruct):
    """A login that opens the caller's account, beside its password."""

    id: str
    issuer: str
    linked_at: datetime


class ExternalLoginList(ApiStruct):
    """The oldest first; one of each issuer at most, hence one page."""

    items: list[ExternalLoginItem]


class ExternalLoginController(Controller):
    """Logins of the adopter's own issuer."""

    path = "/api/v1/auth/external-logins"
    tags = ("Identity",)

    @get("/", operation_id="listExternalLogins", **requires(AUTHENTICATED))
    async def list_logins(self, subject: NamedDependency[Subject]) -> ExternalLoginList:
        """Which logins open the caller's account."""
        return ExternalLoginList([_item(login) for login in await linked_logins(subject.user_id)])

    @post(
        "/",
        operation_id="linkExternalLogin",
        status_code=HTTP_200_OK,
        **requires(
            AUTHENTICATED,
            "external_login_exists",
            "external_login_refused",
            "external_login_taken",
            "login_elsewhere",
            "service_unavailable",
            "too_many_requests",
            "validation_failed",
        ),
    )
    async def link(
        self,
        data: JSONBody[LinkLoginBody],
        recovery: NamedDependency[Recovery],
        subject: NamedDependency[Subject],
        request: Request[Any, Any, Any],
    ) -> ExternalLoginItem:
        """Let this login open the account from now on. Roles follow its claim then. Repeating it changes nothing."""
        if subject.session_id is None:
            raise ProblemError("login_elsewhere")
        await recovery.prove(subject.user_id, "password", data.password, address_of(request))
        login = await _verified(request, data.token)
        try:
            return _item(await link_by_hand(subject.user_id, login))
        except BusinessRefusalError as refusal:
            raise ProblemError(refusal.code) from None

    @delete(
        "/{login_id:str}",
        operation_id="unlinkExternalLogin",
        status_code=HTTP_204_NO_CONTENT,
        **requires(AUTHENTICATED, "login_elsewhere", "not_found"),
    )
    async def unlink(self, login_id: FromPath[str], subject: NamedDependency[Subject]) -> None:
        """This login opens the account no more, and the roles that it gave are gone. By a session of one's own, since
        only an account with a password can be opened afterwards. Repeating it changes nothing."""
        if subject.session_id is None:
            raise ProblemError("login_elsewhere")
        if not await unlink(subject.user_id, login_id):
            raise ProblemError("not_found")


async def _verified(request: Request[Any, Any, Any], token: str) -> ExternalLogin:
    """Raises `ProblemError` (`external_login_refused`, `login_subject_unusable`), and `OutageError` when the issuer
    must be asked and is down."""
    issuer = request.app.state.login_issuer
    if issuer is None:
        raise ProblemError("external_login_refused")
    try:
        login: ExternalLogin = await issuer.verify(token)
    except ExternalTokenRefusedError:
        raise ProblemError("external_login_refused") from None
    except BusinessRefusalError as refusal:
        raise ProblemError(refusal.code) from None
    return login


def _item(login: LinkedLogin) -> ExternalLoginItem:
    return ExternalLoginItem(login.id, login.issuer, login.linked_at)
