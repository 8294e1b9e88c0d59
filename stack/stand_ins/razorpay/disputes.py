"""Disputes as Razorpay tells them (https://razorpay.com/docs/payments/disputes).

A chargeback's money is deducted when it is opened, and comes back when it is won.
"""

import time
from typing import Literal

from stack.stand_ins.book import Book
from stack.stand_ins.controls import ConflictError
from stack.stand_ins.razorpay.orders import Emit
from stack.stand_ins.razorpay.wire import Json, missing, new_id

DAYS_FOR_EVIDENCE = 7

Step = Literal["respond", "win", "lose"]

_STEPS: dict[tuple[str, Step], str] = {
    ("open", "respond"): "under_review",
    ("open", "win"): "won",
    ("under_review", "win"): "won",
    ("open", "lose"): "lost",
    ("under_review", "lose"): "lost",
}


class Disputes:
    """Every dispute in the book. Each method is one change inside `book.operation()`."""

    def __init__(self, book: Book, emit: Emit) -> None:
        self._book = book
        self._emit = emit

    def read(self, dispute_id: str) -> Json:
        """Raises `WireError`."""
        dispute = self._book.get("dispute", dispute_id)
        if dispute is None:
            raise missing()
        return dispute

    def open(self, payment_id: str, amount: int | None) -> Json:
        """The payer asks their bank; `amount` is all that was not given back when absent."""
        payment = self._book.get("payment", payment_id)
        if payment is None:
            raise missing()
        left = payment["amount"] - payment["amount_refunded"]
        wanted = left if amount is None else amount
        if not payment["captured"] or not 1 <= wanted <= payment["amount"]:
            raise ConflictError("A dispute is of at least 1 minor unit and at most what was captured.")
        now = int(time.time())
        dispute: Json = {
            "id": new_id("disp"),
            "entity": "dispute",
            "payment_id": payment_id,
            "amount": wanted,
            "currency": payment["currency"],
            "amount_deducted": wanted,
            "reason_code": "chargeback_authorization",
            "respond_by": now + DAYS_FOR_EVIDENCE * 24 * 60 * 60,
            "status": "open",
            "phase": "chargeback",
            "created_at": now,
        }
        self._book.insert("dispute", dispute, root=payment["order_id"], created=now)
        self._tell("created", dispute)
        return dispute

    def step(self, dispute_id: str, step: Step) -> Json:
        """Evidence is sent, or the bank decides."""
        dispute = self.read(dispute_id)
        status = _STEPS.get((dispute["status"], step))
        if status is None:
            raise ConflictError(f"A dispute that is {dispute['status']} takes no step `{step}`.")
        dispute["status"] = status
        if status == "won":
            dispute["amount_deducted"] = 0
        self._book.update(dispute)
        self._tell(status, dispute)
        return dispute

    def forbids_refund(self, payment_id: str) -> bool:
        """Whether this payment's money was taken for a dispute that we did not win."""
        return any(
            dispute["payment_id"] == payment_id and dispute["status"] != "won"
            for dispute in self._book.everything("dispute")
        )

    def _tell(self, word: str, dispute: Json) -> None:
        payment = self._book.get("payment", dispute["payment_id"])
        self._emit(f"payment.dispute.{word}", {"payment": payment or {}, "dispute": dispute})
