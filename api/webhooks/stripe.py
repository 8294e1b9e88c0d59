"""Stripe's webhooks: signature → commit → 2xx → deliver; the relay repeats what was not delivered."""

from typing import Any

import structlog
from litestar import Request, Response, post
from litestar.background_tasks import BackgroundTask
from litestar.di import NamedDependency

from api.access import PUBLIC, requires
from api.problems import ProblemError
from api.schemas import ApiStruct
from bootstrap import Services
from db.queries.provider_events import commit_event
from domain.payments import ProviderEvent
from gateways.payments.signatures import PayloadError, SignatureError, verify_stripe

log = structlog.get_logger()


class Received(ApiStruct):
    """The event is kept."""

    received: bool = True


@post(
    "/api/v1/webhooks/stripe",
    operation_id="receiveStripeEvent",
    tags=["Webhooks"],
    status_code=200,
    **requires(PUBLIC, "signature_refused", "payload_not_understood", "service_unavailable"),
)
async def receive_stripe_event(
    request: Request[Any, Any, Any], services: NamedDependency[Services]
) -> Response[Received]:
    """Keep a signed event and answer; a doubled one is delivered again only if the first was not."""
    secret = services.settings.stripe_webhook_secret.get_secret_value()
    try:
        event = verify_stripe(await request.body(), request.headers.get("Stripe-Signature"), secret)
    except SignatureError:
        raise ProblemError("signature_refused") from None
    except PayloadError:
        log.error("alarm_signed_event_not_understood", provider="stripe")
        raise ProblemError("payload_not_understood") from None
    stored = await commit_event(event)
    task = None if stored.is_delivered else BackgroundTask(_deliver, services, stored.id, event)
    return Response(Received(), background=task)


async def _deliver(services: Services, row_id: str, event: ProviderEvent) -> None:
    """After the answer: what fails here is repeated by the relay."""
    try:
        await services.delivery.deliver_and_mark(row_id, event)
    except Exception as error:  # whatever it was, the event is committed and the relay has it
        log.warning("event_not_delivered_yet", event_row=row_id, error=type(error).__name__)
