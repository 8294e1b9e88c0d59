"""Razorpay's webhooks."""

from typing import Any

from litestar import Request, Response, post
from litestar.di import NamedDependency

from api.access import PUBLIC, requires
from api.http.rates import UNLIMITED
from api.webhooks.receiving import OF_WEBHOOKS, Received, receive
from bootstrap import Services
from gateways.payments.signatures import verify_razorpay


@post(
    "/api/v1/webhooks/razorpay",
    operation_id="receiveRazorpayEvent",
    tags=["Webhooks"],
    status_code=200,
    **requires(PUBLIC, *OF_WEBHOOKS, rate=UNLIMITED),
)
async def receive_razorpay_event(
    request: Request[Any, Any, Any], services: NamedDependency[Services]
) -> Response[Received]:
    """Keep a signed event of Razorpay's and answer; what it tells follows after the answer."""
    secret = services.settings.razorpay_webhook_secret.get_secret_value()
    body, headers = await request.body(), request.headers
    signature, event_id = headers.get("X-Razorpay-Signature"), headers.get("X-Razorpay-Event-Id")
    return await receive(services, "razorpay", lambda: verify_razorpay(body, signature, event_id, secret))
