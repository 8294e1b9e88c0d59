"""Placing an order: the first commit of a purchase, and what a repeated request finds."""

from db.queries.billing.seats import may_buy, owns_course, read_course
from db.queries.idempotency import KeyedRequest, keep_key
from db.sql import fetch, fetch_one
from db.transaction import in_transaction
from domain.billing.purchase import Refusal
from domain.errors import BusinessRefusalError
from domain.identifiers import new_id

OPEN_ORDER_TRIES = 3
"""How often an order that closes between two statements is looked for again."""


class PlaceOrder(KeyedRequest, frozen=True, kw_only=True):
    """A request to buy a course; `billing` is JSON of `domain.billing.purchase.Billing`."""

    course_id: str
    provider: str
    currency: str
    billing: str


async def buyable_course(id_or_slug: str, user_id: str) -> str:
    """The id of a course that this person may buy: a look before anything is written; the story looks again.

    Raises `BusinessRefusalError("course_not_found")` or `("course_owned")`.
    """
    row = await fetch_one("SELECT id FROM courses WHERE id = $1 OR slug = $1", id_or_slug)
    course = await read_course(row["id"]) if row else None
    if course is None or not await may_buy(course, user_id):
        raise BusinessRefusalError(Refusal.COURSE_NOT_FOUND)
    if await owns_course(user_id, course["id"]):
        raise BusinessRefusalError(Refusal.COURSE_OWNED)
    return str(course["id"])


async def place_order(request: PlaceOrder) -> str:
    """Commit key and order together, or the key alone when an open order of this person and course stands already.

    Raises `BusinessRefusalError("idempotency_key_in_progress")` while another request with this key is being
    committed.
    """

    async def work() -> str:
        order_id = await _open_order(request)
        await keep_key(request, order_id)
        return order_id

    return await in_transaction(work)


async def take_back(order_id: str) -> bool:
    """Undo `place_order` when the story could not be started; `False` when it has started after all."""

    async def work() -> bool:
        order = await fetch_one(
            "DELETE FROM orders WHERE id = $1 AND status = 'preparing' AND amount IS NULL AND closed_at IS NULL"
            " RETURNING id",
            order_id,
        )
        if order is None:
            return False
        await fetch("DELETE FROM idempotency_keys WHERE resource_id = $1", order_id)
        return True

    return await in_transaction(work)


async def _open_order(request: PlaceOrder) -> str:
    for _ in range(OPEN_ORDER_TRIES):
        rows = await fetch(
            "INSERT INTO orders (id, user_id, course_id, status, provider, currency, billing)"
            " VALUES ($1, $2, $3, 'preparing', $4, $5, $6)"
            " ON CONFLICT (user_id, course_id) WHERE closed_at IS NULL DO NOTHING RETURNING id",
            new_id(),
            request.user_id,
            request.course_id,
            request.provider,
            request.currency,
            request.billing,
        )
        rows = rows or await fetch(
            "SELECT id FROM orders WHERE user_id = $1 AND course_id = $2 AND closed_at IS NULL FOR KEY SHARE",
            request.user_id,
            request.course_id,
        )
        if rows:
            return str(rows[0]["id"])
    raise BusinessRefusalError("idempotency_key_in_progress")
