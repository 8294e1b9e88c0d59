"""Refunds as Stripe makes them: at once, pending, or failing later.

Rules: https://docs.stripe.com/api/refunds and https://docs.stripe.com/refunds#failed-refunds.
"""

import asyncio
import time
from contextlib import suppress
from typing import Literal

import msgspec

from stack.stand_ins.book import Book
from stack.stand_ins.controls import ConflictError
from stack.stand_ins.faults import RefundFaults
from stack.stand_ins.stripe.disputes import Disputes
from stack.stand_ins.stripe.intents import Emit
from stack.stand_ins.stripe.wire import Json, WireError, missing, new_id

REASONS = ("duplicate", "fraudulent", "requested_by_customer")


class NewRefund(msgspec.Struct, frozen=True, kw_only=True):
    """Checked parameters of a new refund; `amount` in minor units, all that is left when absent."""

    payment_intent: str | None
    charge: str | None
    amount: int | None
    metadata: dict[str, str]
    reason: str | None


class Refunds:
    """Every refund in the book. Each method is one change inside `book.operation()`."""

    def __init__(self, book: Book, emit: Emit, disputes: Disputes) -> None:
        self._book = book
        self._disputes = disputes
        self._emit = emit

    def read(self, refund_id: str) -> Json:
        """The refund. Raises `WireError` 404."""
        refund = self._book.get("refund", refund_id)
        if refund is None:
            raise missing("refund", refund_id, "id")
        return refund

    def resume(self) -> None:
        """Go on with the refunds that an earlier process meant to fail."""
        for refund_id, due in self._book.later_refunds():
            self._fail_at(refund_id, due)

    def create(self, new: NewRefund, key: str | None, faults: RefundFaults) -> Json:
        """Give back at most what was captured and not yet given back. Raises `WireError` otherwise."""
        charge = self._charge(new)
        if self._disputes.forbids_refund(charge):
            raise WireError(f"Charge {charge['id']} has been charged back.", code="charge_disputed")
        left = charge["amount_captured"] - charge["amount_refunded"]
        if left <= 0:
            raise WireError(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
        amount = left if new.amount is None else new.amount
        if amount < 1:
            raise WireError("Invalid positive integer", code="parameter_invalid_integer", param="amount")
        if amount > left:
            raise WireError(
                f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})",
                param="amount",
            )
        refund: Json = {
            "id": new_id("re"),
            "object": "refund",
            "amount": amount,
            "charge": charge["id"],
            "created": int(time.time()),
            "currency": charge["currency"],
            "failure_reason": None,
            "metadata": new.metadata,
            "payment_intent": charge["payment_intent"],
            "reason": new.reason,
            "status": "succeeded" if faults.mode == "succeed" else "pending",
        }
        self._book.insert("refund", refund, root=refund["payment_intent"], created=refund["created"], key=key)
        if faults.mode == "fail_later":
            due = time.time() + faults.delay_ms / 1000
            self._book.fail_later(refund["id"], due)
            self._book.after_commit(lambda: self._fail_at(refund["id"], due))
        self._add_to_charge(charge, amount)
        self._emit("refund.created", refund)
        self._emit("charge.refunded", charge)
        return refund

    def settle(self, refund_id: str, status: Literal["succeeded", "failed"]) -> Json:
        """A pending refund ends; a succeeded one may still fail (the bank sends the money back)."""
        refund = self.read(refund_id)
        if refund["status"] == "failed" or refund["status"] == status:
            raise ConflictError(f"A refund that is {refund['status']} cannot become {status}.")
        refund["status"] = status
        self._book.forget_later(refund_id)
        if status == "failed":
            refund["failure_reason"] = "expired_or_canceled_card"
            charge = self._book.get("charge", refund["charge"])
            if charge is not None:
                self._add_to_charge(charge, -refund["amount"])
        self._book.update(refund)
        self._emit("refund.updated", refund)
        if status == "failed":
            self._emit("refund.failed", refund)
        return refund

    def _fail_at(self, refund_id: str, due: float) -> None:
        asyncio.get_running_loop().call_later(max(0.0, due - time.time()), self._fail, refund_id)

    def _fail(self, refund_id: str) -> None:
        # A test may have ended it by hand in the meantime.
        with suppress(ConflictError), self._book.operation():
            self.settle(refund_id, "failed")

    def _charge(self, new: NewRefund) -> Json:
        charge_id = new.charge
        if charge_id is None:
            wanted = new.payment_intent or ""
            intent = self._book.get("payment_intent", wanted)
            if intent is None:
                raise missing("payment_intent", wanted, "payment_intent")
            if intent["status"] != "succeeded":
                raise WireError(
                    f"This PaymentIntent ({wanted}) does not have a successful charge to refund.",
                    param="payment_intent",
                )
            charge_id = intent["latest_charge"]
        charge = self._book.get("charge", charge_id or "")
        if charge is None:
            raise missing("charge", charge_id or "", "charge")
        return charge

    def _add_to_charge(self, charge: Json, amount: int) -> None:
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] >= charge["amount_captured"]
        self._book.update(charge)
