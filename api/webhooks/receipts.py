"""Delivery receipts of messages: signature → commit → 2xx. What fits no message yet is kept and found later."""

from typing import Annotated, Any

import structlog
from litestar import MediaType, Request, get, post
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from api.access import PUBLIC, requires
from api.http.problems import ProblemError
from api.http.rates import UNLIMITED
from api.webhooks.receiving import OF_WEBHOOKS, Received
from bootstrap import Services
from db.queries.messaging.receipts import keep_receipts
from gateways.messaging.signatures import (
    ReceiptPayloadError,
    ReceiptSignatureError,
    is_verify_token,
    verify_twilio,
    verify_whatsapp,
)

log = structlog.get_logger()

ANSWERS = requires(PUBLIC, *OF_WEBHOOKS, rate=UNLIMITED)


@post(
    "/api/v1/webhooks/twilio",
    operation_id="receiveTwilioReceipt",
    tags=["Webhooks"],
    status_code=200,
    **ANSWERS,
)
async def receive_twilio_receipt(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Received:
    """Keep Twilio's status callback of an SMS."""
    settings = services.settings
    # As we told it to Twilio, which signs it: a proxy may have changed what the request shows.
    url = f"{settings.public_base_url.rstrip('/')}/api/v1/webhooks/twilio"
    try:
        receipts = verify_twilio(
            await request.body(),
            request.headers.get("X-Twilio-Signature"),
            url,
            settings.twilio_auth_token.get_secret_value(),
        )
    except (ReceiptSignatureError, ReceiptPayloadError) as error:
        raise _refusal("twilio", error) from None
    await keep_receipts(receipts)
    return Received()


@post(
    "/api/v1/webhooks/whatsapp",
    operation_id="receiveWhatsAppReceipts",
    tags=["Webhooks"],
    status_code=200,
    **ANSWERS,
)
async def receive_whatsapp_receipts(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Received:
    """Keep the statuses in a webhook of the WhatsApp Cloud API."""
    secret = services.settings.whatsapp_app_secret.get_secret_value()
    try:
        receipts = verify_whatsapp(await request.body(), request.headers.get("X-Hub-Signature-256"), secret)
    except (ReceiptSignatureError, ReceiptPayloadError) as error:
        raise _refusal("whatsapp", error) from None
    await keep_receipts(receipts)
    return Received()


@get(
    "/api/v1/webhooks/whatsapp",
    operation_id="verifyWhatsAppWebhook",
    tags=["Webhooks"],
    media_type=MediaType.TEXT,
    **requires(PUBLIC, "signature_refused", rate=UNLIMITED),
)
async def verify_whatsapp_webhook(
    services: NamedDependency[Services],
    mode: Annotated[str | None, QueryParameter(name="hub.mode")] = None,
    token: Annotated[str | None, QueryParameter(name="hub.verify_token")] = None,
    challenge: Annotated[str | None, QueryParameter(name="hub.challenge", max_length=200)] = None,
) -> str:
    """Answer Meta's challenge when the webhook is set up: the challenge itself, to who knows our verify token."""
    expected = services.settings.whatsapp_verify_token.get_secret_value()
    if mode != "subscribe" or challenge is None or not is_verify_token(token, expected):
        raise ProblemError("signature_refused")
    return challenge


def _refusal(provider: str, error: ReceiptSignatureError | ReceiptPayloadError) -> ProblemError:
    if isinstance(error, ReceiptSignatureError):
        return ProblemError("signature_refused")
    log.error("alarm_signed_event_not_understood", provider=provider)
    return ProblemError("payload_not_understood")
