"""Where a verified provider event goes: the one decision, without any I/O."""

from enum import StrEnum

import msgspec

from domain.billing.dispute import OVER
from domain.billing.payments import (
    DisputeState,
    PaymentState,
    ProviderDispute,
    ProviderEvent,
    ProviderPayment,
    ProviderRefund,
    RefundState,
)
from domain.billing.refund import RefundStatus


class Destination(StrEnum):
    """What to do with an event."""

    PURCHASE = "purchase"
    """Signal the order's running story."""
    LATE_PAYMENT = "late_payment"
    """Money for an order already closed: a story of its own."""
    REFUND = "refund"
    """Signal the refund's story, or start it."""
    FOREIGN_REFUND = "foreign_refund"
    """A refund made at the provider's dashboard: adopt it, then start its story."""
    RETURNED_REFUND = "returned_refund"
    """A refund that had succeeded came back: write it down, then start the story of what is owed."""
    DISPUTE = "dispute"
    """Write the dispute down if it is new, then signal its story, or start it."""
    NOTHING = "nothing"
    """We know already, or it does not concern us."""
    UNMATCHED = "unmatched"
    """It names nothing of ours: kept, for a person to look at."""


class KnownFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What our tables say about what an event names."""

    order_exists: bool = False
    order_is_open: bool = False
    order_is_paid: bool = False
    """Whether a payment has enrolled somebody."""
    payment_is_recorded: bool = False
    refund_status: RefundStatus | None = None
    """Where our row of the refund stands; `None` when there is none."""
    refund_is_the_same: bool = False
    """Our row's refund at the provider is the one that is spoken of, and no earlier or second one for the same row."""
    dispute_is_known: bool = False
    """Our row says the same already: the state, the money taken, the time for evidence."""
    dispute_end: DisputeState | None = None
    """How the dispute ended, as our row has it."""


def destination_of(event: ProviderEvent, known: KnownFacts) -> Destination:
    """Route an event by what it says and what our tables say. An event in neither of our words concerns us not."""
    if event.payment is not None:
        return _payment_destination(event.payment, known)
    if event.refund is not None:
        return _refund_destination(event.refund, known)
    if event.dispute is not None:
        return _dispute_destination(event.dispute, known)
    return Destination.NOTHING


def _payment_destination(payment: ProviderPayment, known: KnownFacts) -> Destination:
    if not known.order_exists:
        return Destination.UNMATCHED
    if known.payment_is_recorded or payment.state is PaymentState.OPEN:
        # A charge that was opened, or declined, changes nothing: its payer may try again.
        return Destination.NOTHING
    if known.order_is_open:
        return Destination.PURCHASE
    if payment.state is PaymentState.AUTHORIZED and known.order_is_paid:
        # Nobody captures it, so the bank lets go of it: better than taking money to give it back.
        return Destination.NOTHING
    is_money = payment.state in (PaymentState.SUCCEEDED, PaymentState.AUTHORIZED)
    return Destination.LATE_PAYMENT if is_money else Destination.NOTHING


def _refund_destination(refund: ProviderRefund, known: KnownFacts) -> Destination:
    has_failed = refund.state is RefundState.FAILED
    match known.refund_status:
        case None if refund.refund_id is None and known.payment_is_recorded:
            return Destination.NOTHING if has_failed else Destination.FOREIGN_REFUND
        case None:
            return Destination.UNMATCHED
        case RefundStatus.SUCCEEDED if known.refund_is_the_same:
            # A bank may send a refund back days later: nobody has the money then.
            return Destination.RETURNED_REFUND if has_failed else Destination.NOTHING
        case RefundStatus.RETURNED if known.refund_is_the_same:
            return Destination.NOTHING
        case RefundStatus.SUCCEEDED | RefundStatus.RETURNED | RefundStatus.FAILED:
            # The money went a second time, or although a person gave the refund up.
            return Destination.UNMATCHED if refund.state is RefundState.SUCCEEDED else Destination.NOTHING
        case _:
            return Destination.REFUND


def _dispute_destination(dispute: ProviderDispute, known: KnownFacts) -> Destination:
    if not known.payment_is_recorded:
        # Not ours, or it came before the money: then the reconciliation finds it once the payment is settled.
        return Destination.UNMATCHED
    if known.dispute_end is not None:
        # Late news of its course is old; another end than ours is for a person.
        is_another_end = dispute.state in OVER and dispute.state is not known.dispute_end
        return Destination.UNMATCHED if is_another_end else Destination.NOTHING
    return Destination.NOTHING if known.dispute_is_known else Destination.DISPUTE
