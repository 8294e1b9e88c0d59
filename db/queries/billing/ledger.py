"""Writing and reading postings."""

from decimal import Decimal

from db.sql import fetch
from domain.billing.ledger import Account, Entry, Posting
from domain.identifiers import new_id


async def write_posting(posting: Posting, order_id: str) -> None:
    """Write a posting and its entries; an `event_key` that was posted before violates its unique constraint."""
    if not posting.entries:
        return
    posting_id = new_id()
    await fetch(
        "WITH posting AS (INSERT INTO ledger_postings (id, event_key, order_id) VALUES ($2, $6, $7))"
        " INSERT INTO ledger_entries (id, posting_id, account_id, amount, currency)"
        " SELECT id, $2, account, amount, currency FROM unnest($1::text[], $3::text[], $4::numeric[], $5::text[])"
        " AS entry (id, account, amount, currency)",
        [new_id() for _ in posting.entries],
        posting_id,
        [entry.account.value for entry in posting.entries],
        [entry.amount for entry in posting.entries],
        [entry.currency for entry in posting.entries],
        posting.event_key,
        order_id,
    )


async def read_posting(event_key: str) -> tuple[Entry, ...]:
    """The entries of a posting, in the order in which they were written; empty when it was never posted."""
    rows = await fetch(
        "SELECT e.account_id, e.amount, e.currency FROM ledger_entries e"
        " JOIN ledger_postings p ON p.id = e.posting_id WHERE p.event_key = $1 ORDER BY e.id",
        event_key,
    )
    return tuple(Entry(Account(row["account_id"]), Decimal(row["amount"]), row["currency"]) for row in rows)
