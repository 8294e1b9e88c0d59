"""Receipts that are signed rightly and that no table of ours can hold."""

import json
from urllib.parse import urlencode

import pytest

from gateways.messaging.signatures import (
    LONGEST_ID,
    ReceiptPayloadError,
    twilio_signature,
    verify_twilio,
    verify_whatsapp,
    whatsapp_signature,
)

URL = "https://academy.example/api/v1/webhooks/twilio"
UNSTORABLE = ["\0", "a\0b", "x" * (LONGEST_ID + 1)]


@pytest.mark.parametrize("message_id", UNSTORABLE)
def test_twilio(message_id: str) -> None:
    fields = [("MessageSid", message_id), ("MessageStatus", "sent")]
    with pytest.raises(ReceiptPayloadError):
        verify_twilio(urlencode(fields).encode(), twilio_signature(URL, fields, "token"), URL, "token")


@pytest.mark.parametrize("message_id", UNSTORABLE)
def test_whatsapp(message_id: str) -> None:
    statuses = [{"id": "good", "status": "sent"}, {"id": message_id, "status": "sent"}]
    body = json.dumps({"entry": [{"changes": [{"value": {"statuses": statuses}}]}]}).encode()
    with pytest.raises(ReceiptPayloadError):
        verify_whatsapp(body, whatsapp_signature(body, "secret"), "secret")


def test_nesting_without_end() -> None:
    body = b'{"a":' * 50_000
    with pytest.raises(ReceiptPayloadError):
        verify_whatsapp(body, whatsapp_signature(body, "secret"), "secret")
