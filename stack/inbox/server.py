"""The SMTP side (RFC 5321), and what a test can make go wrong with it."""

import asyncio
import logging

import msgspec
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from stack.inbox.mailbox import Mailbox

LARGEST_MAIL = 10_000_000
"""Bytes."""

# Every command is logged at INFO, with addresses.
logging.getLogger("mail.log").setLevel(logging.ERROR)


class SmtpFaults(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Faults that are on, in memory; the same shape as the body of `POST /api/faults`."""

    temporary: int = 0
    """The next N mails are answered 451 after their data, and not stored."""
    drop_after_store: int = 0
    """The next N mails are stored, and the connection is cut before the client hears 250."""
    refuse_recipients: list[str] = []
    """Addresses that do not exist: 550, until the faults are deleted."""


class Handler:
    """aiosmtpd's hooks."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self.faults = SmtpFaults()

    async def handle_RCPT(  # noqa: N802  # aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, rcpt_options: list[str]
    ) -> str:
        """Accept a recipient, or refuse it for good."""
        if address.lower() in (refused.lower() for refused in self.faults.refuse_recipients):
            return "550 5.1.1 No such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802  # aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Store a mail; 250 is a promise, so the file is there first."""
        if self.faults.temporary > 0:
            self.faults.temporary -= 1
            return "451 4.3.0 Try again later"
        mail_id = self._mailbox.store(envelope.original_content or b"", envelope.mail_from or "", envelope.rcpt_tos)
        if self.faults.drop_after_store > 0:
            self.faults.drop_after_store -= 1
            if isinstance(server.transport, asyncio.WriteTransport):
                server.transport.abort()
            raise ConnectionResetError
        return f"250 2.0.0 OK {mail_id}"


def _anybody(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object) -> AuthResult:
    return AuthResult(success=isinstance(data, LoginPassword))


def new_session(handler: Handler) -> SMTP:
    """The protocol of one connection. Any user name and password is good: it listens on loopback only."""
    return SMTP(
        handler,
        hostname="inbox.localhost",
        ident="Academy inbox",
        data_size_limit=LARGEST_MAIL,
        enable_SMTPUTF8=True,
        authenticator=_anybody,
        auth_require_tls=False,
    )
