"""What we know of money at a payment provider, in our words; the gateways translate each provider's words."""

from datetime import datetime
from enum import StrEnum

import msgspec


class PaymentState(StrEnum):
    """Where a payment stands at the provider."""

    OPEN = "open"
    """Waiting for the payer: new, declined once, or asking for authentication."""
    PROCESSING = "processing"
    """Paid by a slow method; the answer comes later."""
    AUTHORIZED = "authorized"
    """The payer's bank holds the money for us: ours once captured, the payer's again when nobody captures it."""
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"


class ProviderPayment(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One payment in the provider's book. Amounts are integer minor units of `currency` (ISO 4217, upper case)."""

    provider: str
    payment_id: str
    order_id: str | None
    """From the metadata we gave at creation; `None` when it is not ours."""
    state: PaymentState
    amount_minor: int
    received_minor: int
    """What was captured: 0 until `SUCCEEDED`."""
    currency: str
    created_at: datetime
    client_secret: str | None = None
    """What the browser pays with; absent in webhooks' copies that we store."""
    charge_id: str | None = None
    """What we opened and this pays, where the provider tells the two apart (an order of Razorpay's)."""


class RefundState(StrEnum):
    """Where a refund stands at the provider."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class ProviderRefund(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One refund in the provider's book; `amount_minor` in integer minor units of `currency`."""

    provider: str
    provider_refund_id: str
    payment_id: str
    refund_id: str | None
    """Our refund row, from the metadata we gave; `None` when it was made at the provider's own dashboard."""
    state: RefundState
    amount_minor: int
    currency: str
    created_at: datetime


class DisputeState(StrEnum):
    """Where a dispute stands: the payer's bank asks the money back (a chargeback), or asks about it (an inquiry)."""

    NEEDS_RESPONSE = "needs_response"
    """Nobody has sent evidence yet; after `evidence_due_by` it is lost by itself."""
    UNDER_REVIEW = "under_review"
    """The bank decides, or the provider says a word that we do not know: ask again."""
    WON = "won"
    """The money stays ours, or an inquiry ended without a chargeback."""
    LOST = "lost"
    """The bank took the money back for good."""


class ProviderDispute(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One dispute in the provider's book; `amount_minor` in integer minor units of `currency`."""

    provider: str
    dispute_id: str
    """The provider's own id."""
    payment_id: str
    """The provider's id of the payment, as in `ProviderPayment.payment_id`."""
    state: DisputeState
    amount_minor: int
    currency: str
    is_withdrawn: bool = False
    """Whether the provider has taken the money from our account until the bank decides; never for a mere inquiry."""
    evidence_due_by: datetime | None = None
    """Until when evidence may be sent; `None` when the provider names no time, or it is over."""
    created_at: datetime


class NewPayment(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A charge to open at the provider for one order."""

    order_id: str
    amount_minor: int
    currency: str


class NewRefund(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A refund to make at the provider of one captured payment."""

    refund_id: str
    payment_id: str
    amount_minor: int


class ProviderEvent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A verified webhook in our words: one of `payment`, `refund` and `dispute`, or none when we do not care."""

    provider: str
    event_id: str
    event_type: str
    payment: ProviderPayment | None = None
    refund: ProviderRefund | None = None
    dispute: ProviderDispute | None = None


LONGEST_TEXT = 500
"""Of ids, words and metadata at either provider (Stripe allows 255 and 500); an index of ours holds 2,700 bytes."""
MOST_MINOR = 10**12 - 1
"""What `NUMERIC(14, 2)` holds in every currency."""


def can_be_kept(event: ProviderEvent) -> bool:
    """Whether our tables can hold what an event says: an event that is committed and fits nowhere would be delivered
    in vain for ever."""
    things = [event, *filter(None, (event.payment, event.refund, event.dispute))]
    values = [value for thing in things for value in msgspec.structs.astuple(thing)]
    texts = [value for value in values if isinstance(value, str)]
    amounts = [value for value in values if isinstance(value, int)]
    return all(len(text) <= LONGEST_TEXT and "\0" not in text for text in texts) and all(
        0 <= amount <= MOST_MINOR for amount in amounts
    )
