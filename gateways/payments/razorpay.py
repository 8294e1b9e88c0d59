"""Razorpay, spoken over HTTP: its own library is synchronous and knows no time-out (facts).

https://razorpay.com/docs/api: amounts in minor units, Basic auth, lists by `from`, `to`, `count` and `skip`. An order
is the charge that we open; a payment is one try to pay it, and what refunds are made of.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

import httpx
import msgspec

from domain.billing.payments import (
    NewPayment,
    NewRefund,
    PaymentState,
    ProviderDispute,
    ProviderPayment,
    ProviderRefund,
)
from domain.errors import AcademyError, AnsweredFaultError, BusinessRefusalError, OutageError, UnknownOutcomeError
from gateways.payments.razorpay_objects import (
    ORDER_KEY,
    PROVIDER,
    REFUND_KEY,
    Dispute,
    Order,
    Payment,
    Refund,
    charge_of,
    dispute_of,
    payment_of,
    refund_of,
)

T = TypeVar("T")

PAGE_SIZE = 100
"""The largest page that Razorpay gives."""

CLOCK_SLACK = timedelta(minutes=5)
"""Razorpay's clock is not ours."""

DESCRIPTIONS = {
    "does not exist": "unknown",
    "fully refunded already": "already_refunded",
    "already been captured": "already_captured",
    "is disputed": "payment_disputed",
}
"""Parts of Razorpay's error descriptions that we tell apart: its codes say no more than `BAD_REQUEST_ERROR`."""


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list, newest first."""

    items: list[T]


class _Error(msgspec.Struct, frozen=True):
    description: str = ""


class _Failure(msgspec.Struct, frozen=True):
    error: _Error


class RazorpayPayments:
    """`PaymentProvider` over Razorpay's API; one per process, its connections are kept alive and shared."""

    name = PROVIDER
    payment_keys_last = timedelta(0)
    """Orders take no key: every try looks for the receipt first."""
    refund_keys_last = timedelta(0)
    """`X-Refund-Idempotency` has no documented end, so every try looks first, too."""

    def __init__(self, api_base: str, key_id: str, key_secret: str, timeout_seconds: float) -> None:
        """`timeout_seconds` bounds each wait on the network (connect, write, read), not the sum of them."""
        self._http = httpx.AsyncClient(
            base_url=f"{api_base.rstrip('/')}/v1", auth=(key_id, key_secret), timeout=timeout_seconds
        )

    async def close(self) -> None:
        """Close the connections; the object is of no use afterwards."""
        await self._http.aclose()

    async def create_payment(self, payment: NewPayment, idempotency_key: str) -> ProviderPayment:
        """See `PaymentProvider`; a new order each time, since Razorpay's orders take no key."""
        order = {
            "amount": payment.amount_minor,
            "currency": payment.currency,
            "receipt": payment.order_id,
            "notes": {ORDER_KEY: payment.order_id},
        }
        return charge_of(await self._post("/orders", order, Order, "payment"))

    async def find_payments(self, order_id: str, created_after: datetime) -> list[ProviderPayment]:
        """See `PaymentProvider`: one for each order with this receipt."""
        since = int((created_after - CLOCK_SLACK).timestamp())
        orders = await self._get("/orders", Page[Order], "payment", receipt=order_id, **{"from": since})
        return [await self._charge(order) for order in orders.items[::-1]]

    async def read_payment(self, payment_id: str) -> ProviderPayment:
        """See `PaymentProvider`; `payment_id` is an order's or a payment's."""
        if payment_id.startswith("order_"):
            charge = await self._charge(await self._get(f"/orders/{payment_id}", Order, "payment"))
        else:
            charge = await self._payment(payment_id)
        return await self._captured(charge) if charge.state is PaymentState.AUTHORIZED else charge

    async def cancel_payment(self, payment_id: str) -> ProviderPayment:
        """See `PaymentProvider`: Razorpay cannot cancel, so an order that nobody has paid is only left."""
        charge = await self.read_payment(payment_id)
        if charge.state is PaymentState.OPEN:
            return msgspec.structs.replace(charge, state=PaymentState.CANCELED)
        return charge

    async def list_payments(self, created_after: datetime) -> AsyncIterator[ProviderPayment]:
        """See `PaymentProvider`: the payments, not the orders that nobody tried to pay."""
        async for payment in self._book("/payments", Page[Payment], "payment", created_after):
            yield payment_of(payment)

    async def create_refund(self, refund: NewRefund, idempotency_key: str) -> ProviderRefund:
        """See `PaymentProvider`; refusals are `refund_refused`, `payment_unknown` or `already_refunded`."""
        made = await self._post(
            f"/payments/{refund.payment_id}/refund",
            {"amount": refund.amount_minor, "notes": {REFUND_KEY: refund.refund_id}},
            Refund,
            "refund",
            # Letters, digits, hyphens and underscores only.
            {"X-Refund-Idempotency": idempotency_key.replace(":", "-")},
        )
        return refund_of(made)

    async def find_refunds(self, payment_id: str) -> list[ProviderRefund]:
        """See `PaymentProvider`."""
        found = [r async for r in self._pages(f"/payments/{payment_id}/refunds", Page[Refund], "payment", {})]
        return [refund_of(refund) for refund in found[::-1]]

    async def read_refund(self, provider_refund_id: str) -> ProviderRefund:
        """See `PaymentProvider`; raises `BusinessRefusalError("refund_unknown")` when there is none."""
        return refund_of(await self._get(f"/refunds/{provider_refund_id}", Refund, "refund"))

    async def list_refunds(self, created_after: datetime) -> AsyncIterator[ProviderRefund]:
        """See `PaymentProvider`."""
        async for refund in self._book("/refunds", Page[Refund], "refund", created_after):
            yield refund_of(refund)

    async def read_dispute(self, dispute_id: str) -> ProviderDispute:
        """See `PaymentProvider`."""
        return dispute_of(await self._get(f"/disputes/{dispute_id}", Dispute, "dispute"))

    async def list_disputes(self, created_after: datetime) -> AsyncIterator[ProviderDispute]:
        """See `PaymentProvider`. The list is filtered here: no bounds of time are documented for it."""
        async for dispute in self._pages("/disputes", Page[Dispute], "dispute", {}):
            told = dispute_of(dispute)
            if told.created_at < created_after:
                return
            yield told

    async def _charge(self, order: Order) -> ProviderPayment:
        """What became of an order: the payment that was captured first, else one that is authorised, else itself."""
        if order.status == "created":
            return charge_of(order)
        page = await self._get(f"/orders/{order.id}/payments", Page[Payment], "payment")
        payments = [payment_of(payment, order) for payment in page.items[::-1]]
        for state in (PaymentState.SUCCEEDED, PaymentState.AUTHORIZED):
            for payment in payments:
                if payment.state is state:
                    return payment
        return charge_of(order)

    async def _payment(self, payment_id: str) -> ProviderPayment:
        return payment_of(await self._get(f"/payments/{payment_id}", Payment, "payment"))

    async def _captured(self, payment: ProviderPayment) -> ProviderPayment:
        """Capture it, once: Razorpay refuses a second time, and then it is read again."""
        body = {"amount": payment.amount_minor, "currency": payment.currency}
        try:
            taken = payment_of(await self._post(f"/payments/{payment.payment_id}/capture", body, Payment, "payment"))
        except BusinessRefusalError:
            taken = await self._payment(payment.payment_id)
            if taken.state is PaymentState.AUTHORIZED:
                raise
        return msgspec.structs.replace(taken, order_id=payment.order_id)

    async def _book(self, path: str, shape: type[Page[T]], subject: str, created_after: datetime) -> AsyncIterator[T]:
        """What was made until now, so that what is made meanwhile does not shift the pages."""
        until = datetime.now(UTC) + CLOCK_SLACK
        bounds = {"from": int(created_after.timestamp()), "to": int(until.timestamp())}
        async for item in self._pages(path, shape, subject, bounds):
            yield item

    async def _pages(self, path: str, shape: type[Page[T]], subject: str, bounds: dict[str, int]) -> AsyncIterator[T]:
        skip = 0
        while True:
            page = await self._get(path, shape, subject, **bounds, count=PAGE_SIZE, skip=skip)
            for item in page.items:
                yield item
            if len(page.items) < PAGE_SIZE:
                return
            skip += PAGE_SIZE

    async def _get(self, path: str, shape: type[T], subject: str, **params: str | int) -> T:
        return await self._call(self._http.build_request("GET", path, params=params), shape, subject, writes=False)

    async def _post(
        self, path: str, body: dict[str, Any], shape: type[T], subject: str, headers: dict[str, str] | None = None
    ) -> T:
        request = self._http.build_request("POST", path, json=body, headers=headers)
        return await self._call(request, shape, subject, writes=True)

    async def _call(self, request: httpx.Request, shape: type[T], subject: str, *, writes: bool) -> T:
        try:
            response = await self._http.send(request)
        except httpx.TransportError as error:
            trouble: AcademyError = _silence(error, writes=writes)
        else:
            if response.is_success:
                try:
                    return msgspec.json.decode(response.content, type=shape)
                except (msgspec.MsgspecError, UnicodeDecodeError):
                    trouble = UnknownOutcomeError("razorpay_answer_not_understood")
            else:
                trouble = _trouble(response, subject, writes=writes)
        # Outside of the handler, so that not even the context keeps an error whose text may quote bodies.
        raise trouble


def _silence(error: httpx.TransportError, *, writes: bool) -> OutageError:
    # Before a connection stands nothing was sent; after that, whatever failed, it may have been done.
    unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    return UnknownOutcomeError("razorpay_silent") if writes and not unsent else OutageError("razorpay_unreachable")


def _trouble(response: httpx.Response, subject: str, *, writes: bool) -> AcademyError:
    status = response.status_code
    if status == 429:
        return OutageError("razorpay_rate_limited")  # refused at the door: nothing was done
    if status in (401, 403):
        # A key mis-rotated by us is no "no" to the buyer: tried again until somebody mends it.
        return OutageError("provider_credentials_refused")
    if status == 409 or not 400 <= status < 500:
        # 409: the same key is being worked on right now.
        word = f"razorpay_answered_{status}"
        if not writes:
            return OutageError(word)
        return AnsweredFaultError(word) if status >= 500 else UnknownOutcomeError(word)
    return BusinessRefusalError(_refusal(response, subject))


def _refusal(response: httpx.Response, subject: str) -> str:
    try:
        description = msgspec.json.decode(response.content, type=_Failure).error.description
    except (msgspec.MsgspecError, UnicodeDecodeError):
        description = ""
    word = next((word for part, word in DESCRIPTIONS.items() if part in description), "refused")
    if word == "unknown":
        # A refund is made of a payment: only the route of refunds themselves speaks of one.
        path = response.request.url.path
        return next((f"{kind}_unknown" for kind in ("refund", "dispute") if f"/v1/{kind}s/" in path), "payment_unknown")
    return f"{subject}_refused" if word == "refused" else word
