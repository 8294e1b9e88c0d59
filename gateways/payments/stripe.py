"""Stripe, spoken through its own library."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar

import httpx
import msgspec
import stripe

from domain.billing.payments import NewPayment, NewRefund, ProviderDispute, ProviderPayment, ProviderRefund
from domain.errors import AcademyError, AnsweredFaultError, BusinessRefusalError, OutageError, UnknownOutcomeError
from gateways.payments.stripe_objects import (
    ORDER_KEY,
    PROVIDER,
    REFUND_KEY,
    Dispute,
    PaymentIntent,
    Refund,
    dispute_of,
    payment_of,
    refund_of,
)

T = TypeVar("T")

PAGE_SIZE = 100
"""The largest page that Stripe gives."""

CLOCK_SLACK = timedelta(minutes=5)
"""Looking for an order's payments starts this much earlier: Stripe's clock is not ours."""

KEYS_LAST = timedelta(hours=23)
"""Stripe prunes keys after at least 24 hours ("Idempotent requests"); an hour less, for clocks and long calls."""

PUBLIC_CODES = {
    "amount_too_large": "amount_too_large",
    "amount_too_small": "amount_too_small",
    "charge_already_refunded": "already_refunded",
    "charge_disputed": "payment_disputed",
}
"""Stripe's error codes (https://docs.stripe.com/error-codes) that a story tells apart, in our words."""

# The library logs whole bodies, with client secrets, at DEBUG and error texts at INFO.
logging.getLogger("stripe").setLevel(logging.WARNING)
stripe.enable_telemetry = False


class StripePayments:
    """`PaymentProvider` over Stripe's API; one per process, its connections are kept alive and shared."""

    name = PROVIDER
    payment_keys_last = refund_keys_last = KEYS_LAST

    def __init__(self, api_base: str, secret_key: str, timeout_seconds: float) -> None:
        """`timeout_seconds` bounds each wait on the network (connect, write, read), not the sum of them."""
        self._http = stripe.HTTPXClient(timeout=timeout_seconds)
        client = stripe.StripeClient(
            secret_key,
            base_addresses={"api": api_base.rstrip("/")},
            http_client=self._http,
            max_network_retries=0,  # Temporal retries, where it is seen
        )
        self._intents = client.v1.payment_intents
        self._refunds = client.v1.refunds
        self._disputes = client.v1.disputes

    async def close(self) -> None:
        """Close the connections; the object is of no use afterwards."""
        await self._http.close_async()  # type: ignore[no-untyped-call]  # the library's own gap

    async def create_payment(self, payment: NewPayment, idempotency_key: str) -> ProviderPayment:
        """See `PaymentProvider`; refusals are `payment_refused` or a word of `PUBLIC_CODES`."""
        intent = await self._writing(
            lambda: self._intents.create_async(
                {
                    "amount": payment.amount_minor,
                    "currency": payment.currency.lower(),
                    "metadata": {ORDER_KEY: payment.order_id},
                    "automatic_payment_methods": {"enabled": True},
                },
                {"idempotency_key": idempotency_key},
            ),
            "payment",
        )
        return _payment(intent)

    async def find_payments(self, order_id: str, created_after: datetime) -> list[ProviderPayment]:
        """See `PaymentProvider`. A list filtered here: Stripe's search lags behind its writes by up to a minute
        (https://docs.stripe.com/search#data-freshness)."""
        found = [
            payment async for payment in self.list_payments(created_after - CLOCK_SLACK) if payment.order_id == order_id
        ]
        return found[::-1]

    async def read_payment(self, payment_id: str) -> ProviderPayment:
        """See `PaymentProvider`."""
        return _payment(await self._reading(lambda: self._intents.retrieve_async(payment_id), "payment"))

    async def cancel_payment(self, payment_id: str) -> ProviderPayment:
        """See `PaymentProvider`; raises `BusinessRefusalError("payment_unknown")` when there is none."""
        try:
            intent = await self._writing(lambda: self._intents.cancel_async(payment_id), "payment")
        except _UnexpectedStateError:
            return await self.read_payment(payment_id)
        return _payment(intent)

    async def list_payments(self, created_after: datetime) -> AsyncIterator[ProviderPayment]:
        """See `PaymentProvider`."""
        since = int(created_after.timestamp())
        page = await self._reading(
            lambda: self._intents.list_async({"created": {"gte": since}, "limit": PAGE_SIZE}), "payment"
        )
        while True:
            for intent in page.data:
                yield _payment(intent)
            if not page.has_more:
                return
            page = await self._reading(page.next_page_async, "payment")

    async def create_refund(self, refund: NewRefund, idempotency_key: str) -> ProviderRefund:
        """See `PaymentProvider`; refusals are `refund_refused`, `payment_unknown` or a word of `PUBLIC_CODES`."""
        made = await self._writing(
            lambda: self._refunds.create_async(
                {
                    "payment_intent": refund.payment_id,
                    "amount": refund.amount_minor,
                    "metadata": {REFUND_KEY: refund.refund_id},
                },
                {"idempotency_key": idempotency_key},
            ),
            "refund",
        )
        return _refund(made)

    async def find_refunds(self, payment_id: str) -> list[ProviderRefund]:
        """See `PaymentProvider`."""
        found = [refund async for refund in self._refund_pages({"payment_intent": payment_id})]
        return found[::-1]

    async def read_refund(self, provider_refund_id: str) -> ProviderRefund:
        """See `PaymentProvider`; raises `BusinessRefusalError("refund_unknown")` when there is none."""
        return _refund(await self._reading(lambda: self._refunds.retrieve_async(provider_refund_id), "refund"))

    async def list_refunds(self, created_after: datetime) -> AsyncIterator[ProviderRefund]:
        """See `PaymentProvider`."""
        async for refund in self._refund_pages({"created": {"gte": int(created_after.timestamp())}}):
            yield refund

    async def read_dispute(self, dispute_id: str) -> ProviderDispute:
        """See `PaymentProvider`."""
        return _dispute(await self._reading(lambda: self._disputes.retrieve_async(dispute_id), "dispute"))

    async def list_disputes(self, created_after: datetime) -> AsyncIterator[ProviderDispute]:
        """See `PaymentProvider`."""
        since = int(created_after.timestamp())
        page = await self._reading(
            lambda: self._disputes.list_async({"created": {"gte": since}, "limit": PAGE_SIZE}), "dispute"
        )
        while True:
            for dispute in page.data:
                yield _dispute(dispute)
            if not page.has_more:
                return
            page = await self._reading(page.next_page_async, "dispute")

    async def _refund_pages(self, which: stripe.params.RefundListParams) -> AsyncIterator[ProviderRefund]:
        page = await self._reading(lambda: self._refunds.list_async({**which, "limit": PAGE_SIZE}), "refund")
        while True:
            for refund in page.data:
                yield _refund(refund)
            if not page.has_more:
                return
            page = await self._reading(page.next_page_async, "refund")

    async def _reading(self, call: Callable[[], Awaitable[T]], subject: str) -> T:
        return await _translated(call, subject, writes=False)

    async def _writing(self, call: Callable[[], Awaitable[T]], subject: str) -> T:
        return await _translated(call, subject, writes=True)


class _UnexpectedStateError(BusinessRefusalError):
    """Stripe will not do this to an object that has moved on."""


async def _translated(call: Callable[[], Awaitable[T]], subject: str, *, writes: bool) -> T:
    try:
        return await call()
    except stripe.StripeError as error:
        refusal = _in_our_words(error, subject, writes=writes)
    # Outside of the handler, so that not even the context keeps Stripe's error: its text quotes bodies.
    raise refusal


def _in_our_words(error: stripe.StripeError, subject: str, *, writes: bool) -> AcademyError:
    status = error.http_status or 0
    if isinstance(error, stripe.APIConnectionError):
        # Before a connection stands nothing was sent; after that, whatever failed, it may have been done.
        unsent = isinstance(error.__cause__, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
        known = unsent or not writes
        return OutageError("stripe_unreachable") if known else UnknownOutcomeError("stripe_silent")
    if isinstance(error, stripe.RateLimitError):
        return OutageError("stripe_rate_limited")  # refused at the door: nothing was done
    if status == 409 or not 400 <= status < 500:
        # 409: the same key is being worked on right now. Below 400: an answer that is not Stripe's JSON.
        return _fault(error, status) if writes else OutageError(f"stripe_answered_{status}")
    if status in (401, 403):
        # A key mis-rotated by us is no "no" to the buyer: tried again until somebody mends it.
        return OutageError("provider_credentials_refused")
    return _refusal(error, subject)


def _fault(error: stripe.StripeError, status: int) -> UnknownOutcomeError:
    word = f"stripe_answered_{status}"
    if status < 500:
        return UnknownOutcomeError(word)
    return AnsweredFaultError(word, is_replay=(error.headers or {}).get("idempotent-replayed") == "true")


def _refusal(error: stripe.StripeError, subject: str) -> BusinessRefusalError:
    code = error.code or ""
    if isinstance(error, stripe.IdempotencyError):
        return BusinessRefusalError("idempotency_key_reused")
    if code == "payment_intent_unexpected_state":
        return _UnexpectedStateError(f"{subject}_refused")
    if code == "resource_missing":
        about_payment = subject == "payment" or getattr(error, "param", None) == "payment_intent"
        return BusinessRefusalError("payment_unknown" if about_payment else f"{subject}_unknown")
    if isinstance(error, stripe.CardError):
        return BusinessRefusalError("card_declined")
    return BusinessRefusalError(PUBLIC_CODES.get(code, f"{subject}_refused"))


def _payment(intent: stripe.PaymentIntent) -> ProviderPayment:
    return payment_of(_read(intent, PaymentIntent), with_secret=True)


def _refund(refund: stripe.Refund) -> ProviderRefund:
    return refund_of(_read(refund, Refund))


def _dispute(dispute: stripe.Dispute) -> ProviderDispute:
    return dispute_of(_read(dispute, Dispute))


def _read(answer: stripe.StripeObject, shape: type[T]) -> T:
    try:
        return msgspec.convert(answer.to_dict(), shape)
    except (msgspec.ValidationError, TypeError):
        refusal = UnknownOutcomeError("stripe_answer_not_understood")
    raise refusal
