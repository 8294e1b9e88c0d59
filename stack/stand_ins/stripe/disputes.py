"""Disputes as Stripe tells them: inquiries, chargebacks, and how a bank decides.

Rules: https://docs.stripe.com/api/disputes/object and https://docs.stripe.com/disputes/how-disputes-work.
"""

import time
from typing import Literal

from stack.stand_ins.book import Book
from stack.stand_ins.controls import ConflictError
from stack.stand_ins.stripe.intents import Emit
from stack.stand_ins.stripe.wire import Json, missing, new_id

DAYS_FOR_EVIDENCE = 9
FEE = 1_500
"""Minor units that Stripe keeps for a chargeback, whoever wins."""

Step = Literal["respond", "escalate", "win", "lose"]

_STEPS: dict[tuple[str, Step], str] = {
    ("warning_needs_response", "respond"): "warning_under_review",
    ("warning_needs_response", "escalate"): "needs_response",
    ("warning_under_review", "escalate"): "needs_response",
    ("warning_needs_response", "win"): "warning_closed",
    ("warning_under_review", "win"): "warning_closed",
    ("needs_response", "respond"): "under_review",
    ("needs_response", "win"): "won",
    ("under_review", "win"): "won",
    ("needs_response", "lose"): "lost",
    ("under_review", "lose"): "lost",
}
_OVER = ("won", "lost", "warning_closed")


class Disputes:
    """Every dispute in the book. Each method is one change inside `book.operation()`."""

    def __init__(self, book: Book, emit: Emit) -> None:
        self._book = book
        self._emit = emit

    def read(self, dispute_id: str) -> Json:
        """The dispute. Raises `WireError` 404."""
        dispute = self._book.get("dispute", dispute_id)
        if dispute is None:
            raise missing("dispute", dispute_id, "id")
        return dispute

    def open(self, intent_id: str, amount: int | None, due_in_seconds: float | None, *, inquiry: bool) -> Json:
        """The payer asks their bank; `amount` is all that was not given back when absent."""
        intent = self._book.get("payment_intent", intent_id)
        if intent is None:
            raise missing("payment_intent", intent_id, "payment_intent")
        charge = self._book.get("charge", intent["latest_charge"] or "")
        if charge is None or intent["status"] != "succeeded":
            raise ConflictError("Only a payment that succeeded can be disputed.")
        left = charge["amount_captured"] - charge["amount_refunded"]
        wanted = left if amount is None else amount
        if not 1 <= wanted <= charge["amount_captured"]:
            raise ConflictError("A dispute is of at least 1 minor unit and at most what was captured.")
        now = int(time.time())
        wait = DAYS_FOR_EVIDENCE * 24 * 60 * 60 if due_in_seconds is None else due_in_seconds
        dispute: Json = {
            "id": new_id("du"),
            "object": "dispute",
            "amount": wanted,
            "balance_transactions": [],
            "charge": charge["id"],
            "created": now,
            "currency": charge["currency"],
            "evidence_details": {
                "due_by": now + int(wait),
                "has_evidence": False,
                "past_due": False,
                "submission_count": 0,
            },
            "is_charge_refundable": inquiry,
            "livemode": False,
            "metadata": {},
            "payment_intent": intent_id,
            "reason": "general",
            "status": "warning_needs_response" if inquiry else "needs_response",
        }
        charge["disputed"] = True
        self._book.update(charge)
        self._book.insert("dispute", dispute, root=intent_id, created=now)
        self._emit("charge.dispute.created", dispute)
        if not inquiry:
            self._move_money(dispute, -wanted, "charge.dispute.funds_withdrawn")
        return dispute

    def step(self, dispute_id: str, step: Step) -> Json:
        """Evidence is sent, an inquiry becomes a chargeback, or the bank decides."""
        dispute = self.read(dispute_id)
        status = _STEPS.get((dispute["status"], step))
        if status is None:
            raise ConflictError(f"A dispute that is {dispute['status']} takes no step `{step}`.")
        dispute["status"] = status
        if step == "respond":
            dispute["evidence_details"].update(has_evidence=True, submission_count=1)
        if step == "escalate":
            dispute["is_charge_refundable"] = False
        if status in _OVER:
            dispute["evidence_details"]["due_by"] = None
        self._book.update(dispute)
        self._emit("charge.dispute.closed" if status in _OVER else "charge.dispute.updated", dispute)
        if step == "escalate":
            self._move_money(dispute, -dispute["amount"], "charge.dispute.funds_withdrawn")
        elif status == "won":
            self._move_money(dispute, dispute["amount"], "charge.dispute.funds_reinstated")
        return dispute

    def forbids_refund(self, charge: Json) -> bool:
        """Whether Stripe refuses a refund of this charge: once its money was withdrawn for a dispute, unless we won."""
        return bool(charge["disputed"]) and any(
            dispute["charge"] == charge["id"] and not dispute["is_charge_refundable"] and dispute["status"] != "won"
            for dispute in self._book.everything("dispute")
        )

    def _move_money(self, dispute: Json, amount: int, event: str) -> None:
        dispute["balance_transactions"].append(
            {
                "id": new_id("txn"),
                "object": "balance_transaction",
                "amount": amount,
                "currency": dispute["currency"],
                "fee": FEE if amount < 0 else 0,
                "net": amount - FEE if amount < 0 else amount,
                "reporting_category": "dispute" if amount < 0 else "dispute_reversal",
                "source": dispute["id"],
                "type": "adjustment",
            }
        )
        self._book.update(dispute)
        self._emit(event, dispute)
