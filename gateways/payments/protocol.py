"""The one door to a payment provider."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Protocol

from domain.billing.payments import NewPayment, NewRefund, ProviderDispute, ProviderPayment, ProviderRefund


class PaymentProvider(Protocol):
    """What every provider can do for us.

    Every method raises `domain.errors.OutageError` when the provider could not be reached or answered 5xx/429,
    `UnknownOutcomeError` when a *writing* call may have taken effect all the same (time-out after sending), its
    subclass `AnsweredFaultError` when a writing call was answered 5xx, and `BusinessRefusalError(code)` when the
    provider says no.
    """

    name: str
    payment_keys_last: timedelta
    """How long the provider is sure to answer the same key with the same payment; zero when it takes no keys."""
    refund_keys_last: timedelta
    """The same of refunds."""

    async def create_payment(self, payment: NewPayment, idempotency_key: str) -> ProviderPayment:
        """Open a charge. The same key and body give the same payment while the provider remembers the key."""
        ...

    async def find_payments(self, order_id: str, created_after: datetime) -> list[ProviderPayment]:
        """Payments carrying `order_id` in their metadata, oldest first: a list, which sees every write. Unlike
        `read_payment` it captures nothing."""
        ...

    async def read_payment(self, payment_id: str) -> ProviderPayment:
        """The payment as it stands now; one that a bank has authorised is captured first.

        Raises `BusinessRefusalError("payment_unknown")` when there is none.
        """
        ...

    async def cancel_payment(self, payment_id: str) -> ProviderPayment:
        """Cancel if still possible; either way answer with the payment as it stands afterwards. `CANCELED` may only
        mean that nobody has paid: where a provider cannot cancel, a later payment is a late payment."""
        ...

    def list_payments(self, created_after: datetime) -> AsyncIterator[ProviderPayment]:
        """The provider's book of payments since then, newest first, page by page."""
        ...

    async def create_refund(self, refund: NewRefund, idempotency_key: str) -> ProviderRefund:
        """Give money back. The same key and body give the same refund while the provider remembers the key."""
        ...

    async def find_refunds(self, payment_id: str) -> list[ProviderRefund]:
        """Every refund of a payment, oldest first."""
        ...

    async def read_refund(self, provider_refund_id: str) -> ProviderRefund:
        """The refund as it stands now."""
        ...

    def list_refunds(self, created_after: datetime) -> AsyncIterator[ProviderRefund]:
        """The provider's book of refunds since then, newest first, page by page."""
        ...

    async def read_dispute(self, dispute_id: str) -> ProviderDispute:
        """The dispute as it stands now. Raises `BusinessRefusalError("dispute_unknown")` when there is none."""
        ...

    def list_disputes(self, created_after: datetime) -> AsyncIterator[ProviderDispute]:
        """The provider's book of disputes since then, newest first, page by page."""
        ...
