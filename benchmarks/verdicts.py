"""When a block of purchases does not count: somebody's book says something else than the load generator believes."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from benchmarks.histories import Tally, read_tallies
from benchmarks.http_client import Connection
from benchmarks.shop import Buyer, Shop
from domain.billing.money import to_minor
from domain.identifiers import purchase_workflow_id

STEPS = {"reserve", "open_checkout", "settle", "send_message"}
"""A purchase that nothing disturbed. `read_charge` would be a poll; a normal activity, an outage."""
BY_PHONE = {"send_notices_now"}
"""One more step where a buyer has other channels than e-mail."""

ORDERS = """
SELECT o.id, o.user_id, o.course_id, o.status, o.amount, o.currency, o.attention,
    (SELECT count(*) FROM payments p WHERE p.order_id = o.id AND p.applied AND p.amount = o.amount) AS payments,
    (SELECT count(*) FROM course_enrollments e WHERE e."userId" = o.user_id AND e."courseId" = o.course_id
     AND e.status = 'active') AS enrollments,
    (SELECT count(*) FROM entitlements t WHERE t.user_id = o.user_id AND t.ended_at IS NULL) AS reasons,
    (SELECT count(*) FROM ledger_postings g WHERE g.order_id = o.id) AS postings,
    (SELECT sum(n.amount) FROM ledger_postings g JOIN ledger_entries n ON n.posting_id = g.id
     WHERE g.order_id = o.id) AS ledger_sum,
    (SELECT array_agg(m.channel || ' ' || m.status ORDER BY m.channel) FROM outgoing_messages m
     WHERE m.user_id = o.user_id) AS messages
FROM orders o WHERE o.user_id = ANY ($1)
"""


class InvalidBlockError(Exception):
    """The block does not measure what it should; the text says why."""


async def judge_purchases(shop: Shop, bought: Mapping[str, Buyer]) -> list[Tally]:
    """What their histories tell. `bought`: order → buyer. Raises `InvalidBlockError`."""
    tallies = await read_tallies(shop.ours, map(purchase_workflow_id, bought))
    for tally in tallies:
        steps, trouble = tally.local_steps, tally.trouble
        if shop.provider == "razorpay":
            # Two webhooks tell of one payment. The first says "authorised": the story asks at once what the second
            # says anyway. One that comes while the last task completes has that task done again, which is paid for.
            steps = tuple(step for step in steps if step != "read_charge")
            trouble = tuple(event for event in trouble if event != "WORKFLOW_TASK_FAILED")
        way = (sorted(steps), tally.activities, trouble)
        straight = sorted(STEPS | (BY_PHONE if len(shop.channels) > 1 else set()))
        _require(way == (straight, 0, ()), f"{tally.workflow_id} did not go the straight way: {way}")
        _require(tally.end == "WORKFLOW_EXECUTION_COMPLETED", f"{tally.workflow_id} ended as {tally.end}")
    await _judge_orders(shop, bought)
    await _judge_provider(shop, bought)
    return tallies


async def _judge_orders(shop: Shop, bought: Mapping[str, Buyer]) -> None:
    rows = await shop.rows(ORDERS, [buyer.user_id for buyer in bought.values()])
    _require({row["id"] for row in rows} == set(bought), "there are other orders than the ones that were placed")
    for row in rows:
        buyer = bought[row["id"]]
        written = (row["status"], row["course_id"], row["amount"], row["attention"])
        _require(written == ("enrolled", buyer.course_id, buyer.price, None), f"order {row['id']}: {written}")
        counted = (row["payments"], row["enrollments"], row["reasons"], row["postings"], row["ledger_sum"])
        _require(counted == (1, 1, 1, 1, 0), f"order {row['id']}: payments, enrollments, reasons, postings: {counted}")
        # Sent before the workflow's end, which stops the clock: its history has the step first, and the step ends by
        # this mark. (The servers' clocks do not say so: between two cores they may differ by more than that takes.)
        sent = [f"{channel} sent" for channel in shop.channels]
        _require(row["messages"] == sent, f"order {row['id']}: messages {row['messages']}")


async def _judge_provider(shop: Shop, bought: Mapping[str, Buyer]) -> None:
    """Each order exactly one captured charge with the right amount; nobody else's, and no refunds."""
    async with Connection(shop.provider_port) as provider:
        book = await provider.get("/test/book")
    _require(not book["refunds"], "the provider's book has refunds")
    known = {row["id"] for row in await shop.rows("SELECT id FROM orders")}
    (_judge_razorpay if shop.provider == "razorpay" else _judge_stripe)(book, bought, known)


def _judge_razorpay(book: Any, bought: Mapping[str, Buyer], known: set[str]) -> None:
    owners = {order["id"]: order["receipt"] for order in book["orders"]}
    orders, payments = _by_order(book["orders"], owners, "id"), _by_order(book["payments"], owners, "order_id")
    _require(set(orders) <= known, "the provider's book has orders that are none of ours")
    for order_id, buyer in bought.items():
        amount = to_minor(Decimal(buyer.price), "INR")
        found = [(o["status"], o["amount"], o["amount_paid"], o["currency"]) for o in orders[order_id]]
        _require(found == [("paid", amount, amount, "INR")], f"order {order_id}: at Razorpay {found}")
        taken = [(p["captured"], p["amount"]) for p in payments[order_id]]
        _require(taken == [(True, amount)], f"order {order_id}: payments {taken}")


def _judge_stripe(book: Any, bought: Mapping[str, Buyer], known: set[str]) -> None:
    owners = {intent["id"]: intent["metadata"].get("order_id") for intent in book["payment_intents"]}
    intents, charges = _by_order(book["payment_intents"], owners, "id"), _by_order(book["charges"], owners)
    _require(set(intents) <= known, "the provider's book has intents of no order")
    for order_id, buyer in bought.items():
        amount = to_minor(Decimal(buyer.price), "INR")
        found = [(i["status"], i["amount"], i["amount_received"], i["currency"]) for i in intents[order_id]]
        _require(found == [("succeeded", amount, amount, "inr")], f"order {order_id}: intents {found}")
        taken = [(c["captured"], c["amount_captured"]) for c in charges[order_id]]
        _require(taken == [(True, amount)], f"order {order_id}: charges {taken}")


async def judge_references(shop: Shop, run_ids: Sequence[str], steps: int) -> list[Tally]:
    """The reference did its rows, each once, without a retry. Raises `InvalidBlockError`."""
    tallies = await read_tallies(shop.plain, run_ids)
    for tally in tallies:
        _require(
            (tally.activities, tally.local_steps, tally.trouble) == (steps, (), ()), f"{tally.workflow_id}: {tally}"
        )
        _require(tally.end == "WORKFLOW_EXECUTION_COMPLETED", f"{tally.workflow_id} ended as {tally.end}")
    [row] = await shop.rows("SELECT count(*) AS rows FROM reference_rows WHERE run_id = ANY ($1)", list(run_ids))
    _require(row["rows"] == steps * len(run_ids), f"the reference wrote {row['rows']} rows")
    return tallies


def _by_order(things: Iterable[Any], owners: Mapping[str, str], key: str = "payment_intent") -> dict[str, list[Any]]:
    found: defaultdict[str, list[Any]] = defaultdict(list)
    for thing in things:
        found[owners[thing[key]]].append(thing)
    return found


def _require(is_so: bool, what: str) -> None:
    if not is_so:
        raise InvalidBlockError(what)
