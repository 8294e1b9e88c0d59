"""The dispute: the messages of its story (`docs/stories/dispute.md`)."""

from datetime import datetime, timedelta

import msgspec

from domain.billing.payments import DisputeState, ProviderDispute

OPENED = "opened"
"""What a dispute's row says until its story has written for the first time; then it says a `DisputeState`."""

EVIDENCE_ALARM = timedelta(days=3)
"""A person is alarmed so long before evidence is due: enough for a weekend and a working day."""

OVER = frozenset({DisputeState.WON, DisputeState.LOST})


class DisputeInput(msgspec.Struct, frozen=True, rename="camel"):
    """What starts `dispute/{disputeId}`; the rest stands in its row and in the provider's book.

    A dispute lasts for months, so the pauses between questions grow further than those of a payment.
    """

    dispute_id: str
    first_poll_seconds: int
    longest_poll_seconds: int = 12 * 60 * 60


class FollowDisputeInput(msgspec.Struct, frozen=True, rename="camel"):
    """What the provider says of a dispute, to be written to order, books and access."""

    dispute_id: str
    dispute: ProviderDispute


class DisputeFollowed(msgspec.Struct, frozen=True, rename="camel"):
    """Where the dispute stands once it was written."""

    state: DisputeState
    evidence_due_by: datetime | None = None
    message_ids: tuple[str, ...] = ()
    """E-mails that tell the buyer how it ended, for this story to send."""
    notice_ids: tuple[str, ...] = ()
    """The same over other channels: each is told by a story of its own."""


class DisputeAttentionInput(msgspec.Struct, frozen=True, rename="camel"):
    """What a dispute waits for a person with; `None` clears it."""

    dispute_id: str
    step: str | None
