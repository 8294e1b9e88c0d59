"""Webhooks as Stripe would send them, signed."""

import json
import time
from typing import Any

import httpx
from stripe import WebhookSignature

from bootstrap import Services
from domain.identifiers import new_id


def signed_event(
    event_type: str, thing: dict[str, Any], secret: str, *, event_id: str | None = None, age_seconds: int = 0
) -> tuple[bytes, dict[str, str]]:
    """The raw body and the headers of one event about a Stripe object."""
    event = {
        "id": event_id or f"evt_{new_id()}",
        "object": "event",
        "type": event_type,
        "created": int(time.time()),
        "data": {"object": thing},
    }
    body = json.dumps(event)
    signature = WebhookSignature.generate_signature_header(body, secret, timestamp=int(time.time()) - age_seconds)
    return body.encode(), {"Content-Type": "application/json", "Stripe-Signature": signature}


async def post_event(
    client: httpx.AsyncClient, services: Services, event_type: str, thing: dict[str, Any], **more: Any
) -> httpx.Response:
    """Post a signed event to the API."""
    secret = services.settings.stripe_webhook_secret.get_secret_value()
    body, headers = signed_event(event_type, thing, secret, **more)
    return await client.post("/api/v1/webhooks/stripe", content=body, headers=headers)
