"""`/api/v1/auth`: addresses verified, passwords reset and changed."""

from typing import Any

from litestar import Controller, Request, Response, post
from litestar.background_tasks import BackgroundTask
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.status_codes import HTTP_202_ACCEPTED, HTTP_204_NO_CONTENT

from api.access import AUTHENTICATED, PUBLIC, requires
from api.http.client_address import address_of
from api.http.problems import ProblemError
from api.identity.recovery import Recovery
from api.identity.schemas import ChangePasswordBody, LinkBody, PasswordResetBody, ResetRequestBody
from api.subject import Subject


class RecoveryController(Controller):
    """Links by e-mail, and passwords. Mails are sent after the answer, so that no answer waits for them."""

    path = "/api/v1/auth"
    tags = ("Identity",)

    @post(
        "/email-verifications",
        operation_id="requestEmailVerification",
        status_code=HTTP_202_ACCEPTED,
        **requires(AUTHENTICATED, "email_verified", "too_many_requests"),
    )
    async def ask_to_verify(
        self,
        recovery: NamedDependency[Recovery],
        subject: NamedDependency[Subject],
        request: Request[Any, Any, Any],
    ) -> Response[None]:
        """Send the caller's address another link; the first was sent at registration. It works for three days."""
        message_id = await recovery.ask_to_verify(subject.user_id, address_of(request))
        return Response(None, background=BackgroundTask(recovery.tell, message_id))

    @post(
        "/email-verifications/confirm",
        operation_id="confirmEmailVerification",
        status_code=HTTP_204_NO_CONTENT,
        **requires(PUBLIC, "link_refused"),
    )
    async def verify(self, data: JSONBody[LinkBody], recovery: NamedDependency[Recovery]) -> None:
        """Say that the link of the mail was followed. Repeating it changes nothing."""
        await recovery.verify(data.token)

    @post(
        "/password-resets",
        operation_id="requestPasswordReset",
        status_code=HTTP_202_ACCEPTED,
        **requires(PUBLIC, "too_many_requests"),
    )
    async def ask_for_reset(
        self,
        data: JSONBody[ResetRequestBody],
        recovery: NamedDependency[Recovery],
        request: Request[Any, Any, Any],
    ) -> Response[None]:
        """Send this address a link, if it has an account with a password; the answer does not tell whether it has.

        The account is looked for after the answer: ask again when no mail comes within some minutes.
        """
        email = await recovery.count_reset(data.email, address_of(request))
        return Response(None, background=BackgroundTask(recovery.send_reset, email))

    @post(
        "/password-resets/confirm",
        operation_id="confirmPasswordReset",
        status_code=HTTP_204_NO_CONTENT,
        **requires(PUBLIC, "link_refused", "validation_failed"),
    )
    async def reset(self, data: JSONBody[PasswordResetBody], recovery: NamedDependency[Recovery]) -> Response[None]:
        """Set a new password by the link of the mail, once, within half an hour. Every session ends: log in anew."""
        message_id = await recovery.reset(data.token, data.password)
        return Response(None, background=BackgroundTask(recovery.tell, message_id))

    @post(
        "/password",
        operation_id="changePassword",
        status_code=HTTP_204_NO_CONTENT,
        **requires(AUTHENTICATED, "validation_failed", "login_elsewhere", "too_many_requests"),
    )
    async def change(
        self,
        data: JSONBody[ChangePasswordBody],
        recovery: NamedDependency[Recovery],
        subject: NamedDependency[Subject],
        request: Request[Any, Any, Any],
    ) -> Response[None]:
        """Set a new password by the present one. Every other session ends."""
        if subject.session_id is None:
            raise ProblemError("login_elsewhere")
        message_id = await recovery.change(
            subject.user_id, subject.session_id, data.current_password, data.new_password, address_of(request)
        )
        return Response(None, background=BackgroundTask(recovery.tell, message_id))
