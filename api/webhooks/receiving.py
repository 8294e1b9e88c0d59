"""Signature → commit → 2xx → deliver, for every provider; the relay repeats what was not delivered."""

from collections.abc import Callable

import structlog
from litestar import Response
from litestar.background_tasks import BackgroundTask

from api.http.bodies import OF_A_BODY
from api.http.problems import ProblemError
from api.http.schemas import ApiStruct
from bootstrap import Services
from db.queries.billing.provider_events import commit_event, with_order
from domain.billing.payments import ProviderEvent
from gateways.payments.signatures import PayloadError, SignatureError

log = structlog.get_logger()


OF_WEBHOOKS = (*OF_A_BODY, "signature_refused", "payload_not_understood")
"""What every webhook may be answered with."""


class Received(ApiStruct):
    """The event is kept."""

    received: bool = True


async def receive(services: Services, provider: str, verified: Callable[[], ProviderEvent]) -> Response[Received]:
    """Keep a signed event and answer; a doubled one is delivered again only if the first was not.

    `verified` raises as the signatures' functions do. Raises `ProblemError`; also of a provider that is off, whose
    secret would be the one that everybody can read in our code.
    """
    if provider not in services.providers:
        raise ProblemError("signature_refused")
    try:
        event = verified()
    except SignatureError:
        raise ProblemError("signature_refused") from None
    except PayloadError:
        log.error("alarm_signed_event_not_understood", provider=provider)
        raise ProblemError("payload_not_understood") from None
    event = await with_order(event)
    stored = await commit_event(event)
    task = None if stored.is_delivered else BackgroundTask(_deliver, services, stored.id, event)
    return Response(Received(), background=task)


async def _deliver(services: Services, row_id: str, event: ProviderEvent) -> None:
    """After the answer: what fails here is repeated by the relay."""
    try:
        await services.delivery.deliver_and_mark(row_id, event)
    except Exception as error:  # whatever it was, the event is committed and the relay has it
        log.warning("event_not_delivered_yet", event_row=row_id, error=type(error).__name__)
