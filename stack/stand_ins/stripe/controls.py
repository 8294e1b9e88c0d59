"""`/test/…`: what the payer, the bank, the dashboard and bad luck do. No login: it listens on loopback only."""

import re
import time
from typing import TypeVar
from urllib.parse import parse_qs

import msgspec

from stack.stand_ins.http import Answer, Request, json_answer, problem
from stack.stand_ins.stripe.book import Book, Kind
from stack.stand_ins.stripe.disputes import Disputes
from stack.stand_ins.stripe.faults import FaultPlan, Faults
from stack.stand_ins.stripe.intents import ConflictError, Intents
from stack.stand_ins.stripe.refunds import NewRefund, Refunds
from stack.stand_ins.stripe.webhooks import Webhooks
from stack.stand_ins.stripe.wire import Json, WireError

S = TypeVar("S", bound=msgspec.Struct)


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


class Pruning(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Optional body of `POST /test/prune-keys`: keys at least this old are forgotten; all when absent."""

    older_than_seconds: float = 0.0


class Controls:
    """Answers `/test/…`."""

    def __init__(
        self, book: Book, faults: Faults, intents: Intents, refunds: Refunds, disputes: Disputes, *, webhooks: Webhooks
    ) -> None:
        self._book = book
        self._faults = faults
        self._intents = intents
        self._refunds = refunds
        self._disputes = disputes
        self._webhooks = webhooks

    async def handle(self, request: Request) -> Answer:
        """Do what the route says, durably. Problems are RFC 9457."""
        try:
            with self._book.operation():
                answer = self._routed(request)
        except msgspec.MsgspecError as error:
            return problem(400, str(error))
        except ConflictError as error:
            return problem(409, str(error))
        except WireError as error:
            return problem(404 if error.status == 404 else 409, str(error))
        await self._book.committed()
        return answer

    def _routed(self, request: Request) -> Answer:  # noqa: PLR0911, PLR0912  # a table of routes
        route = [request.method, *request.path.split("/")[2:]]
        match route:
            case ["POST", "pay", intent_id]:
                payment = _body(request, Payment)
                return json_answer(200, self._pay(intent_id, payment))
            case ["POST", "decline", intent_id]:
                return json_answer(200, self._intents.decline(intent_id))
            case ["POST", "process", intent_id]:
                return json_answer(200, self._intents.process(intent_id))
            case ["POST", "refund-at-dashboard", intent_id]:
                return json_answer(200, self._refund(intent_id, _body(request, Amount).amount))
            case ["POST", "refunds", refund_id, "succeed"]:
                return json_answer(200, self._refunds.settle(refund_id, "succeeded"))
            case ["POST", "refunds", refund_id, "fail"]:
                return json_answer(200, self._refunds.settle(refund_id, "failed"))
            case ["POST", "dispute", intent_id]:
                ask = _body(request, Dispute)
                opened = self._disputes.open(intent_id, ask.amount, ask.due_in_seconds, inquiry=ask.inquiry)
                return json_answer(200, opened)
            case ["POST", "disputes", dispute_id, ("respond" | "escalate" | "win" | "lose") as step]:
                return json_answer(200, self._disputes.step(dispute_id, step))
            case ["POST", "faults"]:
                self._faults.add(_body(request, FaultPlan))
                return json_answer(200, self._faults.current())
            case ["GET", "faults"]:
                return json_answer(200, self._faults.current())
            case ["DELETE", "faults"]:
                self._faults.clear()
                return json_answer(200, self._faults.current())
            case ["GET", "book"]:
                return json_answer(200, self._whole_book(request))
            case ["GET", "webhooks"]:
                return json_answer(200, self._deliveries(_query(request, "event_id")))
            case ["POST", "webhooks", event_id, "resend"]:
                planned = self._webhooks.resend(event_id)
                return json_answer(202, {"planned": planned}) if planned else problem(404, "No such event.")
            case ["POST", "prune-keys"]:
                pruned = self._book.prune_answers(_body(request, Pruning).older_than_seconds)
                return json_answer(200, {"pruned": pruned})
            case _:
                return problem(404, "No such test control; GET / lists them.")

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

    def _whole_book(self, request: Request) -> Json:
        order_id = _query(request, "order_id")
        kinds: tuple[Kind, ...] = ("payment_intent", "charge", "refund", "dispute")
        return {f"{kind}s": self._book.everything(kind, order_id) for kind in kinds}

    def _deliveries(self, event_id: str | None) -> Json:
        return {
            "deliveries": [
                {
                    "event_id": d.event_id,
                    "type": d.event_type,
                    "object": msgspec.json.decode(d.body)["data"]["object"]["id"],
                    "sort": d.sort,
                    "state": d.state,
                    "attempts": d.attempts,
                    "statuses": d.statuses,
                    "next_attempt_in_seconds": max(0.0, d.due - time.time()) if d.state == "pending" else None,
                }
                for d in self._book.deliveries(event_id=event_id)
            ]
        }


def _body(request: Request, shape: type[S]) -> S:
    return msgspec.json.decode(request.body or b"{}", type=shape)


def _query(request: Request, name: str) -> str | None:
    return parse_qs(request.query.decode()).get(name, [None])[0]
