"""The step that tells people."""

from datetime import UTC, datetime
from email.utils import parseaddr

import msgspec
import structlog
from temporalio import activity

from db.queries.messaging.messages import MessageRow, mark_failed, mark_sent, read_message
from domain.billing.seller import Seller
from domain.errors import BusinessRefusalError
from domain.identity.email_links import LinkTokens
from domain.messaging.mail_facts import CommunicationFacts, EnrollmentFacts, LinkFacts
from domain.messaging.messages import OutgoingEmail
from domain.messaging.telling import Category
from domain.messaging.unsubscribe import UnsubscribeTokens
from gateways.messaging.protocol import EmailSender
from gateways.messaging.rendering import render

log = structlog.get_logger()


class Messages:
    """Writes and sends the queued e-mails."""

    def __init__(
        self,
        sender: EmailSender,
        links: LinkTokens,
        unsubscribing: UnsubscribeTokens,
        *,
        mail_from: str,
        public_base_url: str,
        seller: Seller,
    ) -> None:
        """`mail_from` is `Name <address>`; its host also makes the Message-IDs."""
        self._sender = sender
        self._links = links
        self._unsubscribing = unsubscribing
        self._mail_from = mail_from
        self._host = parseaddr(mail_from)[1].rpartition("@")[2]
        self._public_base_url = public_base_url
        self._seller = seller

    @activity.defn(name="send_message")
    async def send(self, message_id: str) -> None:
        """Send one queued e-mail, by its row's id; what was sent or failed before is left alone.

        At least once: between the server's 250 and our mark it may happen twice, with the same Message-ID. What can
        never be sent is marked `failed` and the story goes on. Raises `OutageError` when the server is away,
        `LookupError` for a template that only a newer worker knows, and `BusinessRefusalError("message_missing")`.
        """
        message = await read_message(message_id)
        if message is None:
            raise BusinessRefusalError("message_missing")
        if message.status != "queued":
            return
        try:
            await self._sender.send(self._write(message))
        except BusinessRefusalError as refusal:
            log.warning("message_refused", message_id=message_id, reason=refusal.code)
            await mark_failed(message_id, refusal.code)
        else:
            await mark_sent(message_id)

    def _write(self, message: MessageRow) -> OutgoingEmail:
        """The e-mail in words. Raises `BusinessRefusalError` when there is no point in it any more."""
        if message.is_disabled:
            raise BusinessRefusalError("recipient_disabled")
        if message.is_unwanted:
            raise BusinessRefusalError("opted_out")
        if message.is_unverified:
            raise BusinessRefusalError("address_unverified")
        facts = message.facts
        if isinstance(facts, EnrollmentFacts) and facts.has_ended:
            # Refunded while the mail waited: "you can begin now" would be wrong by now.
            raise BusinessRefusalError("access_ended")
        if isinstance(facts, LinkFacts):
            facts = self._with_token(facts)
        unsubscribe_url = self._unsubscribe_url(message)
        if isinstance(facts, CommunicationFacts):
            facts = msgspec.structs.replace(facts, unsubscribe_url=unsubscribe_url)
        mail = render(facts, message.reader, public_base_url=self._public_base_url, seller=self._seller)
        return OutgoingEmail(
            message_id=f"<{message.id}@{self._host}>",
            to=message.email,
            to_name=mail.to_name,
            from_=self._mail_from,
            subject=mail.subject,
            html=mail.html,
            text=mail.text,
            sent_at=message.created_at,
            language=mail.language,
            unsubscribe_url=unsubscribe_url,
        )

    def _unsubscribe_url(self, message: MessageRow) -> str:
        if message.category is Category.TRANSACTIONAL:
            return ""
        token = self._unsubscribing.issue(message.user_id, message.category)
        return f"{self._public_base_url.rstrip('/')}/api/v1/unsubscribe/{token}"

    def _with_token(self, facts: LinkFacts) -> LinkFacts:
        if facts.is_spent or facts.expires_at <= datetime.now(UTC):
            # It waited too long: a link that does not work only puzzles its reader.
            raise BusinessRefusalError("link_expired")
        return msgspec.structs.replace(facts, token=self._links.issue(facts.link_id, facts.purpose))
