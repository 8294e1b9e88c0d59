"""Receipts over HTTP: only what is signed is kept."""

import json
from urllib.parse import urlencode

import httpx
import pytest

from bootstrap import Services
from db.sql import fetch
from domain.identifiers import new_id
from gateways.messaging.signatures import twilio_signature, whatsapp_signature

TWILIO = "/api/v1/webhooks/twilio"
WHATSAPP = "/api/v1/webhooks/whatsapp"


async def kept(provider_message_id: str) -> list[str]:
    rows = await fetch(
        "SELECT delivery FROM message_receipts WHERE provider_message_id = $1 ORDER BY id", provider_message_id
    )
    return [row["delivery"] for row in rows]


def twilio(services: Services, sid: str, status: str, token: str | None = None) -> tuple[bytes, dict[str, str]]:
    settings = services.settings
    fields = [("MessageSid", sid), ("MessageStatus", status), ("To", "+919999999999")]
    token = token or settings.twilio_auth_token.get_secret_value()
    signature = twilio_signature(f"{settings.public_base_url}{TWILIO}", fields, token)
    headers = {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"}
    return urlencode(fields).encode(), headers


def test_the_signature_is_the_one_of_twilios_own_example() -> None:
    """https://www.twilio.com/docs/usage/security: with the token `12345`."""
    fields = {"CallSid": "CA1234567890ABCDE", "Caller": "+14158675310", "Digits": "1234"}
    fields |= {"From": "+14158675310", "To": "+18005551212"}
    url = "https://example.com/myapp.php?foo=1&bar=2"
    assert twilio_signature(url, list(fields.items()), "12345") == "L/OH5YylLD5NRKLltdqwSvS0BnU="


async def test_a_signed_receipt_is_kept_once_also_unmatched(client: httpx.AsyncClient, services: Services) -> None:
    sid = f"SM{new_id()}"
    for status in ("queued", "sent", "sent", "delivered"):
        body, headers = twilio(services, sid, status)
        answer = await client.post(TWILIO, content=body, headers=headers)
        assert answer.status_code == 200, answer.text
    assert await kept(sid) == ["sent", "delivered"]


@pytest.mark.parametrize("broken", ["another token", "no signature", "another body"])
async def test_what_twilio_did_not_sign_is_refused(client: httpx.AsyncClient, services: Services, broken: str) -> None:
    sid = f"SM{new_id()}"
    body, headers = twilio(services, sid, "delivered", "another" if broken == "another token" else None)
    if broken == "no signature":
        del headers["X-Twilio-Signature"]
    if broken == "another body":
        body = body.replace(b"delivered", b"failed")
    answer = await client.post(TWILIO, content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "signature_refused")
    assert await kept(sid) == []


def whatsapp(wamid: str, status: str) -> bytes:
    change = {"field": "messages", "value": {"statuses": [{"id": wamid, "status": status}]}}
    return json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]}).encode()


async def test_whatsapp_statuses(client: httpx.AsyncClient, services: Services) -> None:
    secret = services.settings.whatsapp_app_secret.get_secret_value()
    wamid = f"wamid.{new_id()}"

    async def post(body: bytes, signature: str | None) -> tuple[int, str | None]:
        headers = {"Content-Type": "application/json"} | ({"X-Hub-Signature-256": signature} if signature else {})
        answer = await client.post(WHATSAPP, content=body, headers=headers)
        return answer.status_code, answer.json().get("code")

    body = whatsapp(wamid, "read")
    assert await post(body, None) == (400, "signature_refused")
    assert await post(body, whatsapp_signature(body, "another")) == (400, "signature_refused")
    assert await post(body + b" ", whatsapp_signature(body, secret)) == (400, "signature_refused")
    assert await kept(wamid) == []
    assert await post(body, whatsapp_signature(body, secret)) == (200, None)
    assert await kept(wamid) == ["read"]
    assert await post(b"[]", whatsapp_signature(b"[]", secret)) == (422, "payload_not_understood")
    message = b'{"entry": [{"changes": [{"value": {"messages": [{"text": {"body": "hello"}}]}}]}]}'
    assert await post(message, whatsapp_signature(message, secret)) == (200, None)


async def test_the_challenge_is_answered_to_who_knows_the_token(client: httpx.AsyncClient, services: Services) -> None:
    token = services.settings.whatsapp_verify_token.get_secret_value()
    asked = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": token}
    answer = await client.get(WHATSAPP, params=asked)
    assert (answer.status_code, answer.text) == (200, "1158201444")
    assert answer.headers["content-type"].startswith("text/plain")
    for wrong in ({"hub.verify_token": "x"}, {"hub.mode": "x"}):
        assert (await client.get(WHATSAPP, params=asked | wrong)).status_code == 400
    assert (await client.get(WHATSAPP)).status_code == 400
