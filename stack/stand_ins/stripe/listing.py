"""Lists with cursors, newest first (https://docs.stripe.com/api/pagination)."""

from typing import Literal

from stack.stand_ins.book import Book
from stack.stand_ins.stripe.wire import Json, WireError, integer, missing, refuse_unknown

COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
KNOWN = frozenset({"limit", "starting_after", "ending_before", "created", "expand"})
URLS = {"payment_intent": "/v1/payment_intents", "refund": "/v1/refunds", "dispute": "/v1/disputes"}


def list_objects(book: Book, kind: Literal["payment_intent", "refund", "dispute"], params: Json) -> Json:
    """One page. Raises `WireError` for parameters that Stripe refuses."""
    refuse_unknown(params, KNOWN if kind == "payment_intent" else KNOWN | {"payment_intent", "charge"})
    limit = integer(params, "limit")
    if limit is not None and not 1 <= limit <= 100:
        raise WireError("Limit must be between 1 and 100.", code="parameter_invalid_integer", param="limit")
    size = 10 if limit is None else limit
    conditions = _created(params.get("created"))
    if params.get("payment_intent"):
        conditions.append(("root = ?", params["payment_intent"]))
    if params.get("charge"):
        conditions.append(("json_extract(body, '$.charge') = ?", params["charge"]))
    for name, comparison in (("starting_after", "<"), ("ending_before", ">")):
        if params.get(name):
            position = book.position(kind, params[name])
            if position is None:
                raise missing(kind, params[name], name)
            conditions.append((f"seq {comparison} ?", position))
    forward = bool(params.get("ending_before"))
    found = book.page(kind, conditions, size + 1, forward=forward)
    page = found[-size:] if forward else found[:size]
    return {"object": "list", "data": page, "has_more": len(found) > size, "url": URLS[kind]}


def _created(given: object) -> list[tuple[str, object]]:
    if given is None:
        return []
    bounds = given if isinstance(given, dict) else {"": given}
    conditions: list[tuple[str, object]] = []
    for name in bounds:
        comparison = "=" if name == "" else COMPARISONS.get(name)
        if comparison is None:
            raise WireError(f"Received unknown parameter: created[{name}]", param="created")
        conditions.append((f"created {comparison} ?", integer(bounds, name)))
    return conditions
