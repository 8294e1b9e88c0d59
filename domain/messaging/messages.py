"""Messages to people, ready to hand to a channel; what they say is decided before, in the causing transaction."""

from datetime import datetime

import msgspec


class OutgoingEmail(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One e-mail to one person. Sending it twice sends the same `message_id`, which mail readers fold into one."""

    message_id: str
    """With its angle brackets, as in RFC 5322 §3.6.4: `<01890a5d…@academy.example>`; fixed by the message's row."""
    to: str
    """The bare address (`student@academy.example`); never written to a log."""
    to_name: str = ""
    from_: str = msgspec.field(name="from")
    """`Academy <no-reply@academy.example>`; the envelope's sender is the address in it."""
    subject: str
    html: str
    text: str
    """The same words for readers that show no HTML; every e-mail carries both."""
    sent_at: datetime
    """The `Date` header (aware); fixed by the row as well, so that a second delivery is the same bytes."""
    reply_to: str = ""
    language: str = "en"
    """BCP 47 tag of both parts, sent as `Content-Language` (RFC 3282)."""
    unsubscribe_url: str = ""
    """HTTPS address of the one-click unsubscribe (RFC 8058); empty for mail that nobody can unsubscribe from."""
