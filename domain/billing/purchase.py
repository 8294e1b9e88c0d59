"""The purchase: its states and the messages that its story, its activities and the API exchange.

`docs/stories/purchase.md` tells the story; amounts are `Decimal` in the order's currency unless named `*_minor`.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

import msgspec

from domain.billing.payments import PaymentState, ProviderPayment


class OrderStatus(StrEnum):
    """Where an order stands. The API shows `needs_attention` instead while the story waits for a person."""

    PREPARING = "preparing"
    AWAITING_PAYMENT = "awaiting_payment"
    SETTLING = "settling"
    """Paid, and neither enrolled nor refunded yet."""
    ENROLLED = "enrolled"
    REFUNDED = "refunded"
    PARTIALLY_REFUNDED = "partially_refunded"
    DISPUTED = "disputed"
    """The payer's bank asks the money back and has not decided; access is kept."""
    CHARGED_BACK = "charged_back"
    """The bank decided against us."""
    EXPIRED = "expired"
    ABANDONED = "abandoned"
    NEEDS_ATTENTION = "needs_attention"
    """Shown, never stored: the row keeps the stage it stands at, beside what it waits for."""


class Refusal(StrEnum):
    """Why an order goes no further: business answers, never retried."""

    COURSE_NOT_FOUND = "course_not_found"
    COURSE_OWNED = "course_owned"
    COURSE_FULL = "course_full"
    NO_PRICE = "no_price"
    PAYMENT_REFUSED = "payment_refused"
    ORDER_CLOSED = "order_closed"


class PurchasePolicy(msgspec.Struct, frozen=True, rename="camel"):
    """How long an order stays open and how often its story asks the provider, in seconds."""

    expires_after_seconds: int
    first_poll_seconds: int
    longest_poll_seconds: int = 15 * 60

    def expires_after(self) -> timedelta:
        """How long the order waits for its payment."""
        return timedelta(seconds=self.expires_after_seconds)


class PurchaseInput(msgspec.Struct, frozen=True, rename="camel"):
    """What starts `purchase/{orderId}`; everything else stands in the order's row."""

    order_id: str
    policy: PurchasePolicy


class OrderRef(msgspec.Struct, frozen=True, rename="camel"):
    """What an order's stories are found by; `clinic_id` when the course is a clinic's own."""

    order_id: str
    user_id: str
    course_id: str
    clinic_id: str | None = None


class Address(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Where somebody is, within their state and postal code: house, street, place, and the city."""

    lines: tuple[str, ...]
    city: str


class Billing(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """Who is billed. `country` is ISO 3166-1 alpha-2; `state` is the state's code, which decides the GST. With a
    `gstin` there is an `address`, which orders placed before it was asked for may lack."""

    name: str
    state: str
    postal_code: str
    country: str
    gstin: str | None = None
    address: Address | None = None


class LineKind(StrEnum):
    """What an invoice line is for."""

    COURSE = "course"
    TAX = "tax"


class InvoiceLine(msgspec.Struct, frozen=True, rename="camel"):
    """One line of an order's invoice; the lines sum to the order's amount."""

    kind: LineKind
    description: str
    amount: Decimal


class ReserveInput(msgspec.Struct, frozen=True, rename="camel"):
    """Fix price, tax and seat of an order until `expires_at`."""

    order_id: str
    expires_at: datetime


class Reservation(msgspec.Struct, frozen=True, rename="camel"):
    """The order as priced, or why it was refused (its row is then closed)."""

    refusal: Refusal | None = None
    amount: Decimal = Decimal(0)
    amount_minor: int = 0
    currency: str = ""
    provider: str = ""
    ordered_at: datetime | None = None


class CheckoutInput(msgspec.Struct, frozen=True, rename="camel"):
    """Open, or cancel, the charge of an order; `ordered_at` bounds the look into the provider's book."""

    order_id: str
    provider: str
    amount_minor: int
    currency: str
    ordered_at: datetime
    payment_id: str | None = None
    """Known once the charge is open."""


class Charge(msgspec.Struct, frozen=True, rename="camel"):
    """What the provider says about an order's charge; `CANCELED` without a payment when none was ever opened."""

    state: PaymentState
    payment: ProviderPayment | None = None


class SettleInput(msgspec.Struct, frozen=True, rename="camel"):
    """Settle an order with what the provider captured; `payment` is `None` for a free course."""

    order_id: str
    payment: ProviderPayment | None = None
    give_back: bool = False
    """A person's decision: refund, do not enroll."""


class SettlementOutcome(StrEnum):
    """How a settlement ended."""

    ENROLLED = "enrolled"
    REFUND = "refund"
    """The money is recorded and a refund row stands: whoever settled starts its story."""


class Settlement(msgspec.Struct, frozen=True, rename="camel"):
    """What settling wrote: the messages to send, or the refund to make."""

    outcome: SettlementOutcome
    message_ids: tuple[str, ...] = ()
    """E-mails, which the story sends itself."""
    refund_id: str | None = None
    notice_ids: tuple[str, ...] = ()
    """Messages over other channels, each with a story of its own. Results recorded before have none."""


class CloseInput(msgspec.Struct, frozen=True, rename="camel"):
    """Close an unpaid order as expired or abandoned."""

    order_id: str
    status: OrderStatus
    reason: str


class AttentionInput(msgspec.Struct, frozen=True, rename="camel"):
    """What an order waits for a person with; `None` clears it."""

    order_id: str
    step: str | None


class CheckoutAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """The first steps' answer, the result of the update `checkout`."""

    refusal: Refusal | None = None
    client_secret: str | None = None


class LatePaymentInput(msgspec.Struct, frozen=True, rename="camel"):
    """What starts `late-payment/{provider}/{paymentId}`."""

    order_id: str
    payment: ProviderPayment
    policy: PurchasePolicy
