"""A refund that had succeeded and that the payer's bank sent back: its money is with us again, and owed (ADR 9)."""

from decimal import Decimal

from db.queries.audit import record_audit
from db.queries.billing.given_back import follow_money, lock_payment
from db.queries.billing.ledger import write_posting
from db.sql import fetch, fetch_one
from db.transaction import in_transaction
from domain.billing import ledger
from domain.billing.money import to_minor
from domain.billing.refund import RefundRef
from domain.identifiers import new_id


async def return_refund(refund_id: str) -> RefundRef | None:
    """Write the return, once, and the row of the refund that replaces it; `None` when nothing is owed.

    Nothing is owed of what the payer got by a lost dispute, too. The sale stays reversed and its credit note stands:
    access ended, or the price went down, when the refund was granted, not when the bank took it. Locks as
    `db.queries.billing.given_back` says. Raises `LookupError`.
    """

    async def work() -> RefundRef | None:
        named = await fetch_one("SELECT order_id, payment_id FROM refunds WHERE id = $1", refund_id)
        if named is None:
            raise LookupError("the refund is missing")
        await fetch("SELECT FROM orders WHERE id = $1 FOR NO KEY UPDATE", named["order_id"])
        payment = await lock_payment(named["payment_id"])
        [refund] = await fetch("SELECT * FROM refunds WHERE id = $1 FOR NO KEY UPDATE", refund_id)
        if refund["status"] != "succeeded":
            known = await fetch_one("SELECT id FROM refunds WHERE replaces = $1", refund_id)
            return RefundRef(known["id"], is_repayment=True) if known else None
        amount = Decimal(refund["amount"])
        owed = amount - min(amount, payment.loss)
        await fetch("UPDATE refunds SET status = 'returned', attention = NULL WHERE id = $1", refund_id)
        await write_posting(ledger.returned_refund(refund_id, amount, owed, payment.currency), payment.order_id)
        replacing = await _insert_replacement(refund_id, owed, payment.currency) if owed else None
        await follow_money(payment.order_id)
        await record_audit(
            "refund.returned",
            "order",
            payment.order_id,
            refundId=refund_id,
            amount=amount,
            owed=owed,
            currency=payment.currency,
            replacedBy=replacing.refund_id if replacing else None,
        )
        return replacing

    return await in_transaction(work)


async def _insert_replacement(refund_id: str, owed: Decimal, currency: str) -> RefundRef:
    replacing_id = new_id()
    await fetch(
        "INSERT INTO refunds (id, payment_id, order_id, provider, amount_minor, amount, currency, reason, status,"
        " replaces) SELECT $1, payment_id, order_id, provider, $3, $4, currency, reason, 'requested', id"
        " FROM refunds WHERE id = $2",
        *(replacing_id, refund_id, to_minor(owed, currency), owed),
    )
    return RefundRef(replacing_id, is_repayment=True)
