"""Razorpay's own routes: orders, payments, captures and refunds, with authentication and the refunds' idempotency."""

import asyncio
import base64
import hmac
import re
from collections.abc import Callable
from hashlib import sha256
from typing import NamedTuple

import msgspec

from stack.stand_ins.book import Book, StoredAnswer
from stack.stand_ins.faults import ApiFault, Faults, Operation
from stack.stand_ins.http import Answer, Request
from stack.stand_ins.razorpay.disputes import Disputes
from stack.stand_ins.razorpay.listing import list_objects
from stack.stand_ins.razorpay.orders import Orders, new_order
from stack.stand_ins.razorpay.refunds import Refunds, new_refund
from stack.stand_ins.razorpay.wire import (
    Json,
    WireError,
    amount_of,
    currency_of,
    parse_body,
    parse_query,
    refuse_unknown,
    server_error,
)

REFUND_KEY = re.compile(r"[A-Za-z0-9_-]{10,}", re.ASCII)
"""`X-Refund-Idempotency` (https://razorpay.com/docs/api/refunds/normal-refunds-idempotent)."""


class _Write(NamedTuple):
    """A writing call whose fields were found in order; `run` gets its idempotency key."""

    operation: Operation
    run: Callable[[str | None], Json]


class Money(NamedTuple):
    """What the book holds, by what it is."""

    orders: Orders
    refunds: Refunds
    disputes: Disputes


class RazorpayApi:
    """Answers `/v1/…`."""

    def __init__(self, book: Book, faults: Faults, money: Money, *, key_id: str, key_secret: str) -> None:
        self._book = book
        self._faults = faults
        self._orders, self._refunds, self._disputes = money
        self._credentials = f"{key_id}:{key_secret}".encode()
        self._in_flight: set[str] = set()

    async def handle(self, request: Request) -> Answer | None:
        """The answer, or `None` to say nothing (the client has gone)."""
        try:
            self._authenticate(request.header(b"authorization"))
            if request.method == "GET":
                return await self._read(request)
            if request.method == "POST":
                return await self._write(request)
            raise _unknown_route()
        except WireError as error:
            return Answer(error.status, msgspec.json.encode(error.body))

    def _authenticate(self, header: str | None) -> None:
        """Basic, the key's id as user and its secret as password."""
        scheme, _, given = (header or "").partition(" ")
        try:
            plain = base64.b64decode(given, validate=True) if scheme.lower() == "basic" else b""
        except ValueError:
            plain = b""
        if not hmac.compare_digest(plain, self._credentials):
            raise WireError("Authentication failed", status=401)

    async def _read(self, request: Request) -> Answer | None:
        operation, found = self._found(request)
        fault = self._faults.take(operation)
        if fault is not None:
            _refuse_at_the_door(fault)
            if fault.kind in ("error_500_before", "charge_then_500"):
                raise server_error()
            if fault.kind == "refuse":
                raise WireError("The request was refused.")
            if await request.gone_within(fault.seconds):
                return None
        return Answer(200, msgspec.json.encode(found))

    def _found(self, request: Request) -> tuple[Operation, Json]:  # noqa: PLR0911  # a table of routes
        params = parse_query(request.query)
        match request.path.split("/")[2:]:
            case ["orders"]:
                return "list", list_objects(self._book, "order", params)
            case ["orders", order_id]:
                return "read", self._orders.order(order_id)
            case ["orders", order_id, "payments"]:
                self._orders.order(order_id)
                return "read", list_objects(self._book, "payment", {**params, "count": "100"}, root=order_id)
            case ["payments"]:
                return "list", list_objects(self._book, "payment", params)
            case ["payments", payment_id]:
                return "read", self._orders.payment(payment_id)
            case ["payments", payment_id, "refunds"]:
                self._orders.payment(payment_id)
                return "list", list_objects(self._book, "refund", params, of=payment_id)
            case ["refunds"]:
                return "list", list_objects(self._book, "refund", params)
            case ["refunds", refund_id]:
                return "read", self._refunds.read(refund_id)
            case ["disputes"]:
                return "list", list_objects(self._book, "dispute", params)
            case ["disputes", dispute_id]:
                return "read", self._disputes.read(dispute_id)
            case _:
                raise _unknown_route()

    async def _write(self, request: Request) -> Answer | None:
        key = request.header(b"x-refund-idempotency")
        fingerprint = sha256(f"{request.path}\n".encode() + request.body).hexdigest()
        if key is not None and (replay := self._replay(key, fingerprint)) is not None:
            return replay
        write = self._parsed(request)
        fault = self._faults.take(write.operation)
        if fault is not None:
            await self._meet_before(fault, key)
        with self._book.operation():
            body = msgspec.json.encode(write.run(key))
            if key is not None:
                self._book.store_answer(key, StoredAnswer(fingerprint, 200, body, ""))
        await self._book.committed()
        if fault is not None and fault.kind == "charge_then_500":
            raise server_error()
        if fault is not None and fault.kind == "charge_then_hang" and await request.gone_within(fault.seconds):
            return None
        return Answer(200, body)

    async def _meet_before(self, fault: ApiFault, key: str | None) -> None:
        """What a fault does before anything is done. Raises `WireError`."""
        _refuse_at_the_door(fault)
        if fault.kind == "error_500_before":
            raise server_error()
        if fault.kind == "refuse":
            raise WireError("The request was refused.")
        if fault.kind == "hang_then_charge":
            held = {key} if key is not None else set()
            self._in_flight |= held
            try:
                await asyncio.sleep(fault.seconds)
            finally:
                self._in_flight -= held

    def _replay(self, key: str, fingerprint: str) -> Answer | None:
        if not REFUND_KEY.fullmatch(key):
            raise WireError("The idempotency key has at least 10 letters, digits, hyphens and underscores.")
        if key in self._in_flight:
            raise WireError("Request failed because another request is in progress with the same key", status=409)
        stored = self._book.answer(key)
        if stored is None:
            return None
        if stored.fingerprint != fingerprint:
            raise WireError("Different request body sent for the same Idempotency Header")
        return Answer(stored.status, stored.body)

    def _parsed(self, request: Request) -> _Write:
        params = parse_body(request.body)
        orders, refunds = self._orders, self._refunds
        match request.path.split("/")[2:]:
            case ["orders"]:
                order = new_order(params)
                return _Write("create_payment", lambda _: orders.create(order))
            case ["payments", payment_id, "capture"]:
                refuse_unknown(params, frozenset({"amount", "currency"}))
                amount, currency = amount_of(params), currency_of(params)
                return _Write("capture", lambda _: orders.capture(payment_id, amount, currency))
            case ["payments", payment_id, "refund"]:
                refund = new_refund(params)
                return _Write(
                    "create_refund", lambda key: refunds.create(payment_id, refund, key, self._faults.refunds)
                )
            case _:
                raise _unknown_route()


def _refuse_at_the_door(fault: ApiFault) -> None:
    if fault.kind == "rate_limit":
        raise WireError("Request failed", status=429)


def _unknown_route() -> WireError:
    return WireError("The requested URL was not found on the server.")
