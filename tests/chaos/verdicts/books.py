"""What the verdicts have in common: access, ledger, messages, and the one payment of an order."""

from collections import defaultdict
from collections.abc import Collection
from decimal import Decimal
from typing import Any

from tests.chaos.academy import Academy
from tests.chaos.buyer import Buyer


async def only_order(academy: Academy, buyer: Buyer, status: str) -> str:
    """The id of somebody's only order, which has to stand so."""
    orders = await academy.sql("SELECT id, status FROM orders WHERE user_id = $1", buyer.user_id)
    assert [row["status"] for row in orders] == [status], orders
    order_id: str = orders[0]["id"]
    return order_id


async def paid_once(academy: Academy, order_id: str) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]]]:
    """The order's only captured charge, and the whole book of its provider about it."""
    book = await academy.book(order_id)
    captured = [charge for charge in book["charges"] if charge["captured"]]
    assert len(book["payment_intents"]) == 1, "more than one payment intent for one order"
    assert len(captured) == 1, f"captured {len(captured)} times"
    return captured[0], book


async def judge_access(academy: Academy, buyer: Buyer, order_id: str, ended_reason: str | None) -> None:
    """One reason for access, this purchase; active, or ended for the reason named, and the enrollment with it."""
    reasons = await academy.sql(
        "SELECT reason, source_id, ended_reason, ended_at IS NULL AS holds FROM entitlements WHERE user_id = $1",
        buyer.user_id,
    )
    assert [tuple(row) for row in reasons] == [("purchase", order_id, ended_reason, ended_reason is None)]
    enrollments = await academy.sql('SELECT status FROM course_enrollments WHERE "userId" = $1', buyer.user_id)
    assert [row["status"] for row in enrollments] == ["cancelled" if ended_reason else "active"]


async def judge_ledger(academy: Academy, order_id: str, expected: Collection[str]) -> dict[str, Decimal]:
    """Exactly these postings, each once and summing to zero; what every account has of the order in the end."""
    postings = await academy.sql("SELECT event_key FROM ledger_postings WHERE order_id = $1", order_id)
    assert sorted(row["event_key"] for row in postings) == sorted(expected)
    entries = await academy.sql(
        "SELECT p.event_key, e.account_id, e.amount, e.currency FROM ledger_postings p"
        " JOIN ledger_entries e ON e.posting_id = p.id WHERE p.order_id = $1",
        order_id,
    )
    sums: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    accounts: defaultdict[str, Decimal] = defaultdict(Decimal)
    for entry in entries:
        sums[entry["event_key"], entry["currency"]] += entry["amount"]
        accounts[entry["account_id"]] += entry["amount"]
    assert not any(sums.values()), sums
    assert {key for key, _ in sums} == set(expected), "a posting without entries"
    return accounts


async def judge_messages(academy: Academy, buyer: Buyer, *abouts: str) -> None:
    """One mail for each of these, sent; and the inbox has these and no other (an e-mail may come twice, as itself)."""
    rows = await academy.sql("SELECT id, status, dedupe_key FROM outgoing_messages WHERE user_id = $1", buyer.user_id)
    assert sorted(row["dedupe_key"] for row in rows) == sorted(f"{about}:email" for about in abouts)
    assert {row["status"] for row in rows} == {"sent"}
    mails = await academy.mails(buyer.email)
    assert {mail["messageId"].strip("<>").partition("@")[0] for mail in mails} == {row["id"] for row in rows}
