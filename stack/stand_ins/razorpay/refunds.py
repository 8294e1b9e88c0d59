"""Refunds as Razorpay makes them: at once, pending, or failing later (https://razorpay.com/docs/api/refunds)."""

import asyncio
import time
from contextlib import suppress
from typing import Literal

import msgspec

from stack.stand_ins.book import Book
from stack.stand_ins.controls import ConflictError
from stack.stand_ins.faults import RefundFaults
from stack.stand_ins.razorpay.disputes import Disputes
from stack.stand_ins.razorpay.orders import Emit
from stack.stand_ins.razorpay.wire import Json, WireError, amount_of, missing, new_id, notes_of, refuse_unknown


class NewRefund(msgspec.Struct, frozen=True, kw_only=True):
    """Checked fields of a new refund; `amount` in minor units, all that is left when absent."""

    amount: int | None
    speed: str
    receipt: object
    notes: object


def new_refund(params: Json) -> NewRefund:
    """Raises `WireError`."""
    refuse_unknown(params, frozenset({"amount", "speed", "receipt", "notes"}))
    speed = params.get("speed", "normal")
    if speed not in ("normal", "optimum"):
        raise WireError("speed should be in optimum or normal")
    return NewRefund(amount=amount_of(params), speed=speed, receipt=params.get("receipt"), notes=notes_of(params))


class Refunds:
    """Every refund in the book. Each method is one change inside `book.operation()`."""

    def __init__(self, book: Book, emit: Emit, disputes: Disputes) -> None:
        self._book = book
        self._disputes = disputes
        self._emit = emit

    def read(self, refund_id: str) -> Json:
        """Raises `WireError`."""
        refund = self._book.get("refund", refund_id)
        if refund is None:
            raise missing()
        return refund

    def resume(self) -> None:
        """Go on with the refunds that an earlier process meant to fail."""
        for refund_id, due in self._book.later_refunds():
            self._fail_at(refund_id, due)

    def create(self, payment_id: str, new: NewRefund, key: str | None, faults: RefundFaults) -> Json:
        """Give back at most what was captured and not yet given back. Raises `WireError` otherwise."""
        payment = self._book.get("payment", payment_id)
        if payment is None:
            raise missing()
        if not payment["captured"]:
            raise WireError("The payment status should be captured for action to be taken")
        if self._disputes.forbids_refund(payment_id):
            raise WireError("The payment is disputed, so it cannot be refunded")
        left = payment["amount"] - payment["amount_refunded"]
        if left <= 0:
            raise WireError("The payment has been fully refunded already")
        amount = left if new.amount is None else new.amount
        if amount < 1 or amount > left:
            raise WireError("The total refund amount is greater than the refund payment amount")
        now = int(time.time())
        refund: Json = {
            "id": new_id("rfnd"),
            "entity": "refund",
            "amount": amount,
            "currency": payment["currency"],
            "payment_id": payment_id,
            "notes": new.notes,
            "receipt": new.receipt,
            "acquirer_data": {"arn": None},
            "created_at": now,
            "batch_id": None,
            "status": "processed" if faults.mode == "succeed" else "pending",
            "speed_processed": "normal",
            "speed_requested": new.speed,
        }
        self._book.insert("refund", refund, root=payment["order_id"], created=now, key=key)
        self._add_to_payment(payment, amount)
        self._emit("refund.created", {"refund": refund, "payment": payment})
        if faults.mode == "succeed":
            self._emit("refund.processed", {"refund": refund, "payment": payment})
        if faults.mode == "fail_later":
            due = time.time() + faults.delay_ms / 1000
            self._book.fail_later(refund["id"], due)
            self._book.after_commit(lambda: self._fail_at(refund["id"], due))
        return refund

    def settle(self, refund_id: str, status: Literal["processed", "failed"]) -> Json:
        """A pending refund ends; a processed one may still fail (the bank sends the money back)."""
        refund = self.read(refund_id)
        if refund["status"] in ("failed", status):
            raise ConflictError(f"A refund that is {refund['status']} cannot become {status}.")
        refund["status"] = status
        self._book.forget_later(refund_id)
        self._book.update(refund)
        payment = self._book.get("payment", refund["payment_id"]) or {}
        if status == "failed":
            self._add_to_payment(payment, -refund["amount"])
        self._emit(f"refund.{status}", {"refund": refund, "payment": payment})
        return refund

    def _fail_at(self, refund_id: str, due: float) -> None:
        asyncio.get_running_loop().call_later(max(0.0, due - time.time()), self._fail, refund_id)

    def _fail(self, refund_id: str) -> None:
        # A test may have ended it by hand in the meantime.
        with suppress(ConflictError), self._book.operation():
            self.settle(refund_id, "failed")

    def _add_to_payment(self, payment: Json, amount: int) -> None:
        payment["amount_refunded"] += amount
        is_full = payment["amount_refunded"] >= payment["amount"]
        payment["refund_status"] = "full" if is_full else "partial" if payment["amount_refunded"] else None
        payment["status"] = "refunded" if is_full else "captured"
        self._book.update(payment)
