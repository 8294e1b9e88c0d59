"""Events of both payment providers as they document them: what is then spoiled."""

import time
from typing import Any

from domain.identifiers import new_id


def stripe_objects(order_id: str, payment_id: str, refund_id: str) -> list[tuple[str, dict[str, Any]]]:
    """Types of events with their objects, about these."""
    money = {"amount": 118_000, "currency": "inr", "created": int(time.time())}
    intent = {"object": "payment_intent", "id": payment_id, "status": "succeeded", "amount_received": 118_000, **money}
    refund = {"object": "refund", "id": f"re_{new_id()}", "status": "succeeded", "payment_intent": payment_id, **money}
    dispute = {
        **{"object": "dispute", "id": f"du_{new_id()}", "status": "needs_response", "payment_intent": payment_id},
        **{"balance_transactions": [{"amount": -118_000}], "evidence_details": {"due_by": int(time.time()) + 86_400}},
        **money,
    }
    ours = {"metadata": {"order_id": order_id}}
    foreign = {"id": f"pi_{new_id()}", "metadata": {"order_id": new_id()}}
    return [
        ("payment_intent.succeeded", intent | ours),
        ("payment_intent.payment_failed", intent | ours | {"status": "requires_payment_method", "amount_received": 0}),
        ("payment_intent.canceled", intent | foreign | {"status": "canceled"}),
        ("refund.updated", refund | {"metadata": {"refund_id": refund_id}}),
        ("refund.created", refund | {"amount": 100, "metadata": {}}),
        ("charge.refunded", {"object": "charge", "payment_intent": payment_id, "refunds": {"data": [refund]}}),
        ("charge.dispute.created", dispute),
        ("charge.dispute.closed", dispute | {"status": "won", "payment_intent": None, "charge": "ch_1"}),
    ]


def razorpay_objects(charge_id: str, payment_id: str, refund_id: str) -> list[tuple[str, dict[str, Any]]]:
    """Names of events with their payloads, about these."""
    money = {"amount": 118_000, "currency": "INR", "created_at": int(time.time())}
    payment = {"entity": "payment", "id": payment_id, "status": "captured", "order_id": charge_id, "captured": True}
    refund = {"entity": "refund", "id": f"rfnd_{new_id()}", "payment_id": payment_id, "status": "processed"}
    dispute = {"entity": "dispute", "id": f"disp_{new_id()}", "payment_id": payment_id, "status": "open"}
    more = {"amount_deducted": 118_000, "respond_by": int(time.time()) + 86_400}
    return [
        ("payment.captured", {"payment": {"entity": payment | money | {"notes": []}}}),
        ("payment.failed", {"payment": {"entity": payment | money | {"status": "failed", "captured": False}}}),
        ("payment.authorized", {"payment": {"entity": payment | money | {"status": "authorized"}}}),
        ("order.paid", {"payment": {"entity": payment | money}, "order": {"entity": {"entity": "order"}}}),
        ("refund.processed", {"refund": {"entity": refund | money | {"notes": {"refund_id": refund_id}}}}),
        ("refund.created", {"refund": {"entity": refund | money | {"amount": 100}}}),
        ("payment.dispute.created", {"dispute": {"entity": dispute | money | more}}),
        ("payment.dispute.lost", {"dispute": {"entity": dispute | money | more | {"status": "lost"}}}),
    ]
