"""Pure checks of what message providers post to us; nothing of a body, a header or a secret is in an error."""

import base64
import hashlib
import hmac
from urllib.parse import parse_qsl

import msgspec

from domain.messaging.receipts import Delivery, Receipt

TWILIO = {
    "sent": Delivery.SENT,
    "delivered": Delivery.DELIVERED,
    "read": Delivery.READ,
    "undelivered": Delivery.UNDELIVERED,
    "failed": Delivery.UNDELIVERED,
}
"""https://www.twilio.com/docs/messaging/api/message-resource#message-status-values; the others say nothing new."""
WHATSAPP = {
    "sent": Delivery.SENT,
    "delivered": Delivery.DELIVERED,
    "read": Delivery.READ,
    "failed": Delivery.UNDELIVERED,
}


LONGEST_ID = 255
"""Twilio's have 34 characters, WhatsApp's some 60."""


class ReceiptSignatureError(Exception):
    """The signature is missing or wrong: answer 400 and keep nothing."""


class ReceiptPayloadError(Exception):
    """The provider did sign this body, but it is not built as documented."""


class _Status(msgspec.Struct, frozen=True):
    id: str
    status: str


class _Value(msgspec.Struct, frozen=True):
    statuses: list[_Status] = []


class _Change(msgspec.Struct, frozen=True):
    value: _Value


class _Entry(msgspec.Struct, frozen=True):
    changes: list[_Change] = []


class _WhatsAppBody(msgspec.Struct, frozen=True):
    entry: list[_Entry] = []


def twilio_signature(url: str, fields: list[tuple[str, str]], token: str) -> str:
    """HMAC-SHA1 of the callback's address and its sorted fields (https://www.twilio.com/docs/usage/security)."""
    text = url + "".join(name + value for name, value in sorted(fields))
    return base64.b64encode(hmac.digest(token.encode(), text.encode(), hashlib.sha1)).decode()


def verify_twilio(raw_body: bytes, header: str | None, url: str, token: str) -> list[Receipt]:
    """The receipt of a status callback to `url`, as Twilio called it. Raises the two errors above.

    Twilio signs no time; a receipt that is played again says what is known already.
    """
    try:
        fields = parse_qsl(raw_body.decode(), keep_blank_values=True, max_num_fields=100)
    except ValueError:
        fields = []
    if not token or not _same(header, twilio_signature(url, fields, token)):
        raise ReceiptSignatureError
    values = dict(fields)
    message_id, status = values.get("MessageSid"), values.get("MessageStatus")
    if not message_id or not status:
        raise ReceiptPayloadError
    return _known("twilio", TWILIO, [(message_id, status)])


def whatsapp_signature(raw_body: bytes, secret: str) -> str:
    """`X-Hub-Signature-256` (https://developers.facebook.com/docs/graph-api/webhooks/getting-started)."""
    return "sha256=" + hmac.digest(secret.encode(), raw_body, hashlib.sha256).hex()


def verify_whatsapp(raw_body: bytes, header: str | None, secret: str) -> list[Receipt]:
    """The receipts in a webhook; messages that people wrote to us are in it, too, and not read. Raises as above."""
    if not secret or not _same(header, whatsapp_signature(raw_body, secret)):
        raise ReceiptSignatureError
    try:
        body = msgspec.json.decode(raw_body, type=_WhatsAppBody)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ReceiptPayloadError from None
    statuses = [s for entry in body.entry for change in entry.changes for s in change.value.statuses]
    return _known("whatsapp", WHATSAPP, [(status.id, status.status) for status in statuses])


def is_verify_token(given: str | None, token: str) -> bool:
    """Whether the challenge of a webhook's set-up carries the token that its operator chose."""
    return bool(token) and _same(given, token)


def _same(given: str | None, expected: str) -> bool:
    return given is not None and hmac.compare_digest(given.encode(), expected.encode())


def _known(provider: str, words: dict[str, Delivery], told: list[tuple[str, str]]) -> list[Receipt]:
    """The receipts that say something new. Raises `ReceiptPayloadError` for an id that no table of ours can hold."""
    if any(len(message_id) > LONGEST_ID or "\0" in message_id for message_id, _ in told):
        raise ReceiptPayloadError
    return [
        Receipt(provider=provider, provider_message_id=message_id, delivery=words[status])
        for message_id, status in told
        if status in words
    ]
