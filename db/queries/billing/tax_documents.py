"""Issued invoices and credit notes, read as what their PDFs say: always only the buyer's own."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from db.queries.billing.credit_notes import read_invoice_lines
from db.sql import fetch_as, fetch_one
from domain.billing.invoice import DocumentLine, Reference, TaxDocument
from domain.billing.purchase import Billing
from domain.billing.seller import Seller

_INVOICE = """
SELECT i.* FROM invoices i JOIN orders o ON o.id = i.order_id
WHERE o.id = $1 AND o.user_id = $2 AND i.number IS NOT NULL
"""


class CreditNoteSummary(msgspec.Struct, frozen=True, rename="camel"):
    """A credit note in a list; `total` includes the taxes that it takes back."""

    id: str
    number: str
    issued_at: datetime
    total: Decimal
    currency: str


async def read_invoice(order_id: str, user_id: str) -> TaxDocument | None:
    """The tax invoice of a person's order; `None` while there is none (not paid, or a free course)."""
    invoice = await fetch_one(_INVOICE, order_id, user_id)
    if invoice is None:
        return None
    return _document(invoice, invoice, tuple(await read_invoice_lines(invoice["id"])))


async def list_credit_notes(order_id: str) -> list[CreditNoteSummary]:
    """The credit notes of an order, oldest first."""
    return await fetch_as(
        CreditNoteSummary,
        'SELECT c.id, c.number, c.issued_at AS "issuedAt", c.total, c.currency FROM credit_notes c'
        " JOIN invoices i ON i.id = c.invoice_id WHERE i.order_id = $1 ORDER BY c.issued_at, c.number",
        order_id,
    )


async def read_credit_note(order_id: str, note_id: str, user_id: str) -> TaxDocument | None:
    """One credit note of a person's order, or `None`."""
    invoice = await fetch_one(_INVOICE, order_id, user_id)
    note = await fetch_one("SELECT * FROM credit_notes WHERE id = $1", note_id)
    if invoice is None or note is None or note["invoice_id"] != invoice["id"]:
        return None
    lines = msgspec.json.decode(note["lines"], type=tuple[DocumentLine, ...])
    return _document(invoice, note, lines, Reference(invoice["number"], invoice["issued_at"]))


def _document(
    invoice: Any, issued: Any, lines: tuple[DocumentLine, ...], against: Reference | None = None
) -> TaxDocument:
    """`issued` is the row of the document itself; seller and buyer are those of its invoice."""
    return TaxDocument(
        number=issued["number"],
        issued_at=issued["issued_at"],
        seller=msgspec.json.decode(invoice["seller"], type=Seller),
        buyer=msgspec.json.decode(invoice["buyer"], type=Billing),
        currency=invoice["currency"],
        tax=issued["tax"],
        total=issued["total"],
        lines=lines,
        against=against,
    )
