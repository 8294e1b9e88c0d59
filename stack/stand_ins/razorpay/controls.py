"""What payers, banks and the dashboard do at this Razorpay, beside what every stand-in is told (`../controls.py`)."""

import re

import msgspec

from stack.stand_ins.book import Book
from stack.stand_ins.controls import ConflictError, Controls, NotInBookError, body_of
from stack.stand_ins.faults import Faults
from stack.stand_ins.http import Request
from stack.stand_ins.razorpay.api import Money
from stack.stand_ins.razorpay.events import hex_hmac
from stack.stand_ins.razorpay.refunds import NewRefund
from stack.stand_ins.razorpay.wire import Json, WireError, missing
from stack.stand_ins.webhooks import Webhooks


class Paying(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Optional body of `POST /test/pay/{order}`: what is taken instead of what was asked for (minor units)."""

    amount: int | None = None
    currency: str | None = None


class Amount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Optional body of a refund at the dashboard and of a dispute: minor units; all that is left when absent."""

    amount: int | None = None


class RazorpayControls(Controls):
    """Answers `/test/…`."""

    def __init__(self, book: Book, faults: Faults, money: Money, webhooks: Webhooks, *, key_secret: str) -> None:
        super().__init__(book, faults, webhooks)
        self._orders, self._refunds, self._disputes = money
        self._key_secret = key_secret

    def _act(self, route: list[str], request: Request) -> Json | None:
        try:
            return self._acted(route, request)
        except WireError as error:
            raise (NotInBookError if str(error) == str(missing()) else ConflictError)(str(error)) from None

    def _acted(self, route: list[str], request: Request) -> Json | None:  # noqa: PLR0911  # a table of routes
        match route:
            case ["POST", "pay", order_id]:
                paying = _checked(body_of(request, Paying))
                return self._shown(self._orders.pay(order_id, paying.amount, paying.currency))
            case ["POST", "authorize", order_id]:
                return self._shown(self._orders.authorize(order_id))
            case ["POST", "decline", order_id]:
                return self._orders.decline(order_id)
            case ["POST", "authorize-late", payment_id]:
                return self._orders.authorize_late(payment_id)
            case ["POST", "let-go", payment_id]:
                return self._orders.let_go(payment_id)
            case ["POST", "refund-at-dashboard", payment_id]:
                amount = body_of(request, Amount).amount
                new = NewRefund(amount=amount, speed="normal", receipt=None, notes=[])
                return self._refunds.create(payment_id, new, None, self._faults.refunds)
            case ["POST", "refunds", refund_id, "succeed"]:
                return self._refunds.settle(refund_id, "processed")
            case ["POST", "refunds", refund_id, "fail"]:
                return self._refunds.settle(refund_id, "failed")
            case ["POST", "dispute", payment_id]:
                return self._disputes.open(payment_id, body_of(request, Amount).amount)
            case ["POST", "disputes", dispute_id, ("respond" | "win" | "lose") as step]:
                return self._disputes.step(dispute_id, step)
            case _:
                return None

    def _shown(self, payment: Json) -> Json:
        """The payment, and what Razorpay's checkout tells the payer's browser of it."""
        signed = f"{payment['order_id']}|{payment['id']}".encode()
        return {
            **payment,
            "checkout": {
                "razorpay_order_id": payment["order_id"],
                "razorpay_payment_id": payment["id"],
                "razorpay_signature": hex_hmac(signed, self._key_secret),
            },
        }

    def _whole_book(self, order_id: str | None) -> Json:
        return {f"{kind}s": self._book.everything(kind, order_id) for kind in ("order", "payment", "refund", "dispute")}


def _checked(paying: Paying) -> Paying:
    if paying.amount is not None and paying.amount < 1:
        raise ConflictError("The amount captured must be at least 1 minor unit.")
    if paying.currency is not None and not re.fullmatch("[A-Z]{3}", paying.currency):
        raise ConflictError("The currency must have three capital letters.")
    return paying
