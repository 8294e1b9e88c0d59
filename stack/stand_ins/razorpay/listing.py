"""Lists by `from`, `to`, `count` and `skip`, newest first (https://razorpay.com/docs/api/payments/fetch-all-payments)."""

from stack.stand_ins.book import Book
from stack.stand_ins.razorpay.wire import Json, WireError, refuse_unknown

COMMON = frozenset({"from", "to", "count", "skip"})


def list_objects(book: Book, kind: str, params: dict[str, str], *, root: str | None = None, of: str = "") -> Json:
    """One page; of one order's payments by its `root`, of one payment's refunds by `of`. Raises `WireError`."""
    refuse_unknown(params, COMMON | {"receipt"} if kind == "order" else COMMON)
    count, skip = _integer(params, "count", 10), _integer(params, "skip", 0)
    if not 1 <= count <= 100:
        raise WireError("The count must be between 1 and 100.")
    conditions: list[tuple[str, object]] = []
    if "from" in params:
        conditions.append(("created >= ?", _integer(params, "from", 0)))
    if "to" in params:
        conditions.append(("created <= ?", _integer(params, "to", 0)))
    if "receipt" in params:
        conditions.append(("order_id = ?", params["receipt"]))
    if root is not None:
        conditions.append(("root = ?", root))
    if of:
        conditions.append(("json_extract(body, '$.payment_id') = ?", of))
    items = book.page(kind, conditions, skip + count, forward=False)[skip:]
    return {"entity": "collection", "count": len(items), "items": items}


def _integer(params: dict[str, str], name: str, default: int) -> int:
    value = params.get(name, str(default))
    if not value.isascii() or not value.isdigit():
        raise WireError(f"{name} must be an integer.")
    return int(value)
