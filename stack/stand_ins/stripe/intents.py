"""Payment intents as Stripe runs them: open, paid, declined, processing, canceled.

States and their moves: https://docs.stripe.com/payments/paymentintents/lifecycle.
"""

import time
from collections.abc import Callable

import msgspec

from stack.stand_ins.book import Book
from stack.stand_ins.controls import ConflictError
from stack.stand_ins.stripe.wire import Json, WireError, missing, new_id

Emit = Callable[[str, Json], None]
"""Tell the world: an event type and the object it is about."""

CANCELABLE = (
    "requires_payment_method",
    "requires_capture",
    "requires_confirmation",
    "requires_action",
)
PAYABLE = ("requires_payment_method", "requires_confirmation", "requires_action", "processing")


class NewIntent(msgspec.Struct, frozen=True, kw_only=True):
    """Checked parameters of a new payment intent."""

    amount: int
    currency: str
    metadata: dict[str, str]
    description: str | None
    receipt_email: str | None
    automatic: bool


class Intents:
    """Every payment intent and charge in the book. Each method is one change inside `book.operation()`."""

    def __init__(self, book: Book, emit: Emit) -> None:
        self._book = book
        self._emit = emit

    def read(self, intent_id: str) -> Json:
        """The intent. Raises `WireError` 404."""
        intent = self._book.get("payment_intent", intent_id)
        if intent is None:
            raise missing("payment_intent", intent_id)
        return intent

    def create(self, new: NewIntent, key: str | None) -> Json:
        """A new intent that waits for its payer."""
        intent_id = new_id("pi")
        intent: Json = {
            "id": intent_id,
            "object": "payment_intent",
            "amount": new.amount,
            "amount_capturable": 0,
            "amount_received": 0,
            "automatic_payment_methods": ({"allow_redirects": "always", "enabled": True} if new.automatic else None),
            "canceled_at": None,
            "cancellation_reason": None,
            "capture_method": "automatic_async",
            "client_secret": f"{intent_id}_secret_{new_id('s')[3:]}",
            "confirmation_method": "automatic",
            "created": int(time.time()),
            "currency": new.currency,
            "customer": None,
            "description": new.description,
            "last_payment_error": None,
            "latest_charge": None,
            "livemode": False,
            "metadata": new.metadata,
            "next_action": None,
            "payment_method": None,
            "payment_method_types": ["card", "upi"],
            "receipt_email": new.receipt_email,
            "status": "requires_payment_method",
        }
        self._book.insert(
            "payment_intent",
            intent,
            root=intent["id"],
            order_id=intent["metadata"].get("order_id"),
            created=intent["created"],
            key=key,
        )
        self._emit("payment_intent.created", intent)
        return intent

    def change(self, intent_id: str, changes: Json) -> Json:
        """Overwrite amount and currency (before it is paid), description and metadata (always)."""
        intent = self.read(intent_id)
        money = {"amount", "currency"} & changes.keys()
        if money and intent["status"] not in CANCELABLE:
            raise _unexpected_state(intent, f"You cannot change the {min(money)} of this PaymentIntent")
        metadata = {**intent["metadata"], **changes.pop("metadata", {})}
        intent.update(changes, metadata={name: value for name, value in metadata.items() if value != ""})
        self._book.update(intent)
        return intent

    def cancel(self, intent_id: str, reason: str | None) -> Json:
        """Cancel while nobody has paid. Raises `WireError` `payment_intent_unexpected_state` afterwards."""
        intent = self.read(intent_id)
        if intent["status"] not in CANCELABLE:
            raise _unexpected_state(intent, "You cannot cancel this PaymentIntent")
        intent.update(status="canceled", canceled_at=int(time.time()), cancellation_reason=reason)
        self._book.update(intent)
        self._emit("payment_intent.canceled", intent)
        return intent

    def pay(self, intent_id: str, amount: int | None, currency: str | None) -> Json:
        """The payer pays; `amount` and `currency` let the bank capture something else than was asked for."""
        intent = self._movable(intent_id, PAYABLE, "paid")
        received = intent["amount"] if amount is None else amount
        charge = self._charge(intent, received, currency or intent["currency"], paid=True)
        intent.update(
            status="succeeded",
            amount_received=received,
            currency=charge["currency"],
            latest_charge=charge["id"],
            last_payment_error=None,
            payment_method=charge["payment_method"],
        )
        self._book.update(intent)
        self._emit("payment_intent.succeeded", intent)
        return intent

    def decline(self, intent_id: str) -> Json:
        """The bank declines (at once, or after `processing`); the payer may try again."""
        intent = self._movable(intent_id, PAYABLE, "declined")
        charge = self._charge(intent, intent["amount"], intent["currency"], paid=False)
        intent.update(
            status="requires_payment_method",
            latest_charge=charge["id"],
            last_payment_error={
                "type": "card_error",
                "code": "card_declined",
                "decline_code": "generic_decline",
                "message": "Your card was declined.",
                "charge": charge["id"],
            },
        )
        self._book.update(intent)
        self._emit("payment_intent.payment_failed", intent)
        return intent

    def process(self, intent_id: str) -> Json:
        """The payer used a slow method: paid or declined later."""
        intent = self._movable(intent_id, CANCELABLE, "put in processing")
        intent["status"] = "processing"
        self._book.update(intent)
        self._emit("payment_intent.processing", intent)
        return intent

    def _movable(self, intent_id: str, states: tuple[str, ...], verb: str) -> Json:
        intent = self.read(intent_id)
        if intent["status"] not in states:
            raise ConflictError(f"A payment intent that is {intent['status']} cannot be {verb}.")
        return intent

    def _charge(self, intent: Json, amount: int, currency: str, *, paid: bool) -> Json:
        charge: Json = {
            "id": new_id("ch"),
            "object": "charge",
            "amount": amount,
            "amount_captured": amount if paid else 0,
            "amount_refunded": 0,
            "captured": paid,
            "created": int(time.time()),
            "currency": currency,
            "disputed": False,
            "failure_code": None if paid else "card_declined",
            "livemode": False,
            "metadata": intent["metadata"],
            "paid": paid,
            "payment_intent": intent["id"],
            "payment_method": new_id("pm"),
            "refunded": False,
            "status": "succeeded" if paid else "failed",
        }
        self._book.insert("charge", charge, root=charge["payment_intent"], created=charge["created"])
        return charge


def _unexpected_state(intent: Json, what: str) -> WireError:
    return WireError(
        f"{what} because it has a status of {intent['status']}. Only a PaymentIntent with one of the following "
        f"statuses may be changed so: {', '.join(CANCELABLE)}.",
        code="payment_intent_unexpected_state",
        param="intent",
        payment_intent=intent,
    )
