"""Checks of what a request may say, before anything begins (https://docs.stripe.com/api/payment_intents/create)."""

from stack.stand_ins.stripe.intents import NewIntent
from stack.stand_ins.stripe.refunds import REASONS, NewRefund
from stack.stand_ins.stripe.wire import (
    Json,
    WireError,
    charge_amount,
    check_charge_amount,
    currency,
    integer,
    metadata,
    refuse_unknown,
)

_NEW_INTENT = """amount currency metadata automatic_payment_methods payment_method_types description receipt_email
    statement_descriptor_suffix capture_method expand"""
NEW_INTENT = frozenset(_NEW_INTENT.split())
INTENT_CHANGES = frozenset(["amount", "currency", "metadata", "description", "receipt_email", "expand"])
NEW_REFUND = frozenset(["payment_intent", "charge", "amount", "metadata", "reason", "expand"])


def new_intent(params: Json) -> NewIntent:
    """A payment intent to create. Raises `WireError`."""
    refuse_unknown(params, NEW_INTENT)
    automatic = params.get("automatic_payment_methods") or {}
    if not isinstance(automatic, dict):
        raise WireError("Invalid object", param="automatic_payment_methods")
    return NewIntent(
        amount=charge_amount(params),
        currency=currency(params),
        metadata=metadata(params),
        description=params.get("description"),
        receipt_email=params.get("receipt_email"),
        automatic=automatic.get("enabled") == "true",
    )


def intent_changes(params: Json) -> Json:
    """What to overwrite of a payment intent. Raises `WireError`."""
    refuse_unknown(params, INTENT_CHANGES)
    changes: Json = {name: params[name] for name in ("description", "receipt_email") if name in params}
    amount = integer(params, "amount")
    if amount is not None:
        changes["amount"] = check_charge_amount(amount)
    if "currency" in params:
        changes["currency"] = currency(params)
    if "metadata" in params:
        metadata(params)
        changes["metadata"] = params["metadata"]
    return changes


def new_refund(params: Json) -> NewRefund:
    """A refund to create. Raises `WireError`."""
    refuse_unknown(params, NEW_REFUND)
    if not params.get("payment_intent") and not params.get("charge"):
        raise WireError("One of the following params should be provided: payment_intent or charge.")
    reason = params.get("reason")
    if reason is not None and reason not in REASONS:
        raise WireError(f"Invalid reason: must be one of {', '.join(REASONS)}", param="reason")
    return NewRefund(
        payment_intent=params.get("payment_intent"),
        charge=params.get("charge"),
        amount=integer(params, "amount"),
        metadata=metadata(params),
        reason=reason,
    )
