"""What must be true of money that went back, or nearly did: refunds and disputes, by everybody's own books."""

from typing import Any

from tests.chaos.academy import Academy
from tests.chaos.buyer import Buyer
from tests.chaos.verdicts.books import judge_access, judge_ledger, judge_messages, only_order, paid_once

ORDER_AFTER = {"won": "enrolled", "lost": "charged_back"}


async def judge_refund(academy: Academy, buyer: Buyer) -> None:
    """One refund in the provider's own book, one row, one credit note, one mail; access ended; books at zero."""
    order_id = await only_order(academy, buyer, "refunded")
    charge, book = await paid_once(academy, order_id)
    assert [(r["amount"], r["status"]) for r in book["refunds"]] == [(charge["amount_captured"], "succeeded")]
    rows = await academy.sql(
        "SELECT r.id, r.reason, r.status, r.provider_refund_id, r.amount_minor, r.amount, p.id AS payment, p.applied"
        " FROM refunds r JOIN payments p ON p.id = r.payment_id WHERE r.order_id = $1",
        order_id,
    )
    (row,) = rows
    assert (row["reason"], row["status"], row["applied"]) == ("buyer_wish", "succeeded", True)
    assert (row["provider_refund_id"], row["amount_minor"]) == (book["refunds"][0]["id"], charge["amount_captured"])
    notes = await academy.sql("SELECT total FROM credit_notes WHERE refund_id = $1", row["id"])
    assert [note["total"] for note in notes] == [row["amount"]]
    await judge_access(academy, buyer, order_id, "refunded")
    accounts = await judge_ledger(academy, order_id, [f"payment:{row['payment']}:sale", f"refund:{row['id']}"])
    assert not any(accounts.values()), accounts
    await _judge_earnings(academy, row["payment"], row["id"], is_kept=False)
    await judge_messages(academy, buyer, f"order:{order_id}:enrolled", f"refund:{row['id']}")


async def judge_dispute(academy: Academy, buyer: Buyer, ends_as: str) -> None:
    """Lost: money and access are gone, once, with a credit note and a mail. Won: everything is as it was."""
    order_id = await only_order(academy, buyer, ORDER_AFTER[ends_as])
    charge, book = await paid_once(academy, order_id)
    assert [d["status"] for d in book["disputes"]] == [ends_as]
    assert book["refunds"] == []
    rows = await academy.sql(
        "SELECT d.id, d.state, d.amount, d.amount_minor, d.closed_at IS NOT NULL AS is_over, d.attention,"
        " p.id AS payment FROM disputes d JOIN payments p ON p.id = d.payment_id WHERE d.order_id = $1",
        order_id,
    )
    (row,) = rows
    assert (row["state"], row["is_over"], row["attention"]) == (ends_as, True, None)
    assert row["amount_minor"] == charge["amount_captured"]
    assert await academy.sql("SELECT FROM refunds WHERE order_id = $1", order_id) == []
    await judge_access(academy, buyer, order_id, "charged_back" if ends_as == "lost" else None)
    accounts = await judge_ledger(academy, order_id, await _postings_of(academy, row, ends_as))
    if ends_as == "lost":
        assert not any(accounts.values()), accounts
    else:
        assert accounts["provider_clearing"] == row["amount"]
        assert accounts["disputed_funds"] == 0
    await _judge_earnings(academy, row["payment"], row["id"], is_kept=ends_as == "won")
    notes = await academy.sql("SELECT total FROM credit_notes WHERE dispute_id = $1", row["id"])
    assert [note["total"] for note in notes] == ([row["amount"]] if ends_as == "lost" else [])
    told = [f"dispute:{row['id']}:lost"] if ends_as == "lost" else []
    await judge_messages(academy, buyer, f"order:{order_id}:enrolled", *told)


async def _postings_of(academy: Academy, dispute: Any, ends_as: str) -> list[str]:
    """A bank that decides before the story could ask for the first time leaves no hold, and none to release."""
    about, sale = f"dispute:{dispute['id']}", f"payment:{dispute['payment']}:sale"
    held = await academy.sql("SELECT event_key FROM ledger_postings WHERE event_key = $1", f"{about}:hold")
    holds = [row["event_key"] for row in held]
    if ends_as == "lost":
        return [sale, *holds, f"{about}:chargeback"]
    return [sale, *holds, *(f"{about}:release" for _ in holds)]


async def _judge_earnings(academy: Academy, payment: str, taken_by: str, *, is_kept: bool) -> None:
    rows = await academy.sql(
        'SELECT amount FROM instructor_earnings WHERE "sourceId" IN ($1, $2) ORDER BY amount DESC', payment, taken_by
    )
    earned = [row["amount"] for row in rows]
    assert len(earned) == (1 if is_kept else 2), earned
    assert earned[0] > 0
    assert is_kept or sum(earned) == 0, earned
