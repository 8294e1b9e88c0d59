"""Stripe's own routes: `/v1/payment_intents`, `/v1/refunds` and `/v1/disputes`, with authentication and idempotency."""

import asyncio
import base64
import hmac
from collections.abc import Callable
from hashlib import sha256
from typing import NamedTuple

import msgspec

from stack.stand_ins.book import Book, StoredAnswer
from stack.stand_ins.faults import ApiFault, Faults, Operation
from stack.stand_ins.http import Answer, Request
from stack.stand_ins.stripe.disputes import Disputes
from stack.stand_ins.stripe.intents import Intents
from stack.stand_ins.stripe.listing import list_objects
from stack.stand_ins.stripe.parameters import intent_changes, new_intent, new_refund
from stack.stand_ins.stripe.refunds import Refunds
from stack.stand_ins.stripe.wire import Json, WireError, new_id, parse_form, refuse_unknown, server_error

LONGEST_KEY = 255
"""Characters of an idempotency key (https://docs.stripe.com/api/idempotent_requests)."""

EXPANDABLE = frozenset({"expand"})
"""Accepted and not acted upon: nothing here needs more than the plain objects."""


class _Write(NamedTuple):
    """A writing call whose parameters were found in order; `run` gets its idempotency key."""

    operation: Operation
    run: Callable[[str | None], Json]


class StripeApi:
    """Answers `/v1/…`."""

    def __init__(
        self, book: Book, faults: Faults, intents: Intents, refunds: Refunds, disputes: Disputes, *, secret_key: str
    ) -> None:
        self._book = book
        self._faults = faults
        self._intents = intents
        self._refunds = refunds
        self._disputes = disputes
        self._secret_key = secret_key
        self._in_flight: set[str] = set()

    async def handle(self, request: Request) -> Answer | None:
        """The answer, or `None` to say nothing (the client has gone)."""
        request_id = new_id("req")
        try:
            self._authenticate(request.header(b"authorization"))
            if request.method == "GET":
                return await self._read(request, request_id)
            if request.method == "POST":
                return await self._write(request, request_id)
            raise _unknown_route(request)
        except WireError as error:
            return _answer(error.status, msgspec.json.encode(error.body), request_id)

    def _authenticate(self, header: str | None) -> None:
        """Bearer, or Basic with the key as user name (https://docs.stripe.com/api/authentication)."""
        scheme, _, given = (header or "").partition(" ")
        if scheme.lower() == "basic":
            try:
                given = base64.b64decode(given, validate=True).decode().partition(":")[0]
            except ValueError:
                given = ""
        if not given:
            raise WireError("You did not provide an API key.", status=401)
        if not hmac.compare_digest(given.encode(), self._secret_key.encode()):
            raise WireError(f"Invalid API Key provided: {given[:3]}****", status=401)

    async def _read(self, request: Request, request_id: str) -> Answer | None:
        params = parse_form(request.query)
        match request.path.split("/")[2:]:
            case ["payment_intents"]:
                operation: Operation = "list"
                found = list_objects(self._book, "payment_intent", params)
            case ["refunds"]:
                operation = "list"
                found = list_objects(self._book, "refund", params)
            case ["disputes"]:
                operation = "list"
                found = list_objects(self._book, "dispute", params)
            case ["disputes", dispute_id]:
                operation = "read"
                refuse_unknown(params, EXPANDABLE)
                found = self._disputes.read(dispute_id)
            case ["payment_intents", intent_id]:
                operation = "read"
                refuse_unknown(params, EXPANDABLE | {"client_secret"})
                found = self._intents.read(intent_id)
            case ["refunds", refund_id]:
                operation = "read"
                refuse_unknown(params, EXPANDABLE)
                found = self._refunds.read(refund_id)
            case _:
                raise _unknown_route(request)
        fault = self._faults.take(operation)
        if fault is not None:
            _refuse_at_the_door(fault)
            if fault.kind in ("error_500_before", "charge_then_500"):
                raise server_error()
            if fault.kind == "refuse":
                raise WireError("The request was refused.")
            if await request.gone_within(fault.seconds):
                return None
        return _answer(200, msgspec.json.encode(found), request_id)

    async def _write(self, request: Request, request_id: str) -> Answer | None:
        key = request.header(b"idempotency-key") or None
        fingerprint = sha256(f"{request.path}\n".encode() + request.body).hexdigest()
        if key is not None:
            replay = self._replay(key, fingerprint)
            if replay is not None:
                return replay
        # Parameters that do not pass are not stored under the key: nothing began.
        write = self._parsed(request)
        fault = self._faults.take(write.operation)
        if fault is not None:
            _refuse_at_the_door(fault)
            if fault.kind == "hang_then_charge":
                await self._hold(key, fault.seconds)
        with self._book.operation():
            stored = self._perform(write, key, fault, fingerprint, request_id)
            if key is not None:
                self._book.store_answer(key, stored)
        await self._book.committed()
        if fault is not None and fault.kind == "charge_then_hang" and await request.gone_within(fault.seconds):
            return None
        return _answer(stored.status, stored.body, request_id, key=key)

    def _replay(self, key: str, fingerprint: str) -> Answer | None:
        if len(key) > LONGEST_KEY:
            raise WireError(f"Idempotency keys have at most {LONGEST_KEY} characters.", kind="idempotency_error")
        if key in self._in_flight:
            raise WireError(
                "There is currently another in-progress request using this Idempotent Key.",
                status=409,
                code="idempotency_key_in_use",
            )
        stored = self._book.answer(key)
        if stored is None:
            return None
        if stored.fingerprint != fingerprint:
            raise WireError(
                "Keys for idempotent requests can only be used with the same parameters they were first used with.",
                kind="idempotency_error",
            )
        return _answer(stored.status, stored.body, stored.request_id, key=key, replayed=True)

    async def _hold(self, key: str | None, seconds: float) -> None:
        held = {key} if key is not None else set()
        self._in_flight |= held
        try:
            await asyncio.sleep(seconds)
        finally:
            self._in_flight -= held

    def _parsed(self, request: Request) -> _Write:
        params = parse_form(request.body)
        intents, refunds = self._intents, self._refunds
        match request.path.split("/")[2:]:
            case ["payment_intents"]:
                intent = new_intent(params)
                return _Write("create_payment", lambda key: intents.create(intent, key))
            case ["payment_intents", intent_id]:
                changes = intent_changes(params)
                return _Write("update", lambda _: intents.change(intent_id, changes))
            case ["payment_intents", intent_id, "cancel"]:
                refuse_unknown(params, EXPANDABLE | {"cancellation_reason"})
                reason = params.get("cancellation_reason")
                return _Write("cancel", lambda _: intents.cancel(intent_id, reason))
            case ["refunds"]:
                refund = new_refund(params)
                return _Write("create_refund", lambda key: refunds.create(refund, key, self._faults.refunds))
            case _:
                raise _unknown_route(request)

    def _perform(
        self, write: _Write, key: str | None, fault: ApiFault | None, fingerprint: str, request_id: str
    ) -> StoredAnswer:
        """Do it, or what the fault says; the answer is stored under the key whether it is good or bad."""
        kind = fault.kind if fault is not None else None
        try:
            if kind == "error_500_before":
                raise server_error()
            if kind == "refuse":
                raise _refused(write.operation)
            # A change of its own: what a refused one wrote is undone, the stored refusal is not.
            with self._book.operation():
                made = write.run(key)
            if kind == "charge_then_500":
                raise server_error()
        except WireError as error:
            return StoredAnswer(fingerprint, error.status, msgspec.json.encode(error.body), request_id)
        return StoredAnswer(fingerprint, 200, msgspec.json.encode(made), request_id)


def _refuse_at_the_door(fault: ApiFault) -> None:
    if fault.kind == "rate_limit":
        raise WireError("Too many requests.", status=429, code="rate_limit")


def _refused(operation: Operation) -> WireError:
    if operation == "create_payment":
        return WireError("Your card was declined.", status=402, kind="card_error", code="card_declined")
    return WireError("The request was refused.")


def _unknown_route(request: Request) -> WireError:
    return WireError(f"Unrecognized request URL ({request.method}: {request.path}).", status=404)


def _answer(status: int, body: bytes, request_id: str, *, key: str | None = None, replayed: bool = False) -> Answer:
    headers = [(b"request-id", request_id.encode())]
    if key is not None:
        headers.append((b"idempotency-key", key.encode("latin-1")))
    if replayed:
        headers += [(b"idempotent-replayed", b"true"), (b"original-request", request_id.encode())]
    return Answer(status, body, tuple(headers))
