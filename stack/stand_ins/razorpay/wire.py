"""Razorpay's wire format: JSON requests and answers, error objects (https://razorpay.com/docs/api/errors)."""

import re
import secrets
from typing import Any
from urllib.parse import parse_qsl

import msgspec

Json = dict[str, Any]

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
LONGEST_RECEIPT = 40
MOST_NOTES = 15
LONGEST_NOTE = 256
SMALLEST_ORDER = 100
"""Minor units: one rupee."""
LARGEST_ORDER = 50_000_000_00
"""Minor units; the real limit is the account's."""


class WireError(Exception):
    """What Razorpay answers instead of an object."""

    def __init__(self, description: str, *, status: int = 400, code: str = "BAD_REQUEST_ERROR") -> None:
        super().__init__(description)
        self.status = status
        self.body: Json = {
            "error": {
                "code": code,
                "description": description,
                "source": "business",
                "step": "payment_initiation",
                "reason": "input_validation_failed" if status == 400 else "NA",
                "metadata": {},
            }
        }


def server_error() -> WireError:
    """Razorpay's 500."""
    return WireError("We are facing some trouble completing your request.", status=500, code="SERVER_ERROR")


def missing() -> WireError:
    """Razorpay's answer for an id that it does not know: 400, not 404."""
    return WireError("The id provided does not exist")


def new_id(prefix: str) -> str:
    """An id shaped like Razorpay's (`pay_` and 14 letters or digits): unguessable, no order in it."""
    return f"{prefix}_{''.join(secrets.choice(ALPHABET) for _ in range(14))}"


def parse_body(body: bytes) -> Json:
    """The JSON object that was posted. Raises `WireError`."""
    try:
        return msgspec.json.decode(body or b"{}", type=dict)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise WireError("The request body is not valid JSON.") from None


def parse_query(query: bytes) -> dict[str, str]:
    """The query's parameters, each once."""
    return dict(parse_qsl(query.decode(), keep_blank_values=True))


def refuse_unknown(params: Json, known: frozenset[str]) -> None:
    """Razorpay refuses fields that it does not know, by name."""
    extra = sorted(set(params) - known)
    if extra:
        raise WireError(f"{', '.join(extra)} is/are not required and should not be sent")


def amount_of(params: Json, name: str = "amount") -> int | None:
    """An optional amount; an integer, never a text or a fraction."""
    value = params.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise WireError("The amount must be an integer.")
    return value


def currency_of(params: Json) -> str:
    """The required currency."""
    value = params.get("currency")
    if not isinstance(value, str) or not re.fullmatch("[A-Z]{3}", value) or value == "XXX":
        raise WireError("The selected currency is invalid" if value else "The currency field is required.")
    return value


def notes_of(params: Json) -> Json | list[Any]:
    """The optional notes; none are an empty list, as PHP writes them."""
    given = params.get("notes") or {}
    if not isinstance(given, dict):
        raise WireError("The notes must be an array of values.")
    if len(given) > MOST_NOTES:
        raise WireError(f"Number of fields in notes should be less than or equal to {MOST_NOTES}")
    if any(len(str(value)) > LONGEST_NOTE for value in given.values()):
        raise WireError(f"Notes values may have up to {LONGEST_NOTE} characters.")
    return given or []
