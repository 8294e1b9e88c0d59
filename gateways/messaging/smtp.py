"""SMTP (RFC 5321) over a few connections that are kept open."""

import asyncio
import contextlib
import ssl
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib

from domain.errors import AcademyError, BusinessRefusalError, OutageError, UnknownOutcomeError
from domain.messaging.messages import OutgoingEmail
from gateways.messaging.mime import as_bytes, envelope_sender, is_deliverable

DEFAULT_PORTS = {"smtp": 587, "smtps": 465}


class SmtpSender:
    """`EmailSender` over SMTP; one per process. Each connection carries one mail at a time."""

    def __init__(self, smtp_url: str, *, connections: int = 4, timeout_seconds: float = 10.0) -> None:
        """`smtp_url`: `smtp://user:password@host:port`, `smtps://…` (TLS from the start), `smtp://…?starttls=1`.

        `timeout_seconds` bounds each answer of the server. Raises `ValueError`, without the URL's secrets,
        when the URL cannot be used.
        """
        parts = urlsplit(smtp_url)
        if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
            raise ValueError("SMTP_URL must look like smtp://user:password@host:port or smtps://…")
        self._host = parts.hostname
        self._port = parts.port or DEFAULT_PORTS[parts.scheme]
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._tls = parts.scheme == "smtps"
        self._starttls = parse_qs(parts.query).get("starttls") == ["1"]
        secured = self._tls or self._starttls
        self._tls_context = ssl.create_default_context() if secured else None
        self._timeout = timeout_seconds
        # Last in, first out: a quiet system keeps to one connection.
        self._idle: asyncio.LifoQueue[aiosmtplib.SMTP] = asyncio.LifoQueue()
        for _ in range(connections):
            self._idle.put_nowait(self._new_client())

    async def send(self, message: OutgoingEmail) -> None:
        """See `EmailSender`."""
        sender = envelope_sender(message)
        if not is_deliverable(message.to):
            raise BusinessRefusalError("recipient_refused")
        content = as_bytes(message)
        client = await self._idle.get()
        try:
            refusal = await self._deliver(client, sender, message.to, content)
        except BaseException:
            # Cancelled half-way: the dialogue is at an unknown point.
            client.close()
            raise
        finally:
            self._idle.put_nowait(client)
        if refusal is not None:
            raise refusal

    async def close(self) -> None:
        """See `EmailSender`."""
        for _ in range(self._idle.qsize()):
            client = self._idle.get_nowait()
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                if client.is_connected:
                    await client.quit()
            client.close()
            self._idle.put_nowait(client)

    async def _deliver(
        self, client: aiosmtplib.SMTP, sender: str, recipient: str, content: bytes
    ) -> AcademyError | None:
        """One mail; the error is returned, so that the server's own text is not even its context."""
        handed_over = False
        try:
            await self._begin(client, sender)
            await client.rcpt(recipient, encoding="ascii")
            handed_over = True
            await client.data(content)
        except aiosmtplib.SMTPResponseException as error:
            await self._tidy(client)
            return _answered(error)
        except (aiosmtplib.SMTPException, OSError):
            client.close()
            return UnknownOutcomeError("smtp_silent") if handed_over else OutageError("smtp_unreachable")
        return None

    async def _begin(self, client: aiosmtplib.SMTP, sender: str) -> None:
        """MAIL FROM, on the open connection or on a new one when the server has closed it meanwhile."""
        if client.is_connected:
            try:
                await client.mail(sender, encoding="ascii")
            except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError):
                client.close()
            except aiosmtplib.SMTPSenderRefused as error:
                if error.code != aiosmtplib.SMTPStatus.domain_unavailable:  # 421: closing (RFC 5321 §3.8)
                    raise
                client.close()
            else:
                return
        await client.connect()
        await client.mail(sender, encoding="ascii")

    async def _tidy(self, client: aiosmtplib.SMTP) -> None:
        """Back to the start of a dialogue after a refusal, or to none."""
        try:
            await client.rset()
        except (aiosmtplib.SMTPException, OSError):
            client.close()

    def _new_client(self) -> aiosmtplib.SMTP:
        return aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            username=self._user,
            password=self._password,
            timeout=self._timeout,
            use_tls=self._tls,
            start_tls=self._starttls,
            tls_context=self._tls_context,
            local_hostname="localhost",
        )


def _answered(error: aiosmtplib.SMTPResponseException) -> AcademyError:
    """Only a mailbox or a mail can be refused for good; a server that refuses *us* may be put right."""
    about_this_mail = isinstance(
        error, aiosmtplib.SMTPRecipientRefused | aiosmtplib.SMTPSenderRefused | aiosmtplib.SMTPDataError
    )
    if not about_this_mail or not 500 <= error.code < 600:
        return OutageError(f"smtp_answered_{error.code}")
    refused_recipient = isinstance(error, aiosmtplib.SMTPRecipientRefused)
    return BusinessRefusalError("recipient_refused" if refused_recipient else "message_refused")
