"""Whose account a login of the adopter's own issuer opens; the rules stand in docs/identity.md."""

from api.http.problems import ProblemError
from db.queries.identity.external_identities import (
    ExternalUser,
    add_external_user,
    follow_claim,
    link_identity,
    user_of_identity,
)
from domain.errors import BusinessRefusalError
from domain.identity.accounts import DEFAULT_LOCALE, DEFAULT_TIME_ZONE, normalized_email, normalized_name
from domain.identity.external_login import ExternalLogin
from domain.identity.roles import Role


async def user_of(login: ExternalLogin) -> tuple[str, list[Role]]:
    """The user's id and roles; the account is made at first sight.

    Raises `ProblemError` (`account_disabled`, `login_not_linked`, `login_without_email`).
    """
    user = await user_of_identity(login.issuer, login.subject) or await _at_first_sight(login)
    if user.is_disabled:
        raise ProblemError("account_disabled")
    if login.issued_at <= user.roles_as_of:
        return user.id, user.roles
    return user.id, await follow_claim(user, list(login.roles), login.issued_at)


async def _at_first_sight(login: ExternalLogin) -> ExternalUser:
    email = normalized_email(login.email or "")
    if email is None:
        raise ProblemError("login_without_email")
    try:
        await add_external_user(
            login,
            email=email,
            name=normalized_name(login.name) or email.partition("@")[0],
            locale=DEFAULT_LOCALE,
            time_zone=DEFAULT_TIME_ZONE,
        )
    except BusinessRefusalError:
        # By another request of the same person a moment ago, or by somebody who registered here.
        if login.email_verified:
            await link_identity(login, email)
    user = await user_of_identity(login.issuer, login.subject)
    if user is None:
        raise ProblemError("login_not_linked")
    return user
