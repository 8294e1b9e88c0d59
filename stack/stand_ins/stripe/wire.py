"""Stripe's wire format: form-encoded requests, JSON answers, error objects.

https://docs.stripe.com/api/errors and https://docs.stripe.com/api/metadata say how these look.
"""

import re
import secrets
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl

Json = dict[str, Any]

SMALLEST_CHARGE = 50
"""Minor units; Stripe's minimum is about half a dollar, and half a rupee (https://docs.stripe.com/currencies)."""
LARGEST_CHARGE = 99_999_999
"""Minor units: eight digits (https://docs.stripe.com/api/payment_intents/object#payment_intent_object-amount)."""
_CURRENCIES = """aed ars aud bdt bgn brl cad chf clp cny cop czk dkk egp eur gbp hkd huf idr ils inr isk jpy kes krw lkr
    mad mxn myr ngn nok npr nzd pen php pkr pln qar ron rub sar sek sgd thb try twd uah usd vnd zar"""
CURRENCIES = frozenset(_CURRENCIES.split())


class WireError(Exception):
    """What Stripe answers instead of an object."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        payment_intent: Json | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        error: Json = {"type": kind, "code": code, "message": message, "param": param}
        if payment_intent is not None:
            error["payment_intent"] = payment_intent
        self.body: Json = {"error": {name: value for name, value in error.items() if value is not None}}


def server_error() -> WireError:
    """Stripe's 500."""
    return WireError("An unknown error occurred", status=500, kind="api_error")


def missing(kind: str, wanted: str, param: str = "intent") -> WireError:
    """Stripe's 404 for an id it does not know."""
    return WireError(f"No such {kind}: '{wanted}'", status=404, code="resource_missing", param=param)


def new_id(prefix: str) -> str:
    """An id shaped like Stripe's (`pi_3…`): unguessable, no order in it."""
    return f"{prefix}_3{secrets.token_hex(11)}"


def parse_form(body: bytes) -> Json:
    """`metadata[order_id]=1&expand[]=x` as nested dictionaries and lists. Raises `WireError` when it is neither."""
    parsed: Json = {}
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=bool(body))
    except ValueError:
        raise WireError("Invalid request: the body could not be parsed as a form.") from None
    for name, value in pairs:
        root, *path = re.findall(r"[^\[\]]+|(?<=\[)(?=\])", name) or [name]
        _place(parsed, [root, *path], value, name)
    return parsed


def _place(target: Json, path: list[str], value: str, name: str) -> None:
    for part, following in pairwise(path):
        if following == "":
            target.setdefault(part, [])
            if not isinstance(target[part], list):
                raise WireError(f"Invalid parameter: {name}", param=name)
            target[part].append(value)
            return
        inner = target.setdefault(part, {})
        if not isinstance(inner, dict):
            raise WireError(f"Invalid parameter: {name}", param=name)
        target = inner
    target[path[-1]] = value


def refuse_unknown(params: Json, known: frozenset[str]) -> None:
    """Stripe refuses parameters that it does not know, by name."""
    for name in params:
        if name not in known:
            raise WireError(f"Received unknown parameter: {name}", code="parameter_unknown", param=name)


def integer(params: Json, name: str) -> int | None:
    """An optional integer parameter; `None` when it is absent."""
    value = params.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not re.fullmatch(r"-?[0-9]{1,18}", value):
        raise WireError(f"Invalid integer: {value}", code="parameter_invalid_integer", param=name)
    return int(value)


def charge_amount(params: Json) -> int:
    """The required amount of a payment, within Stripe's bounds; minor units."""
    amount = integer(params, "amount")
    if amount is None:
        raise WireError("Missing required param: amount.", code="parameter_missing", param="amount")
    return check_charge_amount(amount)


def check_charge_amount(amount: int) -> int:
    """The amount itself, when Stripe would charge it."""
    if amount < 1:
        raise WireError(
            "This value must be greater than or equal to 1.", code="parameter_invalid_integer", param="amount"
        )
    if amount < SMALLEST_CHARGE:
        raise WireError(
            f"Amount must be at least {SMALLEST_CHARGE} minor units.", code="amount_too_small", param="amount"
        )
    if amount > LARGEST_CHARGE:
        raise WireError(
            f"Amount must be no more than {LARGEST_CHARGE} minor units.", code="amount_too_large", param="amount"
        )
    return amount


def currency(params: Json) -> str:
    """The required currency, lower case as Stripe keeps it."""
    value = params.get("currency")
    if not value:
        raise WireError("Missing required param: currency.", code="parameter_missing", param="currency")
    lowered = str(value).lower()
    if lowered not in CURRENCIES:
        raise WireError(f"Invalid currency: {lowered}.", param="currency")
    return lowered


def metadata(params: Json) -> dict[str, str]:
    """The optional metadata: at most 50 keys of 40 characters with values of 500."""
    given = params.get("metadata") or {}
    if not isinstance(given, dict):
        raise WireError("Invalid hash", param="metadata")
    if len(given) > 50:
        raise WireError("Metadata can have up to 50 keys.", param="metadata")
    for name, value in given.items():
        if len(name) > 40 or not isinstance(value, str) or len(value) > 500:
            raise WireError(f"Metadata key {name} is too long, nested, or its value is.", param=f"metadata[{name}]")
    return {name: value for name, value in given.items() if value != ""}
