"""The one door to a mail server."""

from typing import Protocol

from domain.messaging.messages import OutgoingEmail


class EmailSender(Protocol):
    """Hands one e-mail to a server that takes responsibility for it."""

    async def send(self, message: OutgoingEmail) -> None:
        """Deliver to the server; returning means that it said 250.

        Raises `BusinessRefusalError("recipient_refused")` when the server refuses the recipient for good,
        `BusinessRefusalError("message_refused")` when it refuses the sender or the message for good,
        `BusinessRefusalError("message_invalid")` when a header could not be written safely,
        `OutageError` when the server was not reached or said "later" (nothing was accepted), and
        `UnknownOutcomeError` when the connection failed after the message was handed over: it may have arrived.
        """
        ...

    async def close(self) -> None:
        """End the idle connections politely."""
        ...
