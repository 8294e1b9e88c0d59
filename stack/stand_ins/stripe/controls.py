"""What payers, banks and the dashboard do at this Stripe, beside what every stand-in is told (`../controls.py`)."""

import re

import msgspec

from stack.stand_ins.book import Book
from stack.stand_ins.controls import ConflictError, Controls, NotInBookError, body_of
from stack.stand_ins.faults import Faults
from stack.stand_ins.http import Request
from stack.stand_ins.stripe.disputes import Disputes
from stack.stand_ins.stripe.intents import Intents
from stack.stand_ins.stripe.refunds import NewRefund, Refunds
from stack.stand_ins.stripe.wire import Json, WireError
from stack.stand_ins.webhooks import Webhooks


class Payment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Optional body of `POST /test/pay/{id}`: what the bank captures instead of what was asked for (minor units)."""

    amount: int | None = None
    currency: str | None = None


class Amount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Optional body of `POST /test/refund-at-dashboard/{id}`: minor units; all that is left when absent."""

    amount: int | None = None


class Dispute(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Optional body of `POST /test/dispute/{id}`: minor units, all that is left when absent; an `inquiry` moves no
    money; evidence is due in nine days unless it says when."""

    amount: int | None = None
    inquiry: bool = False
    due_in_seconds: float | None = None


class StripeControls(Controls):
    """Answers `/test/…`."""

    def __init__(
        self, book: Book, faults: Faults, intents: Intents, refunds: Refunds, disputes: Disputes, *, webhooks: Webhooks
    ) -> None:
        super().__init__(book, faults, webhooks)
        self._intents = intents
        self._refunds = refunds
        self._disputes = disputes

    def _act(self, route: list[str], request: Request) -> Json | None:
        try:
            return self._acted(route, request)
        except WireError as error:
            raise (NotInBookError if error.status == 404 else ConflictError)(str(error)) from None

    def _acted(self, route: list[str], request: Request) -> Json | None:  # noqa: PLR0911  # a table of routes
        match route:
            case ["POST", "pay", intent_id]:
                return self._pay(intent_id, body_of(request, Payment))
            case ["POST", "decline", intent_id]:
                return self._intents.decline(intent_id)
            case ["POST", "process", intent_id]:
                return self._intents.process(intent_id)
            case ["POST", "refund-at-dashboard", intent_id]:
                return self._refund(intent_id, body_of(request, Amount).amount)
            case ["POST", "refunds", refund_id, "succeed"]:
                return self._refunds.settle(refund_id, "succeeded")
            case ["POST", "refunds", refund_id, "fail"]:
                return self._refunds.settle(refund_id, "failed")
            case ["POST", "dispute", intent_id]:
                ask = body_of(request, Dispute)
                return self._disputes.open(intent_id, ask.amount, ask.due_in_seconds, inquiry=ask.inquiry)
            case ["POST", "disputes", dispute_id, ("respond" | "escalate" | "win" | "lose") as step]:
                return self._disputes.step(dispute_id, step)
            case _:
                return None

    def _pay(self, intent_id: str, payment: Payment) -> Json:
        if payment.amount is not None and payment.amount < 1:
            raise ConflictError("The amount captured must be at least 1 minor unit.")
        currency = payment.currency
        if currency is not None and not re.fullmatch("[A-Za-z]{3}", currency):
            raise ConflictError("The currency must have three letters.")
        return self._intents.pay(intent_id, payment.amount, currency.lower() if currency else None)

    def _refund(self, intent_id: str, amount: int | None) -> Json:
        new = NewRefund(payment_intent=intent_id, charge=None, amount=amount, metadata={}, reason=None)
        return self._refunds.create(new, None, self._faults.refunds)

    def _whole_book(self, order_id: str | None) -> Json:
        kinds = ("payment_intent", "charge", "refund", "dispute")
        return {f"{kind}s": self._book.everything(kind, order_id) for kind in kinds}
