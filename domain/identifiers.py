"""Ids: of rows (UUIDv7 text), of workflows, and the idempotency keys of outside effects.

Built only from business ids, never from a name, an e-mail or anything about health: ids appear in logs,
in the Temporal UI and at providers.
"""

from uuid import UUID, uuid5

import uuid_utils

_OURS = UUID("0193f2a0-5d1c-7c4e-9b0e-1f2d3c4b5a69")
"""The namespace of our repeatable ids; never change it."""


def new_id() -> str:
    """A UUIDv7 (RFC 9562) as text: the primary key of every row of ours, ordered by creation time."""
    return str(uuid_utils.uuid7())


def purchase_workflow_id(order_id: str) -> str:
    """`purchase/{orderId}`: the story of one order."""
    return f"purchase/{order_id}"


def refund_workflow_id(refund_id: str) -> str:
    """`refund/{refundId}`: the story of one refund."""
    return f"refund/{refund_id}"


def late_payment_workflow_id(provider: str, payment_id: str) -> str:
    """`late-payment/{provider}/{paymentId}`: money that arrived for an order already closed."""
    return f"late-payment/{provider}/{payment_id}"


def message_workflow_id(message_id: str) -> str:
    """`message/{messageId}`: the story of a message that no other story tells."""
    return f"message/{message_id}"


def dispute_workflow_id(dispute_id: str) -> str:
    """`dispute/{disputeId}`: the story of one dispute, by our row's id."""
    return f"dispute/{dispute_id}"


def notice_workflow_id(message_id: str) -> str:
    """`notice/{messageId}`: the story of a message over one channel."""
    return f"notice/{message_id}"


def completion_workflow_id(enrollment_id: str) -> str:
    """`completion/{enrollmentId}`: what follows a learner's last lesson."""
    return f"completion/{enrollment_id}"


def quiz_attempt_workflow_id(attempt_id: str) -> str:
    """`quiz-attempt/{attemptId}`: hands in what is there at the deadline."""
    return f"quiz-attempt/{attempt_id}"


def quiz_regrade_workflow_id(void_id: str) -> str:
    """`quiz-regrade/{voidId}`: grades attempts again after a question was voided."""
    return f"quiz-regrade/{void_id}"


def charge_key(order_id: str, attempt: int) -> str:
    """Idempotency key of the one charge of an order; a later attempt looks for the charge first (design rule 2)."""
    return f"order:{order_id}:charge:{attempt}"


def refund_key(refund_id: str, request: int, attempt: int, refusals: int = 0) -> str:
    """Idempotency key of one refund; `request` counts those that the provider failed for good, `attempt` the keys,
    `refusals` the provider's noes."""
    refused = f":{refusals}" if refusals else ""
    return f"refund:{refund_id}:{request}:{attempt}{refused}"


def repeatable_id(*parts: str | int) -> str:
    """A UUIDv5 (RFC 9562 §5.5) of business ids: the key of a row that is written once however often it is tried."""
    return str(uuid5(_OURS, "/".join(map(str, parts))))
