"""The refund: its states and the messages of its story."""

from datetime import datetime
from enum import StrEnum

import msgspec

from domain.billing.payments import RefundState


class RefundStatus(StrEnum):
    """Where a refund of ours stands."""

    REQUESTED = "requested"
    SUBMITTED = "submitted"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    RETURNED = "returned"
    """It succeeded, and the payer's bank sent it back: another refund row carries what is owed."""
    NEEDS_ATTENTION = "needs_attention"
    """Shown, never stored: the row keeps the stage it stands at, beside what it waits for."""


class RefundReason(StrEnum):
    """Why money goes back; public words, kept with the row and in the audit trail."""

    AMOUNT_MISMATCH = "amount_mismatch"
    COURSE_OWNED = "course_owned"
    COURSE_FULL = "course_full"
    COURSE_UNAVAILABLE = "course_unavailable"
    DUPLICATE_PAYMENT = "duplicate_payment"
    BUYER_WISH = "buyer_wish"
    ADMIN = "admin"
    """Decided by somebody with the permission `refunds`."""
    OPERATOR = "operator"
    AT_PROVIDER = "at_provider"
    """Made by a person at the provider's own dashboard; we only follow."""


class RefundRef(msgspec.Struct, frozen=True, rename="camel"):
    """A refund's row, as whoever starts its story needs it."""

    refund_id: str
    is_repayment: bool = False
    """It pays again what the payer's bank sent back."""


class RefundInput(msgspec.Struct, frozen=True, rename="camel"):
    """What starts `refund/{refundId}`; the rest stands in its row."""

    refund_id: str
    first_poll_seconds: int
    longest_poll_seconds: int = 15 * 60
    is_repayment: bool = False
    """The way that the money went was closed, so a person decides first whether it is tried again."""


class RefundDetails(msgspec.Struct, frozen=True, rename="camel"):
    """What the steps of a refund work on; `payment_id` is the provider's."""

    refund_id: str
    order_id: str
    provider: str
    payment_id: str
    provider_refund_id: str | None
    amount_minor: int
    created_at: datetime
    is_recorded: bool = False
    """It succeeded, and the books say so, whatever its bank did with it later."""


class SubmitRefundInput(msgspec.Struct, frozen=True, rename="camel"):
    """Make the refund at the provider; `request` counts, from 1, those that the provider failed for good."""

    refund_id: str
    request: int
    refusals: int = 0
    """Counts the provider's noes to it: a provider repeats a no under its key, so the next try needs another."""
    looks_first: bool = False
    """A person was asked meanwhile, and may have been quicker at the provider's dashboard."""


class RefundSubmission(msgspec.Struct, frozen=True, rename="camel"):
    """What the provider answered to a refund."""

    provider: str
    provider_refund_id: str
    state: RefundState


class RefundStanding(StrEnum):
    """What giving up a refund found."""

    GIVEN_UP = "given_up"
    MADE = "made"
    """The provider has it, or may have it: it cannot be given up."""


class RefundRecorded(msgspec.Struct, frozen=True, rename="camel"):
    """What recording wrote: the messages to send."""

    message_ids: tuple[str, ...] = ()


class RefundAttentionInput(msgspec.Struct, frozen=True, rename="camel"):
    """What a refund waits for a person with; `None` clears it."""

    refund_id: str
    step: str | None
    failed: str | None = None
    """The refund that the provider failed for good: no longer this row's, so that one made at the dashboard can be."""
