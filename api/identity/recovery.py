"""Proving an address, and getting to a new password: what the routes of `recovery_controller` do (docs/identity.md)."""

import structlog

from api.http.problems import ProblemError
from api.http.schemas import FieldError
from api.identity.passwords import hash_password, password_fits
from api.identity.throttle import LoginThrottle
from bootstrap import Services
from db.queries.identity.accounts import Credentials, credentials_of, profile_of
from db.queries.identity.email_links import (
    change_password,
    follow_verification,
    owner_of_reset,
    queue_reset,
    queue_verification,
    reset_password,
)
from db.transaction import in_transaction
from domain.errors import AcademyError
from domain.identity.accounts import normalized_email, password_problem
from domain.identity.email_links import LinkPurpose, LinkTokens

log = structlog.get_logger()


class Recovery:
    """Links by e-mail, and passwords. `mails` counts what makes us send one, `logins` tries of a password."""

    def __init__(self, services: Services, links: LinkTokens, *, mails: LoginThrottle, logins: LoginThrottle) -> None:
        self._services = services
        self._links = links
        self._mails = mails
        self._logins = logins

    async def tell(self, message_id: str) -> None:
        """Start the sending of a committed mail. The relay starts what is lost here, so that nothing is raised."""
        try:
            await self._services.stories.tell_message(message_id)
        except AcademyError as error:
            log.warning("message_left_to_the_relay", error=type(error).__name__, message_id=message_id)

    async def ask_to_verify(self, user_id: str, address: str) -> str:
        """Queue another link for the user's address; the mail's id. Raises `ProblemError` (`too_many_requests`,
        `email_verified`)."""
        profile = await profile_of(user_id)
        if profile is None:
            raise ProblemError("login_required")
        await self._mails.enter(profile.email, address)
        message_id = await queue_verification(user_id)
        if message_id is None:
            raise ProblemError("email_verified")
        return message_id

    async def verify(self, token: str) -> None:
        """Raises `ProblemError("link_refused")`."""
        link_id = self._links.link_of(token, LinkPurpose.VERIFY_EMAIL)
        if link_id is None or not await follow_verification(link_id):
            raise ProblemError("link_refused")

    async def count_reset(self, email: str, address: str) -> str:
        """The address in its stored form, after counting. Raises `ProblemError("too_many_requests")`.

        Whether it has an account is not looked at before the answer, which therefore takes the same work either way.
        """
        known_as = normalized_email(email) or ""
        await self._mails.enter(known_as or email, address)
        return known_as

    async def send_reset(self, email: str) -> None:
        """Queue and send the link, if the address has an account. After the answer, hence nothing is raised."""
        try:
            message_id = await queue_reset(email)
        except Exception as error:  # whatever it is: the answer has gone out, and the person asks again
            log.error("password_reset_not_queued", error=type(error).__name__)
            return
        if message_id is not None:
            await self.tell(message_id)

    async def reset(self, token: str, password: str) -> str:
        """Set the password; the id of the mail that says so.

        Raises `ProblemError` (`link_refused`, `validation_failed`). A password that cannot be taken does not use the
        link up.
        """
        link_id = self._links.link_of(token, LinkPurpose.RESET_PASSWORD)
        owner = await owner_of_reset(link_id) if link_id else None
        if link_id is None or owner is None:
            raise ProblemError("link_refused")
        _require_good("password", password, owner.email, owner.name)
        password_hash = await hash_password(password)
        message_id = await in_transaction(lambda: reset_password(link_id, password_hash))
        if message_id is None:
            raise ProblemError("link_refused")
        await self._logins.forget(owner.email)
        return message_id

    async def prove(self, user_id: str, field: str, password: str, address: str) -> Credentials:
        """See that the caller knows the account's password, as at a login; a refusal names the `field`.

        Raises `ProblemError` (`validation_failed`, `too_many_requests`): who holds a stolen token must not be able to
        guess the password here more often than at the login.
        """
        profile = await profile_of(user_id)
        credentials = await credentials_of(profile.email) if profile else None
        if profile is None or credentials is None:
            raise ProblemError("login_required")
        await self._logins.enter(profile.email, address)
        if not await password_fits(credentials.password_hash, password):
            raise _refused(field, "This is not your present password.")
        await self._logins.succeeded(profile.email, address)
        return credentials

    async def change(self, user_id: str, session_id: str, current: str, new: str, address: str) -> str:
        """Set the password by the present one; the id of the mail that says so.

        Raises `ProblemError` (`validation_failed`, `too_many_requests`).
        """
        profile = await profile_of(user_id)
        if profile is None:
            raise ProblemError("login_required")
        _require_good("newPassword", new, profile.email, profile.name)
        credentials = await self.prove(user_id, "currentPassword", current, address)
        password_hash = await hash_password(new)
        message_id = await in_transaction(
            lambda: change_password(user_id, session_id, password_hash, credentials.password_changed_at)
        )
        if message_id is None:
            raise _refused("currentPassword", "Your password was changed meanwhile.")
        return message_id


def _require_good(field: str, password: str, email: str, name: str) -> None:
    problem = password_problem(password, email, name)
    if problem:
        raise _refused(field, problem)


def _refused(field: str, message: str) -> ProblemError:
    return ProblemError("validation_failed", errors=[FieldError(field=field, message=message)])
