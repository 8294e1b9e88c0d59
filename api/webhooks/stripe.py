"""Stripe's webhooks."""

from typing import Any

from litestar import Request, Response, post
from litestar.di import NamedDependency

from api.access import PUBLIC, requires
from api.http.rates import UNLIMITED
from api.webhooks.receiving import OF_WEBHOOKS, Received, receive
from bootstrap import Services
from gateways.payments.signatures import verify_stripe


@post(
    "/api/v1/webhooks/stripe",
    operation_id="receiveStripeEvent",
    tags=["Webhooks"],
    status_code=200,
    **requires(PUBLIC, *OF_WEBHOOKS, rate=UNLIMITED),
)
async def receive_stripe_event(
    request: Request[Any, Any, Any], services: NamedDependency[Services]
) -> Response[Received]:
    """Keep a signed event of Stripe's and answer; what it tells follows after the answer."""
    secret = services.settings.stripe_webhook_secret.get_secret_value()
    body, signature = await request.body(), request.headers.get("Stripe-Signature")
    return await receive(services, "stripe", lambda: verify_stripe(body, signature, secret))
